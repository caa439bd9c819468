"""Readers of asylum statistics as ledgers of cases: UNHCR's tables, the UK's quarters, the US immigration courts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from ._table import numbers, read_table, whole_numbers
from .cases import case_ledger
from .errors import DataError
from .unhcr import read_rows

__all__ = ["RULE", "read_courts_ledger", "read_uk_ledger", "read_unhcr_ledgers"]

LEVELS: Final = ("FI", "FA", "NA", "", "EO")
KINDS: Final = ("N", "V", "NR")
RULE: Final = (
    "UNHCR, persons: in each year the first of the levels FI (first instance), FA (first instance and appeal), NA, "
    "unnamed or EO (US asylum office) that has figures; applications new, new and repeated, or of unknown kind; "
    "pending: all levels"
)
"""How one ledger a country is made of UNHCR's tables, which count persons and cases at several levels."""

_OUTCOMES: Final = {
    "dec_recognized": "recognized",
    "dec_other": "recognized",
    "dec_rejected": "rejected",
    "dec_closed": "closed",
}
_UK_OUTCOMES: Final = {
    "Grant of Protection": "recognized",
    "Grant of Other Leave": "recognized",
    "Refused": "rejected",
    "Withdrawn": "withdrawn",
}


def read_unhcr_ledgers(folder: str | Path) -> pd.DataFrame:
    """Yearly ledgers of every country of asylum, in persons and at one level a year.

    Parameters
    ----------
    folder : str or Path
        Folder with ``unhcr_applications``, ``unhcr_decisions`` and ``unhcr_stocks`` (.csv.gz).

    Returns
    -------
    pandas.DataFrame
        As `poblar.data.cases.case_ledger`, by the `RULE`; office is the country (ISO 3166-1 alpha-3).

    Raises
    ------
    DataError
        On a missing file or column, or text where a number belongs.

    Examples
    --------
    >>> read_unhcr_ledgers("nowhere")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    DataError: nowhere/unhcr_applications.csv.gz: expected a file, found none; check the path …
    """
    folder = Path(folder)
    keys = ["year", "coa_iso", "dec_level"]
    applied = read_rows(folder / "unhcr_applications.csv.gz", [*keys, "app_type", "app_pc"], ["applied"])
    applied = applied[(applied["app_pc"] == "P") & applied["app_type"].isin(KINDS)]
    decided = read_rows(folder / "unhcr_decisions.csv.gz", [*keys, "dec_pc"], list(_OUTCOMES))
    decided = decided[decided["dec_pc"] == "P"]
    outcomes = decided[keys].assign(
        **{
            name: decided[[column for column, outcome in _OUTCOMES.items() if outcome == name]].sum(axis=1)
            for name in ("recognized", "rejected", "closed")
        }
    )
    stocks = read_rows(folder / "unhcr_stocks.csv.gz", keys[:2], ["asylum_seekers"])
    parts = [
        _one_level(applied.rename(columns={"applied": "received"}), ["received"]),
        _one_level(outcomes, ["recognized", "rejected", "closed"]),
        stocks.groupby(keys[:2])[["asylum_seekers"]].sum(min_count=1).set_axis(["pending"], axis=1),
    ]
    table = pd.concat(parts, axis=1).reset_index().rename(columns={"coa_iso": "office"})
    table["period"] = pd.to_datetime(table.pop("year").astype(str) + "-01-01")
    return case_ledger(
        table,
        months=12,
        unit="persons",
        adjusted="published stocks hold appeals and revisions that the flows of first instance do not",
        missing="UNHCR has no figure for the year",
    )


