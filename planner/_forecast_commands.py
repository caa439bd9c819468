"""`poblar forecast`: bands of what is to come."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ._options import Cache, Country, Csv, Draws, Fresh, Seed, saved

app = typer.Typer(help="Forecast an indicator, the population or an asylum queue, with bands.", no_args_is_help=True)

Until = Annotated[int, typer.Option(min=1900, max=2300, help="Last year.")]


@app.command()
def fertility(
    country: Country = "MEX", until: Until = 2070, draws: Draws = 2000, seed: Seed = 1,
    csv: Csv = None, fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Forecast the total fertility rate, children per woman.

    Example: `poblar forecast fertility --country GTM --until 2050`
    """
    _rates("fertility", country, until, draws, seed, csv, fresh, cache)


@app.command()
def mortality(
    country: Country = "MEX", until: Until = 2070, draws: Draws = 2000, seed: Seed = 1,
    csv: Csv = None, fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Forecast life expectancy at birth of women and men, years.

    Example: `poblar forecast mortality --country SLV --csv e0.csv`
    """
    _rates("mortality", country, until, draws, seed, csv, fresh, cache)


@app.command()
def migration(
    country: Country = "MEX", until: Until = 2070, draws: Draws = 2000, seed: Seed = 1,
    csv: Csv = None, fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Forecast the net migration rate, a share of the population.

    Example: `poblar forecast migration --country USA`
    """
    _rates("migration", country, until, draws, seed, csv, fresh, cache)


@app.command()
def population(
    country: Country = "MEX", until: Until = 2070, draws: Draws = 2000, seed: Seed = 1,
    csv: Csv = None, fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Forecast population, growth, dependency and support.

    Example: `poblar forecast population --country MEX --until 2070 --csv mexico.csv`
    """
    from . import frames, work
    from .names import INDICATORS

    made = work.population(country, until, draws, seed, fresh, cache)
    table = frames.indicator_bands(made.people, made.rates)
    for name in ("population", "natural_growth", "social_growth", "growth_rate", "dependency_ratio", "support_ratio"):
        _show(table[table["indicator"] == name], INDICATORS[name], country, "year")
    _save(table, csv)


@app.command()
def backlog(
    country: Annotated[str, typer.Option(help="Country with an asylum ledger: MEX, USA or CAN.")] = "MEX",
    until: Annotated[str, typer.Option(help="Last month, such as 2032-12.")] = "2032-12",
    officers: Annotated[float, typer.Option(min=0, help="Officers who decide cases, from the ledger's end on.")] = 140,
    draws: Draws = 2000, seed: Seed = 1, csv: Csv = None, fresh: Fresh = False, cache: Cache = None,
) -> None:  # fmt: skip
    """Forecast asylum applications, the people who wait, and how long a new applicant waits.

    Example: `poblar forecast backlog --country MEX --until 2032-12 --officers 300`
    """
    import xarray as xr

    from . import frames, plans, work

    if re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", until) is None:
        raise typer.BadParameter(f"expected a month such as 2032-12, found {until!r}", param_hint="--until")
    queue = work.queue(country, until, draws, seed, fresh, cache)
    months = queue["month"]
    posted = xr.DataArray([officers] * months.size, dims="month", coords={"month": months.to_numpy()})
    table = frames.queue_bands(queue, {"without": plans.queue_with_officers(queue, posted)})
    table = table.assign(month=table["month"].dt.strftime("%Y-%m")).drop(columns="scenario")
    titles = {
        "arrivals": "Applications",
        "pending": "People waiting",
        "wait": "Wait of a new applicant (120: or longer)",
    }
    for name, title in titles.items():
        _show(table[table["indicator"] == name], title, country, "month")
    _save(table, csv)


def _rates(
    name: str, country: str, until: int, draws: int, seed: int, csv: Path | None, fresh: bool, cache: Path | None
) -> None:  # fmt: skip
    from ..forecast import bands
    from . import work

    titles = {
        "fertility": "Total fertility rate",
        "mortality": "Life expectancy at birth",
        "migration": "Net migration rate",
    }
    table = bands(work.rates(name, country, until, draws, seed, fresh, cache))
    if "sex" in table:
        for sex, part in table.groupby("sex", sort=False):
            _show(part, f"{titles[name]}, {sex}", country, "year")
    else:
        _show(table, titles[name], country, "year")
    _save(table.assign(indicator=name), csv)


def _show(table, title: str, country: str, key: str) -> None:
    """Every fifth year, or every sixth month, and the last."""
    from ._console import show_bands
    from .names import country_name

    if key == "year":
        chosen = table[(table["year"] % 5 == 0) | (table["year"] == table["year"].max())]
    else:
        chosen = table[table["month"].str.endswith(("-01", "-07")) | (table["month"] == table["month"].max())]
    show_bands(Console(), chosen, title=f"{country_name(country)}: {title}", label=key, key=key)


def _save(table, csv: Path | None) -> None:
    from .files import write_csv

    if csv is not None:
        saved(write_csv(table, csv))
