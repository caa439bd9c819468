"""Readers of monthly and yearly counts of border encounters, visas, admissions and claims, as tidy tables and panels.

Every table has the columns ``series``, ``month`` (first day of the last month that the count sums), ``span`` (how many
months it sums), ``count`` (persons), and ``low`` and ``high``, between which a rounded or suppressed count lies. One
whose interval is narrower than a twentieth of itself is taken as exact; otherwise ``count`` is empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from ._flow_tables import TOTAL, flow_panel, flow_table
from ._table import numbers, read_table, whole_numbers
from .errors import DataError

__all__ = [
    "flow_panel",
    "flow_table",
    "read_border",
    "read_claims",
    "read_comar",
    "read_courts",
    "read_nationwide",
    "read_residents",
    "read_visas",
]

_ROUNDED: Final = 10  # the Border Patrol's counts are rounded to tens
_ALIASES: Final = {  # names the Department of State changed, without case, spaces and signs
    "bosniaandherzegovina": "bosniaherzegovina",
    "taiwan": "chinataiwan",
    "democraticrepublicofthecongo": "congodemocraticrepublicofthe",
    "republicofthecongo": "congorepublicofthe",
    "greatbritainnorthernireland": "greatbritainandnorthernireland",
    "macedonia": "northmacedonia",
    "marshallislands": "marshallislandsrepublicofthe",
    "micronesia": "micronesiafederatedstatesof",
    "federatedstatesofmicronesia": "micronesiafederatedstatesof",
    "nonnationlitybasedissuances": "nonnationalitybasedissuances",
    "palau": "republicofpalau",
    "stlucia": "saintlucia",
    "stkittsandnevis": "saintkittsandnevis",
    "stvincentandthegrenadines": "saintvincentandthegrenadines",
    "sudansouth": "southsudan",
    "swaziland": "eswatini",
}
_CLASSES: Final = {"B1,2": "B1/B2"}  # the annual table's label, and the monthly one's


def read_border(path: str | Path) -> pd.DataFrame:
    """Encounters of the US Border Patrol by citizenship and month.

    Parameters
    ----------
    path : str or Path
        ``usbp_encounters_monthly.csv``: date, citizenship, encounters. Counts are rounded to tens, and a month without
        a row is a rounded zero, 0 to 4.

    Returns
    -------
    pandas.DataFrame
        As `flow_table`; every citizenship in every month of the file.

    Raises
    ------
    DataError
        As `flow_table`.

    Examples
    --------
    >>> read_border("nowhere.csv")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    DataError: nowhere.csv: expected a file, found none; check the path, or fetch the data first.
    """
    frame = _long(path, "citizenship", "encounters")
    frame = _complete(frame, path)
    half = _ROUNDED // 2
    frame["low"] = (frame["count"] - half).where(frame["count"] != 0, 0.0)
    frame["high"] = frame["count"] + half - 1
    return flow_table(frame.drop(columns="count"), file=path)


def read_nationwide(path: str | Path) -> pd.DataFrame:
    """Nationwide encounters of US Customs and Border Protection by citizenship and month, from fiscal year 2020.

    Parameters
    ----------
    path : str or Path
        ``cbp_nationwide_encounters_monthly.csv.gz``: counts by border, demographic group and title, which are parts
        of a whole and are summed; a part without a row is zero.

    Returns
    -------
    pandas.DataFrame
        As `flow_table`.

    Raises
    ------
    DataError
        As `flow_table`.

    Examples
    --------
    >>> read_nationwide("nowhere.csv")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    DataError: nowhere.csv: expected a file, found none; check the path, or fetch the data first.
    """
    parts = ["land_border_region", "demographic", "title"]
    frame = _long(path, "citizenship", "encounters", parts)
    return flow_table(_complete(_summed(frame, parts, path), path), file=path)


def read_visas(path: str | Path, *, by: str = "nationality") -> pd.DataFrame:
    """US nonimmigrant visas issued, by nationality or by class, a month or a fiscal year.

    Parameters
    ----------
    path : str or Path
        ``us_nonimmigrant_visas_monthly.csv.gz`` or ``us_nonimmigrant_visas_annual.csv.gz``. Rows of totals are left
        out, spellings of a nationality are joined, and a class has the monthly table's label ("H2A"). Years are fiscal
        years, to September.
    by : str
        "nationality" or "visa_class".

    Returns
    -------
    pandas.DataFrame
        As `flow_table`. A month without any row is missing; a cell without one in another month is zero.

    Raises
    ------
    DataError
        As `flow_table`, and on an unknown `by`.

    Examples
    --------
    >>> read_visas("nowhere.csv", by="H2A")
    Traceback (most recent call last):
        ...
    poblar.data.errors.DataError: expected by= nationality or visa_class, found 'H2A'; choose one.
    """
    if by not in ("nationality", "visa_class"):
        raise DataError(expected="by= nationality or visa_class", found=repr(by), remedy="choose one")
    text = read_table(path)
    is_total = text["nationality"].str.contains(TOTAL, regex=True) | text["visa_class"].str.contains(TOTAL, regex=True)
    yearly = "fiscal_year" in text
    month = _year_ends(text["fiscal_year"], 9, path) if yearly else pd.to_datetime(text["date"])
    labels = _classes(text[by]) if by == "visa_class" else _spelled(text[by].where(~is_total, ""))
    frame = pd.DataFrame({"series": labels, "month": month, "count": numbers(text["issued"], path)})[~is_total]
    sums = frame.groupby(["series", "month"], as_index=False)[["count"]].sum()
    table = _complete(sums, path, frame["month"])
    return flow_table(table, span=12 if yearly else 1, missing="the source has no table for this month", file=path)


def read_residents(path: str | Path, *, by: str = "category") -> pd.DataFrame:
    """Permanent residents admitted to Canada by category and month; the published total is left out.

    Parameters
    ----------
    path : str or Path
        ``canada_permanent_residents_monthly.csv``, or the table by province, whose "--" (1 to 5) are intervals and
        whose levels must not be added: of it, the totals of each province (level 0) are read.
    by : str
        "category", or "total" for the published total; of the table by province, "province".

    Returns
    -------
    pandas.DataFrame
        As `flow_table`.

    Raises
    ------
    DataError
        As `flow_table`.

    Examples
    --------
    >>> read_residents("nowhere.csv")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    DataError: nowhere.csv: expected a file, found none; check the path, or fetch the data first.
    """
    text = read_table(path)
    if by == "province":
        text = text[(text["level"] == "0") & ~text["province"].str.contains(TOTAL, regex=True)]
        hidden = text["suppressed"] == "True"
        count = numbers(text["admissions"], path, allow_missing=True)
        bounds = {"low": count.where(~hidden, 1.0), "high": count.where(~hidden, 5.0)}
        frame = pd.DataFrame({"series": text["province"], "month": pd.to_datetime(text["date"])} | bounds)
        return flow_table(frame, missing="no row, which the source does not explain", file=path)
    frame = _long(path, "category", "admissions_approx")
    is_total = frame["series"].str.contains(TOTAL, regex=True)
    if by == "total":
        return flow_table(frame[is_total], total="Total (published)", file=path)
    return flow_table(frame[~is_total], file=path)


def read_claims(path: str | Path, *, by: str = "claim_office_type") -> pd.DataFrame:
    """Asylum claims in Canada by kind of office or by province, a month.

    Parameters
    ----------
    path : str or Path
        ``canada_claimants_monthly.csv``. The source set cells of 1 to 5 to two; they are intervals here.
    by : str
        "claim_office_type" or "province_territory".

    Returns
    -------
    pandas.DataFrame
        As `flow_table`.

    Raises
    ------
    DataError
        As `flow_table`.

    Examples
    --------
    >>> read_claims("nowhere.csv")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    DataError: nowhere.csv: expected a file, found none; check the path, or fetch the data first.
    """
    keys = ["province_territory", "claim_office_type"]
    if by not in keys:
        raise DataError(expected=f"by= {' or '.join(keys)}", found=repr(by), remedy="choose one")
    other = keys[1 - keys.index(by)]
    frame = _long(path, by, "value", [other])
    _refuse_twice(frame, ["series", "month", other], path)
    hidden = frame["count"] == 2
    frame["low"], frame["high"] = frame["count"].where(~hidden, 1.0), frame["count"].where(~hidden, 5.0)
    sums = frame.groupby(["series", "month"], as_index=False)[["count", "low", "high"]].sum()
    return flow_table(sums, file=path)


def read_comar(path: str | Path) -> pd.DataFrame:
    """Applications for refugee status in Mexico, a calendar year each.

    Parameters
    ----------
    path : str or Path
        ``comar_applications_annual.csv``.

    Returns
    -------
    pandas.DataFrame
        As `flow_table`, one series with counts of twelve months to December.

    Raises
    ------
    DataError
        As `flow_table`.

    Examples
    --------
    >>> read_comar("nowhere.csv")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    DataError: nowhere.csv: expected a file, found none; check the path, or fetch the data first.
    """
    text = read_table(path, columns=["year", "comar_applications"])
    frame = pd.DataFrame({"month": _year_ends(text["year"], 12, path), "count": text["comar_applications"]})
    return flow_table(frame.assign(series="COMAR applications"), span=12, file=path)


def read_courts(path: str | Path, measure: str, *, vintage: str | None = None) -> pd.DataFrame:
    """Receipts or completions of the US immigration courts, a fiscal year each, of one vintage.

    Parameters
    ----------
    path : str or Path
        ``eoir_annual_two_vintages.csv``. The vintages define "pending" differently, and are never joined.
    measure : str
        "initial_receipts" or "total_completions"; "pending_end" is a stock, not a flow.
    vintage : str, optional
        Day of publication; needed where the file has several.

    Returns
    -------
    pandas.DataFrame
        As `flow_table`; the series is named by its measure and vintage.

    Raises
    ------
    DataError
        As `flow_table`, and if the vintage is not said or unknown, or the measure is no flow.

    Examples
    --------
    >>> read_courts("nowhere.csv", "pending_end")
    Traceback (most recent call last):
        ...
    poblar.data.errors.DataError: expected initial_receipts or total_completions, found 'pending_end'; choose a flow.
    """
    if measure not in ("initial_receipts", "total_completions"):
        raise DataError(expected="initial_receipts or total_completions", found=repr(measure), remedy="choose a flow")
    text = read_table(path, columns=["vintage", "fiscal_year", measure])
    vintages = sorted(text["vintage"].unique())
    if vintage is None and len(vintages) == 1:
        vintage = vintages[0]
    if vintage not in vintages:
        raise DataError(
            expected=f"one vintage of {', '.join(vintages)}, which differ in their definitions",
            found="none chosen" if vintage is None else repr(vintage),
            remedy="say vintage=…, and print it beside the number",
            file=path,
        )
    text = text[text["vintage"] == vintage]
    frame = pd.DataFrame({"month": _year_ends(text["fiscal_year"], 9, path), "count": text[measure]})
    series = f"{measure.replace('_', ' ')} (EOIR, {vintage})"
    return flow_table(frame.assign(series=series), span=12, missing="not in this vintage", file=path)


def _long(path: str | Path, series: str, value: str, more: Sequence[str] = ()) -> pd.DataFrame:
    text = read_table(path, columns=["date", series, value, *more])
    frame = text.rename(columns={series: "series"})
    frame["month"], frame["count"] = pd.to_datetime(frame["date"]), numbers(frame[value], path)
    return frame[["series", "month", "count", *more]]


def _summed(frame: pd.DataFrame, parts: Sequence[str], path: str | Path) -> pd.DataFrame:
    """Sum parts of a whole, each there once."""
    _refuse_twice(frame, ["series", "month", *parts], path)
    return frame.groupby(["series", "month"], as_index=False)[["count"]].sum()


def _refuse_twice(frame: pd.DataFrame, keys: Sequence[str], path: str | Path) -> None:
    again = frame.duplicated(list(keys))
    if again.any():
        raise DataError(
            expected=f"one row for each {', '.join(keys)}",
            found="the same again",
            remedy="drop one of them",
            file=path,
            row=frame.index[again][0],
        )


def _complete(frame: pd.DataFrame, path: str | Path, published: pd.Series | None = None) -> pd.DataFrame:
    """Every series in every month published, by default all from the first to the last; zero where it has no row."""
    _refuse_twice(frame, ["series", "month"], path)
    months = pd.date_range(frame["month"].min(), frame["month"].max(), freq="MS")
    months = months if published is None else pd.DatetimeIndex(sorted(published.unique()))
    index = pd.MultiIndex.from_product([sorted(frame["series"].unique()), months], names=["series", "month"])
    return frame.set_index(["series", "month"])["count"].reindex(index, fill_value=0.0).reset_index()


def _year_ends(years: pd.Series, month: int, path: str | Path) -> pd.Series:
    """First day of the last month of each year."""
    return pd.to_datetime({"year": whole_numbers(years, path), "month": month, "day": 1})


def _spelled(labels: pd.Series) -> pd.Series:
    """One spelling for each nationality, that which comes last."""
    key = labels.str.lower().str.replace("[^a-z]", "", regex=True).replace(_ALIASES)
    return key.map(labels.groupby(key).last())


def _classes(labels: pd.Series) -> pd.Series:
    return labels.str.replace("-", "", regex=False).replace(_CLASSES)
