"""Indicators of a population by sex and age: functions of one array, to call at the edge or while streaming."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..data import DataError
from ..data.reference import Region

__all__ = [
    "INDICATORS",
    "age_total",
    "dependency_ratio",
    "dividend",
    "growth_rate",
    "median_age",
    "observed_growth",
    "support_ratio",
    "total_population",
    "working_age",
]

WINDOW: Final = 2 / 3
"""Dependants per person of working age above which the demographic window is taken to be closed."""

Indicator = Callable[[xr.DataArray], xr.DataArray]


def bounds_of(ages: NDArray[np.int64]) -> NDArray[np.float64]:
    """Upper bounds of people younger than each age, from the lower bounds of the groups; the last is infinite."""
    return np.r_[ages.astype(float), np.inf]


def below(population: xr.DataArray) -> xr.DataArray:
    """People of both sexes younger than each bound of age: axis ``bound`` in place of ``sex`` and ``age``."""
    if "bound" in population.dims:
        return population
    both = population.sum("sex", dtype="float64").transpose(..., "age")
    younger = np.concatenate([np.zeros_like(both[..., :1]), np.cumsum(both, axis=-1)], axis=-1)
    axes = [dim for dim in both.dims if dim != "age"]
    coords = {dim: both[dim] for dim in axes if dim in both.coords} | {"bound": bounds_of(both["age"].to_numpy())}
    return xr.DataArray(younger, dims=[*axes, "bound"], coords=coords)


def age_total(population: xr.DataArray, low: int = 0, high: int | None = None) -> xr.DataArray:
    """Persons of both sexes at ages `low` to `high`, both included.

    Parameters
    ----------
    population : xarray.DataArray
        Persons by ``sex`` and ``age`` (and any other axes), single years or five-year groups.
    low, high : int
        Completed ages, years; no `high` means all ages from `low`.

    Returns
    -------
    xarray.DataArray
        Persons, without ``sex`` and ``age``.

    Raises
    ------
    DataError
        If the limits are not ages of the array, or `high` is below `low`.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> people = xr.DataArray(np.ones((2, 101)), coords={"sex": ["female", "male"], "age": range(101)})
    >>> float(age_total(people, 15, 64))
    100.0
    """
    younger = below(population)
    bounds = younger["bound"].to_numpy()
    end = np.inf if high is None or high == bounds[-2] else float(high + 1)
    if not 0 <= low < end or low not in bounds or end not in bounds:
        raise DataError(
            expected=f"ages 0 <= low <= high <= {bounds[-2]:g}"
            + (f", on groups of {bounds[1]:g}" if bounds[1] > 1 else ""),
            found=f"low={low}, high={high}",
            remedy="give completed ages in years",
        )
    first, last = np.searchsorted(bounds, (low, end))
    total = younger.isel(bound=last, drop=True) - younger.isel(bound=first, drop=True)
    return total.assign_attrs(units="persons")


def total_population(population: xr.DataArray) -> xr.DataArray:
    """Everyone.

    Parameters
    ----------
    population : xarray.DataArray
        Persons by ``sex`` and ``age``.

    Returns
    -------
    xarray.DataArray
        Persons.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> people = xr.DataArray(np.ones((2, 101)), coords={"sex": ["female", "male"], "age": range(101)})
    >>> float(total_population(people))
    202.0
    """
    return age_total(population)


def working_age(population: xr.DataArray, *, young: int = 15, old: int = 65) -> xr.DataArray:
    """People of working age, young to old-1.

    Parameters
    ----------
    population : xarray.DataArray
        Persons by ``sex`` and ``age``.
    young, old : int
        First age of working life and first age after it, years.

    Returns
    -------
    xarray.DataArray
        Persons.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> people = xr.DataArray(np.ones((2, 101)), coords={"sex": ["female", "male"], "age": range(101)})
    >>> float(working_age(people, young=20))
    90.0
    """
    return age_total(population, young, old - 1)


def median_age(population: xr.DataArray) -> xr.DataArray:
    """Age that half of the population has not reached; inside an age group people are spread evenly.

    Parameters
    ----------
    population : xarray.DataArray
        Persons by ``sex`` and ``age``.

    Returns
    -------
    xarray.DataArray
        Years, at most the lower bound of the open group.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> people = xr.DataArray(np.ones((2, 101)), coords={"sex": ["female", "male"], "age": range(101)})
    >>> float(median_age(people))
    50.5
    """
    younger = below(population).transpose(..., "bound")
    values, bounds = younger.to_numpy(), younger["bound"].to_numpy()
    half = 0.5 * values[..., -1:]
    group = np.minimum((values[..., 1:] < half).sum(-1), len(bounds) - 2)  # the one that the middle person is in
    before, after = (np.take_along_axis(values, (group + more)[..., None], -1)[..., 0] for more in (0, 1))
    inside = np.where(after > before, (half[..., 0] - before) / np.maximum(after - before, 1e-300), 0.0)
    width = np.r_[np.diff(bounds[:-1]), 0.0]  # the open group is not entered
    median = younger.isel(bound=0, drop=True).copy(data=bounds[group] + width[group] * inside)
    return median.assign_attrs(units="years")


def dependency_ratio(population: xr.DataArray, *, young: int = 15, old: int = 65) -> xr.DataArray:
    """Dependants per person of working age, ((0 to young-1) + (old and over)) / (young to old-1).

    Parameters
    ----------
    population : xarray.DataArray
        Persons by ``sex`` and single year of ``age``.
    young, old : int
        First age of working life and first age after it, years.

    Returns
    -------
    xarray.DataArray
        Dependants per person of working age.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> people = xr.DataArray(np.ones((2, 101)), coords={"sex": ["female", "male"], "age": range(101)})
    >>> round(float(dependency_ratio(people)), 2)  # (15 + 36) / 50
    1.02
    """
    working = working_age(population, young=young, old=old)
    return ((age_total(population) - working) / working).assign_attrs(units=f"per person aged {young}-{old - 1}")


def support_ratio(population: xr.DataArray, *, young: int = 15, old: int = 65) -> xr.DataArray:
    """Potential support ratio: persons aged young to old-1 per person aged `old` and over (the UN's scale, per one).

    Parameters
    ----------
    population : xarray.DataArray
        Persons by ``sex`` and single year of ``age``.
    young, old : int
        First age of working life and first age after it, years.

    Returns
    -------
    xarray.DataArray
        Persons of working age per older person.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> people = xr.DataArray(np.ones((2, 101)), coords={"sex": ["female", "male"], "age": range(101)})
    >>> round(float(support_ratio(people)), 2)  # 50 / 36
    1.39
    """
    ratio = working_age(population, young=young, old=old) / age_total(population, old)
    return ratio.assign_attrs(units=f"persons aged {young}-{old - 1} per person aged {old}+")


def growth_rate(population: xr.DataArray) -> xr.DataArray:
    """Total growth in each calendar year, r(t) = P(t+1) / P(t) - 1.

    Parameters
    ----------
    population : xarray.DataArray
        Persons by ``sex`` and ``age`` at 1 January of each ``year``.

    Returns
    -------
    xarray.DataArray
        Fraction per year, for every year but the last.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> people = xr.DataArray(np.ones((2, 2, 101)), coords={"year": [2021, 2022],
    ...                       "sex": ["female", "male"], "age": range(101)})
    >>> growth_rate(people).to_numpy()
    array([0.])
    """
    total = age_total(population)
    later = total.isel(year=slice(1, None)).assign_coords(year=total["year"].to_numpy()[:-1])
    return (later / total.isel(year=slice(None, -1)) - 1.0).assign_attrs(units="per year")


INDICATORS: Final[Mapping[str, Indicator]] = MappingProxyType(
    {
        "total_population": total_population,
        "working_age": working_age,
        "dependency_ratio": dependency_ratio,
        "support_ratio": support_ratio,
        "median_age": median_age,
    }
)
"""Indicators of every projection: functions of the population (draw, year, sex, age), in float64."""


def dividend(dependency: xr.DataArray) -> xr.Dataset:
    """When the demographic dividend peaks and ends: probability by year that it already has.

    The dividend peaks when the dependency ratio is lowest; its window is over when dependants are more than two for
    every three people of working age and stay so to the end of the path.

    Parameters
    ----------
    dependency : xarray.DataArray
        Dependency ratio (draw, year, …).

    Returns
    -------
    xarray.Dataset
        ``peak`` (draw, …), the year of the lowest ratio; ``peaked`` and ``ended`` (year, …), share of the draws in
        which the peak lies behind, and in which the ratio has passed two thirds for good.

    Examples
    --------
    >>> import numpy as np
    >>> ratio = xr.DataArray([[0.6, 0.5, 0.6], [0.6, 0.55, 0.5]], dims=("draw", "year"),
    ...                      coords={"year": [2030, 2031, 2032]})
    >>> dividend(ratio)["peaked"].values.tolist()
    [0.0, 0.0, 0.5]
    """
    peak = dependency["year"].isel(year=dependency.argmin("year"))
    # From its last year at or below two thirds on the window stays closed.
    high = dependency > WINDOW
    closed = high.isel(year=slice(None, None, -1)).cumprod("year").isel(year=slice(None, None, -1)) > 0
    return xr.Dataset(
        {
            "peak": peak.drop_vars("year").assign_attrs(units="year"),
            "peaked": (dependency["year"] > peak.drop_vars("year")).mean("draw").assign_attrs(units="probability"),
            "ended": closed.mean("draw").assign_attrs(units="probability"),
        }
    )


def observed_growth(region: Region) -> xr.Dataset:
    """Observed growth of each country and its parts, total = natural + social up to the account's rounding.

    Parameters
    ----------
    region : Region
        Published births, deaths, net migration and population.

    Returns
    -------
    xarray.Dataset
        ``natural_growth`` ((births - deaths) / P(t)), ``social_growth`` (net migration / P(t)) and ``growth_rate``
        (P(t+1) / P(t) - 1) by country and year, fraction per year.

    Examples
    --------
    >>> from poblar.data import reference
    >>> growth = observed_growth(reference.region(("MEX",)))
    >>> round(float(growth["natural_growth"].sel(country="MEX", year=1980)), 4)
    0.0285
    """
    total = region.total["population"]
    flows = region.births["births"]
    start = total.sel(year=flows["year"])
    end = total.sel(year=flows["year"] + 1).assign_coords(year=flows["year"])
    parts = {
        "natural_growth": (flows - region.deaths["deaths"]) / start,
        "social_growth": region.net_migration["net_migration"] / start,
        "growth_rate": end / start - 1.0,
    }
    return xr.Dataset({name: part.assign_attrs(units="per year") for name, part in parts.items()})
