"""Levers do to a path what they say and nothing else; scenarios share their draws."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from poblar.data import Region
from poblar.forecast import PROFILES, Corridors, DrawsError, Migrants, project
from poblar.forecast._paths import Paths, check
from poblar.forecast.levers import Lever
from poblar.forecast.scenarios import Cap, Delay, Multiply, Replace, Scenario, Shift
from poblar.forecast.study_scenarios import settle

COUNTRIES = ["MEX", "SLV"]
YEARS = np.arange(2024, 2051)
SEXES = ["female", "male"]


def path(centre: float, units: str, *, spread: float = 0.0, **more) -> xr.DataArray:
    """Four draws that differ by draw, country and year around a figure."""
    coords = {"draw": np.arange(4), "country": COUNTRIES, "year": YEARS, **more}
    noise = np.random.default_rng(1).uniform(-1.0, 1.0, [len(labels) for labels in coords.values()])
    return xr.DataArray(centre + spread * noise, coords=coords, dims=list(coords), attrs={"units": units})


RATES: dict[str, xr.DataArray] = {
    "fertility": path(1.9, "children per woman", spread=0.3),
    "mortality": path(76.0, "years", spread=2.0, sex=SEXES),
    "migration": path(-0.002, "per person-year", spread=0.001),
}


def persons(value: float) -> xr.DataArray:
    return path(value, "persons per year", spread=0.1 * abs(value))


@pytest.fixture(scope="module")
def two(region: Region) -> Region:
    return region.sel(country=COUNTRIES)


@pytest.fixture(scope="module")
def paths(two: Region) -> Paths:
    return paths_of(two)


def paths_of(two: Region, **given: Any) -> Paths:
    found = check(two, **(RATES | given))
    assert found is not None
    return found


def pulled(paths: Paths, *levers: Lever) -> Paths:
    return Scenario(name="x", levers=levers).apply(paths)


def flow(name: str = "immigration", direction: Any = "in", ages: Any = "worker", value: float = 10_000.0) -> Migrants:
    return Migrants(name=name, total=persons(value), direction=direction, ages=ages)


def cells(flows: tuple[Migrants, ...]) -> xr.DataArray:
    """Persons by sex and age of all flows of counts."""
    parts = [one.sign * one.total * (PROFILES[one.ages] if isinstance(one.ages, str) else one.ages) for one in flows]
    assert all(one.is_count for one in flows)
    return sum(parts[1:], parts[0]).transpose("draw", "country", "year", "sex", "age")


# What each lever means.


@pytest.mark.parametrize(
    ("lever", "expected"),
    [
        (Multiply(by=0.9, on="fertility"), lambda x: 0.9 * x),
        (Shift(by=-0.2, on="fertility"), lambda x: x - 0.2),
        (Cap(at_most=2.0, on="fertility"), lambda x: x.clip(None, 2.0)),
        (Cap(at_least=1.8, at_most=2.0, on="fertility"), lambda x: x.clip(1.8, 2.0)),
        (Replace(by=1.5, on="fertility"), lambda x: 0.0 * x + 1.5),
        (Delay(years=5, on="fertility"), lambda x: x.sel(year=np.maximum(YEARS - 5, 2024)).assign_coords(year=YEARS)),
    ],
)
def test_a_lever_means_its_sentence(paths: Paths, lever: Lever, expected: Any) -> None:
    after = pulled(paths, lever)
    np.testing.assert_allclose(
        after.fertility, expected(RATES["fertility"]).transpose(*after.fertility.dims), rtol=1e-14
    )
    assert after.fertility.attrs["units"] == "children per woman"
    assert after.mortality is paths.mortality
    assert after.migrants is paths.migrants


def test_a_lever_moves_its_countries_and_years_and_leaves_the_rest_to_the_bit(paths: Paths) -> None:
    before = RATES["mortality"].copy(deep=True)
    after = pulled(paths, Shift(by=-2.0, units="years", on="mortality", country="SLV", years=range(2030, 2032)))
    change = after.mortality - before
    here = {"country": "SLV", "year": [2030, 2031]}
    np.testing.assert_allclose(change.sel(here), -2.0, rtol=1e-12)
    change.loc[here] = 0.0
    assert bool((change == 0.0).all())
    assert RATES["mortality"].identical(before)  # what was given is as it was


def test_a_delay_keeps_the_year_before_and_then_lets_everything_come(paths: Paths) -> None:
    after = pulled(paths, Delay(years=10, since=2030, on="fertility", country="MEX")).fertility.sel(country="MEX")
    before = RATES["fertility"].sel(country="MEX")
    assert bool((after.sel(year=slice(None, 2029)) == before.sel(year=slice(None, 2029))).all())
    assert bool((after.sel(year=slice(2030, 2039)) == before.sel(year=2029)).all())
    np.testing.assert_array_equal(after.sel(year=slice(2040, None)), before.sel(year=slice(2030, 2040)))


def test_levers_are_pulled_in_their_order(paths: Paths) -> None:
    up, cap = Multiply(by=1.5, on="fertility"), Cap(at_most=2.0, on="fertility")
    assert float(pulled(paths, up, cap).fertility.max()) == 2.0
    assert float(pulled(paths, cap, up).fertility.max()) == 3.0


def test_an_effect_may_differ_by_draw_country_and_year(paths: Paths) -> None:
    effect = xr.DataArray(
        [[0.9, 1.0], [0.8, 1.0], [0.7, 1.0], [0.6, 1.0]],
        coords={"draw": range(4), "country": ["SLV", "MEX"]},  # in any order
        dims=("draw", "country"),
    )
    after = pulled(paths, Multiply(by=effect, on="fertility", years=[2030])).fertility
    np.testing.assert_allclose(
        after, RATES["fertility"] * xr.where(after["year"] == 2030, effect, 1.0).transpose(*after.dims)
    )


def test_an_uncertain_effect_gives_draws_to_a_path_without_them(two: Region) -> None:
    paths = paths_of(two, fertility=RATES["fertility"].isel(draw=0, drop=True))
    effect = xr.DataArray([0.9, 0.8, 0.7, 0.6], coords={"draw": range(4)}, dims="draw")
    after = pulled(paths, Multiply(by=effect, on="fertility", country="MEX")).fertility
    plain = RATES["fertility"].isel(draw=0)
    np.testing.assert_allclose(after.sel(country="MEX"), effect * plain.sel(country="MEX"))
    assert bool((after.sel(country="SLV") == plain.sel(country="SLV")).all())
    assert project(two, **(RATES | {"fertility": after})).total.sizes["draw"] == 4


def test_a_path_of_whole_numbers_is_not_cut_off(two: Region) -> None:
    whole = xr.full_like(RATES["fertility"], 2, dtype=int)
    after = pulled(paths_of(two, fertility=whole), Shift(by=-0.5, on="fertility", country="MEX"))
    assert bool((after.fertility.sel(country="MEX") == 1.5).all())


def test_rates_by_age_move_at_the_ages_named(two: Region) -> None:
    asfr = path(0.05, "births per woman-year", age=np.arange(101))
    mx = path(0.02, "per person-year", sex=SEXES, age=np.arange(101))
    after = pulled(
        paths_of(two, fertility=asfr, mortality=mx),
        Multiply(by=0.5, on="fertility", ages=(15, 19)),
        Multiply(by=2.0, on="mortality", ages=(65, 100)),
    )
    young, old = (asfr["age"] >= 15) & (asfr["age"] <= 19), mx["age"] >= 65
    np.testing.assert_allclose(after.fertility, asfr * xr.where(young, 0.5, 1.0))
    np.testing.assert_allclose(after.mortality, mx * xr.where(old, 2.0, 1.0))


# Flows.


def test_migration_is_the_net_flow_and_others_go_by_their_names(two: Region, paths: Paths) -> None:
    after = pulled(paths, Multiply(by=2.0, on="migration"))
    np.testing.assert_allclose(after.migrants[0].total, 2.0 * RATES["migration"])
    both = paths_of(two, migration=[flow(), flow("returns", ages="family")])
    after = pulled(both, Multiply(by=0.5, on="returns"))
    assert after.migrants[0] is both.migrants[0]
    np.testing.assert_allclose(after.migrants[1].total, 0.5 * both.migrants[1].total)


def test_ages_of_a_flow_are_multiplied_without_meeting_the_draws(two: Region) -> None:
    before = paths_of(two, migration=flow())
    after = pulled(before, Multiply(by=3.0, on="immigration", country="MEX", years=range(2030, 2035), ages=(20, 29)))
    (moved,) = after.migrants
    assert isinstance(moved.ages, xr.DataArray)
    assert "draw" not in moved.ages.dims
    assert moved.total.dims == before.migrants[0].total.dims
    old = cells(before.migrants)
    there = (old["age"] >= 20) & (old["age"] <= 29) & (old["year"] >= 2030) & (old["year"] < 2035)
    factor = xr.where(there & (old["country"] == "MEX"), 3.0, 1.0)
    np.testing.assert_allclose(cells(after.migrants), (old * factor).transpose(*old.dims), rtol=1e-12)
    untouched = moved.total.sel(country="SLV")
    assert bool((untouched == before.migrants[0].total.sel(country="SLV")).all())
    people = project(two, **RATES | {"migration": flow()}, scenario=Scenario(name="x")).total
    more = project(two, **RATES | {"migration": moved}).total - people
    assert bool((more.sel(country="SLV") == 0.0).all())
    assert bool((more.sel(country="MEX", year=slice(2031, None)) > 0.0).all())


def test_all_ages_multiplied_by_zero_leave_nobody(two: Region) -> None:
    after = pulled(paths_of(two, migration=flow()), Multiply(by=0.0, on="immigration", ages=(0, 100)))
    assert bool((after.migrants[0].total == 0.0).all())


def test_persons_added_to_a_rate_come_in_full(two: Region) -> None:
    """20,000 workers a year, whatever the rate is in a draw."""
    workers = Shift(
        by=20_000, units="persons per year", on="migration", country="SLV", years=range(2030, 2040), ages="worker"
    )
    base, more = (project(two, **RATES, scenario=Scenario(name="x", levers=levers)) for levers in ((), (workers,)))
    difference = more.flows["net_migration"] - base.flows["net_migration"]
    assert bool((difference.sel(country="MEX") == 0.0).all())
    assert bool((difference.sel(country="SLV", year=slice(None, 2029)) == 0.0).all())
    np.testing.assert_allclose(difference.sel(country="SLV", year=2030), 20_000.0, rtol=1e-9)
    # Later the rate applies to those who came before as well.
    np.testing.assert_allclose(difference.sel(country="SLV", year=2039), 20_000.0, rtol=0.05)
    came = (more.population - base.population).sel(country="SLV", year=2031).sum("sex")
    assert float(abs(came.sel(age=slice(0, 14))).max()) < 400.0  # their first children, and no child beside
    assert float(came.sel(age=slice(16, None)).sum("age").min()) > 19_900.0


def test_people_of_one_kind_are_added_in_one_flow(paths: Paths) -> None:
    after = pulled(
        paths, *settle(1_000.0, origin="MEX", destination="SLV"), *settle(500.0, origin="MEX", destination="SLV")
    )
    assert [one.name for one in after.migrants] == ["net", "net, persons added (family)"]
    added = after.migrants[1].total.sel(year=2030)
    assert {str(c): float(added.sel(country=c)) for c in COUNTRIES} == {"MEX": -1_500.0, "SLV": 1_500.0}
    assert bool((after.migrants[1].total.sel(year=2026) == 0.0).all())


def test_a_part_of_the_ages_is_cut_out_of_the_flows_own(two: Region) -> None:
    before = paths_of(two, migration=flow())
    after = pulled(before, Shift(by=600.0, on="immigration", ages=(20, 29)))
    extra = (cells(after.migrants) - cells(before.migrants)).isel(draw=0, country=0, year=0)
    own = PROFILES["worker"].sel(age=slice(20, 29))
    np.testing.assert_allclose(extra.sel(age=slice(20, 29)), 600.0 * own / own.sum(), rtol=1e-9)
    assert float(abs(extra.sel(age=slice(30, None))).max()) < 1e-9


def test_a_rate_is_replaced_by_persons(two: Region) -> None:
    """A million a year is a million a year, in every draw."""
    net = Replace(by=100_000, units="persons per year", on="migration", country="MEX")
    people = project(two, **RATES, scenario=Scenario(name="x", levers=[net]))
    found = people.flows["net_migration"].sel(year=YEARS)
    np.testing.assert_allclose(found.sel(country="MEX"), 100_000.0, rtol=1e-9)
    base = project(two, **RATES).flows["net_migration"]
    assert bool((found.sel(country="SLV") == base.sel(country="SLV", year=YEARS)).all())


def test_some_ages_are_replaced_and_others_stay(two: Region) -> None:
    before = paths_of(two, migration=flow())
    after = cells(pulled(before, Replace(by=100.0, on="immigration", ages=(20, 29))).migrants)
    inside = after.sel(age=slice(20, 29)).sum(["sex", "age"])
    np.testing.assert_allclose(inside, 100.0, rtol=1e-9)
    for part in (slice(None, 19), slice(30, None)):
        np.testing.assert_allclose(after.sel(age=part), cells(before.migrants).sel(age=part), rtol=1e-9)


def test_migrants_by_age_move_cell_by_cell(two: Region) -> None:
    by_age = (persons(1_000.0) * PROFILES["family"]).assign_attrs(units="persons per year")
    coming = Migrants(name="coming", total=by_age, direction="in")
    after = pulled(paths_of(two, migration=coming), Multiply(by=0.0, on="coming", ages=(0, 17)))
    (moved,) = after.migrants
    assert float(moved.total.sel(age=slice(0, 17)).max()) == 0.0
    assert bool((moved.total.sel(age=slice(18, None)) == by_age.sel(age=slice(18, None))).all())


def test_corridors_move_between_their_two_ends(two: Region) -> None:
    total = xr.DataArray(
        np.broadcast_to([[[0.0], [1000.0]], [[200.0], [0.0]]], (2, 2, len(YEARS))).copy(),
        dims=("origin", "destination", "year"),
        coords={"origin": COUNTRIES, "destination": COUNTRIES, "year": YEARS},
        attrs={"units": "persons per year"},
    )
    paths = paths_of(two, corridors=Corridors(total=total))
    after = pulled(paths, Shift(by=50.0, on="corridors", origin="MEX", years=[2030])).corridors
    assert after is not None
    change = after.total - total
    assert float(change.sel(origin="MEX", destination="SLV", year=2030)) == 50.0
    assert float(change.sum()) == 50.0  # nobody moves from Mexico to Mexico
    run = {"corridors": Corridors(total=total), **RATES}
    moved = project(two, **run, scenario=Scenario(name="x", levers=[Multiply(by=2.0, on="corridors")])).flows["moved"]
    np.testing.assert_allclose(moved.sel(year=2030), 2.0 * project(two, **run).flows["moved"].sel(year=2030), rtol=1e-9)


# Refusals.


NET = {"on": "migration"}


@pytest.mark.parametrize(
    ("lever", "message"),
    [
        (
            Multiply(by=2.0, on="births"),
            "scenario 'x', lever 1, Multiply on 'births': expected one of fertility, mortality, migration, found "
            "'births'; give project that flow, or move another.",
        ),
        (Multiply(by=2.0, on="corridors"), "expected one of fertility, mortality, migration, found 'corridors'"),
        (
            Multiply(by=0.5, on="mortality", ages=(20, 34)),
            "Multiply on 'mortality': expected ages= none on a path in 'years', found (20, 34); leave it out, or give "
            "rates by age.",
        ),
        (Multiply(by=0.5, on="fertility", ages=(20, 34)), "expected ages= none on a path in 'children per woman'"),
        (
            Multiply(by=0.5, on="fertility", years=range(2045, 2055)),
            "expected year among 2024 to 2050, each once, found 2051, 2052, 2053, 2054; forecast them too",
        ),
        (Multiply(by=0.5, on="fertility", country="FRA"), "expected country among MEX, SLV, each once, found FRA"),
        (Multiply(by=0.5, on="fertility", country=[]), "expected country among MEX, SLV, each once, found none"),
        (Multiply(by=0.5, on="fertility", origin="MEX"), "expected country=, found origin=; only corridors have two"),
        (Multiply(by=9.0, on="fertility"), "expected 0 to 12 children per woman afterwards, found 1"),
        (Shift(by=20_000, **NET), "expected -1 to 1 per person-year afterwards, found 20000; change by less, or check"),
        (
            Shift(by=5.0, units="percent", **NET),
            "expected units 'persons per year' or 'per person-year', found 'percent'",
        ),
        (Shift(by=0.1, units="years", on="fertility"), "expected units 'children per woman', those of the path, found"),
        (Cap(at_most=20_000, **NET), "expected limits of -1 to 1 per person-year, the path's units, found 20000"),
        (Cap(at_most=20_000, units="persons per year", **NET), "expected units 'per person-year', those of the path"),
        (
            Multiply(by=0.5, ages=(20, 34), **NET),
            "expected a flow with ages for ages=(20, 34), found net migration with",
        ),
        (
            Delay(years=2, ages=(20, 34), **NET),
            "expected no ages= on a flow of totals, found (20, 34); Multiply or Shift",
        ),
        (Delay(years=2, since=2024, on="fertility"), "expected since= of 2025 to 2050, found 2024; forecast further."),
        (
            Multiply(by=xr.DataArray([0.5], dims="year"), on="fertility"),
            "expected by= for the 27 labels of year that it moves, 2024 to 2050, found 1 without labels",
        ),
        (
            Multiply(by=xr.DataArray([0.5] * 9, coords={"draw": range(9)}, dims="draw"), on="fertility"),
            "expected by= for the 4 labels of draw that it moves, 0 to 3, found 9; label it alike.",
        ),
        (
            Multiply(by=xr.DataArray([0.5], coords={"sex": ["male"]}, dims="sex"), on="fertility"),
            "expected by= over some of draw, country, year, found an axis 'sex'",
        ),
    ],
)
def test_a_lever_that_means_nothing_here_is_refused(paths: Paths, lever: Lever, message: str) -> None:
    with pytest.raises(DrawsError, match=re.escape(message)):
        pulled(paths, lever)


def test_people_cannot_be_taken_below_nobody(two: Region) -> None:
    paths = paths_of(two, migration=flow())
    with pytest.raises(DrawsError, match="expected 0 to inf persons per year afterwards, found -"):
        pulled(paths, Shift(by=-50_000, on="immigration"))
    with pytest.raises(DrawsError, match="expected people to add, found by= below zero on a flow in"):
        pulled(paths, Shift(by=-50.0, on="immigration", ages="family"))


def test_a_lever_after_people_were_added_is_refused(paths: Paths) -> None:
    """It would leave them out, and nobody would see."""
    more, half = Shift(by=5.0, units="persons per year", **NET), Multiply(by=0.5, **NET)
    with pytest.raises(
        DrawsError, match="lever 2, Multiply on 'migration': expected it before the levers that add people"
    ):
        pulled(paths, more, half)
    assert len(pulled(paths, half, more, more).migrants) == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Multiply(by=-1.0, on="fertility"),
            "Multiply on 'fertility': expected by= of finite numbers from 0 on",
        ),
        (
            lambda: Shift(by=float("nan"), on="fertility"),
            "Shift on 'fertility': expected by= of finite numbers, found nan",
        ),
        (lambda: Cap(on="fertility"), "Cap on 'fertility': expected at_least= <= at_most=, or one of them, found None"),
        (
            lambda: Cap(at_least=2.0, at_most=1.0, on="fertility"),
            "expected at_least= <= at_most=, or one of them, found 2",
        ),
        (lambda: Delay(years=0, on="fertility"), "expected a delay of one year or more, found 0"),
        (lambda: Multiply(by=2.0, on="net", ages=(30, 20)), "expected ages=(low, high) with 0 <= low <= high <= 100"),
        (lambda: Multiply(by=2.0, on="net", ages="worker"), "found 'worker'; Shift and Replace take a profile's name."),
        (lambda: Shift(by=2.0, on="net", ages="elders"), "expected ages=(low, high) or worker, family, found 'elders'"),
        (lambda: Scenario(name=" "), "expected a scenario with a name"),
        (lambda: Scenario(name="x", levers=[1.5]), "expected levers Multiply, Shift, Cap, Replace or Delay, found 1.5"),
        (lambda: Scenario(name="x", assumptions="one"), "expected a list of assumptions, found one text"),
    ],
)
def test_a_sentence_that_says_nothing_is_refused(make: Any, message: str) -> None:
    with pytest.raises(DrawsError, match=re.escape(message)):
        make()


def test_a_scenario_is_frozen_all_the_way_down() -> None:
    levers: list[Lever] = [Multiply(by=0.5, on="fertility")]
    scenario = Scenario(name="x", levers=levers)
    levers.clear()
    assert len(scenario.levers) == 1
    with pytest.raises(AttributeError):
        scenario.name = "y"


def test_a_flow_of_the_users_own_keeps_its_ways(two: Region) -> None:
    """What a lever does not name stays: direction, ages, and who counts as returning."""
    home = replace(flow("returns", ages="family"), returning=True)
    after = pulled(paths_of(two, migration=home), Shift(by=100.0, on="returns", ages="worker"))
    assert [(one.direction, one.ages, one.returning) for one in after.migrants] == [
        ("in", "family", True),
        ("in", "worker", True),
    ]
