"""Flows of migrants: what they ask for, and what a projection makes of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from poblar.data import Panel, Region
from poblar.forecast import PROFILES, DrawsError, Migrants, Projection, project

YEARS = np.arange(2024, 2041)
COUNTRIES = ["MEX", "SLV"]


@pytest.fixture(scope="module")
def two(region: Region) -> Region:
    return region.sel(country=COUNTRIES)


def path(value: float, units: str, **more: Any) -> xr.DataArray:
    """The same in both countries and all years, without draws."""
    coords = {"country": COUNTRIES, "year": YEARS, **more}
    return xr.DataArray(
        np.full([len(labels) for labels in coords.values()], value),
        coords=coords,
        dims=list(coords),
        attrs={"units": units},
    )


RATES = {
    "fertility": path(1.9, "children per woman"),
    "mortality": path(77.0, "years", sex=["female", "male"]),
}


def persons(value: float) -> xr.DataArray:
    return path(value, "persons per year")


@pytest.fixture(scope="module")
def both_ways(two: Region) -> Projection:
    flows = [
        Migrants(name="workers", total=persons(30_000.0), direction="in", ages="worker"),
        Migrants(name="leavers", total=persons(20_000.0), direction="out", ages="worker"),
    ]
    return project(two, **RATES, migration=flows, ages=("population", "migrants_by_age"))


def test_flows_both_ways_are_counted_both_ways(both_ways: Projection) -> None:
    flows = both_ways.flows.sel(year=YEARS)
    np.testing.assert_allclose(flows["immigration"], 30_000.0, rtol=1e-12)
    np.testing.assert_allclose(flows["emigration"] - flows["emigration_limited"], 20_000.0, rtol=1e-9)
    np.testing.assert_allclose(flows["net_migration"], flows["immigration"] - flows["emigration"], rtol=1e-9)


def test_a_net_flow_does_not_say_who_came_and_who_left(two: Region) -> None:
    people = project(two, **RATES, migration=persons(10_000.0))
    assert "immigration" not in people.flows


def test_equal_flows_of_equal_ages_are_a_net_flow(two: Region, both_ways: Projection) -> None:
    net = Migrants(name="net", total=persons(10_000.0), ages="worker")
    people = project(two, **RATES, migration=net)
    np.testing.assert_allclose(people.total, both_ways.total, rtol=1e-6)


def test_migrants_have_the_ages_of_their_profile(both_ways: Projection) -> None:
    """By age at the year's end: half came a birthday ago."""
    found = both_ways.flows["migrants_by_age"].sel(country="MEX", year=2030).squeeze("draw")
    profile = PROFILES["worker"].to_numpy()
    later = np.zeros_like(profile)
    later[:, 1:] = profile[:, :-1]
    later[:, -1] += profile[:, -1]
    np.testing.assert_allclose(found, 10_000.0 * 0.5 * (profile + later), rtol=1e-5, atol=1e-3)


def test_migrants_by_age_are_taken_as_they_are(two: Region, both_ways: Projection) -> None:
    by_age = (persons(1.0) * 10_000.0 * PROFILES["worker"]).assign_attrs(units="persons per year")
    people = project(two, **RATES, migration=by_age)
    np.testing.assert_allclose(people.total, both_ways.total, rtol=1e-6)


def test_rates_and_counts_of_the_same_people_agree(two: Region) -> None:
    rate = path(0.002, "per person-year")
    people = project(two, **RATES, migration=rate)
    counts = people.flows["net_migration"].sel(year=YEARS).squeeze("draw").assign_attrs(units="persons per year")
    again = project(two, **RATES, migration=counts)
    np.testing.assert_allclose(again.total, people.total, rtol=1e-12)
    # The rate is of the population that the year would end with without them.
    alone = people.total.sel(year=2024) + people.flows["births"].sel(year=2024) - people.flows["deaths"].sel(year=2024)
    np.testing.assert_allclose(counts.sel(year=2024) / alone.squeeze("draw"), 0.002, rtol=0.002)


# Conventions.


def test_at_the_end_migrants_neither_die_nor_bear_in_their_first_half_year(two: Region) -> None:
    men = PROFILES["worker"] * xr.DataArray([0.0, 1.0], coords={"sex": ["female", "male"]}, dims="sex")
    flow = Migrants(name="men", total=persons(100_000.0), direction="in", ages=men / men.sum())
    half, end = (
        project(two, **RATES, migration=flow, migrants_join=join).flows.sel(year=2024) for join in ("mid-year", "end")
    )
    none_half, none_end = (
        project(two, **RATES, migration=persons(0.0), migrants_join=join).flows.sel(year=2024)
        for join in ("mid-year", "end")
    )
    assert bool((end["deaths"] == none_end["deaths"]).all())
    assert bool((half["deaths"] > none_half["deaths"]).all())
    with pytest.raises(DrawsError, match="expected migrants_join among mid-year, end, found 'begin'"):
        project(two, migrants_join="begin")


