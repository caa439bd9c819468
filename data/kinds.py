"""Kinds of CSV files of one's own: which columns each has, what it is good for, and an example to fill in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from . import reference
from ._checks import shown
from ._table import read_table
from .axes import SEXES
from .errors import DataError

__all__ = ["KINDS", "Kind", "kind_of", "template"]

LARGEST: Final = 20_000_000
"""Characters of a file of one's own, unpacked: half a million rows."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of CSV file that poblar reads.

    Parameters
    ----------
    columns : tuple of str
        Columns that must be there.
    optional : tuple of str
        Columns that may be there.
    meaning : str
        What a row is.
    used_for : str
        What can be done with it.

    Examples
    --------
    >>> KINDS["population"].columns
    ('sex', 'age', 'population')
    """

    columns: tuple[str, ...]
    optional: tuple[str, ...] = ()
    meaning: str
    used_for: str


KINDS: Final = {
    "rates": Kind(
        columns=("year", "tfr", "e0_female", "e0_male", "births", "deaths", "net_migration", "population"),
        meaning="a calendar year: children per woman, years of life expected, persons in the year, and the population "
        "at its 1 January",
        used_for="forecasts of fertility, mortality and migration; with a population, projections and quota plans",
    ),
    "population": Kind(
        columns=("sex", "age", "population"),
        optional=("year",),
        meaning="persons of a sex (female or male) from a completed age on, at 1 January after the last year of the "
        "rates; the last age is open",
        used_for="projections and quota plans, with rates",
    ),
    "ledger": Kind(
        columns=("year", "applications", "recognized", "rejected", "closed", "pending"),
        optional=("staff",),
        meaning="a calendar year: persons who applied, were recognized or rejected, whose case was closed, who waited "
        "at its 31 December, and officers who decided; empty where unknown",
        used_for="forecasts of a queue, and staffing plans",
    ),
    "cases": Kind(
        columns=("office", "period", "received", "pending"),
        optional=("recognized", "rejected", "withdrawn", "closed", "transferred", "stage", "origin", "definition"),
        meaning="an office and period, by its first day: cases received, and pending at its end",
        used_for="queues of several offices or by month, in Python (poblar.data.cases.case_ledger)",
    ),
    "counts": Kind(
        columns=("series", "count"),
        optional=("month", "year", "low", "high"),
        meaning="a series and month, or year: how many were counted",
        used_for="forecasts of monthly counts, such as visas or apprehensions (poblar forecast counts)",
    ),
    "returns": Kind(
        columns=("period", "returned"),
        optional=("minors",),
        meaning="a period of some years, such as 2015-20: persons who returned in it, and minors born abroad who came "
        "along",
        used_for="forecasts of returns by period (poblar forecast returns)",
    ),
    "offices": Kind(
        columns=("office", "cases"),
        optional=("month", "kind"),
        meaning="an office, and a month where there is one (else a year): cases that came, and the kind of office",
        used_for="ways of sharing staff between offices (poblar plan sharing)",
    ),
}
"""Files that poblar knows, by kind."""


def kind_of(path: str | Path) -> str:
    """Which kind of file this is, by its columns.

    Parameters
    ----------
    path : str or Path
        CSV file, perhaps ending in .gz.

    Returns
    -------
    str
        A name in `KINDS`.

    Raises
    ------
    DataError
        If it is none, or cannot be read; it says which columns are short of the nearest kind.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("sex,age,population\\nfemale,0,10\\n")
    >>> kind_of(path)
    'population'
    """
    header = list(read_table(path, largest=LARGEST).columns)
    for name, kind in KINDS.items():
        if set(kind.columns) <= set(header):
            return name
    near = max(KINDS, key=lambda name: len(set(KINDS[name].columns) & set(header)) / len(KINDS[name].columns))
    absent = [column for column in KINDS[near].columns if column not in header]
    raise DataError(
        expected=f"the columns of a known kind ({', '.join(KINDS)}); nearest is {near}, with {shown(absent)} too",
        found=shown(header),
        remedy=f"rename the columns, or start from `poblar data template {near}`",
        file=path,
        row=1,
    )


def template(kind: str) -> str:
    """A file of a kind with Mexico's figures, to be replaced by one's own.

    Parameters
    ----------
    kind : str
        A name in `KINDS`.

    Returns
    -------
    str
        CSV.

    Raises
    ------
    DataError
        If there is no such kind.

    Examples
    --------
    >>> template("ledger").splitlines()[0]
    'year,applications,recognized,rejected,closed,pending,staff'
    """
    if kind not in KINDS:
        raise DataError(expected=f"a kind among {', '.join(KINDS)}", found=repr(kind), remedy="name one of them")
    return _EXAMPLES[kind]().to_csv(index=False, lineterminator="\n", float_format="%.10g")


def _example_rates() -> pd.DataFrame:
    region = reference.region(["MEX"])
    since = slice(1990, 2023)
    arrays = {
        "tfr": region.tfr["tfr"],
        **{f"e0_{sex}": region.e0["e0"].sel(sex=sex, drop=True) for sex in SEXES},
        "births": region.births["births"],
        "deaths": region.deaths["deaths"],
        "net_migration": region.net_migration["net_migration"],
        "population": region.total["population"],
    }
    table = xr.Dataset({name: array.sel(country="MEX", year=since, drop=True) for name, array in arrays.items()})
    return table.to_dataframe().reset_index()[list(KINDS["rates"].columns)]


def _example_population() -> pd.DataFrame:
    """Mexico's ages of 2020, scaled to its total of 2024."""
    region = reference.region(["MEX"])
    people = region.population["population"].sel(country="MEX", year=2020, drop=True)
    total = float(region.total["population"].sel(country="MEX", year=2024))
    scaled = (people * total / people.sum()).round()
    return scaled.transpose("sex", "age").to_dataframe("population").reset_index()


