"""Stages of what the page prepares, told to whoever waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console

from ._stages import Say, Stages

__all__ = ["Tell", "Told"]

PAUSE: Final = 0.5  # seconds between two looks at what another thread is at

Tell = Callable[[str], None]
"""Called with what is being done; with nothing where an answer that nobody waits for may be given up."""


class Told(Stages):
    """Stages that are also told to whoever waits for them, each thread to its own."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._here = threading.local()
        self._latest = ""

    @contextmanager
    def telling(self, tell: Tell | None) -> Iterator[None]:
        """Tell of the stages of this thread, for as long as it lasts."""
        before, self._here.tell = getattr(self._here, "tell", None), tell
        try:
            yield
        finally:
            self._here.tell = before

    @contextmanager
    def alone(self, lock: threading.RLock) -> Iterator[None]:
        """Hold a lock; while another thread does, tell what that is at."""
        while not lock.acquire(timeout=PAUSE):
            self._tell(self._latest)
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def stage(self, key: str, title: str, detail: str = "") -> Iterator[Say]:
        """As `Stages.stage`."""
        self._tell(f"{title} …")
        with super().stage(key, title, detail) as say:

            def both(text: str) -> None:
                say(text)
                self._tell(f"{title}: {text}")

            yield both

    def step(self) -> None:
        """A step of an answer is done: an answer that nobody waits for by now may be given up here."""
        tell: Tell | None = getattr(self._here, "tell", None)
        if tell is not None:
            tell("")

    def _tell(self, text: str) -> None:
        self._latest = text
        tell: Tell | None = getattr(self._here, "tell", None)
        if tell is not None:
            tell(text)
