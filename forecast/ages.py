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

__all__ = ["SurvivalTable", "death_rates", "decline_by_age", "single_year_rates", "split_groups", "survival_table"]

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
    mx: xr.DataArray, decline: xr.DataArray, low: float = 5.0, high: float = 110.0, step: float = 0.25
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

    Raises
    ------
    DataError
        If the ages are not abridged, or if the rates cannot be scaled to all life expectancies of the grid.

    Examples
    --------
    >>> from poblar.data import reference
    >>> region = reference.region(("MEX",))
    >>> table = survival_table(region.mx_recent["mx"].sel(country="MEX"), decline_by_age(region.mx["mx"]))
    >>> bool((table.survival[:, -1, 1:] >= table.survival[:, 0, 1:]).all())
    True
    """
    grid = np.arange(low, high + step / 2, step)
    rates = _scaled(mx, decline, dict.fromkeys(SEXES, grid))
    return SurvivalTable(grid, np.stack([survival_ratios(rates[sex], sex) for sex in SEXES]))


def death_rates(mx: xr.DataArray, decline: xr.DataArray, e0: xr.DataArray) -> xr.DataArray:
    """Death rates by single year of age whose life table has each life expectancy, ``m(x) = m0(x) exp(-k b(x))``.

    Parameters
    ----------
    mx : xarray.DataArray
        Recent death rates m0 of one country (sex, abridged age), per person-year.
    decline : xarray.DataArray
        b by single year of age, from `decline_by_age`.
    e0 : xarray.DataArray
        Life expectancies (sex, and any other axes), years.

    Returns
    -------
    xarray.DataArray
        The axes of e0 and ``age``, per person-year; `poblar.forecast.lifetable.life_table` takes one schedule of them.

    Raises
    ------
    DataError
        If the ages are not abridged, or the rates cannot be scaled to a life expectancy.

    Examples
    --------
    >>> from poblar.data import reference
    >>> from poblar.forecast.lifetable import life_table
    >>> region = reference.region(("MEX",))
    >>> e0 = xr.DataArray([82.0, 77.0], coords={"sex": ["female", "male"]}, dims="sex")
    >>> rates = death_rates(region.mx_recent["mx"].sel(country="MEX"), decline_by_age(region.mx["mx"]), e0)
    >>> round(float(life_table(rates.sel(sex="male").to_numpy(), "male").loc[0, "ex"]), 2)
    77.0
    """
    own = e0.transpose("sex", ...)
    rates = _scaled(mx, decline, {sex: own.sel(sex=sex).to_numpy().ravel() for sex in SEXES})
    values = np.stack([rates[sex].reshape(*own.shape[1:], len(AGES)) for sex in SEXES])
    coords = {dim: own[dim] for dim in own.dims if dim in own.coords} | {"sex": list(SEXES), "age": AGES}
    return xr.DataArray(values, dims=[*own.dims, "age"], coords=coords, attrs={"units": "per person-year"})


def _scaled(mx: xr.DataArray, decline: xr.DataArray, e0: dict[str, Array]) -> dict[str, Array]:
    """Schedules (e0, 101) of each sex that have these life expectancies."""
    base, b = single_year_rates(mx), decline.to_numpy()
    found = {}
    for sex, wanted in e0.items():
        schedule = base.sel(sex=sex).to_numpy()
        found[sex] = _shifted(schedule, _index_of(wanted, schedule, b, sex), b)
    return found


def _index_of(e0: Array, schedule: Array, b: Array, sex: str) -> Array:
    """The k of ``m0(x) exp(-k b(x))`` that has each life expectancy, to some thousandths of a year."""
    k = np.linspace(-6.0, 20.0, 521)
    reached = life_expectancy(_shifted(schedule, k, b), sex)
    # Where rates are at their ceiling a lower k changes nothing, and beyond 150 years nobody looks.
    rising = np.r_[True, reached[1:] > np.maximum.accumulate(reached)[:-1]] & (reached > 1.0) & (reached < 150.0)
    k, reached = k[rising], reached[rising]
    if not (k.size and reached[0] <= e0.min() and e0.max() <= reached[-1]):
        span = f"{reached[0]:.1f} to {reached[-1]:.1f} years" if k.size else "none between 1 and 150 years"
        raise DataError(
            expected=f"death rates that can be scaled to life expectancies of {e0.min():g} to {e0.max():g} years",
            found=f"{span} ({sex})",
            remedy="check the death rates and their decline by age, or narrow low= and high=",
        )
    return PchipInterpolator(reached, k)(e0)


def _shifted(schedule: Array, k: Array, b: Array) -> Array:
    return np.minimum(schedule * np.exp(-k[:, None] * b), 5.0)