def read_uk_ledger(folder: str | Path, *, applicants: str | None = None) -> pd.DataFrame:
    """The UK's quarterly ledger of initial decisions, with those waiting no longer than six months.

    Parameters
    ----------
    folder : str or Path
        Folder with ``uk_applications_quarterly``, ``uk_decisions_quarterly`` and ``uk_awaiting_decision_quarterly``
        (.csv.gz).
    applicants : str, optional
        "Main applicant" or "Dependant"; both where it is not given.

    Returns
    -------
    pandas.DataFrame
        As `poblar.data.cases.case_ledger`; the stock, of initial decisions, is published from June 2010.

    Raises
    ------
    DataError
        On a missing file or column, an unknown kind of applicants or outcome, or text where a number belongs.

    Examples
    --------
    >>> read_uk_ledger("nowhere")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    DataError: nowhere/uk_applications_quarterly.csv.gz: expected a file, found none; check the path …
    """
    folder = Path(folder)

    def read(name: str, keys: list[str], value: str) -> pd.DataFrame:
        path = folder / f"uk_{name}_quarterly.csv.gz"
        text = read_table(path, columns=["date", "applicant_type", *keys, value])
        if applicants is not None and not (text["applicant_type"] == applicants).any():
            raise DataError(
                expected="applicants 'Main applicant' or 'Dependant'",
                found=repr(applicants),
                remedy="choose one, or leave it out for both",
                file=path,
            )
        text = text if applicants is None else text[text["applicant_type"] == applicants]
        text["period"] = pd.to_datetime(text["date"]) - pd.offsets.QuarterBegin(1, startingMonth=1)
        return text.assign(**{value: numbers(text[value], path)})

    received = read("applications", [], "applications").groupby("period")["applications"].sum()
    decided = read("decisions", ["case_outcome_group"], "decisions")
    unknown = set(decided["case_outcome_group"]) - set(_UK_OUTCOMES)
    if unknown:
        raise DataError(
            expected=f"outcomes among {', '.join(_UK_OUTCOMES)}",
            found=repr(sorted(unknown)[0]),
            remedy="say which outcome of the ledger it is before it is summed",
        )
    outcomes = decided.assign(outcome=decided["case_outcome_group"].map(_UK_OUTCOMES))
    outcomes = outcomes.pivot_table(index="period", columns="outcome", values="decisions", aggfunc="sum")
    waiting = read("awaiting_decision", ["application_stage", "duration"], "applications")
    waiting = waiting[waiting["application_stage"] == "Pending initial decision"]
    young = waiting[waiting["duration"] == "6 months or less"].groupby("period")["applications"].sum()
    pending = waiting.groupby("period")["applications"].sum()
    table = outcomes.assign(received=received, pending=pending, pending_under_6_months=young)
    return case_ledger(
        table.reset_index().assign(office="UK", stage="initial decision"),
        months=3,
        unit="persons",
        adjusted="cases pass to further review and back, and the stock is a snapshot that is revised",
        missing="the stock is published from June 2010",
    )


def read_courts_ledger(path: str | Path, *, vintage: str) -> pd.DataFrame:
    """The US immigration courts' ledger by fiscal year, in cases, of one vintage.

    Parameters
    ----------
    path : str or Path
        ``eoir_annual_two_vintages.csv``: vintage, fiscal_year, pending_end, initial_receipts, total_completions.
    vintage : str
        The date of the table: the two count "pending" by different definitions and are never joined.

    Returns
    -------
    pandas.DataFrame
        As `poblar.data.cases.case_ledger`; completions are all closed, since the table has no outcomes. A fiscal year
        begins in the October before.

    Raises
    ------
    DataError
        On an unknown vintage, a missing column, or text where a number belongs.

    Examples
    --------
    >>> read_courts_ledger("nowhere.csv", vintage="2021-04-19")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    DataError: nowhere.csv: expected a file, found none; check the path, or fetch the data first.
    """
    values = {"pending_end": "pending", "initial_receipts": "received", "total_completions": "closed"}
    text = read_table(path, columns=["vintage", "fiscal_year", *values])
    if vintage not in set(text["vintage"]):
        raise DataError(
            expected=f"vintage among {', '.join(sorted(set(text['vintage'])))}",
            found=repr(vintage),
            remedy="choose one: their definitions of pending differ",
            file=path,
        )
    text = text[text["vintage"] == vintage]
    years = whole_numbers(text["fiscal_year"], path)
    table = pd.DataFrame({name: numbers(text[column], path) for column, name in values.items()})
    table["period"] = pd.to_datetime((years - 1).astype(str) + "-10-01")
    return case_ledger(
        table.assign(office="EOIR", stage="immigration courts"),
        months=12,
        unit="cases",
        adjusted="motions to reopen and transfers are not among the initial receipts",
        missing="the table has no row for the year",
        file=path,
    )


def _one_level(table: pd.DataFrame, values: list[str]) -> pd.DataFrame:
    """Sums by year and country at the first level that has figures."""
    sums = table.groupby(["year", "coa_iso", "dec_level"])[values].sum(min_count=1).dropna(how="all").reset_index()
    rank = sums["dec_level"].map({level: place for place, level in enumerate(LEVELS)})
    sums = sums[rank.notna()].assign(rank=rank)
    return sums.sort_values("rank").groupby(["year", "coa_iso"])[values].first()
