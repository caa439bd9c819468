"""Reader of what offices publish of themselves month by month: officers in post, interviews and decisions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from ._table import numbers, read_table
from .axes import UNITS
from .errors import DataError
from .panel import Panel

__all__ = ["UK", "StaffSeries", "quarter_ratio", "read_staff"]


@dataclass(frozen=True, kw_only=True)
class StaffSeries:
    """How an office's monthly table is laid out, and what it counts.

    Parameters
    ----------
    month, staff, decisions : str
        Columns: a day of the month, officers in post, decisions of the month.
    interviews : str or None
        Column of the interviews of the month.
    total : str or None
        Column that must be the sum of decisions and interviews.
    definition : str
        What is counted, in words; it goes with the panel.
    source, licence, revision, retrieved : str
        Provenance.

    Examples
    --------
    >>> UK.staff
    'Asylum Caseworking Staff'
    """

    month: str
    staff: str
    decisions: str
    interviews: str | None = None
    total: str | None = None
    definition: str
    source: str
    licence: str
    revision: str
    retrieved: str


UK: Final = StaffSeries(
    month="Date",
    staff="Asylum Caseworking Staff",
    decisions="Initial Decisions",
    interviews="Substantive Interviews",
    total="Total Principal Stages Completed",
    definition="initial decisions and substantive interviews as the Home Office counts them for its productivity, and "
    "its asylum caseworking staff. Not the decisions of its quarterly tables: 9,650 in October to December 2022, and "
    "there 7,547 main applicants and 9,211 persons, withdrawals included. Interviews of April to June 2020 are given "
    "as 1 a month.",
    source="UK Home Office, asylum transparency data",
    licence="Open Government Licence v3",
    revision="github humaniverse/asylum at e7044ecf",
    retrieved="2026-11-24",
)
"""The table ``uk_staff_interviews_decisions_monthly.csv``, January 2020 to December 2022."""


def read_staff(path: str | Path, series: StaffSeries = UK) -> Panel:
    """Officers in post, decisions and interviews of an office, a month each.

    Parameters
    ----------
    path : str or Path
        The table.
    series : StaffSeries
        Its columns and what they count.

    Returns
    -------
    Panel
        ``staff`` (officers), ``decisions`` (decisions per month) and, where published, ``interviews`` (interviews per
        month), all (month); the dataset's attribute ``definition`` says what is counted.

    Raises
    ------
    DataError
        On text, a negative number, a month twice or missing, decisions or interviews in a month without officers, or a
        total that is not the sum; it names file, row and column.

    Examples
    --------
    >>> read_staff("nowhere.csv")
    Traceback (most recent call last):
        ...
    poblar.data.errors.DataError: nowhere.csv: expected a file, found none; check the path, or fetch the data first.
    """
    wanted = {"staff": series.staff, "decisions": series.decisions, "interviews": series.interviews}
    columns = {name: column for name, column in wanted.items() if column is not None}
    text = read_table(path, columns=[series.month, *columns.values(), *([series.total] if series.total else [])])
    table = pd.DataFrame({"month": _months(text[series.month], path)})
    for name, column in columns.items():
        table[name] = numbers(text[column], path)
        _refuse(table[name] < 0, table[name], "a number of zero or more", "correct the figure", path, column)
        idle = (table["staff"] == 0) & (table[name] > 0)
        _refuse(idle, table[name], "none in a month without officers", "give the officers in post", path, column)
    if series.total:
        total = numbers(text[series.total], path)
        wrong = total != table["decisions"] + table.get("interviews", 0.0)
        _refuse(wrong, total, "the sum of decisions and interviews", "correct one of the three", path, series.total)
    units = {"staff": UNITS["staff"], "decisions": "decisions per month", "interviews": "interviews per month"}
    about = ("source", "licence", "revision", "retrieved", "definition")
    return Panel.from_frame(
        table,
        dims=["month"],
        units={name: units[name] for name in columns},
        provenance={key: getattr(series, key) for key in about},
        file=path,
    )


def quarter_ratio(
    panel: Panel, path: str | Path, *, applicants: tuple[str, ...] = ("Main applicant",), withdrawn: bool = True
) -> pd.DataFrame:
    """How many decisions the monthly series counts for one of the quarterly table, quarter by quarter.

    The two are counted on different definitions, so that neither is wrong: whoever sets capacity from the one against a
    queue from the other divides by this ratio, and says which.

    Parameters
    ----------
    panel : Panel
        ``decisions`` (month) from `read_staff`.
    path : str or Path
        ``uk_decisions_quarterly.csv.gz``: decisions by date (last day of the quarter), applicant_type and
        case_outcome_group.
    applicants : tuple of str
        Kinds of applicants counted, "Main applicant" and "Dependant".
    withdrawn : bool
        Whether withdrawals count.

    Returns
    -------
    pandas.DataFrame
        By quarter that both hold in full: ``monthly``, ``quarterly`` (decisions) and ``ratio``.

    Raises
    ------
    DataError
        On text or a negative number, an unknown kind of applicant, or no quarter in common.

    Examples
    --------
    >>> import pandas as pd
    >>> months = pd.date_range("2022-10-01", periods=3, freq="MS")
    >>> about = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-24"}
    >>> three = Panel.from_frame(pd.DataFrame({"month": months, "decisions": [2932, 3575, 3143]}), dims=["month"],
    ...                          units={"decisions": "decisions per month"}, provenance=about)
    >>> kind = {"date": ["2022-12-31"], "applicant_type": "Main applicant", "case_outcome_group": "Refused"}
    >>> pd.DataFrame(kind | {"decisions": 7547}).to_csv("quarterly.csv", index=False)
    >>> round(float(quarter_ratio(three, "quarterly.csv")["ratio"].iloc[0]), 2)
    1.28
    """
    text = read_table(path, columns=["date", "applicant_type", "case_outcome_group", "decisions"])
    unknown = sorted(set(applicants) - set(text["applicant_type"]))
    if unknown or not applicants:
        raise DataError(
            expected=f"applicants= among {', '.join(sorted(set(text['applicant_type'])))}",
            found=", ".join(unknown) or "none",
            remedy="choose from the table",
            file=path,
            column="applicant_type",
        )
    count = numbers(text["decisions"], path)
    _refuse(count < 0, count, "a number of zero or more", "correct the figure", path, "decisions")
    kept = text["applicant_type"].isin(applicants) & (withdrawn | (text["case_outcome_group"] != "Withdrawn"))
    quarter = pd.PeriodIndex(_months(text["date"], path), freq="Q")
    quarterly = count[kept].groupby(quarter[kept]).sum()
    decisions = panel["decisions"].to_series()
    months = decisions.groupby(pd.PeriodIndex(decisions.index, freq="Q"))
    monthly = months.sum()[months.count() == 3]
    table = pd.DataFrame({"monthly": monthly, "quarterly": quarterly}).dropna().rename_axis("quarter")
    if table.empty:
        raise DataError(
            expected="a quarter in the monthly series and in the quarterly table",
            found=f"months to {decisions.index[-1]:%Y-%m}, and quarters to {quarterly.index[-1]}",
            remedy="fetch tables of the same years",
            file=path,
        )
    return table.assign(ratio=table["monthly"] / table["quarterly"])


def _months(column: pd.Series, file: str | Path) -> pd.Series:
    """First days of the months of ISO dates."""
    dates = pd.to_datetime(column, format="%Y-%m-%d", errors="coerce")
    _refuse(dates.isna(), column, "a date like 2020-01-31", "write the date so", file, str(column.name))
    return pd.Series(dates.to_numpy().astype("datetime64[M]").astype("datetime64[s]"), index=column.index)


def _refuse(wrong: pd.Series, values: pd.Series, expected: str, remedy: str, file: str | Path, column: str) -> None:
    if wrong.any():
        found = values[wrong].iloc[0]
        raise DataError(
            expected=expected,
            found=repr(found) if isinstance(found, str) else f"{found:g}",
            remedy=remedy,
            file=file,
            row=wrong.index[wrong][0],
            column=column,
        )