def test_groups_of_five_years_agree_with_single_years(two: Region) -> None:
    """Totals within half a percent after fifteen years, by construction equal at the start; units say the period."""
    short = {name: array.sel(year=slice(None, 2035)) for name, array in RATES.items()}
    net = path(-0.001, "per person-year").sel(year=slice(None, 2035))
    one, five = (project(two, **short, migration=net, age_width=width) for width in (1, 5))
    np.testing.assert_allclose(five.total.sel(year=2021), one.total.sel(year=2021), rtol=1e-12)
    at = five.stocks["year"].to_numpy()
    assert at.tolist() == [2021, 2026, 2031, 2036]
    np.testing.assert_allclose(five.total, one.total.sel(year=at), rtol=0.005)
    np.testing.assert_allclose(five.dependency_ratio, one.dependency_ratio.sel(year=at), rtol=0.01)
    grouped = one.population.sel(year=2021).groupby_bins("age", [*range(0, 101, 5), 111], right=False).sum("age")
    np.testing.assert_allclose(five.population.sel(year=2021).to_numpy(), grouped.to_numpy(), rtol=1e-5)
    births = one.flows["births"].sel(year=slice(2026, 2030)).sum("year")
    np.testing.assert_allclose(five.flows["births"].sel(year=2026), births, rtol=0.02)
    assert five.flows["births"].attrs["units"] == "persons per 5 years"
    growth = one.growth_rate.sel(year=slice(2026, 2030)).mean("year")
    np.testing.assert_allclose(five.growth_rate.sel(year=2026), growth, atol=3e-4)


def test_years_that_are_no_whole_periods_are_refused(two: Region) -> None:
    with pytest.raises(DrawsError, match=r"whole periods of five years, found 20 years|found \d+ years, 2021 to"):
        project(
            two,
            **{k: v.sel(year=slice(None, 2036)) for k, v in RATES.items()},
            migration=persons(0.0).sel(year=slice(None, 2036)),
            age_width=5,
        )
    with pytest.raises(DrawsError, match="expected age_width 1 or 5, found 10"):
        project(two, age_width=10)


# The foreign-born.


def share(value: float) -> xr.DataArray:
    return xr.DataArray([value, value], coords={"country": COUNTRIES}, dims="country", attrs={"units": "share"})


def test_all_immigrants_and_no_child_of_theirs_are_foreign_born(two: Region) -> None:
    """Nobody dies and all come at the end: the foreign-born are exactly those who came."""
    immortal = xr.zeros_like(path(0.0, "per person-year", sex=["female", "male"], age=np.arange(101))) + 1e-12
    flow = Migrants(name="workers", total=persons(10_000.0), direction="in", ages="worker")
    people = project(
        two,
        fertility=RATES["fertility"],
        mortality=immortal.assign_attrs(units="per person-year"),
        migration=flow,
        migrants_join="end",
        foreign_born=share(0.0),
    )
    found = people.stocks["foreign_born"].squeeze("draw")
    came = found.sel(year=YEARS + 1).to_numpy() - found.sel(year=2024).to_numpy()[:, None]
    np.testing.assert_allclose(came, np.broadcast_to(10_000.0 * np.arange(1, len(YEARS) + 1), came.shape), rtol=1e-6)


def test_those_who_return_are_not_foreign_born(two: Region) -> None:
    def foreign(returning: bool) -> xr.DataArray:
        flow = Migrants(name="x", total=persons(10_000.0), direction="in", ages="worker", returning=returning)
        return project(two, **RATES, migration=flow, foreign_born=share(0.05)).stocks["foreign_born"]

    home, abroad = foreign(True), foreign(False)
    more = (abroad - home).sel(year=2041)
    assert bool((more > 160_000.0).all())  # of 170,000 who came, some have died
    assert bool((more < 170_000.0).all())


def test_foreign_born_never_outnumber_the_population(two: Region) -> None:
    flow = Migrants(name="out", total=persons(150_000.0), direction="out", ages="worker")
    people = project(two, **RATES, migration=flow, foreign_born=share(1.0))
    ratio = people.share_foreign_born
    assert float(ratio.max()) <= 1.0 + 1e-12
    assert float(ratio.min()) >= 0.0
    with pytest.raises(DrawsError, match="expected the foreign-born to have been followed"):
        _ = project(two).share_foreign_born
    with pytest.raises(DrawsError, match="foreign_born: expected no more than the population of MEX"):
        project(two, foreign_born=share(1.5))
    with pytest.raises(DrawsError, match="foreign_born: expected persons by country, sex and age, or a share"):
        project(two, foreign_born=share(0.1).assign_attrs(units="percent"))


