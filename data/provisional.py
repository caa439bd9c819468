"""Counts of the last months, which will be revised: intervals, as wide as earlier months were revised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from ._flow_tables import AXIS
from .errors import DataError
from .panel import Panel

__all__ = ["provisional", "revisions"]


def revisions(vintages: Sequence[Panel], *, months: int = 6, share: float = 0.95) -> pd.DataFrame:
    r"""By how much counts have been revised, by the months that had passed when they were first read.

    .. math:: r_{s,t}(v) = \frac{k_{s,t}(V) + 1}{k_{s,t}(v) + 1}, \qquad a = \text{last month of } v - t

    for series s and month t, each earlier vintage v and the last one, V; quantiles of r are taken over all series,
    months and vintages with the same age a.

    Parameters
    ----------
    vintages : sequence of Panel
        The same table as published at several times, oldest first, as `poblar.data.counts.read_counts` reads it.
    months : int
        For how many months counts are revised: of the last vintage the last so many are not used.
    share : float
        Share of the revisions that lie between the two quantiles.

    Returns
    -------
    pandas.DataFrame
        Columns ``low`` and ``high``, over age: 0 for the last month, 1 for the one before it, and so on.

    Raises
    ------
    DataError
        If there are fewer than two vintages, or no revision of some age to learn from.

    Examples
    --------
    >>> import pandas as pd
    >>> from poblar.data._flow_tables import flow_panel, flow_table
    >>> about = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-29"}
    >>> months = pd.date_range("2026-01-01", periods=5, freq="MS")
    >>> def read(*counts):
    ...     frame = pd.DataFrame({"series": "claims", "month": months[: len(counts)], "count": counts})
    ...     return flow_panel(flow_table(frame), about)
    >>> revisions([read(99, 79), read(99, 99, 89), read(99, 99, 99, 99, 99)], months=1).round(2).values.tolist()
    [[1.11, 1.25]]
    """
    if len(vintages) < 2 or months < 1 or not 0 < share < 1:
        raise DataError(
            expected="two vintages or more, one month or more, and a share between 0 and 1",
            found=f"{len(vintages)} vintages, months={months} and share={share:g}",
            remedy="read the table as it was published earlier too",
        )
    *earlier, newest = (_exact(panel) for panel in vintages)
    final = newest.isel(month=slice(None, newest.sizes["month"] - months))
    parts = []
    for panel in earlier:
        ratio = ((final + 1.0) / (panel + 1.0)).rename("ratio")  # of the series and months that both have
        parts.append(ratio.assign_coords(age=_age(panel)).to_dataframe())
    found = pd.concat(parts).dropna().groupby("age")["ratio"]
    edges = (1.0 - share) / 2.0
    table = pd.DataFrame({"low": found.quantile(edges), "high": found.quantile(1.0 - edges)}).reindex(range(months))
    unknown = table.index[table["low"].isna()]
    if len(unknown):
        raise DataError(
            expected=f"a revision of each age to {months - 1} months",
            found=f"none of {unknown[0]}",
            remedy="give more vintages, a last one that is newer, or fewer months",
        )
    return table


def provisional(panel: Panel, revised: pd.DataFrame) -> Panel:
    """The counts of the last months as intervals, in which the final counts are expected.

    Parameters
    ----------
    panel : Panel
        ``count``, ``low``, ``high`` and ``span`` over category and month, as `poblar.data.counts.read_counts` reads it.
    revised : pandas.DataFrame
        Columns ``low`` and ``high`` over age in months, of `revisions` or one's own: the final count plus one over
        the published count plus one.

    Returns
    -------
    Panel
        The same, but for months of those ages without ``count``; `poblar.forecast.Flows` fits them and
        `poblar.forecast.nowcast` draws within them.

    Raises
    ------
    DataError
        If a factor is not finite, negative, or low above high.

    Examples
    --------
    >>> import pandas as pd
    >>> from poblar.data import reference
    >>> revised = pd.DataFrame({"low": [1.0, 1.0], "high": [1.1, 1.02]})
    >>> last = provisional(reference.encounters(), revised).dataset.isel(category=0, month=slice(-3, None))
    >>> (last["high"] / last["low"]).values.round(2).tolist()
    [1.0, 1.02, 1.1]
    """
    for age, low, high in revised[["low", "high"]].itertuples():
        if not 0.0 <= low <= high < np.inf:
            raise DataError(
                expected="finite factors of zero or more, low at most high",
                found=f"{low:g} and {high:g}",
                remedy="give the final count over the published one",
                row=f"age {age}",
            )
    known, table = _exact(panel), panel.dataset.copy(deep=True)
    factors = revised.reindex(_age(known).to_numpy())
    for name, whole in (("low", np.floor), ("high", np.ceil)):
        factor = xr.DataArray(factors[name].to_numpy(), dims="month", coords={"month": known["month"]})
        end = xr.apply_ufunc(whole, factor * (known + 1.0) - 1.0).clip(min=0.0)
        table[name] = end.reindex_like(table[name]).fillna(table[name]).transpose(*table[name].dims)
        table[name].attrs = panel[name].attrs
    count = table["count"].where(table["low"] == table["high"])
    before = panel["count"].attrs.get("missing_reason")
    reason = "; ".join(filter(None, (before, "the last months are provisional")))
    table["count"] = count.assign_attrs(panel["count"].attrs | {"missing": "declared", "missing_reason": reason})
    return Panel(table)


def _exact(panel: Panel) -> xr.DataArray:
    """Counts of single months, up to the last month that has one."""
    table = panel.dataset
    known = table["count"].where((table["span"] == 1) & (table["low"] == table["high"]))
    return known.isel(month=slice(int(known.count(AXIS).cumsum("month").argmax("month")) + 1))


def _age(counts: xr.DataArray) -> xr.DataArray:
    """Months from each month to the last."""
    return xr.DataArray(np.arange(counts.sizes["month"])[::-1], dims="month", coords={"month": counts["month"]})
