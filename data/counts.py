"""Reader of anybody's counts: a tidy file of series, month or year, and count, as the panel that `Flows` takes."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from ._checks import RANGES, shown
from ._flow_tables import AXIS, flow_panel, flow_table
from ._table import numbers, own_provenance, read_table
from .axes import AXES
from .errors import DataError
from .panel import Panel

__all__ = ["read_counts"]

ROWS: Final = 100_000
"""Rows that a file may have, unless the caller allows more."""

_LONGEST: Final = 1_000  # characters in a row
_CHUNK: Final = 1 << 20
_COUNT: Final = r"\d{1,12}(?:\.0+)?"
_MONTH: Final = r"\d{4}-(?:0[1-9]|1[0-2])(?:-01)?"
_YEAR: Final = r"(?:1[89]|20|21)\d\d"
_NAME: Final = r"[^\s=+@\-](?:[^\x00-\x1f]{0,98}[^\s])?"
_OWN: Final = ("series", "year", "count", "low", "high", "span")


def read_counts(
    path: str | Path,
    *,
    ends: int = 12,
    missing: str | None = None,
    covariates: Mapping[str, str] | None = None,
    provenance: Mapping[str, str] | None = None,
    rows: int = ROWS,
) -> Panel:
    """Counts of any kind by series and month, or by series and year.

    Parameters
    ----------
    path : str or Path
        File of comma-separated text with a header, gzip-compressed where its name ends in ``.gz``. Columns: ``series``,
        ``month`` (2024-01 or 2024-01-01) or ``year``, and ``count`` (plain digits); for figures that are rounded or
        suppressed ``low`` and ``high``, between which they lie, with an empty ``count``. Other columns are left out.
    ends : int
        Month in which a year ends: 12 for calendar years, 9 for fiscal years of the United States, which are named by
        the year in which they end.
    missing : str, optional
        Why counts are missing: cells that are empty, periods without a row, a series that ends before the others.
        Without a reason they are refused.
    covariates : mapping, optional
        Further columns to keep, with their units, e.g. ``{"log_homicide": "log of homicides per 100,000 a year"}``:
        numbers, in every row. What stands beside a year holds in each of its months.
    provenance : mapping, optional
        ``source``, ``licence``, ``revision``, ``retrieved``. By default the file's name and hash.
    rows : int
        A longer file is refused before it is read.

    Returns
    -------
    Panel
        ``count``, ``low``, ``high`` (persons), ``span`` (months that a count sums) and the covariates over category
        (the series, as they come in the file) and month, as `poblar.forecast.Flows` takes it.

    Raises
    ------
    DataError
        On a missing column, text, a formula, a fraction or a negative number where a count belongs, a series and period
        twice, a gap without reason, a total beside its parts, a file that is too long; it names file, row and column.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("counts.csv").write_text("series,month,count\\nTapachula,2024-01,310\\nTapachula,2024-02,295\\n")
    >>> read_counts("counts.csv")["count"].sel(category="Tapachula").values.tolist()
    [310.0, 295.0]
    """
    path, covariates = Path(path), dict(covariates or {})
    _refuse_arguments(ends, covariates, rows)
    _refuse_long(path, rows)
    text = read_table(path)
    period = _period(text, path, covariates)
    _refuse(text, "series", _NAME, "a name", "write words of at most 100 characters that begin with no = + - @", path)
    table = pd.DataFrame({"series": text["series"], "month": _months(text, period, ends, path)})
    for name in ("count", "low", "high"):
        table[name] = _counts(text, name, path) if name in text else np.nan
    _refuse_rows(table, missing, path)
    span = 12 if period == "year" else 1
    names = table["series"].unique()
    only = names[0] if len(names) == 1 else None  # a total is no sum of other series where it stands alone
    counts = flow_table(table, span=span, missing=missing, total=only, file=path)
    _refuse_sparse(table, rows, path)
    panel = flow_panel(counts, provenance or own_provenance(path)).sel(category=list(names))
    return _with_covariates(panel, table, text, covariates, span, path) if covariates else panel


def _refuse_arguments(ends: int, covariates: Mapping[str, str], rows: int) -> None:
    if not 1 <= ends <= 12:
        raise DataError(expected="ends= a month from 1 to 12", found=f"{ends!r}", remedy="12 is the calendar year")
    if rows < 1:
        raise DataError(expected="rows= of one or more", found=f"{rows!r}", remedy="leave it out for the default")
    taken = sorted(set(covariates) & {*_OWN, *AXES, *RANGES})
    if taken:
        raise DataError(
            expected="covariates by names of their own", found=repr(taken[0]), remedy="rename the column, e.g. my_rate"
        )


def _refuse_long(path: Path, rows: int) -> None:
    """Refuse a file of too many rows, or of rows too long, without reading more of it than is allowed."""
    lines = size = 0
    # What is no file or no gzip is refused by `read_table`, in its words.
    with suppress(OSError, EOFError, zlib.error), (gzip.open if path.suffix == ".gz" else open)(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            lines, size = lines + chunk.count(b"\n"), size + len(chunk)
            if lines > rows + 1 or size > (rows + 1) * _LONGEST:
                raise DataError(
                    expected=f"at most {rows:,} rows of {_LONGEST:,} characters",
                    found="a longer file",
                    remedy="keep the series and months you need, or allow more with rows=…",
                    file=path,
                )


def _period(text: pd.DataFrame, path: Path, covariates: Mapping[str, str]) -> str:
    """Name of the column of periods, after a look at the header."""
    header = [str(name) for name in text.columns]
    periods = [name for name in ("month", "year") if name in header]
    if len(periods) == 2:
        remedy = "keep month for monthly counts, year for yearly ones"
        raise DataError(expected="month or year", found="both", remedy=remedy, file=path, row=1)
    ends = [name for name in ("low", "high") if name in header]
    wanted = ["series", periods[0] if periods else "month", "count", *(("low", "high") if ends else ()), *covariates]
    for name in wanted:
        if name not in header:
            also = " (or 'year')" if name == "month" else ""
            raise DataError(
                expected=f"the column {name!r}{also}",
                found=f"columns {shown(header)}",
                remedy="rename or add the column",
                file=path,
                row=1,
            )
    return periods[0]


def _refuse(
    text: pd.DataFrame, column: str, pattern: str, expected: str, remedy: str, path: Path, empty: bool = False
) -> None:
    """Refuse cells that do not read as they must."""
    wrong = ~text[column].str.fullmatch(pattern) & ~(empty & (text[column] == ""))
    if wrong.any():
        found = str(text[column][wrong].iloc[0])
        raise DataError(
            expected=expected,
            found=repr(found[:40]) if found else "an empty cell",
            remedy=remedy,
            file=path,
            row=text.index[wrong][0],
            column=column,
        )


def _months(text: pd.DataFrame, period: str, ends: int, path: Path) -> pd.Series:
    """First day of the last month of each period."""
    if period == "year":
        _refuse(text, "year", _YEAR, "a year such as 2024", "write its four digits", path)
        return pd.to_datetime(text["year"] + f"-{ends:02d}-01")
    remedy = "write year and month, with the first day or none"
    _refuse(text, "month", _MONTH, "a month such as 2024-01", remedy, path)
    _refuse(text, "month", _YEAR + ".*", "a month of 1800 to 2199", "correct the year", path)
    return pd.to_datetime(text["month"].str.slice(0, 7) + "-01")


def _counts(text: pd.DataFrame, name: str, path: Path) -> pd.Series:
    cells = text[[name]].apply(lambda column: column.str.strip())
    remedy = (
        "write plain digits such as 1234, without signs, separators, decimals or formulas; leave the cell empty where "
        "the figure is unknown"
    )
    _refuse(cells, name, _COUNT, "a whole number of zero or more", remedy, path, empty=True)
    return numbers(cells[name], path, allow_missing=True)


def _refuse_rows(table: pd.DataFrame, missing: str | None, path: Path) -> None:
    """Refuse rows that say two things, nothing, or the same again."""

    def refuse(wrong: pd.Series, expected: str, found: str, remedy: str) -> None:
        if wrong.any():
            first = table[wrong].iloc[0]
            place = f"{table.index[wrong][0]} ({first['series']}, {first['month']:%Y-%m})"
            raise DataError(expected=expected, found=found, remedy=remedy, file=path, row=place)

    counted, low, high = (table[name].notna() for name in ("count", "low", "high"))
    refuse(low != high, "both low and high", "one of them", "give both ends of the interval")
    refuse(counted & low, "a count, or low and high", "all three", "leave the count empty where it lies in an interval")
    refuse(table["low"] > table["high"], "low at most high", "low above high", "exchange the two")
    again = table.duplicated(["series", "month"])
    refuse(again, "one row for each series and period", "the same again", "drop one of them, or add them up")
    if missing is None:
        remedy = "fill the count in, or say why counts are missing: missing='…'"
        refuse(~(counted | low), "a count", "an empty cell", remedy)
        last = table.groupby("series")["month"].transform("max")
        early = (last < table["month"].max()) & (table["month"] == last)
        refuse(early, "series that end together", "the last row of a series that ends earlier", remedy)


def _refuse_sparse(table: pd.DataFrame, rows: int, path: Path) -> None:
    """Refuse a few rows that would make a vast panel: many series, far apart in time."""
    first, last = table["month"].min(), table["month"].max()
    cells = table["series"].nunique() * ((last.year - first.year + 1) * 12)
    if cells > 20 * rows:
        raise DataError(
            expected=f"at most {20 * rows:,} months of all series",
            found=f"{cells:,}, from {first:%Y} to {last:%Y}",
            remedy="correct years that are slips, or read the series apart",
            file=path,
        )


def _with_covariates(
    panel: Panel, table: pd.DataFrame, text: pd.DataFrame, covariates: Mapping[str, str], span: int, path: Path
) -> Panel:
    """The panel with a value of each covariate in every month that a row counts."""
    labels, months = panel["count"].indexes[AXIS], panel["count"].indexes["month"]
    variables = {}
    for name, units in covariates.items():
        values = numbers(text[name], path)
        if not np.isfinite(values).all():
            at = values.index[~np.isfinite(values)][0]
            raise DataError(
                expected="a finite number", found=text[name][at], remedy="correct it", file=path, row=at, column=name
            )
        grid = np.full((len(labels), len(months)), np.nan)
        rows, last = labels.get_indexer(table["series"]), months.get_indexer(table["month"])
        for back in range(span):
            grid[rows, last - back] = values.to_numpy()
        if np.isnan(grid).any():
            row, at = np.argwhere(np.isnan(grid))[0]
            raise DataError(
                expected=f"{name} in every month of all series",
                found=f"none for {labels[row]}, {months[at]:%Y-%m}",
                remedy="add the row, with an empty count where it is unknown, or let all series begin together",
                file=path,
                column=name,
            )
        variables[name] = ((AXIS, "month"), grid, {"units": units})
    return Panel(panel.dataset.assign(variables))
