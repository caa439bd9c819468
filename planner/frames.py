"""Tidy tables of what the demo found: bands, history, pyramids, the queue."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from ..data import Panel, Region
from ..forecast import Comparison, Projection, bands
from ..forecast.draws import probability
from ..forecast.indicators import observed_growth
from .asked import Wait

__all__ = [
    "growth_bands",
    "history",
    "ledger",
    "promise",
    "pyramid_bands",
    "pyramid_history",
]

COMPARED = {"total_population": "population"} | {
    name: name for name in ("growth_rate", "dependency_ratio", "support_ratio", "net_migration")
}
"""Indicators by which scenarios are compared, and what tables call them."""

SCENARIOS = ("without", "with")
"""The plan's scenarios, in the order shown."""


def indicator_bands(people: Projection, rates: dict[str, xr.DataArray]) -> pd.DataFrame:
    """Bands of every indicator of one country, from the first year forecast.

    Parameters
    ----------
    people : Projection
        Draws of one country.
    rates : dict of str to xarray.DataArray
        Draws of ``tfr`` and ``e0`` that the projection was made with.

    Returns
    -------
    pandas.DataFrame
        Columns indicator, country, sex, year, units, median, lower50, upper50, lower80 …
    """
    (country,) = people.countries
    first = int(rates["tfr"]["year"][0])
    arrays = {name: array.sel(country=[country]) for name, array in rates.items()} | {
        "net_migration": people.flows["net_migration"],
        "population": people.total,
        "natural_growth": people.natural_growth,
        "social_growth": people.social_growth,
        "growth_rate": people.growth_rate,
        "dependency_ratio": people.dependency_ratio,
        "support_ratio": people.support_ratio,
    }
    frames = []
    for name, array in arrays.items():
        frame = bands(array.sel(year=slice(first, None)).transpose("draw", "country", "year", ...))
        if "sex" not in frame:
            frame.insert(2, "sex", "both")
        frames.append(frame.assign(indicator=name))
    table = pd.concat(frames, ignore_index=True)
    first_columns = ["indicator", "country", "sex", "year", "units"]
    return table[[*first_columns, *(name for name in table if name not in first_columns)]]


def history(region: Region, country: str) -> pd.DataFrame:
    """Observed figures of the indicators, 1950 on; the age ratios at mid-year of each decade.

    Parameters
    ----------
    region : Region
        Published figures.
    country : str
        One of its countries.

    Returns
    -------
    pandas.DataFrame
        Columns indicator, country, sex, year, units, value.

    Examples
    --------
    >>> from poblar.data import reference
    >>> table = history(reference.region(["MEX"]), "MEX")
    >>> table.query("indicator == 'tfr' and year == 2023")["value"].round(1).tolist()
    [1.9]
    """
    growth = observed_growth(region)
    ages = region.population["population"].sel(country=country).sum("sex")
    old = ages.sel(age=slice(65, None)).sum("age")
    working = ages.sel(age=slice(15, 64)).sum("age")
    arrays = {
        "tfr": region.tfr["tfr"].sel(country=country),
        "e0": region.e0["e0"].sel(country=country),
        "net_migration": region.net_migration["net_migration"].sel(country=country),
        "population": region.total["population"].sel(country=country),
        **{name: growth[name].sel(country=country) for name in growth.data_vars},
        "dependency_ratio": (ages.sum("age") / working - 1.0).assign_attrs(units="per person aged 15-64"),
        "support_ratio": (working / old).assign_attrs(units="persons aged 15-64 per person aged 65+"),
    }
    frames = []
    for name, array in arrays.items():
        frame = array.drop_vars("country").to_dataframe("value").reset_index()
        if "sex" not in frame:
            frame["sex"] = "both"
        frames.append(frame.assign(indicator=name, country=country, units=array.attrs["units"]))
    columns = ["indicator", "country", "sex", "year", "units", "value"]
    return pd.concat(frames, ignore_index=True)[columns].dropna(subset="value")


