"""`poblar data`: fetch, list and verify published tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from ..data import fetch as tables
from .errors import PlannerError

app = typer.Typer(help="Download published tables, and see what is here.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A source named by `poblar data list`.")]
Cache = Annotated[Path | None, typer.Option(help="Folder that keeps them; by default your cache folder.")]


@app.command()
def fetch(
    name: Name = "wpp2024",
    mirror: Annotated[str | None, typer.Option(help="Address of a folder that holds the same files.")] = None,
    cache: Cache = None,
) -> None:
    """Download the tables of a source and verify each; what is already here is kept.

    Example: `poblar data fetch wpp2024`
    """
    console = Console()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(name, total=None)

        def show(file: str, done: int, total: int) -> None:
            progress.update(task, description=file, completed=done, total=total)
            if not console.is_terminal:
                console.print(file, markup=False, highlight=False, soft_wrap=True)

        folder = tables.fetch(name, mirror=mirror, cache=cache, progress=show)
    console.print(f"{name} is complete in {folder}", markup=False, highlight=False, soft_wrap=True)


@app.command("list")
def list_() -> None:
    """List the sources that can be downloaded.

    Example: `poblar data list`
    """
    table = Table("name", "title", "revision", "files", "size", "licence")
    for row in tables.available().itertuples(index=False):
        table.add_row(
            str(row.name),
            str(row.title),
            str(row.revision)[:12],
            f"{row.files}",
            f"{float(str(row.bytes)) / 1e6:.1f} MB",
            str(row.licence),
        )
    Console().print(table)


@app.command()
def verify(name: Name = "wpp2024", cache: Cache = None) -> None:
    """Check each downloaded file against its published hash.

    Example: `poblar data verify wpp2024`
    """
    states = tables.verify(name, cache=cache)
    table = Table("file", "size", "state")
    for row in states.itertuples(index=False):
        table.add_row(str(row.file), f"{float(str(row.bytes)) / 1e6:.2f} MB", str(row.state))
    Console().print(table)
    wrong = int((states["state"] != "ok").sum())
    if wrong:
        raise PlannerError(
            f"expected {len(states)} files of {name} as published, found {wrong} missing or changed; "
            f"run `poblar data fetch {name}`."
        )
