"""Projections against the UN's figures, the stationary population, and each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from poblar.data import Region
from poblar.forecast import DrawsError, Projection, project
from poblar.forecast._cohort import survival_at
from poblar.forecast.ages import split_groups
from poblar.optimize import Admissions
from poblar.optimize.response import Functional, respond

YEARS = np.arange(2024, 2031)
COUNTRIES = ["MEX", "SLV"]


def path(values: float | np.ndarray, units: str, *, draws: int = 4, years: np.ndarray = YEARS, **more) -> xr.DataArray:
    """A forecast of two countries, the same in every cell or along draws."""
    coords = {"draw": np.arange(draws), "country": COUNTRIES, "year": years, **more}
    values = np.asarray(values, dtype=float)
    if values.ndim:
        values = values.reshape(-1, *[1] * (len(coords) - 1))
    shape = [len(labels) for labels in coords.values()]
    return xr.DataArray(np.broadcast_to(values, shape).copy(), coords=coords, dims=list(coords), attrs={"units": units})


def forecasts(**more) -> dict[str, xr.DataArray]:
    """Four draws that differ in every rate."""
    return {
        "fertility": path([1.9, 1.7, 1.5, 2.1], "children per woman", **more),
        "mortality": path([76.0, 78.0, 80.0, 74.0], "years", sex=["female", "male"], **more),
        "migration": path([-0.002, 0.0, 0.001, -0.004], "per person-year", **more),
    }


@pytest.fixture(scope="module")
def two(region: Region) -> Region:
    return region.sel(country=COUNTRIES)


@pytest.fixture(scope="module")
def observed(region: Region) -> Projection:
    """The six countries over the observed years alone."""
    return project(region)


@pytest.fixture(scope="module")
def small(two: Region) -> Projection:
    return project(two, **forecasts())


# The bars.


def test_the_published_totals_of_2021_to_2023(region: Region, observed: Projection) -> None:
    """From mid-2020, with the UN's own rates, to the UN's totals within 0.5 % (measured: 0.06 % at most)."""
    total = observed.total.squeeze("draw")
    published = region.total["population"].sel(year=total["year"])
    error = np.abs(total / published - 1.0)
    assert error["year"].to_numpy().tolist() == [2021, 2022, 2023, 2024]
    assert float(error.max()) < 0.005
    assert float(error.max()) < 0.001  # what is reached; a step back shows here first


@pytest.mark.parametrize(("flow", "reached"), [("births", 0.005), ("deaths", 0.015)])
def test_the_published_births_and_deaths_of_2021_to_2023(
    region: Region, observed: Projection, flow: str, reached: float
) -> None:
    """Within 3 % (measured: births 0.31 %, deaths 1.08 % at most)."""
    years = [2021, 2022, 2023]
    projected = observed.flows[flow].squeeze("draw").sel(year=years).sum("year")
    published = getattr(region, flow)[flow].sel(year=years).sum("year")
    error = float(np.abs(projected / published - 1.0).max())
    assert error < 0.03
    assert error < reached


def test_fertility_at_replacement_leads_to_the_stationary_population(two: Region) -> None:
    """No migration, constant mortality, one daughter who lives: L(x) of the life table, and no growth."""
    years, life = np.arange(2024, 3001), 80.0  # late births, close together, echo long
    sexes = {"sex": ["female", "male"]}
    trial = project(
        two,
        fertility=path(2.0, "children per woman", draws=1, years=years),
        mortality=path(life, "years", draws=1, years=years, **sexes),
        migration=path(0.0, "per person-year", draws=1, years=years),
    )
    births, survival = path(0.0, "births per woman-year", draws=1, years=years, age=range(101)), {}
    for country in COUNTRIES:
        inputs = trial.inputs[country].isel(year=-1)
        ratios, levels = np.empty((2, 102)), inputs["e0_level"].to_numpy()
        table = np.ascontiguousarray(inputs["survival"].transpose("sex", "e0_level", "cohort").to_numpy())
        survival_at(np.array([life, life]), levels[0], levels[1] - levels[0], table, ratios)
        survival[country] = ratios
        lived = np.cumprod(ratios[0, :101])
        shares = inputs["fertility_share"].to_numpy()
        births.loc[{"country": country}] = shares / (float(inputs["female_share"]) * (shares @ lived))
    people = project(
        two,
        fertility=births,
        mortality=path(life, "years", draws=1, years=years, **sexes),
        migration=path(0.0, "per person-year", draws=1, years=years),
    )
    last = people.population.isel(draw=0, year=-1)
    for country in COUNTRIES:
        ratios, inputs = survival[country], people.inputs[country].isel(year=-1)
        lived = np.cumprod(ratios[:, :100], axis=1)
        open_group = lived[:, -1:] * ratios[:, 100:101] / (1.0 - ratios[:, 101:])
        female = float(inputs["female_share"])
        stationary = np.array([[female], [1.0 - female]]) * np.concatenate([lived, open_group], axis=1)
        found = last.sel(country=country).to_numpy().astype(float)
        np.testing.assert_allclose(found / found.sum(), stationary / stationary.sum(), rtol=1e-6)
    assert float(np.abs(people.growth_rate.isel(year=slice(-50, None))).max()) < 1e-9
    born, died = (people.flows[name].isel(year=-1) for name in ("births", "deaths"))
    np.testing.assert_allclose(born, died, rtol=1e-6)


# The first half-year.


def test_half_a_year_from_the_base_to_the_first_of_january(region: Region, observed: Projection) -> None:
    """Births and migrants of the half-year are half of the year's; nobody is lost between two birthdays."""
    for country in ("MEX", "CAN"):
        inputs = observed.inputs[country]
        start = inputs["start"].transpose("sex", "age").to_numpy()
        base = split_groups(region.population["population"].sel(country=country, year=2020)).transpose("sex", "age")
        pattern = split_groups(region.fertility_pattern["fertility_share"].sel(country=country, year=2020))
        births = (
            0.5 * float(region.tfr["tfr"].sel(country=country, year=2020)) * float(pattern @ base.sel(sex="female"))
        )
        migrants = 0.5 * float(region.net_migration["net_migration"].sel(country=country, year=2020))
        deaths = float(base.sum()) + births + migrants - start.sum()
        assert births == pytest.approx(0.5 * float(region.births["births"].sel(country=country, year=2020)), rel=0.01)
        # The year's deaths were not spread evenly: the pandemic's second half in Mexico was the worse one.
        assert deaths == pytest.approx(0.5 * float(region.deaths["deaths"].sel(country=country, year=2020)), rel=0.08)
        assert start.min() >= 0.0


