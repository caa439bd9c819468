"""Reader of the cases that come to offices which could share staff: by month, or a year's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from ._table import own_provenance, read_table, whole_numbers
from .errors import DataError
from .panel import Panel

__all__ = ["read_office_cases"]

_LARGEST: Final = 20_000_000  # characters
_MONTH: Final = r"\s*\d{4}-(?:0[1-9]|1[0-2])(?:-01)?\s*"


def read_office_cases(path: str | Path) -> Panel:
    """Cases that came to each of several offices, from a file of one's own.

    Parameters
    ----------
    path : str or Path
        CSV file: ``office``, ``cases`` (that came), perhaps ``month`` (2026-01; without it, of a year) and perhaps
        ``kind`` (groups of offices whose demand drifts together; without it, all are of one). Other columns are left
        out.

    Returns
    -------
    Panel
        ``cases`` over office, and month where there is one, cases per year or per month; the coordinate ``kind`` goes
        along office.

    Raises
    ------
    DataError
        If the file cannot be read, a figure is no whole number of zero or more, an office stands there twice, lacks a
        month, is of two kinds, or had no case at all, or there is one office alone.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("offices.csv").write_text("office,kind,cases\\nEl Paso,border,4200\\nFresno,emerging,1100\\n")
    >>> read_office_cases("offices.csv")["cases"].to_series().to_dict()
    {'El Paso': 4200.0, 'Fresno': 1100.0}
    """
    text = read_table(path, largest=_LARGEST)
    absent = [name for name in ("office", "cases") if name not in text]
    if absent:
        raise DataError(
            expected=f"the column {absent[0]!r}",
            found=f"columns {', '.join(map(str, text))}",
            remedy="rename or add the column",
            file=path,
            row=1,
        )
    monthly = "month" in text

    def refuse(wrong: pd.Series, column: str, expected: str, remedy: str) -> None:
        if wrong.any():
            row = wrong.index[wrong][0]
            raise DataError(
                expected=expected, found=repr(str(text[column][row])), remedy=remedy, file=path, row=row, column=column
            )

    refuse(text["office"].str.strip() == "", "office", "the name of an office", "fill it in")
    table = pd.DataFrame({"office": text["office"].str.strip(), "cases": whole_numbers(text["cases"], path)})
    refuse(table["cases"] < 0, "cases", "cases of zero or more", "correct it")
    if monthly:
        refuse(~text["month"].str.fullmatch(_MONTH), "month", "a month such as 2026-01", "write year and month")
        table["month"] = pd.to_datetime(text["month"].str.strip().str.slice(0, 7) + "-01")
    kinds = text["kind"].str.strip() if "kind" in text else pd.Series("all", index=text.index)
    refuse(kinds == "", "kind" if "kind" in text else "office", "a kind for each office", "fill it in")
    first = kinds.groupby(table["office"]).transform("first")
    refuse(kinds != first, "kind" if "kind" in text else "office", "one kind for each office", "correct it")
    refuse(
        table.duplicated(["office", "month"] if monthly else "office"), "office",
        "each office once" + (" in a month" if monthly else ", or a column month"), "drop a row, or add them up",
    )  # fmt: skip
    refuse(table.groupby("office")["cases"].transform("sum") == 0, "office", "offices with a case", "leave it out")
    offices = list(dict.fromkeys(table["office"]))
    if len(offices) < 2:
        raise DataError(
            expected="two offices or more",
            found=f"{offices[0]} alone",
            remedy="one office has nothing to share",
            file=path,
        )
    if monthly:
        grid = table.pivot_table(index="office", columns="month", values="cases")
        every = pd.date_range(grid.columns[0], grid.columns[-1], freq="MS")
        grid = grid.reindex(columns=every)
        if grid.isna().to_numpy().any():
            office, month = np.argwhere(grid.isna().to_numpy())[0]
            raise DataError(
                expected="a row for each office and month, from the first month to the last",
                found=f"none for {grid.index[office]}, {every[month]:%Y-%m}",
                remedy="add it, with 0 where nobody came",
                file=path,
            )
    panel = Panel.from_frame(
        table,
        dims=["office", "month"] if monthly else ["office"],
        units={"cases": "cases per month" if monthly else "cases per year"},
        provenance=own_provenance(path),
        file=path,
    )
    kind = kinds.groupby(table["office"]).first()
    return Panel(panel.dataset.sel(office=offices).assign_coords(kind=("office", kind.loc[offices].to_list())))
