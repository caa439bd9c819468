"""Checks of files of one's own: what each is, what is wrong, what it is good for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..data import DataError, reference
from ..data._table import read_table
from ..data.cases import case_ledger
from ..data.counts import read_counts
from ..data.kinds import KINDS, LARGEST, kind_of
from ..data.office_cases import read_office_cases
from ..data.own import own_ledger, own_region, read_population, read_rates
from ..data.returns import read_returns

__all__ = ["check_files"]


def check_files(files: Sequence[str | Path], *, country: str = "XAA", like: str = "MEX") -> pd.DataFrame:
    """Check files one by one, and rates and a population together.

    Parameters
    ----------
    files : sequence of str or Path
        CSV files.
    country : str
        Code of the place.
    like : str
        Bundled country whose age patterns stand in.

    Returns
    -------
    pandas.DataFrame
        A row a file: ``file``, ``kind`` ("" where unknown), ``rows``, ``covers``, ``used_for``, ``problem`` ("" where
        there is none; expected, found and remedy otherwise).

    Examples
    --------
    >>> check_files(["nowhere.csv"])["problem"].item()
    'nowhere.csv: expected a file, found none; check the path, or fetch the data first.'
    """
    rows = [_checked(Path(file), country, like) for file in files]
    kinds = {row["kind"]: row for row in rows if not row["problem"]}
    if "rates" in kinds and "population" in kinds:
        rates, population = (str(kinds[kind]["file"]) for kind in ("rates", "population"))
        try:
            own_region(country, rates=rates, population=population, like=like)
        except DataError as error:
            kinds["rates"]["problem"] = str(error)
    return pd.DataFrame(rows)


def _checked(path: Path, country: str, like: str) -> dict[str, object]:
    row: dict[str, object] = {
        "file": str(path), "kind": "", "rows": 0, "covers": "", "used_for": "", "problem": "",
    }  # fmt: skip
    try:
        kind = kind_of(path)
        row |= {"kind": kind, "used_for": KINDS[kind].used_for}
        row |= dict(zip(("rows", "covers"), _read(path, kind, country, like), strict=True))
    except DataError as error:
        row["problem"] = str(error)
    return row


def _read(path: Path, kind: str, country: str, like: str) -> tuple[int, str]:
    """Read a file of a kind; how many rows it has and what they cover."""
    table = read_table(path, largest=LARGEST)
    match kind:
        case "rates":
            years = read_rates(path).index
            return len(table), f"{years[0]} to {years[-1]}"
        case "population":
            year = int(table["year"].iloc[0]) if "year" in table else 2024
            people = read_population(path, year, reference.region([like]), like)
            return len(table), f"{people['population'].sum():,.0f} persons"
        case "ledger":
            years = own_ledger(country, path)["year"].to_numpy()
            return len(table), f"{years[0]} to {years[-1]}"
        case "cases":
            months = _months(table, path)
            ledger = case_ledger(
                table, months=months, unit="persons", adjusted="not said", missing="not said", file=path
            )
            return len(table), f"{len(ledger['office'].unique())} offices, periods of {months} months"
        case "returns":
            panel = read_returns(path)
            return len(table), f"{panel.sizes['year']} periods of {panel.dataset.attrs.get('year_step', 1)} years"
        case "offices":
            panel = read_office_cases(path)
            months = panel.sizes.get("month", 0)
            return len(table), f"{panel.sizes['office']} offices, {f'{months} months' if months else 'a year'}"
        case _:
            panel = read_counts(path)
            return len(table), f"{panel.sizes['category']} series, {panel.sizes['month']} months"


def _months(table: pd.DataFrame, path: Path) -> int:
    """Months between two periods of a table."""
    try:
        periods = pd.to_datetime(pd.Series(sorted(set(table["period"]))))
    except ValueError:
        raise DataError(
            expected="periods by their first day, such as 2025-01-01",
            found=repr(str(table["period"].iloc[0])),
            remedy="write them so",
            file=path,
            column="period",
        ) from None
    whole = (periods.dt.year * 12 + periods.dt.month).diff().dropna()
    step = int(whole.min()) if len(whole) else 12
    return step if step in (1, 3, 12) else 12
