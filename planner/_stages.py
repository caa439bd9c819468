"""What a long command shows: its stages, each with what it does and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

Say = Callable[[str], None]
"""Called within a stage with what it is at."""


class _Seconds(ProgressColumn):
    """Elapsed time in seconds."""

    def render(self, task: Task) -> Text:
        elapsed = task.finished_time if task.finished else task.elapsed
        return Text(f"{elapsed or 0.0:6.1f} s", style="cyan")


class Stages:
    """Stages shown as they run; on something other than a terminal, a line when each ends."""

    def __init__(self, console: Console) -> None:
        self.seconds: dict[str, float] = {}
        self._console = console
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            _Seconds(),
            TextColumn("{task.description}"),
            TextColumn("[dim]{task.fields[detail]}"),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @contextmanager
    def stage(self, key: str, title: str, detail: str = "") -> Iterator[Say]:
        """One stage; its seconds are kept under `key`."""
        started, said = time.perf_counter(), [detail]
        task = self._progress.add_task(title, total=1, detail=detail)

        def say(text: str) -> None:
            said[0] = text
            self._progress.update(task, detail=text)

        yield say
        self.seconds[key] = time.perf_counter() - started
        self._progress.update(task, completed=1)
        if not self._console.is_terminal:
            self._console.print(
                f"{self.seconds[key]:6.1f} s  {title}  {said[0]}", markup=False, highlight=False, soft_wrap=True
            )
