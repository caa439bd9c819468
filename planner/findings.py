"""What the draws say in a sentence each: turning points with their bands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..forecast import Projection
from .asked import Staff

__all__ = ["people_findings", "queue_findings", "turning_year"]

QUANTILES = (0.1, 0.5, 0.9)


def turning_year(below: xr.DataArray) -> str:
    """First year from which something stays true to the horizon, with its 80 % interval, in words.

    Parameters
    ----------
    below : xarray.DataArray of bool
        Whether it is true, by draw and year.

    Returns
    -------
    str
        "2049 (80 % interval 2040 to 2058)"; years past the horizon are "after" it.

    Examples
    --------
    >>> import xarray as xr
    >>> turning_year(xr.DataArray([[False, True, True]], dims=("draw", "year"), coords={"year": [2030, 2031, 2032]}))
    '2031 (80 % interval 2031 to 2031)'
    """
    values = below.transpose("draw", "year").to_numpy()
    stays = np.logical_and.accumulate(values[:, ::-1], axis=1)[:, ::-1]
    years = below["year"].to_numpy()
    first = np.where(stays[:, -1], years[stays.argmax(1)], years[-1] + 1)
    return _interval(first, int(years[-1]))


def people_findings(people: Projection, until: int, place: str) -> list[str]:
    """Turning points of one country's population.

    Parameters
    ----------
    people : Projection
        Draws of one country.
    until : int
        Last year of the forecasts.
    place : str
        What the country is called.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from poblar.data import reference
    >>> from poblar.forecast import project
    >>> len(people_findings(project(reference.region(("MEX",))), 2023, "Mexico"))
    5
    """

    def one(array: xr.DataArray) -> xr.DataArray:
        return array.squeeze("country", drop=True)

    total, dependency = one(people.total), one(people.dependency_ratio)
    years = total["year"].to_numpy()
    peak = years[total.transpose("draw", "year").to_numpy().argmax(1)]
    least = dependency["year"].to_numpy()[dependency.transpose("draw", "year").to_numpy().argmin(1)]
    end = min(until + 1, int(years[-1]))
    low, middle, high = (float(total.sel(year=end).quantile(q)) / 1e6 for q in QUANTILES)
    support = [float(one(people.support_ratio).sel(year=min(2050, end)).quantile(q)) for q in QUANTILES]
    return [
        f"Deaths outnumber births for good from {turning_year(one(people.natural_growth) < 0)}.",
        f"The population of {place} is largest in {_interval(peak, int(years[-1]) - 1)}.",
        f"It stands at {middle:,.0f} million at 1 January {end} (80 % interval {low:,.0f} to {high:,.0f}).",
        f"There are fewest dependants for each person of working age in {_interval(least, int(years[-1]) - 1)}: "
        "the demographic dividend ends there.",
        f"For each person aged 65 and over there are {support[1]:.1f} persons aged 15-64 in {min(2050, end)} "
        f"(80 % interval {support[0]:.1f} to {support[2]:.1f}).",
    ]


def queue_findings(runs: dict[str, xr.Dataset], asked: Staff) -> list[str]:
    """How many wait, and how long, at the start of the staffing plan and at the date of its promise.

    Parameters
    ----------
    runs : dict of str to xarray.Dataset
        Runs of the queue by scenario, "without" and "with".
    asked : Staff
        What was asked.

    Returns
    -------
    list of str

    Examples
    --------
    >>> run = xr.Dataset({"pending": 12.0, "wait": 7.0}).expand_dims(draw=[0, 1], country=["MEX"])
    >>> run = run.expand_dims(month=np.array(["2027-01-01", "2031-01-01"], dtype="datetime64[s]"))
    >>> queue_findings({"without": run, "with": run}, Staff())[2][44:]
    '... is 12 ...'
    """
    since = asked.start if asked.promised is None else asked.promised.since
    found = []
    for scenario, month in (("without", asked.start), ("without", since), ("with", since)):
        at = runs[scenario].sel(month=f"{month}-01").squeeze("country", drop=True)
        pending, wait = (np.quantile(at[name], QUANTILES) for name in ("pending", "wait"))
        who = f"with {asked.in_post:,.0f} officers" if scenario == "without" else "with the plan"
        people, months = _said(pending, "{:,.0f}".format), _said(wait, _months)
        found.append(
            f"At the start of {month}, {who}, the number of people who wait is {people}; "
            f"a new applicant waits {months}."
        )
    return found


def _said(values: NDArray[np.float64], words: Callable[[float], str]) -> str:
    low, middle, high = (words(value) for value in values.tolist())
    return f"{middle} (80 % interval {low} to {high})" if low != high else f"{middle} (in 80 % of the draws)"


def _months(wait: float) -> str:
    if wait >= 120:
        return "ten years or more"
    if wait < 1:
        return "less than a month"
    return f"{wait:.0f} month{'' if round(wait) == 1 else 's'}" if wait < 24 else f"{wait / 12:.1f} years"


def _interval(years: NDArray[np.int64], last: int) -> str:
    low, middle, high = np.quantile(years, QUANTILES, method="nearest")

    def said(year: int) -> str:
        return f"after {last}" if year > last else f"{year}"

    return f"{said(middle)} (80 % interval {said(low)} to {said(high)})"
