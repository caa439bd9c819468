"""Tables of counts: checked, completed, and made into a panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from ._table import numbers, whole_numbers
from .errors import DataError
from .panel import Panel

AXIS: Final = "category"
"""Axis of the series in panels of flows."""

NARROW: Final = 0.05  # an interval no wider than this share of the count is as good as exact
TOTAL: Final = r"(?i)^(?:grand )?totals?\b|\btotals? for\b|\(published\)$"  # rows that sum other rows
_COLUMNS: Final = ["series", "month", "span", "count", "low", "high"]


def flow_table(
    frame: pd.DataFrame,
    *,
    span: int = 1,
    missing: str | None = None,
    total: str | None = None,
    file: str | Path | None = None,
) -> pd.DataFrame:
    """Check a table of counts and complete its columns.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns series, month, and count or both low and high; optional span and definition.
    span : int
        Months in a count, where the table does not say.
    missing : str, optional
        Why periods between the first and the last of a series have no row or an empty count. Without a reason they
        are refused.
    total : str, optional
        Label of the one series that is a total and is kept as such, alone; any other total beside its parts is refused.
    file : str or Path, optional
        File that messages name.

    Returns
    -------
    pandas.DataFrame
        Columns series, month, span, count, low, high, by series and month; the reason is in ``attrs["missing"]``.

    Raises
    ------
    DataError
        On a negative count, a row twice, a gap without reason, a total beside its parts, years that end in different
        months, a sum beside the months that it holds, or two definitions in a series.

    Examples
    --------
    >>> import pandas as pd
    >>> months = pd.date_range("2020-01-01", periods=2, freq="MS")
    >>> flow_table(pd.DataFrame({"series": "Cuba", "month": months, "count": [10, 20]}))["high"].tolist()
    [10.0, 20.0]
    """
    table = frame.copy()
    for name, default in {"span": span, "count": np.nan, "low": np.nan, "high": np.nan}.items():
        if name not in table:
            table[name] = default
    for name in ("count", "low", "high"):
        table[name] = numbers(table[name], file, allow_missing=True)
    table["low"], table["high"] = table["low"].fillna(table["count"]), table["high"].fillna(table["count"])
    table["span"] = whole_numbers(table["span"], file)
    table["month"] = pd.to_datetime(table["month"])
    _check(table, total, missing, file)
    exact = table["high"] - table["low"] <= NARROW * table["low"]
    middle = ((table["low"] + table["high"]) / 2).round()
    table["count"] = table["count"].where(table["count"].notna(), middle).where(exact)
    table.loc[exact, "low"] = table.loc[exact, "high"] = table.loc[exact, "count"]
    result = table[_COLUMNS].sort_values(["series", "month"]).reset_index(drop=True)
    result.attrs["missing"] = missing
    return result


def flow_panel(tables: pd.DataFrame | Sequence[pd.DataFrame], provenance: Mapping[str, str]) -> Panel:
    """Panel of ``count``, ``low``, ``high`` (persons) and ``span`` (months) over category and month.

    Parameters
    ----------
    tables : pandas.DataFrame or sequence of pandas.DataFrame
        Tables of `flow_table` or a reader; they are put side by side, on all months from the first to the last.
    provenance : mapping
        ``source``, ``licence``, ``revision``, ``retrieved``.

    Returns
    -------
    Panel

    Raises
    ------
    DataError
        If two tables share a series, and all that `Panel` refuses.

    Examples
    --------
    >>> import pandas as pd
    >>> year = flow_table(pd.DataFrame({"series": ["Mexico"], "month": ["2020-12-01"], "count": [900]}), span=12)
    >>> about = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-24"}
    >>> flow_panel(year, about).sizes
    {'category': 1, 'month': 12}
    """
    parts = [tables] if isinstance(tables, pd.DataFrame) else list(tables)
    names = [set(part["series"]) for part in parts]
    shared = {name for at, own in enumerate(names) for name in own if any(name in other for other in names[:at])}
    if shared:
        raise DataError(
            expected="each series in one table",
            found=f"{sorted(shared)[0]!r} in two",
            remedy="choose one of them, or rename it by its definition",
        )
    table = pd.concat(parts, ignore_index=True)
    begin = min(
        month - pd.DateOffset(months=int(span) - 1) for month, span in zip(table["month"], table["span"], strict=True)
    )
    months = pd.date_range(begin, table["month"].max(), freq="MS")
    index = pd.MultiIndex.from_product([pd.unique(table["series"]), months], names=[AXIS, "month"])
    cells = table.rename(columns={"series": AXIS}).set_index([AXIS, "month"]).reindex(index).reset_index()
    cells["span"] = cells["span"].fillna(1)
    reasons = sorted({str(part.attrs["missing"]) for part in parts if part.attrs.get("missing")})
    reason = "; ".join([*reasons, "counted in a longer period or an interval, or outside the years published"])
    return Panel.from_frame(
        cells,
        dims=[AXIS, "month"],
        units={"count": "persons", "low": "persons", "high": "persons", "span": "months"},
        provenance=provenance,
        missing=dict.fromkeys(("count", "low", "high"), reason),
    )


def _check(table: pd.DataFrame, total: str | None, missing: str | None, file: str | Path | None) -> None:
    """Refuse what must not be read as counts, or not be summed."""

    def refuse(wrong: pd.Series, expected: str, found: str, remedy: str) -> None:
        if wrong.any():
            row = table[wrong].iloc[0]
            place = f"{row['series']}, {row['month']:%Y-%m}"
            raise DataError(expected=expected, found=found, remedy=remedy, file=file, row=place)

    first_day = table["month"].dt.day == 1
    refuse(~first_day, "months by their first day", "another day", "write 2020-01-01 for January 2020")
    refuse((table[["count", "low"]] < 0).any(axis=1), "counts of zero or more", "a negative count", "correct it")
    refuse(table["low"] > table["high"], "low at most high", "low above high", "exchange the two")
    again = table.duplicated(["series", "month"])
    refuse(again, "one row for each series and month", "the same again", "drop one of them")
    is_total = table["series"].str.contains(TOTAL, regex=True)
    wrong = is_total if total is None else table["series"] != total
    refuse(
        wrong, "series that are no sums of others", "a total beside its parts", "leave the total out, or read it alone"
    )
    if "definition" in table:
        several = table.groupby("series")["definition"].transform("nunique") > 1
        refuse(several, "one definition in a series", "several", "make a series of each, and name the definition")
    ends = table["month"].dt.month.where(table["span"] == 12)
    calendars = ends.groupby(table["series"]).transform("nunique") > 1
    remedy = "keep one of the two: years that end in different months must not be mixed"
    refuse(calendars, "years of a series that end in the same month", "fiscal and calendar years", remedy)
    number = table["month"].dt.year * 12 + table["month"].dt.month
    ordered = table.assign(last=number, first=number - table["span"] + 1).sort_values(["series", "last"])
    before = ordered.groupby("series")["last"].shift()
    overlap = (ordered["first"] <= before).reindex(table.index)
    remedy = "keep the months, and leave the sum out"
    refuse(overlap, "each month in one count", "a sum beside its months", remedy)
    if missing is None:
        gap = (ordered["first"] > before + 1).reindex(table.index)
        remedy = "add the months, or say why they are missing: missing='…'"
        refuse(gap | table["low"].isna(), "a count in every month of a series", "a gap before or at this month", remedy)