def _example_ledger() -> pd.DataFrame:
    asylum = reference.region(["MEX"]).asylum
    assert asylum is not None
    names = [*KINDS["ledger"].columns[1:], "staff"]
    return asylum.dataset[names].sel(country="MEX").to_dataframe().reset_index()[["year", *names]]


def _example_cases() -> pd.DataFrame:
    periods = [f"2025-{month:02d}-01" for month in range(1, 7)]
    received, decided = np.array([90, 100, 120, 110, 95, 105]), np.array([80, 90, 95, 100, 100, 98])
    pending = 500 + np.cumsum(received - decided)
    return pd.DataFrame(
        {"office": "North", "period": periods, "received": received, "rejected": decided, "pending": pending}
    )


def _example_counts() -> pd.DataFrame:
    months = pd.date_range("2022-01-01", periods=48, freq="MS").strftime("%Y-%m")
    season = 1.0 + 0.2 * np.sin(np.arange(48) * np.pi / 6)
    return pd.DataFrame({"series": "visas", "month": months, "count": np.round(2000 * season + 10 * np.arange(48))})


def _example_returns() -> pd.DataFrame:
    panel = reference.returns()
    years, step = panel["year"].to_numpy(), int(panel.dataset.attrs["year_step"])
    periods = [f"{year}-{year + step}" for year in years]
    return pd.DataFrame({"period": periods} | {name: panel[name].to_numpy() for name in panel.names})


def _example_offices() -> pd.DataFrame:
    """Cases of help in 2019 by four kinds of Mexico's consulates in the United States; by office they are made up."""
    consulates = {"capital": 13, "border": 12, "traditional": 14, "emerging": 11}
    figures = reference.agency().query("agency == 'Consulates' and period == '2019'")
    rows, size = [], np.concatenate([_sizes(number) for number in consulates.values()])
    for kind, number in consulates.items():
        rows += [{"office": f"{kind} {place}", "kind": kind} for place in range(1, number + 1)]
    return pd.DataFrame(rows).assign(cases=np.round(figures["value"].item() * size / size.sum()).astype(int))


def _sizes(offices: int) -> NDArray[np.float64]:
    """Of offices whose largest is eight times the smallest."""
    sizes = np.geomspace(1.0, 8.0, offices)
    return sizes / sizes.mean()


_EXAMPLES: Final = {
    "rates": _example_rates,
    "population": _example_population,
    "ledger": _example_ledger,
    "cases": _example_cases,
    "counts": _example_counts,
    "returns": _example_returns,
    "offices": _example_offices,
}
