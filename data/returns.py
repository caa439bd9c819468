"""Reader of returns by period of some years, as censuses count them: who returned, and the minors who came along."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from ._checks import shown
from ._table import numbers, own_provenance, read_table
from .errors import DataError
from .panel import Panel

__all__ = ["read_returns", "returns_panel"]

_LARGEST: Final = 100_000  # characters: periods are few
_PERIOD: Final = r"\s*(1[89]\d\d|2[01]\d\d)\s*[-/\u2013]\s*(\d\d|\d{4})\s*"
_LONGEST: Final = 20  # years of a period
_NAMES: Final = ("returned", "minors")


def read_returns(path: str | Path) -> Panel:
    """Returns by period, from a file of one's own.

    Parameters
    ----------
    path : str or Path
        CSV file: ``period`` (2005-10 or 2005-2010), ``returned`` (persons in the period) and perhaps ``minors`` (those
        born abroad who came along). Other columns are left out.

    Returns
    -------
    Panel
        As `returns_panel` makes it.

    Raises
    ------
    DataError
        If the file cannot be read, and all that `returns_panel` refuses.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("returns.csv").write_text("period,returned\\n2010-15,442000\\n2015-20,294000\\n")
    >>> read_returns("returns.csv")["returned"].to_series().to_dict()
    {2010: 442000.0, 2015: 294000.0}
    """
    table = read_table(path, largest=_LARGEST)
    return returns_panel(table, provenance=own_provenance(path), file=path)


def returns_panel(table: pd.DataFrame, *, provenance: Mapping[str, str], file: str | Path | None = None) -> Panel:
    """Panel of a table of returns by period.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``period``, ``returned`` and perhaps ``minors``.
    provenance : mapping
        ``source``, ``licence``, ``revision``, ``retrieved``.
    file : str or Path, optional
        File that messages name.

    Returns
    -------
    Panel
        ``returned`` and ``minors`` (persons in the period) over year, a period at its first; ``year_step`` is its
        length.

    Raises
    ------
    DataError
        If a column is missing, a period cannot be read, periods differ in length or do not follow on one another, or a
        figure is not above zero; the row and column are named.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"period": ["2005-10", "2010-15"], "returned": [825_000, 442_000]})
    >>> about = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-29"}
    >>> returns_panel(table, provenance=about).dataset.attrs["year_step"]
    5
    """
    for name in ("period", "returned"):
        if name not in table:
            raise DataError(
                expected=f"the column {name!r}",
                found=f"columns {shown(list(table))}",
                remedy="rename or add the column",
                file=file,
            )
    first, step = _periods(table["period"].astype(str), file)
    names = [name for name in _NAMES if name in table]
    figures = pd.DataFrame({name: numbers(table[name], file) for name in names})
    for name in names:
        wrong = ~(figures[name] > 0)
        if wrong.any():
            raise DataError(
                expected="persons in the period, above zero",
                found=f"{figures[name][wrong].iloc[0]:g}",
                remedy="correct it, or leave the column out",
                file=file,
                row=table.index[wrong][0],
                column=name,
            )
    return Panel.from_frame(
        figures.assign(year=first).sort_values("year"),
        dims=["year"],
        units=dict.fromkeys(names, "persons"),
        provenance=provenance,
        year_step=step,
        file=file,
    )


def _periods(column: pd.Series, file: str | Path | None) -> tuple[pd.Series, int]:
    """First year of each period, and how many years all have."""

    def refuse(row: object, expected: str, found: str, remedy: str) -> DataError:
        return DataError(expected=expected, found=found, remedy=remedy, file=file, row=str(row), column="period")

    parts = column.str.extract(f"^{_PERIOD}$")
    for row in parts.index[parts.isna().any(axis=1)]:
        raise refuse(row, "a period such as 2005-10", repr(column[row][:40]), "write its first and last year")
    first, last = parts[0].astype(int), parts[1].astype(int)
    length = (last - first).where(parts[1].str.len() == 4, (last - first) % 100)
    step = int(length.iloc[0])
    for row in length.index[(length < 1) | (length > _LONGEST) | (length != step)]:
        remedy = f"give all periods one length, from 1 to {_LONGEST} years"
        raise refuse(row, f"periods of {step} years" if row != length.index[0] else "a period of some years",
                     repr(column[row]), remedy)  # fmt: skip
    years = first.sort_values()
    for row in years.index[1:][years.diff().iloc[1:] != step]:
        raise refuse(row, "each period to begin when the one before ends", repr(column[row]), "add or drop a period")
    return first, step
