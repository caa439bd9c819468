"""Several countries in one system: nobody is lost between them, and nobody leaves who is not there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from poblar.data import Region
from poblar.forecast import Corridors, DrawsError, Migrants, project

YEARS = np.arange(2024, 2036)
DRAWS = 6


@pytest.fixture(scope="module")
def names(region: Region) -> list[str]:
    return list(region.countries)


@pytest.fixture(scope="module")
def given(names: list[str]) -> dict[str, Any]:
    rng = np.random.default_rng(1)

    def walk(level: float, step: float, units: str, **more: list[str]) -> xr.DataArray:
        coords = {"draw": np.arange(DRAWS), "country": names, "year": YEARS, **more}
        values = level + np.cumsum(rng.normal(0.0, step, [len(labels) for labels in coords.values()]), axis=2)
        return xr.DataArray(values, coords=coords, dims=list(coords), attrs={"units": units})

    return {
        "fertility": walk(1.9, 0.05, "children per woman"),
        "mortality": walk(76.0, 0.3, "years", sex=["female", "male"]),
        "migration": walk(0.0, 0.001, "per person-year"),
    }


@pytest.fixture(scope="module")
def closed(given: dict[str, Any]) -> dict[str, Any]:
    """Nobody comes from or goes to the rest of the world."""
    nobody = xr.zeros_like(given["migration"]).assign_attrs(given["migration"].attrs)
    return given | {"migration": nobody}


def corridors(names: list[str], level: float, units: str = "persons per year") -> Corridors:
    """Random flows between all countries, none from a country to itself."""
    rng = np.random.default_rng(2)
    coords = {"draw": np.arange(DRAWS), "origin": names, "destination": names, "year": YEARS}
    values = rng.uniform(0.0, level, [len(labels) for labels in coords.values()])
    values *= 1.0 - np.eye(len(names))[None, :, :, None]
    return Corridors(total=xr.DataArray(values, coords=coords, dims=list(coords), attrs={"units": units}))


FORECAST = {"year": YEARS}


def test_without_corridors_each_country_is_alone(region: Region, given: dict[str, Any], names: list[str]) -> None:
    alone = project(region, **given)
    tied = project(region, **given, corridors=corridors(names, 0.0))
    np.testing.assert_array_equal(tied.population, alone.population)
    np.testing.assert_array_equal(tied.flows["births"], alone.flows["births"])


@pytest.mark.parametrize(("level", "units"), [(20_000.0, "persons per year"), (0.003, "per person-year")])
def test_what_one_country_loses_another_gains(
    region: Region, closed: dict[str, Any], names: list[str], level: float, units: str
) -> None:
    """Net migration sums to nobody, in every year, sex and age; the moves are those asked for where nobody is short."""
    asked = corridors(names, level, units)
    people = project(region, **closed, corridors=asked, ages=("migrants_by_age",))
    flows = people.flows.sel(FORECAST)
    assert float(np.abs(flows["net_migration"].sum("country")).max()) < 1e-6
    assert float(np.abs(flows["migrants_by_age"].sum("country")).max()) < 0.01  # stored in float32
    out, into = flows["moved"].sum("destination"), flows["moved"].sum("origin")
    net = into.rename(destination="country") - out.rename(origin="country")
    np.testing.assert_allclose(net.transpose(*flows["net_migration"].dims), flows["net_migration"], atol=1e-6)
    short = flows["emigration_limited"].sum("country")
    if units == "persons per year":
        total = asked.total.sum(["origin", "destination"])
        moved = flows["moved"].sum(["origin", "destination"])
        np.testing.assert_allclose(moved + short, total.transpose(*moved.dims), rtol=1e-9)
        assert float(short.max()) < 0.01 * float(total.min())
    else:
        assert float(flows["moved"].sum(["origin", "destination"]).min()) > 0.0


def test_six_countries_total_grows_by_births_and_deaths_alone(
    region: Region, closed: dict[str, Any], names: list[str]
) -> None:
    people = project(region, **closed, corridors=corridors(names, 50_000.0))
    total, flows = people.total.sum("country"), people.flows.sel(FORECAST)
    change = total.sel(year=YEARS + 1).to_numpy() - total.sel(year=YEARS).to_numpy()
    natural = (flows["births"] - flows["deaths"]).sum("country")
    np.testing.assert_allclose(change, natural.to_numpy(), atol=1e-4)


def test_beyond_the_people_all_corridors_give_way_alike(
    region: Region, closed: dict[str, Any], names: list[str]
) -> None:
    """A thousand times the people of small countries asked for: none is left below zero, and nobody is invented."""
    asked = corridors(names, 3e7)
    people = project(region, **closed, corridors=asked)
    flows = people.flows.sel(FORECAST)
    assert float(people.population.min()) >= 0.0
    assert float(flows["emigration_limited"].sum("country").min()) > 1e6
    assert float(np.abs(flows["net_migration"].sum("country")).max()) < 1e-5
    # El Salvador's emigrants are shared out as they were asked for.
    kept = (flows["moved"] / asked.total).sel(origin="SLV", year=2024)
    kept = kept.where(kept["destination"] != "SLV", drop=True)
    np.testing.assert_allclose(kept, kept.isel(destination=0).broadcast_like(kept), rtol=1e-9)


def test_zero_sum_makes_the_worlds_gains_its_losses(region: Region, given: dict[str, Any]) -> None:
    """In every sex and age; gains and losses meet in the middle, each country's in proportion to its own."""
    more = {"ages": ("migrants_by_age",), "migrants_join": "end"}
    free = project(region, **given, **more).flows["migrants_by_age"].sel(FORECAST)
    tied = project(region, **given, **more, zero_sum=True).flows["migrants_by_age"].sel(FORECAST)
    assert float(np.abs(tied.sum("country")).max()) < 0.05  # stored in float32
    assert float(np.abs(free.sum("country")).max()) > 100.0
    first = {"year": 2024, "age": slice(15, 60)}  # later years start from other populations
    one, another = free.sel(first).astype(float), tied.sel(first).astype(float)
    gains, losses = one.clip(min=0).sum("country"), -one.clip(max=0).sum("country")
    middle = xr.where((gains > 0) & (losses > 0), (gains + losses) / 2, 0.0)
    expected = one * xr.where(one > 0, middle / gains, middle / losses)
    np.testing.assert_allclose(another, expected.transpose(*another.dims), rtol=1e-5, atol=1e-3)


