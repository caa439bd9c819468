"""The forecast that a model of counts must beat: what was last goes on, with the errors of this rule so far."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from ..data import DataError, Panel
from ._flows_baselines import baseline
from ._flows_paths import months_after

__all__ = ["persistence"]


def persistence(
    panel: Panel, *, until: int | str, kind: str = "persistence", draws: int = 2000, seed: int
) -> xr.DataArray:
    r"""Draws of monthly counts that go on as they were, to be printed beside those of `Flows`.

    .. math:: \log(k_{T+h} + \tfrac12) = c_h + e_h

    with :math:`c_h` the last count (persistence), the last of the same month of the year (seasonal), or the last and h
    times the mean monthly change so far (drift), and :math:`e_h` one of the errors that the rule has made at h months,
    or its opposite. Each month is drawn for itself: bands of single months are the rule's, those of sums are not.

    Parameters
    ----------
    panel : Panel
        ``count`` of single months (series, month), persons; where only ``low`` and ``high`` are known their middle is
        taken.
    until : int or str
        Last month, e.g. "2025-12"; a year means its December.
    kind : str
        "persistence", "seasonal" or "drift".
    draws : int
        Number of draws.
    seed : int
        Seed of the draws.

    Returns
    -------
    xarray.DataArray
        Persons, axes ``draw``, that of the series, and ``month``, as `Flows` forecasts them.

    Raises
    ------
    DataError
        If a count sums several months.
    DrawsError
        If the kind is unknown, the panel has less than two years, or `until` is not after its end.

    Examples
    --------
    >>> from poblar.data import reference
    >>> again = persistence(reference.encounters(), until="2023-12", kind="seasonal", draws=4000, seed=1)
    >>> float(again.sel(category="MEX", month="2023-03-01").median().round(-4))  # 82,860 in March 2022
    80000.0
    """
    axis = next(str(dim) for dim in panel["count"].dims if dim != "month")
    if "span" in panel.names and bool((panel["span"] > 1).any()):
        raise DataError(
            expected="counts of single months",
            found="counts that sum several",
            remedy="hold forecasts of years against the year before",
            column="span",
        )
    count = panel["count"]
    if "low" in panel.names and "high" in panel.names:
        count = count.fillna((panel["low"] + panel["high"]) / 2.0)
    months = pd.DatetimeIndex(panel["month"].to_numpy())
    ahead = months_after(months[-1], until)
    values = baseline(
        kind,
        count.transpose(axis, "month").to_numpy().astype(float),
        range(1, len(ahead) + 1),
        draws,
        np.random.default_rng(seed),
    )
    return xr.DataArray(
        values,
        dims=("draw", axis, "month"),
        coords={"draw": np.arange(draws), axis: panel[axis].to_numpy(), "month": ahead},
        name="count",
        attrs={"units": count.attrs.get("units", "persons"), "model": kind, "seed": seed},
    )
