"""Decisions on asylum by group (origins, courts or judges) and year: how many there were, and how many protect."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from ._checks import shown
from ._table import whole_numbers
from .case_tables import LEVELS, RULE
from .errors import DataError
from .panel import Panel
from .unhcr import read_rows

__all__ = ["MISSING", "check_decisions", "decision_panel", "read_decisions"]

MISSING: Final = "no decisions published for the year, or recognitions alone"
"""Why a year of UNHCR's has no figures: where nobody of any origin was rejected, the rejections are not published."""

_OUTCOMES: Final = ("dec_recognized", "dec_other", "dec_rejected")


def read_decisions(folder: str | Path, asylum: str, *, largest: int | None = None) -> Panel:
    """Decisions of one country of asylum by origin and year, in persons and at one level of decision a year.

    Decided are those recognized and those rejected; cases closed without a decision on their merits are left out.

    Parameters
    ----------
    folder : str or Path
        Folder with ``unhcr_decisions.csv.gz``.
    asylum : str
        Country of asylum, ISO 3166-1 alpha-3.
    largest : int, optional
        Keep the origins with the most decisions over all years, so many of them.

    Returns
    -------
    Panel
        ``decided`` and ``recognized`` (refugee status and other protection) over origin, the largest first, and year;
        the level is chosen as in `poblar.data.case_tables.RULE`, unknown origins are left out, and `MISSING` says which
        years have no figures.

    Raises
    ------
    DataError
        On a missing file or column, text where a number belongs, a row twice, a country without decisions, and all
        that `check_decisions` refuses.

    References
    ----------
    UNHCR, Refugee Data Finder.

    Examples
    --------
    >>> read_decisions("nowhere", "MEX")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    DataError: nowhere/unhcr_decisions.csv.gz: expected a file, found none; check the path …
    """
    path = Path(folder) / "unhcr_decisions.csv.gz"
    keys = ["year", "coo_iso", "coa_iso", "procedure_type", "dec_level", "dec_pc"]
    rows = read_rows(path, keys, list(_OUTCOMES))
    repeated = rows.duplicated(keys)
    if repeated.any():
        raise DataError(
            expected=f"one row for each combination of {', '.join(keys)}",
            found="the same combination again",
            remedy="drop or merge the repeated rows",
            file=path,
            row=rows.index[repeated][0],
        )
    rows = rows[(rows["coa_iso"] == asylum) & (rows["dec_pc"] == "P") & rows["dec_level"].isin(LEVELS)]
    rows = rows[rows[list(_OUTCOMES)].notna().any(axis=1)]
    if rows.empty:
        raise DataError(
            expected="a country of asylum with decisions in persons",
            found=repr(asylum),
            remedy="name it by its ISO 3166-1 alpha-3 code, e.g. 'MEX'",
            file=path,
        )
    rank = rows["dec_level"].map(LEVELS.index)
    rows = rows[rank == rank.groupby(rows["year"]).transform("min")]
    rows = rows[rows.groupby("year")["dec_rejected"].transform("sum") > 0]
    table = pd.DataFrame(
        {
            "origin": rows["coo_iso"],
            "year": rows["year"],
            "decided": rows[list(_OUTCOMES)].sum(axis=1),
            "recognized": rows[["dec_recognized", "dec_other"]].sum(axis=1),
        }
    )
    table = table[table["origin"] != "UNK"].groupby(["origin", "year"], as_index=False).sum()
    totals = table.groupby("origin")["decided"].sum().sort_values(ascending=False, kind="stable")
    chosen = totals.index[: len(totals) if largest is None else largest]
    table = table[table["origin"].isin(chosen)]
    about = {
        "source": "UNHCR, Refugee Data Finder",
        "licence": "CC BY 4.0",
        "revision": f"years to {int(rows['year'].max())}",
        "retrieved": "with the file",
        "note": RULE,
    }
    panel = decision_panel(table, group="origin", provenance=about, missing=MISSING, file=path)
    return Panel(panel.dataset.sel(origin=list(chosen)))