def test_a_system_is_projected_alike_in_blocks_and_from_a_store(
    region: Region, given: dict[str, Any], names: list[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = corridors(names, 20_000.0)
    whole = project(region, **given, corridors=asked)
    monkeypatch.setattr("poblar.forecast._engine.LARGEST", 4)
    stored = project(region, **given, corridors=asked, store=tmp_path / "six.zarr")
    np.testing.assert_array_equal(stored.total, whole.total)
    np.testing.assert_array_equal(stored.flows["moved"], whole.flows["moved"])


def test_foreign_born_come_along_corridors(region: Region, closed: dict[str, Any], names: list[str]) -> None:
    """In a system that starts all native, the foreign-born are those who moved and live, and no child of theirs."""
    nobody = xr.DataArray(np.zeros(len(names)), coords={"country": names}, dims="country", attrs={"units": "share"})
    years = closed["fertility"].sel(year=[2024])["year"]
    one = {name: path.sel(year=years).assign_attrs(path.attrs) for name, path in closed.items()}
    total = corridors(names, 20_000.0).total
    asked = Corridors(total=total.sel(year=years).assign_attrs(total.attrs))
    people = project(region, **one, corridors=asked, foreign_born=nobody)
    arrived = people.flows["moved"].sel(year=2024).sum("origin")
    found = people.stocks["foreign_born"].sel(year=2025)
    born = people.stocks["foreign_born"].sel(year=2024)  # of the observed net migrants of 2021-23
    gained = (found - born).rename(country="destination") / arrived
    assert float(gained.max()) < 1.0
    assert float(gained.sel(destination=["HND", "SLV", "GTM"]).min()) > 0.9


# Refusals.


def test_corridors_that_cannot_be_meant_are_refused(region: Region, given: dict[str, Any], names: list[str]) -> None:
    total = corridors(names, 100.0).total
    with pytest.raises(DrawsError, match="corridors: expected nobody from CAN to CAN, found some"):
        Corridors(total=(total + 1.0).assign_attrs(total.attrs))
    with pytest.raises(DrawsError, match="corridors: expected zero or more people everywhere"):
        Corridors(total=(-total).assign_attrs(total.attrs))
    with pytest.raises(DrawsError, match=r"corridors: expected units 'persons per year' or .* found 'thousands'"):
        Corridors(total=total.assign_attrs(units="thousands"))
    with pytest.raises(DrawsError, match="corridors: expected axes origin, destination and year"):
        Corridors(total=total.isel(origin=0))
    few = total.sel(origin=names[:3], destination=names[:3]).assign_attrs(total.attrs)
    with pytest.raises(DrawsError, match=r"corridors: expected origin .* found CAN, USA, MEX; give the rest of the"):
        project(region, **given, corridors=Corridors(total=few))
    with pytest.raises(DrawsError, match="expected forecasts and age_width=1 for countries that move together"):
        project(region, zero_sum=True)


def test_corridors_of_other_draws_are_refused(region: Region, given: dict[str, Any], names: list[str]) -> None:
    total = corridors(names, 100.0).total
    fewer = Corridors(total=total.isel(draw=slice(3)).assign_attrs(total.attrs))
    with pytest.raises(DrawsError, match=r"same draws and years in all forecasts.*corridors 3 draws of 2024-2035"):
        project(region, **given, corridors=fewer)


def test_migrants_of_the_world_outside_are_flows_too(region: Region, closed: dict[str, Any], names: list[str]) -> None:
    """Into Canada from outside, and on to the United States: the system gains those who came, the corridor no one."""
    zeros = xr.zeros_like(closed["migration"]).assign_attrs(units="persons per year")
    coming = zeros.copy()
    coming.loc[{"country": "CAN"}] = 10_000.0
    given = closed | {"migration": [Migrants(name="outside", total=coming, direction="in", ages="worker")]}
    people = project(region, **given, corridors=corridors(names, 1000.0))
    net = people.flows["net_migration"].sel(FORECAST).sum("country")
    np.testing.assert_allclose(net, 10_000.0, rtol=1e-9)