# Growth and its parts.


def test_growth_is_natural_and_social(small: Projection) -> None:
    parts = small.natural_growth + small.social_growth
    np.testing.assert_allclose(small.growth_rate.transpose(*parts.dims), parts, atol=1e-13)


def test_counts_of_everyone_add_up(small: Projection) -> None:
    flows = small.flows["births"] - small.flows["deaths"] + small.flows["net_migration"]
    np.testing.assert_allclose(small.total.diff("year").to_numpy(), flows.to_numpy(), atol=1e-5)
    assert small.total.attrs["units"] == "persons"
    assert small.flows["births"].attrs["units"] == "persons per year"
    assert float(np.abs(small.flows["emigration_limited"]).max()) < 1e-6


def test_more_children_longer_lives_and_immigrants_make_more_people(two: Region, small: Projection) -> None:
    for name, more in (("fertility", 0.2), ("mortality", 1.0), ("migration", 0.001)):
        given = forecasts()
        given[name] = (given[name] + more).assign_attrs(given[name].attrs)
        raised = project(two, **given).total.isel(year=-1)
        assert bool((raised > small.total.isel(year=-1)).all()), name


def test_emigration_beyond_the_people_is_counted(two: Region) -> None:
    given = forecasts()
    given["migration"] = path(-4e7, "persons per year")
    people = project(two, **given)
    assert float(people.population.min()) >= 0.0
    limited = people.flows["emigration_limited"].sel(year=2026)
    assert bool((limited > 1e6).all())
    asked = people.flows["net_migration"].sel(year=2026) - limited
    np.testing.assert_allclose(asked, -4e7, rtol=1e-9)


# Draws.


def test_the_same_draw_is_the_same_world(two: Region, small: Projection) -> None:
    """Other draws in another order: each keeps its own population."""
    order = [2, 0, 3, 1]
    shuffled = project(two, **{name: array.isel(draw=order) for name, array in forecasts().items()})
    np.testing.assert_array_equal(shuffled.population, small.population.isel(draw=order))
    np.testing.assert_array_equal(shuffled.flows["births"], small.flows["births"].isel(draw=order))


def test_forecasts_without_draws_are_one_draw(two: Region, small: Projection) -> None:
    one = project(two, **{name: array.isel(draw=1, drop=True) for name, array in forecasts().items()})
    np.testing.assert_array_equal(one.population.isel(draw=0), small.population.isel(draw=1))


def test_realised_counts_give_the_same_populations_as_their_rates(two: Region, small: Projection) -> None:
    counts = small.flows["net_migration"].sel(year=YEARS)
    given = forecasts() | {"migration": counts.assign_attrs(units="persons per year")}
    np.testing.assert_allclose(project(two, **given).population, small.population, rtol=2e-7, atol=1e-3)


def test_a_forecast_may_replace_observed_years(two: Region) -> None:
    """Forecasts from 2022 on: 2021 is observed, the rest is theirs."""
    people = project(two, **forecasts(years=np.arange(2022, 2031)))
    np.testing.assert_allclose([people.inputs[country]["tfr"].sel(draw=2, year=2022) for country in COUNTRIES], 1.5)
    expected = two.tfr["tfr"].sel(year=2021)
    found = [people.inputs[country]["tfr"].sel(draw=2, year=2021) for country in COUNTRIES]
    np.testing.assert_allclose(found, expected)


