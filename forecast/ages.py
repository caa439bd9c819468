"""Age schedules: from five-year groups to single years."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from ..data import DataError
from .lifetable import AGES

__all__ = ["single_year_rates", "split_groups"]

Array = NDArray[np.float64]

OLDEST = 110.0  # where the last person of the open group is taken to stand when counts are spread


def split_groups(counts: xr.DataArray) -> xr.DataArray:
    """Spread counts in age groups over single years, keeping every group's total and non-negative.

    The cumulated counts are interpolated by a monotone cubic (Fritsch & Carlson 1980) and differenced.

    Parameters
    ----------
    counts : xarray.DataArray
        Counts or shares of one sign by ``age``, the lower bounds of adjoining groups, ascending; the last is
        open if it is 100, else as wide as the one before it.

    Returns
    -------
    xarray.DataArray
        The same over ``age`` 0 … 100, with zero outside the groups; 100 holds the open group.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> groups = xr.DataArray([50.0, 50.0], dims="age", coords={"age": [10, 15]})
    >>> split_groups(groups).sel(age=[9, 10, 14, 19, 20]).to_numpy()
    array([ 0., 10., 10., 10.,  0.])
    """
    bounds = counts["age"].to_numpy().astype(float)
    end = OLDEST if bounds[-1] == 100 else bounds[-1] + (bounds[-1] - bounds[-2])
    edges = np.r_[bounds, end]
    values = counts.transpose(..., "age").to_numpy()
    total = np.concatenate([np.zeros_like(values[..., :1]), np.cumsum(values, axis=-1)], axis=-1)
    at = np.clip(np.r_[AGES, OLDEST], edges[0], edges[-1])
    at[-1] = edges[-1]
    cumulated = PchipInterpolator(edges, total, axis=-1)(at)
    single = np.diff(cumulated, axis=-1)
    if bounds[-1] == 100:
        single[..., 100] = values[..., -1]  # the open group is not touched by rounding
    dims = [*counts.transpose(..., "age").dims]
    coords = {dim: counts.coords[dim] for dim in dims[:-1]} | {"age": AGES}
    return xr.DataArray(single, dims=dims, coords=coords, attrs=counts.attrs)


def single_year_rates(mx: xr.DataArray) -> xr.DataArray:
    """Death rates by single year of age from abridged ones (0, 1, 5, … 100).

    The log of the rate is interpolated by a monotone cubic through the middles of the groups. Between infants and the
    ages 1-4 the rate falls faster than that, so these four are scaled to the mean that their group has.

    Parameters
    ----------
    mx : xarray.DataArray
        Death rates by abridged ``age``, per person-year.

    Returns
    -------
    xarray.DataArray
        Over ``age`` 0 … 100; infants and the open group keep their rates.

    Examples
    --------
    >>> from poblar.data import reference
    >>> mx = reference.region().mx_recent["mx"].sel(country="MEX", sex="female")
    >>> single_year_rates(mx).sizes["age"]
    101
    """
    ages = mx["age"].to_numpy().astype(float)
    if ages[0] != 0 or ages[1] != 1 or ages[-1] != 100:
        raise DataError(
            expected="abridged ages 0, 1, 5, … 100",
            found=f"ages {ages.astype(int).tolist()}",
            remedy="give infants, ages 1-4 and five-year groups up to an open group at 100",
        )
    middles = np.r_[0.5, (ages[1:-1] + ages[2:]) / 2, 100.5]
    logs = np.log(np.maximum(mx.transpose(..., "age").to_numpy(), 1e-9))
    rates = np.exp(PchipInterpolator(middles, logs, axis=-1)(AGES + 0.5))
    rates[..., 1:5] *= np.exp(logs[..., 1:2]) / rates[..., 1:5].mean(-1, keepdims=True)
    dims = [*mx.transpose(..., "age").dims]
    coords = {dim: mx.coords[dim] for dim in dims[:-1]} | {"age": AGES}
    return xr.DataArray(rates, dims=dims, coords=coords, attrs=mx.attrs)
