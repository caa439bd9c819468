"""Age schedules: from five-year groups to single years, and from life expectancy to survival by age."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from ..data import DataError
from ..data.axes import SEXES
from .lifetable import AGES, life_expectancy, survival_ratios

__all__ = ["SurvivalTable", "decline_by_age", "single_year_rates", "split_groups", "survival_table"]

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


def decline_by_age(history: xr.DataArray, first: int = 1980, last: int = 2010) -> xr.DataArray:
    """How fast the log death rate falls at each age, relative to the mean over ages: one schedule for all.

    The pattern b(x) of Lee & Carter (1992), estimated as in the coherent form of Li & Lee (2005): the same for both
    sexes and all countries of the region, so that their forecasts do not drift apart.

    Parameters
    ----------
    history : xarray.DataArray
        Death rates (country, year, sex, abridged age), per person-year.
    first, last : int
        Years between which the decline is measured; 2010 is the last decade before the pandemic.

    Returns
    -------
    xarray.DataArray
        b by single year of ``age``, mean one over ages 0-99, at least 0.2 everywhere.

    Examples
    --------
    >>> from poblar.data import reference
    >>> b = decline_by_age(reference.region().mx["mx"])
    >>> bool(b.sel(age=1) > b.sel(age=80))
    True
    """
    logs = xr.apply_ufunc(np.log, history)
    fall = logs.sel(year=first) - logs.sel(year=last)
    mean = fall.mean([dim for dim in fall.dims if dim != "age"])
    middles = np.r_[0.0, 3.0, mean["age"].to_numpy()[2:] + 2.5]
    b = PchipInterpolator(middles, mean.to_numpy())(np.clip(AGES, 0.0, middles[-1]))
    b = np.maximum(b / b[:100].mean(), 0.2)
    return xr.DataArray(b / b[:100].mean(), dims="age", coords={"age": AGES}, name="decline")


@dataclass(frozen=True)
class SurvivalTable:
    """Survival ratios of one country as a function of life expectancy, for linear interpolation.

    Parameters
    ----------
    e0 : array, shape (grid,)
        Life expectancies, evenly spaced, years.
    survival : array, shape (2, grid, 102)
        Survival ratios of women and men (see `poblar.forecast.lifetable.survival_ratios`).

    Examples
    --------
    >>> from poblar.data import reference
    >>> region = reference.region(("MEX",))
    >>> table = survival_table(region.mx_recent["mx"].sel(country="MEX"), decline_by_age(region.mx["mx"]))
    >>> table.survival.shape[0], table.survival.shape[2]
    (2, 102)
    """

    e0: Array
    survival: Array


def survival_table(
    mx: xr.DataArray, decline: xr.DataArray, low: float = 20.0, high: float = 110.0, step: float = 0.25
) -> SurvivalTable:
    """Tabulate the survival ratios of the schedules ``m(x) = m0(x) exp(-k b(x))`` at evenly spaced e0.

    Parameters
    ----------
    mx : xarray.DataArray
        Recent death rates m0 of one country (sex, abridged age), per person-year.
    decline : xarray.DataArray
        b by single year of age, from `decline_by_age`.
    low, high, step : float
        Grid of life expectancies, years.

    Returns
    -------
    SurvivalTable

    Examples
    --------
    >>> from poblar.data import reference
    >>> region = reference.region(("MEX",))
    >>> table = survival_table(region.mx_recent["mx"].sel(country="MEX"), decline_by_age(region.mx["mx"]))
    >>> bool((table.survival[:, -1, 1:] >= table.survival[:, 0, 1:]).all())
    True
    """
    base = single_year_rates(mx).transpose("sex", "age").sel(sex=list(SEXES)).to_numpy()
    grid = np.arange(low, high + step / 2, step)
    b = decline.to_numpy()
    k = np.linspace(-6.0, 25.0, 3001)
    tables = []
    for sex, schedule in zip(SEXES, base, strict=True):
        reached = life_expectancy(_shifted(schedule, k, b), sex)
        tables.append(survival_ratios(_shifted(schedule, np.interp(grid, reached, k), b), sex))
    return SurvivalTable(grid, np.stack(tables))


def _shifted(schedule: Array, k: Array, b: Array) -> Array:
    return np.minimum(schedule * np.exp(-k[:, None] * b), 5.0)
