"""The command line, the demo, pictures and the report; the only room that prints."""

from __future__ import annotations

from .study import Study

__all__ = ["Study"]
