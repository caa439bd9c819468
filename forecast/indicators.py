"""Indicators of a projected population: growth, dependency and support."""

from __future__ import annotations

import xarray as xr

from ..data import DataError
from ..data.reference import Region

__all__ = ["age_total", "dependency_ratio", "growth_rate", "observed_growth", "support_ratio"]


def age_total(population: xr.DataArray, low: int = 0, high: int | None = None) -> xr.DataArray:
    """Persons of both sexes at ages `low` to `high`, both included.

    Parameters
    ----------
    population : xarray.DataArray
        Persons by ``sex`` and single year of ``age`` (and any other axes).
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
    top = int(population["age"].max()) if high is None else high
    if not 0 <= low <= top <= int(population["age"].max()):
        raise DataError(
            expected="ages 0 <= low <= high <= 100",
            found=f"low={low}, high={high}",
            remedy="give completed ages in years",
        )
    chosen = population.sel(age=slice(low, top)).sum(["sex", "age"], dtype="float64")
    return chosen.assign_attrs(units="persons")


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
    working = age_total(population, young, old - 1)
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
    ratio = age_total(population, young, old - 1) / age_total(population, old)
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
