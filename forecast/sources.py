"""What is known of the past from surveys, censuses and registers: observations, and how their sources err."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from ..data import DataError, Panel
from .priors import LogNormal, Normal

__all__ = ["SOURCES", "Source", "observed"]

OLDEST: Final = 100  # years before the last observation; what is older is a slip of the pen, or tells nothing any more
UNIT: Final = "children per woman"


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is believed of one kind of source; both numbers are shares of the TFR, 0.05 is five percent.

    Parameters
    ----------
    bias : Normal
        How far its figures lie above the truth: the same in all years of a country, another one in each country.
    error : LogNormal or float
        Standard error of one figure beside the bias: estimated from all figures of the kind, or fixed.

    Raises
    ------
    DataError
        If the bias is said to be known exactly, or the error is not positive.

    Examples
    --------
    >>> Source(bias=Normal(-0.05, 0.05), error=LogNormal(0.06, 0.3)).typical
    0.06
    """

    bias: Normal
    error: LogNormal | float

    def __post_init__(self) -> None:
        mean, sd = (np.asarray(value, dtype=float) for value in (self.bias.mean, self.bias.sd))
        if mean.ndim or sd.ndim or not (abs(mean) < 1.0 and 0.0 < sd < 1.0):
            raise DataError(
                expected="a bias that is a share of the TFR, mean between -1 and 1 and sd between 0 and 1",
                found=f"{self.bias}",
                remedy="a source that is as good as free of bias has bias=Normal(0.0, 0.001)",
            )
        if not (0.0 < self.typical < 1.0 and self.spread >= 0.0):
            raise DataError(
                expected="an error that is a share of the TFR, between 0 and 1",
                found=f"error={self.error}",
                remedy="error=0.05 is a standard error of five percent",
            )

    @property
    def typical(self) -> float:
        """The error, or its median."""
        return self.error.median if isinstance(self.error, LogNormal) else float(self.error)

    @property
    def spread(self) -> float:
        """Standard deviation of the log error, zero if it is fixed."""
        return self.error.sd if isinstance(self.error, LogNormal) else 0.0


SOURCES: Final = (
    ("register", Source(bias=Normal(0.0, 0.005), error=0.01)),
    ("census", Source(bias=Normal(0.0, 0.07), error=LogNormal(0.07, 0.3))),
    ("survey", Source(bias=Normal(-0.03, 0.05), error=LogNormal(0.06, 0.3))),
)
"""Complete registers, censuses, and surveys with birth histories, in round numbers: sampling makes a survey's TFR
uncertain by some five percent, and births left out or dated too early make it too low (Schoumaker 2014)."""


def observed(table: pd.DataFrame) -> Panel:
    """Observations as figures by country, year and source: the panel that `UncertainFertility` is fitted to.

    Parameters
    ----------
    table : pandas.DataFrame
        A row for each observation: ``country`` (ISO 3166-1 alpha-3), ``year`` (that it refers to, not that of the
        interview), ``source``, ``tfr``, and if known ``error``, its standard error in children per woman, which then
        stands in place of the source's. ``table.attrs`` may hold ``source``, ``licence``, ``revision``, ``retrieved``.

    Returns
    -------
    Panel
        ``tfr`` and ``error`` (country, year, category), with the sources as categories; most are missing.

    Raises
    ------
    DataError
        If a column or a figure is missing, a country unknown, a TFR implausible, an error not positive, a year not
        whole or too old, or if a source says two things of one year.

    Examples
    --------
    >>> observed(pd.DataFrame({"country": "GTM", "year": [2002, 2015], "source": "survey", "tfr": [4.3, 3.1]})).sizes
    {'country': 1, 'year': 14, 'category': 1}
    """
    lacking = [column for column in ("country", "year", "source", "tfr") if column not in table.columns]
    if lacking or table.empty:
        raise DataError(
            expected="rows with the columns country, year, source and tfr, and if known error",
            found=f"no column {lacking[0]!r}" if lacking else "no row",
            remedy="give a row for each observation",
        )
    axes = ["country", "year", "source"]
    stated = table["error"] if "error" in table.columns else pd.Series(np.nan, table.index)
    year, tfr, error = (pd.to_numeric(column, errors="coerce") for column in (table["year"], table["tfr"], stated))
    for column, wrong, expected, remedy in (
        ("year", ~(year % 1 == 0), "a whole year", "give the year that the figure refers to"),
        ("year", year < year.max() - OLDEST, f"one of the {OLDEST} years up to the last", "drop or mend it"),
        ("tfr", ~np.isfinite(tfr), "a number", "drop rows without a figure"),
        ("error", ~((error > 0.0) & np.isfinite(error)) & stated.notna(), "a positive number", "leave it empty"),
        ("country", table["country"].isna(), "an ISO code", "say which country it is"),
        ("source", table["source"].isna(), "a name", "say what kind of source it is"),
        ("source", table.duplicated(axes), "one figure of a source for a country and year", "name the two apart"),
    ):
        if wrong.any():
            at = table.index[wrong][0]
            found = repr(table.loc[wrong, column].iloc[0])
            raise DataError(expected=expected, found=found, remedy=remedy, row=str(at), column=column)
    figures = table[axes].assign(year=year.astype(int), tfr=tfr.astype(float), error=error.astype(float))
    cells = figures.set_index(axes).to_xarray().reindex(year=np.arange(int(year.min()), int(year.max()) + 1))
    cells = cells.rename(source="category")
    for name, reason in (("tfr", "not observed by this source"), ("error", "that of the source holds")):
        cells[name].attrs = {"units": UNIT, "missing": "declared", "missing_reason": reason}
    cells.attrs = dict.fromkeys(("source", "licence", "revision", "retrieved"), "not stated") | table.attrs
    return Panel(cells)
