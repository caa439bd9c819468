"""`poblar data`: published tables to fetch, and files of one's own to check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from ..data import fetch as tables
from ._console import Output
from ._options import Json
from .errors import PlannerError

app = typer.Typer(help="Download published tables, and check files of your own.", no_args_is_help=True)

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


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="CSV files of your own.")],
    country: Annotated[str, typer.Option(help="Code of your place: ISO 3166-1, or XAA to XXZ.")] = "XAA",
    like: Annotated[str, typer.Option(help="Bundled country whose age patterns stand in for yours.")] = "MEX",
    as_json: Json = False,
) -> None:
    """Tell what your own files are, what is wrong in them, and what they can be used for.

    Files of rates and of a population are checked against each other too when both are given.

    Example: `poblar data check rates.csv population.csv`
    """
    from .own_files import check_files

    output = Output("data check", as_json=as_json)
    found = check_files(files, country=country, like=like)
    output.table(found[["file", "kind", "rows", "covers"]], title="Your files")
    output.note(rows=None, files=found.to_dict("records"))
    wrong = found[found["problem"] != ""]
    for row in wrong.itertuples(index=False):
        output.say(f"Wrong: {row.problem}")
    for row in found[found["problem"] == ""].itertuples(index=False):
        output.say(f"{row.file}: {row.kind}, good for {row.used_for}.")
    studied = found[found["kind"].isin(["rates", "population", "ledger"])]
    if not len(wrong) and len(studied):
        names = " ".join(f"--data {file}" for file in studied["file"])
        output.say(f'Next: poblar init "My place" {names}')
    output.close()
    if len(wrong):
        raise typer.Exit(1)


@app.command()
def template(
    kind: Annotated[str, typer.Argument(help="rates, population, ledger, cases, counts, returns or offices.")],
    out: Annotated[Path | None, typer.Option("--out", help="File to write; else it is printed.")] = None,
) -> None:
    """Write a CSV file to fill in: Mexico's figures, or an example, in the columns that poblar reads.

    Example: `poblar data template rates --out rates.csv`
    """
    from ..data.kinds import template as example

    text = example(kind)
    if out is None:
        typer.echo(text, nl=False)
        return
    if out.exists():
        raise PlannerError(f"expected no file at {out} yet, found one; name another with --out.")
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PlannerError(f"expected to write {out}, found {error.strerror or error}; name another place.") from None
    Console().print(f"{out}: put your own figures in place of these", markup=False, highlight=False, soft_wrap=True)