def test_parts_of_a_projection(small: Projection) -> None:
    part = small.sel(country="SLV").isel(draw=slice(1, 3))
    assert part.countries == ("SLV",)
    assert part.stocks.sizes["draw"] == part.flows.sizes["draw"] == part.inputs["SLV"].sizes["draw"] == 2
    np.testing.assert_array_equal(part.growth_rate, small.growth_rate.sel(country=["SLV"]).isel(draw=slice(1, 3)))
    with pytest.raises(DrawsError, match="expected countries among MEX, SLV, found CAN"):
        small.sel(country="CAN")


# Files.


def test_a_saved_projection_comes_back_and_still_plans(small: Projection, tmp_path: Path) -> None:
    again = Projection.load(small.save(tmp_path / "people.nc"))
    for name in ("stocks", "flows"):
        xr.testing.assert_identical(getattr(again, name), getattr(small, name))
    for country in COUNTRIES:
        xr.testing.assert_identical(again.inputs[country], small.inputs[country])
    lever = Admissions("workers", profile="worker", years=range(2025, 2028))
    everyone = {"everyone": Functional(weights=np.ones((2, 101)))}
    one, another = (respond(item.sel(country="MEX"), [lever], everyone) for item in (small, again))
    np.testing.assert_array_equal(one.flat, another.flat)
    np.testing.assert_array_equal(one.base["everyone"], another.base["everyone"])


def test_another_file_is_refused(tmp_path: Path) -> None:
    xr.Dataset({"x": ("y", [1.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(DrawsError, match=r"other\.nc: expected a file written by Projection\.save, found another file"):
        Projection.load(tmp_path / "other.nc")


# Refusals.


def refused(two: Region, message: str, **given) -> None:
    with pytest.raises(DrawsError, match=message):
        project(two, **(forecasts() | given))


def test_forecasts_of_other_draws_are_refused(two: Region) -> None:
    refused(
        two,
        r"the same draws and years in all forecasts, found fertility 3 draws of 2024-2030.*same until= and draws=",
        fertility=forecasts()["fertility"].isel(draw=slice(3)),
    )


def test_forecasts_of_other_years_are_refused(two: Region) -> None:
    refused(
        two,
        r"expected the same draws and years.*mortality 4 draws of 2024-2029",
        mortality=forecasts()["mortality"].isel(year=slice(-1)),
    )


def test_a_gap_after_the_observed_years_is_refused(two: Region) -> None:
    late = forecasts(years=np.arange(2026, 2031))
    with pytest.raises(DrawsError, match=r"forecasts of every year from 2024 on, found \[2026.*give the years between"):
        project(two, **late)
    holed = {name: array.sel(year=[2024, 2025, 2027]) for name, array in forecasts().items()}
    with pytest.raises(DrawsError, match=r"every year from 2024 on, found \[2024, 2025, 2027\]"):
        project(two, **holed)


def test_a_missing_country_is_refused(two: Region) -> None:
    refused(
        two,
        "migration: expected countries MEX, SLV, found none of SLV; forecast them too, or project region.sel",
        migration=forecasts()["migration"].sel(country=["MEX"]),
    )


def test_other_units_are_refused(two: Region) -> None:
    for name, units in (("fertility", "per 1000"), ("mortality", "months"), ("migration", "percent")):
        array = forecasts()[name].assign_attrs(units=units)
        refused(
            two, rf"{name}: expected units '.*', found '{units}'; convert, and set attrs\['units'\]", **{name: array}
        )


def test_other_axes_are_refused(two: Region) -> None:
    extra = forecasts()["fertility"].expand_dims(sex=["female", "male"])
    refused(two, r"fertility: expected axes \['country', 'draw', 'year'\].*found \[.*'sex'", fertility=extra)


def test_missing_and_infinite_values_are_refused(two: Region) -> None:
    for value in (np.nan, np.inf):
        array = forecasts()["migration"]
        array[0, 0, 0] = value
        refused(two, "migration: expected finite numbers, found NaN or infinity; mend the draws", migration=array)


def test_swapped_sexes_are_refused(two: Region) -> None:
    array = forecasts()["mortality"].isel(sex=[1, 0])
    refused(two, r"mortality: expected sex \('female', 'male'\), found .*male.*female.*; reorder", mortality=array)


def test_one_forecast_of_three_is_refused(two: Region) -> None:
    with pytest.raises(DrawsError, match=r"expected all of.*found none for mortality, migration; give all three"):
        project(two, fertility=forecasts()["fertility"])


def test_more_than_fits_is_refused(two: Region) -> None:
    with pytest.raises(DrawsError, match=r"at most 1kB of results, found .*\(4 draws of 2 countries\); stream them"):
        project(two, memory="1kB", **forecasts())
    with pytest.raises(DrawsError, match=r"such as '2GB' or '500 MB', found 'much'"):
        project(two, memory="much", **forecasts())
