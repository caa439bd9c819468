"""Plan files, the command line, pictures, reports and the page; the only room that prints."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """`Study` comes with the models, which take seconds to import; a command that needs none does not wait for them."""
    if name != "Study":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .study import Study

    return Study
