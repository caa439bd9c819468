"""Scenarios side by side share their draws, and what differs has a distribution of its own."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from poblar.data import Region
from poblar.forecast import Comparison, DrawsError, Scenario, bands, compare, project
from poblar.forecast.scenarios import Multiply

YEARS = np.arange(2024, 2051)


def path(centre: float, units: str, spread: float, **more: list[str]) -> xr.DataArray:
    """Four draws of two countries around a figure."""
    coords = {"draw": np.arange(4), "country": ["MEX", "SLV"], "year": YEARS, **more}
    noise = np.random.default_rng(1).uniform(-1.0, 1.0, [len(labels) for labels in coords.values()])
    return xr.DataArray(centre + spread * noise, coords=coords, dims=list(coords), attrs={"units": units})


RATES = {
    "fertility": path(1.9, "children per woman", 0.3),
    "mortality": path(76.0, "years", 2.0, sex=["female", "male"]),
    "migration": path(-0.002, "per person-year", 0.001),
}


@pytest.fixture(scope="module")
def two(region: Region) -> Region:
    return region.sel(country=["MEX", "SLV"])


@pytest.fixture(scope="module")
def comparison(two: Region) -> Comparison:
    fewer = Scenario(name="fewer births", levers=[Multiply(by=0.8, on="fertility", country="MEX")])
    stay = Scenario(name="all stay", levers=[Multiply(by=0.0, on="migration")])
    return compare(two, [Scenario(name="as it is"), fewer, stay], **RATES)


def test_a_difference_is_that_of_the_same_draws(two: Region, comparison: Comparison) -> None:
    stay = Scenario(name="s", levers=[Multiply(by=0.0, on="migration")])
    base, other = project(two, **RATES), project(two, **RATES, scenario=stay)
    for name in ("total_population", "support_ratio"):
        expected = other.stocks[name] - base.stocks[name]
        found = comparison.difference(name).sel(scenario="all stay")
        assert bool((found == expected).all())
    assert bool((comparison.values("net_migration").sel(scenario="all stay", year=YEARS) == 0.0).all())
    growth = comparison.values("growth_rate")
    assert bool((growth.sel(scenario="as it is") == base.growth_rate).all())
    assert growth.attrs["units"] == "per year"


def test_a_difference_has_bands_of_its_own(comparison: Comparison) -> None:
    """Its band is narrower than the future's, since what is uncertain in both cancels."""
    year = {"country": "MEX", "year": 2051}
    more = comparison.difference("total_population").sel(year | {"scenario": "fewer births"})
    future = comparison.values("total_population").sel(year | {"scenario": "as it is"})
    born, future = (bands(draws, levels=[80]).iloc[0] for draws in (more, future))
    assert born["units"] == "persons"
    assert born["upper80"] < 0.0
    assert born["upper80"] - born["lower80"] < future["upper80"] - future["lower80"]


def test_any_scenario_can_be_the_one_compared_with(comparison: Comparison) -> None:
    found = comparison.difference("births", against="all stay")
    assert found["scenario"].to_numpy().tolist() == ["as it is", "fewer births"]
    base, stay = (comparison.values("births").sel(scenario=name) for name in ("as it is", "all stay"))
    assert bool((found.sel(scenario="as it is") == base - stay).all())
    with pytest.raises(DrawsError, match="expected a scenario among as it is, fewer births, all stay, found 'none'"):
        comparison.difference("births", against="none")
    with pytest.raises(DrawsError, match=r"expected one of total_population, .*, found 'happiness'"):
        comparison.difference("happiness")


def test_scenarios_are_told_apart_by_their_names(two: Region) -> None:
    with pytest.raises(DrawsError, match="expected two or more scenarios of different names, found x, y, x"):
        compare(two, [Scenario(name="x"), Scenario(name="y"), Scenario(name="x")], **RATES)


def test_results_have_to_fit_in_memory(two: Region) -> None:
    with pytest.raises(DrawsError, match="raise memory="):
        compare(two, [Scenario(name="x"), Scenario(name="y")], **RATES, memory="20 KB")