def decision_panel(
    frame: pd.DataFrame,
    *,
    group: str,
    provenance: Mapping[str, str],
    missing: str | None = None,
    file: str | Path | None = None,
) -> Panel:
    """Panel of a tidy table of decisions, in which a group without a row in a year had no decisions.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns of the group, year, decided and recognized; without a year the table is of one period.
    group : str
        Column of the groups, and name of their axis: "origin", or "office" for courts and judges.
    provenance : mapping
        ``source``, ``licence``, ``revision``, ``retrieved``.
    missing : str, optional
        Why years between the first and the last have no rows. Without a reason they are refused.
    file : str or Path, optional
        File that messages name.

    Returns
    -------
    Panel
        ``decided`` and ``recognized`` (persons per year) over the group, and year where there is one.

    Raises
    ------
    DataError
        On a year without rows and reason, and all that `Panel.from_frame` and `check_decisions` refuse.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"office": ["A", "A", "B"], "year": [2020, 2021, 2021],
    ...                       "decided": [10, 20, 5], "recognized": [4, 9, 0]})
    >>> about = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-28"}
    >>> decision_panel(frame, group="office", provenance=about)["decided"].to_numpy()
    array([[10., 20.],
           [ 0.,  5.]])
    """
    names = ["decided", "recognized"]
    table = frame
    if "year" in frame and group in frame and set(names) <= set(frame):
        table = frame[[group, "year", *names]].assign(year=whole_numbers(frame["year"], file))
        years = table["year"].unique()
        every = pd.MultiIndex.from_product([table[group].unique(), years], names=[group, "year"])
        there = pd.MultiIndex.from_frame(table[[group, "year"]])
        empty = pd.DataFrame(0.0, index=every.difference(there), columns=names).reset_index()
        span = range(years.min(), years.max() + 1)
        gaps = pd.DataFrame({group: table[group].iloc[0], "year": sorted(set(span) - set(years))})
        if len(gaps) and missing is None:
            raise DataError(
                expected="decisions of every year",
                found=f"none of {shown(gaps['year'])}",
                remedy="add them, or say why they are missing: missing='…'",
                file=file,
            )
        table = pd.concat([table, *(part for part in (empty, gaps) if len(part))])
    panel = Panel.from_frame(
        table,
        dims=[group, "year"] if "year" in frame else [group],
        units=dict.fromkeys(names, "persons per year"),
        provenance=provenance,
        missing=None if missing is None else dict.fromkeys(names, missing),
        file=file,
    )
    check_decisions(panel, file=file)
    return panel


def check_decisions(panel: Panel, *, file: str | Path | None = None) -> str:
    """Name of the axis of the groups of a panel of decisions, whose figures are held to be counts.

    Parameters
    ----------
    panel : Panel
        ``decided`` and ``recognized`` over one axis of groups, and year where there is one.
    file : str or Path, optional
        File that messages name.

    Returns
    -------
    str
        "origin", "office" …

    Raises
    ------
    DataError
        If the axes are others, a figure is negative or no whole number, more were recognized than decided, or one of
        the two is missing alone; the group and year are named.

    Examples
    --------
    >>> from poblar.data import reference
    >>> check_decisions(reference.decisions("MEX"))
    'origin'
    """
    decided, recognized = panel["decided"], panel["recognized"]
    groups = [str(dim) for dim in decided.dims if dim != "year"]
    if len(groups) != 1 or set(decided.dims) != set(recognized.dims):
        raise DataError(
            expected="decided and recognized over one axis of groups, and year where there is one",
            found=f"axes {decided.dims} and {recognized.dims}",
            remedy="select one country, or sum over the other axes",
            file=file,
        )
    recognized = recognized.transpose(*decided.dims)
    of, among = recognized.to_numpy(), decided.to_numpy()
    for wrong, expected, found, remedy in (
        ((of < 0) | (among < 0), "counts of zero or more", "a negative figure", "correct it"),
        ((of % 1 > 0) | (among % 1 > 0), "whole numbers", "a fraction", "counts of decisions are whole: do not scale"),
        (of > among, "no more recognized than decided", "more", "decided are those recognized and those rejected"),
        (np.isnan(of) != np.isnan(among), "decided and recognized", "one without the other", "leave both out"),
    ):
        if wrong.any():
            place = np.argwhere(wrong)[0]
            labels = [f"{dim} {decided.indexes[dim][at]}" for dim, at in zip(decided.dims, place, strict=True)]
            text = f"{found} ({of[wrong][0]:g} of {among[wrong][0]:g})"
            raise DataError(expected=expected, found=text, remedy=remedy, file=file, row=", ".join(labels))
    return groups[0]
