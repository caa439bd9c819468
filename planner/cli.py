"""The `poblar` command."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from ..data import PoblarError
from . import _data_commands, _forecast_commands, _plan_commands
from .study import Study

__all__ = ["app", "main"]


class _Stated(TyperGroup):
    """Commands whose stated errors are one paragraph and exit code 1, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PoblarError as error:
            Console(stderr=True).print(
                " ".join(str(error).split()), style="red", markup=False, highlight=False, soft_wrap=True
            )
            raise typer.Exit(1) from None


app = typer.Typer(
    name="poblar",
    cls=_Stated,
    help="Population forecasts and plans with honest uncertainty: how many admissions, how many officers, how sure.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
)
app.add_typer(_data_commands.app, name="data")
app.add_typer(_forecast_commands.app, name="forecast")
app.add_typer(_plan_commands.app, name="plan")


def _say_version(wanted: bool) -> None:
    if wanted:
        Console().print(f"poblar {version('poblar')}", highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the report, pictures and tables.")] = Path("out/mexico"),
    draws: Annotated[int, typer.Option(min=1, help="Simulated futures; 6,000 give plans worth certifying.")] = 6000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same numbers.")] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Fit the models anew whatever the cache holds.")] = False,
    cache: Annotated[Path | None, typer.Option(help="Folder that keeps fitted models.")] = None,
) -> None:
    """Forecast Mexico to 2070, plan its admissions and its asylum officers, and write a report.

    Example: `poblar demo --out out/mexico --seed 1`
    """
    from .demo import run_demo

    console = Console()
    record = run_demo(Study(), out, draws=draws, seed=seed, console=console, fresh=fresh, cache=cache)
    console.print()
    for key in ("quota", "staffing"):
        console.print(record[key]["answer"], style="bold", markup=False, highlight=False, soft_wrap=True)
        console.print()
    total, peak = record["seconds"]["total"], record["peak_memory_mb"] / 1000
    console.print(
        f"{out / 'report.html'} ({total:.0f} s, at most {peak:.1f} GB of memory)",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip


@app.command()
def report(
    folder: Annotated[Path, typer.Option("--from", help="Folder that `poblar demo` wrote.")] = Path("out/mexico"),
) -> None:
    """Write report.html again from what the demo left in its folder.

    Example: `poblar report --from out/mexico`
    """
    from .report import write_report

    Console().print(str(write_report(folder)), markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command line: exit code 0, 1 for a stated error, 2 for wrong usage.

    Examples
    --------
    >>> from typer.testing import CliRunner
    >>> CliRunner().invoke(app, ["--version"]).exit_code
    0
    """
    app()
