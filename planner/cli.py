"""The `poblar` command."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from ..data import PoblarError
from . import _data_commands, _forecast_commands, _plan_commands, _study_commands

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
    rich_markup_mode="markdown",
)
app.add_typer(_data_commands.app, name="data")
app.command()(_forecast_commands.fit)
app.add_typer(_forecast_commands.app, name="forecast")
app.command()(_forecast_commands.project)
app.command()(_forecast_commands.backlog)
app.add_typer(_plan_commands.app, name="plan")
app.add_typer(_plan_commands.frontiers, name="frontier")
app.command()(_study_commands.init)
app.command()(_study_commands.run)
app.command()(_study_commands.compare)
app.command()(_study_commands.report)
app.command()(_study_commands.backtest)
app.command()(_study_commands.serve)
app.command()(_study_commands.schema)
app.command()(_study_commands.demo)


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


def main() -> None:
    """Run the command line: exit code 0, 1 for a stated error, 2 for wrong usage.

    Examples
    --------
    >>> from typer.testing import CliRunner
    >>> CliRunner().invoke(app, ["--version"]).exit_code
    0
    """
    app()
