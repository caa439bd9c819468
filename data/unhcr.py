"""Reader of UNHCR's asylum tables: one ledger a country, in one unit and at one level of decision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from ._table import numbers, read_table, whole_numbers
from .errors import DataError

__all__ = ["LEDGERS", "Ledger", "read_ledgers"]

_UNIT: Final = "P"  # persons; "C" counts cases, which must not be mixed with them


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Which rows of UNHCR's tables make the ledger of one country.

    Parameters
    ----------
    levels : tuple of str
        Levels of decision; where there are two, UNHCR names the same level differently in different years.
    kinds : tuple of str
        Kinds of application: N new, V various or unknown, A on appeal, as UNHCR labelled the country's
        intake.
    since : int
        First year in persons.
    definition : str
        What the ledger counts, in words.
    pending_missing : str or None
        Why the country's pending stock does not belong to this ledger.

    Examples
    --------
    >>> LEDGERS["MEX"].levels
    ('FI', 'FA')
    """

    levels: tuple[str, ...]
    kinds: tuple[str, ...]
    since: int
    definition: str
    pending_missing: str | None = None


LEDGERS: Final = {
    "CAN": Ledger(
        levels=("FI", "FA"),
        kinds=("N", "V"),
        since=2000,
        definition="persons; first instance (UNHCR level FI; 2007: FA); pending: all levels",
    ),
    "USA": Ledger(
        levels=("EO",),
        kinds=("N", "A"),  # UNHCR labels the affirmative intake A in 2007 and 2010-12
        since=2002,
        definition="persons; affirmative applications at USCIS (UNHCR level EO), not the courts",
        pending_missing="USA pending: UNHCR's stock has no level and mixes USCIS with the immigration courts",
    ),
    "MEX": Ledger(
        levels=("FI", "FA"),
        kinds=("N", "V"),
        since=2000,
        definition="persons; first instance at COMAR (UNHCR level FI; 2011: FA); pending: all levels",
    ),
}
"""The ledger of each country that has one."""


def read_ledgers(folder: str | Path, *, years: range = range(2000, 2023)) -> pd.DataFrame:
    """Tidy ledgers of asylum from ``unhcr_applications``, ``unhcr_decisions`` and ``unhcr_stocks`` (.csv.gz).

    Parameters
    ----------
    folder : str or Path
        Folder with the three files.
    years : range
        Years of the ledger.

    Returns
    -------
    pandas.DataFrame
        Columns country, year, applications, recognized (protection granted: refugee status and other),
        rejected, closed (persons per year) and pending (persons at 31 December); NaN where UNHCR has none.

    Raises
    ------
    DataError
        On a missing column, or text where a number belongs; it names file, row and column.

    Examples
    --------
    >>> read_ledgers("nowhere")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    DataError: nowhere/unhcr_applications.csv.gz: expected a file, found none; check the path …
    """
    folder = Path(folder)
    keys = ["year", "coa_iso", "dec_level"]
    applied = read_rows(folder / "unhcr_applications.csv.gz", [*keys, "app_type", "app_pc"], ["applied"])
    outcomes = ["dec_recognized", "dec_other", "dec_rejected", "dec_closed"]
    decided = read_rows(folder / "unhcr_decisions.csv.gz", [*keys, "dec_pc"], outcomes)
    stocks = read_rows(folder / "unhcr_stocks.csv.gz", ["year", "coa_iso"], ["asylum_seekers"])
    return pd.concat(
        [_ledger(country, ledger, years, applied, decided, stocks) for country, ledger in LEDGERS.items()],
        ignore_index=True,
    )


def _ledger(
    country: str,
    ledger: Ledger,
    years: range,
    applied: pd.DataFrame,
    decided: pd.DataFrame,
    stocks: pd.DataFrame,
) -> pd.DataFrame:
    def of_ledger(table: pd.DataFrame, unit: str) -> pd.DataFrame:
        rows = (table["coa_iso"] == country) & table["dec_level"].isin(ledger.levels) & (table[unit] == _UNIT)
        return table[rows & (table["year"] >= ledger.since)]

    intake = of_ledger(applied, "app_pc")
    intake = intake[intake["app_type"].isin(ledger.kinds)]
    outcome = of_ledger(decided, "dec_pc")
    for table in (intake, outcome):
        mixed = table.groupby("year")["dec_level"].nunique()
        if (mixed > 1).any():
            raise DataError(
                expected=f"one level of decision a year for {country}",
                found=f"several in {mixed[mixed > 1].index[0]}",
                remedy="choose one level in LEDGERS: levels must not be added",
            )
    sums = outcome.groupby("year")[["dec_recognized", "dec_other", "dec_rejected", "dec_closed"]].sum()
    stock = stocks[stocks["coa_iso"] == country].groupby("year")["asylum_seekers"].sum()
    table = pd.DataFrame(
        {
            "applications": intake.groupby("year")["applied"].sum(),
            "recognized": sums["dec_recognized"] + sums["dec_other"],
            "rejected": sums["dec_rejected"],
            "closed": sums["dec_closed"],
            "pending": stock if ledger.pending_missing is None else pd.Series(dtype=float),
        }
    ).reindex(pd.Index(years, name="year"))
    return table.reset_index().assign(country=country)[["country", "year", *table.columns]]


def read_rows(path: Path, keys: list[str], values: list[str]) -> pd.DataFrame:
    """Rows of a table of UNHCR's: keys as text but for the year, values as numbers."""
    text = read_table(path, columns=[*keys, *values])
    table = text[keys].copy()
    table["year"] = whole_numbers(text["year"], path)
    for name in values:
        # An empty cell of UNHCR's tables is "none reported" for that origin: it adds nothing to the sum.
        table[name] = numbers(text[name].where(text[name] != "NA", ""), path, allow_missing=True)
    return table
