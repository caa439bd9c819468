"""How good a forecast was: scores of draws against what came."""

from __future__ import annotations

import numpy as np
import xarray as xr

__all__ = ["continuous_ranked_probability", "covered", "width"]


def continuous_ranked_probability(draws: xr.DataArray, truth: xr.DataArray) -> xr.DataArray:
    r"""Continuous ranked probability score of a sample: small for draws that lie close about what came.

    .. math:: \mathrm{CRPS} = \frac{1}{n} \sum_i |x_i - y| - \frac{1}{2 n^2} \sum_{i,j} |x_i - x_j|

    (Gneiting & Raftery 2007, eq. 21), the second sum by sorting. Of a single path it is the absolute error.

    Parameters
    ----------
    draws : xarray.DataArray
        Forecast with an axis ``draw``.
    truth : xarray.DataArray
        What came, over the other axes, aligned exactly.

    Returns
    -------
    xarray.DataArray
        In the units of the draws, over the other axes.

    References
    ----------
    Gneiting T., Raftery A.E. (2007), Strictly proper scoring rules, prediction, and estimation, Journal of the American
    Statistical Association 102.

    Examples
    --------
    >>> import xarray as xr
    >>> draws = xr.DataArray([1.0, 3.0], dims="draw")
    >>> float(continuous_ranked_probability(draws, xr.DataArray(2.0)))  # 1 - 2/4
    0.5
    """
    draws, truth = _aligned(draws, truth)
    ordered = draws.copy(data=np.sort(draws.to_numpy(), axis=0))
    count = draws.sizes["draw"]
    weights = xr.DataArray(2 * np.arange(1, count + 1) - count - 1, dims="draw")
    return abs(draws - truth).mean("draw") - (weights * ordered).sum("draw") / count**2


def covered(draws: xr.DataArray, truth: xr.DataArray, level: int) -> xr.DataArray:
    """Whether what came lies within the central band of this level.

    Parameters
    ----------
    draws, truth : xarray.DataArray
        As in `continuous_ranked_probability`.
    level : int
        Percent, e.g. 80.

    Returns
    -------
    xarray.DataArray
        Of bool, over the other axes; its mean is the coverage.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> draws = xr.DataArray(np.linspace(0.0, 1.0, 101), dims="draw")
    >>> bool(covered(draws, xr.DataArray(0.85), 80)), bool(covered(draws, xr.DataArray(0.95), 80))
    (True, False)
    """
    draws, truth = _aligned(draws, truth)
    low, high = _band(draws, level)
    return (low <= truth) & (truth <= high)


def width(draws: xr.DataArray, level: int) -> xr.DataArray:
    """Width of the central band of this level.

    Parameters
    ----------
    draws : xarray.DataArray
        Forecast with an axis ``draw``.
    level : int
        Percent.

    Returns
    -------
    xarray.DataArray
        In the units of the draws, over the other axes.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> round(float(width(xr.DataArray(np.linspace(0.0, 1.0, 101), dims="draw"), 80)), 6)
    0.8
    """
    low, high = _band(draws, level)
    return high - low


def _aligned(draws: xr.DataArray, truth: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    draws = draws.transpose("draw", ...)
    return xr.align(draws, truth.transpose(*draws.dims[1:]), join="exact", exclude="draw")


def _band(draws: xr.DataArray, level: int) -> tuple[xr.DataArray, xr.DataArray]:
    tail = (1.0 - level / 100.0) / 2.0
    quantiles = draws.quantile([tail, 1.0 - tail], "draw")
    return quantiles.isel(quantile=0, drop=True), quantiles.isel(quantile=1, drop=True)