# Rates by age.


def test_birth_rates_by_age_are_the_tfr_with_its_pattern(two: Region) -> None:
    plain = project(two, **RATES, migration=persons(0.0))
    shares = xr.concat(
        [plain.inputs[name]["fertility_share"].sel(year=YEARS).assign_coords(country=name) for name in COUNTRIES],
        "country",
    )
    asfr = (RATES["fertility"] * shares).assign_attrs(units="births per woman-year")
    again = project(two, **(RATES | {"fertility": asfr}), migration=persons(0.0))
    np.testing.assert_allclose(again.total, plain.total, rtol=1e-12)
    np.testing.assert_allclose(again.inputs["MEX"]["tfr"].sel(year=2030), 1.9, rtol=1e-9)


def test_death_rates_by_age_say_the_life_expectancy(two: Region) -> None:
    mx = path(0.0, "per person-year", sex=["female", "male"], age=np.arange(101)) + 0.02
    people = project(
        two, fertility=RATES["fertility"], mortality=mx.assign_attrs(units="per person-year"), migration=persons(0.0)
    )
    np.testing.assert_allclose(people.inputs["SLV"]["e0"].sel(year=2030), 50.0, rtol=0.01)
    deaths = people.flows["deaths"].sel(year=2030) / people.total.sel(year=2030)
    np.testing.assert_allclose(deaths, 0.02, rtol=0.03)


# Refusals.


def refused(two: Region, message: str, **given: Any) -> None:
    with pytest.raises(DrawsError, match=message):
        project(two, **(RATES | {"migration": persons(0.0)} | given))


def test_figures_out_of_range_are_refused(two: Region) -> None:
    sexes = {"sex": ["female", "male"]}
    refused(two, "fertility: expected 0 to 12 children per woman, found 25", fertility=path(25.0, "children per woman"))
    refused(two, "migration: expected -1 to 1 per person-year, found 3", migration=path(3.0, "per person-year"))
    refused(
        two,
        r"MEX: expected life expectancies of 5 to 110 years, found .* to 150\.0",
        mortality=path(150.0, "years", **sexes),
    )
    high = path(1.5, "per person-year", **sexes, age=np.arange(101))
    refused(two, "mortality: expected 0 to 1 per person-year, found 1.5", mortality=high)


def test_swapped_sexes_are_noticed(two: Region) -> None:
    e0 = RATES["mortality"] + xr.DataArray([0.0, 5.0], coords={"sex": ["female", "male"]}, dims="sex")
    refused(
        two, "expected women to outlive men, or nearly, found the reverse", mortality=e0.assign_attrs(units="years")
    )


def test_gaps_of_age_are_refused(two: Region) -> None:
    mx = path(0.02, "per person-year", sex=["female", "male"], age=[*range(50), *range(51, 101)])
    refused(two, r"mortality: expected every age 0, 1, … 100, found 100 from 0 to 100; fill gaps", mortality=mx)


def test_a_base_population_in_thousands_is_refused(two: Region) -> None:
    dataset = two.population.dataset
    thousands = Panel(dataset.assign(population=(dataset["population"] / 1000.0).assign_attrs(units="persons")))
    with pytest.raises(DrawsError, match=r"MEX: expected a base population of about 12\d,\d+,\d+ persons in 2020"):
        project(replace(two, population=thousands))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"direction": "up"}, "x: expected direction 'net', 'in' or 'out', found 'up'"),
        ({"direction": "out", "total": persons(-5.0)}, "x: expected zero or more people who go out, found -5"),
        ({"total": path(5.0, "thousands")}, r"x: expected units 'persons per year' or .* found 'thousands'"),
        ({"ages": "elders"}, "x: expected ages among worker, family, found 'elders'"),
        ({"ages": 2.0 * PROFILES["worker"]}, "x: expected shares that sum to one, found a sum of 2; divide by it"),
        ({"ages": PROFILES["worker"].isel(age=slice(90))}, "x: expected ages over sex"),
    ],
)
def test_a_flow_that_cannot_be_meant_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(DrawsError, match=message):
        Migrants(**({"name": "x", "total": persons(5.0)} | given))


def test_two_flows_of_one_name_are_refused(two: Region) -> None:
    flow = Migrants(name="workers", total=persons(5.0), direction="in")
    refused(two, "migration: expected flows of different names, found workers, workers", migration=[flow, flow])