def pyramid_history(region: Region, country: str, years: list[int]) -> pd.DataFrame:
    """Observed population by sex and five-year age at mid-year.

    Parameters
    ----------
    region : Region
        Published figures.
    country : str
        One of its countries.
    years : list of int
        Among those of the region's population, such as 1950, 1960 … 2020.

    Returns
    -------
    pandas.DataFrame
        Columns year, sex, age, value (persons).

    Examples
    --------
    >>> from poblar.data import reference
    >>> len(pyramid_history(reference.region(["MEX"]), "MEX", [2000]))
    42
    """
    people = region.population["population"].sel(country=country, year=years).drop_vars("country")
    people = people.assign_coords(age=people["age"] // 5 * 5).groupby("age").sum()
    frame = people.transpose("year", "sex", "age").to_dataframe("value").reset_index()
    return frame[["year", "sex", "age", "value"]]


def pyramid_bands(people: Projection, years: list[int]) -> pd.DataFrame:
    """Bands of the population by sex and five-year age at 1 January.

    Parameters
    ----------
    people : Projection
        Draws of one country.
    years : list of int
        Years projected.

    Returns
    -------
    pandas.DataFrame
        Columns year, sex, age, units, median, lower50 …

    Examples
    --------
    >>> from poblar.data import reference
    >>> from poblar.forecast import project
    >>> len(pyramid_bands(project(reference.region(("MEX",))), [2022]))
    42
    """
    chosen = people.population.squeeze("country", drop=True).sel(year=years)
    grouped = chosen.astype("float64").assign_coords(age=chosen["age"] // 5 * 5).groupby("age").sum()
    return bands(grouped.assign_attrs(units="persons").transpose("draw", "year", "sex", "age"))


def growth_bands(growth: xr.Dataset) -> pd.DataFrame:
    """Bands of growth and support without and with the quota plan.

    Parameters
    ----------
    growth : xarray.Dataset
        From `poblar.planner.plans.growth_with_plan`.

    Returns
    -------
    pandas.DataFrame
        Columns indicator, scenario, year, units, median, lower50 …

    Examples
    --------
    >>> import xarray as xr
    >>> draws = xr.DataArray([[[0.1]]], dims=("scenario", "draw", "year"),
    ...                      coords={"scenario": ["without"], "year": [2030]}, attrs={"units": "per year"})
    >>> growth_bands(xr.Dataset({"growth_rate": draws}))["median"].tolist()
    [0.1]
    """
    frames = [bands(array).assign(indicator=str(name)) for name, array in growth.items()]
    table = pd.concat(frames, ignore_index=True)
    return table[["indicator", *(name for name in table if name != "indicator")]]


def queue_bands(queue: xr.Dataset, runs: dict[str, xr.Dataset]) -> pd.DataFrame:
    """Bands of arrivals, and of pending cases, decisions and waits in each scenario.

    Parameters
    ----------
    queue : xarray.Dataset
        Draws from ``Backlog().fit(…).forecast(…)``.
    runs : dict of str to xarray.Dataset
        Runs of it by scenario, from `poblar.planner.plans.queue_with_officers`.

    Returns
    -------
    pandas.DataFrame
        Columns indicator, scenario, country, month, units, median, lower50 …
    """
    frames = [bands(queue["arrivals"]).assign(indicator="arrivals", scenario="both")]
    for scenario, run in runs.items():
        for name in ("pending", "decided", "wait"):
            frames.append(bands(run[name]).assign(indicator=name, scenario=scenario))
    table = pd.concat(frames, ignore_index=True)
    return table[["indicator", "scenario", *(name for name in table if name not in ("indicator", "scenario"))]]


def promise(runs: dict[str, xr.Dataset], promised: Wait) -> pd.DataFrame:
    """Probability that who applies in a month is decided within the wait promised, by scenario.

    Parameters
    ----------
    runs : dict of str to xarray.Dataset
        Runs by scenario.
    promised : Wait
        What was asked.

    Returns
    -------
    pandas.DataFrame
        Columns scenario, month, probability; a row for each month of the queue.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> wait = xr.DataArray([[3.0], [9.0]], dims=("draw", "month"),
    ...                     coords={"month": np.array(["2031-01-01"], dtype="datetime64[s]")})
    >>> promise({"with": xr.Dataset({"wait": wait})}, Wait())["probability"].tolist()
    [0.5]
    """
    months = promised.made().months
    frames = [
        probability(run["wait"] <= months).to_dataframe("probability").reset_index().assign(scenario=scenario)
        for scenario, run in runs.items()
    ]
    return pd.concat(frames, ignore_index=True)[["scenario", "month", "probability"]]


def paths(people: Projection, rates: dict[str, xr.DataArray], count: int) -> pd.DataFrame:
    """Some draws of one country, each a path of its own: what bands cannot show.

    Parameters
    ----------
    people : Projection
        Draws of one country.
    rates : dict of str to xarray.DataArray
        Draws of ``tfr`` that the projection was made with.
    count : int
        How many, the first ones.

    Returns
    -------
    pandas.DataFrame
        Columns indicator, draw, year, value.
    """
    arrays = {
        "tfr": rates["tfr"],
        "net_migration": people.flows["net_migration"],
        "population": people.total,
        "growth_rate": people.growth_rate,
        "support_ratio": people.support_ratio,
    }
    first = int(rates["tfr"]["year"][0])
    tables = []
    for name, array in arrays.items():
        some = array.isel(draw=slice(count)).sel(year=slice(first, None)).squeeze("country", drop=True)
        tables.append(some.to_dataframe("value").reset_index().assign(indicator=name))
    return pd.concat(tables, ignore_index=True)[["indicator", "draw", "year", "value"]]


def scenario_bands(found: Comparison) -> pd.DataFrame:
    """Bands of what scenarios are compared by, one row a scenario and year.

    Parameters
    ----------
    found : Comparison
        Scenarios of one country.

    Returns
    -------
    pandas.DataFrame
        Columns indicator, scenario, year, units, median, lower50 …
    """
    return _compared({ours: found.values(name) for name, ours in COMPARED.items()})


def scenario_differences(found: Comparison) -> pd.DataFrame:
    """Bands of what each scenario has more than the forecast, draw by draw.

    Parameters
    ----------
    found : Comparison
        Scenarios of one country.

    Returns
    -------
    pandas.DataFrame
        As `scenario_bands`, without the first scenario.
    """
    return _compared({ours: found.difference(name) for name, ours in COMPARED.items()})


def ledger(panel: Panel, country: str) -> pd.DataFrame:
    """The asylum ledger of a country as a tidy table, for the years whose stock is known.

    Parameters
    ----------
    panel : Panel
        With ``applications`` … ``staff`` (country, year).
    country : str
        One of its countries.

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> from poblar.data import reference
    >>> list(ledger(reference.region(["MEX"]).asylum, "MEX"))[:3]
    ['year', 'applications', 'recognized']
    """
    names = ["applications", "recognized", "rejected", "closed", "pending", "staff"]
    frame = panel.sel(country=country).dataset[names].squeeze("country", drop=True).to_dataframe().reset_index()
    return frame[["year", *names]].dropna(subset="pending")


def _compared(arrays: dict[str, xr.DataArray]) -> pd.DataFrame:
    tables = [
        bands(array.squeeze("country", drop=True).transpose("draw", "scenario", "year")).assign(indicator=name)
        for name, array in arrays.items()
    ]
    table = pd.concat(tables, ignore_index=True)
    return table[["indicator", *(name for name in table if name != "indicator")]]
