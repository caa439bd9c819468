"""Coherent Lee-Carter: the e0 asked for, no crossing of the sexes, known declines recovered, the UN's projection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from poblar.data import DataError, Region, read_world
from poblar.data.axes import SEXES
from poblar.data.wpp import read_wide
from poblar.forecast import ages
from poblar.forecast._inputs import survival_in
from poblar.forecast.decline import WORLD, Decline, decline_by_level
from poblar.forecast.lee_carter import LeeCarter, fit_lee_carter
from poblar.forecast.lifetable import (
    ABRIDGED,
    INFANT,
    abridged_life_table,
    close_at_100,
    life_expectancy,
    life_table,
    survival_ratios,
    years_lived,
)


@pytest.fixture(scope="module")
def model(region: Region) -> LeeCarter:
    return fit_lee_carter(region.mx["mx"], "MEX", recent=region.mx_recent["mx"].sel(country="MEX"), start=2023)


@pytest.fixture(scope="module")
def world(wpp_folder: Path) -> Region:
    return read_world(wpp_folder)


def paths(women: float, men: float, draws: int = 50) -> xr.DataArray:
    """Draws of e0 that rise by half a year a decade from 2030 on, and wander."""
    years = np.arange(2030, 2101, 10)
    noise = np.random.default_rng(5).normal(0.0, 1.0, (draws, len(years), 1))
    values = np.array([women, men]) + 0.05 * (years - 2030)[:, None] + noise
    return xr.DataArray(values, dims=("draw", "year", "sex"), coords={"year": years, "sex": list(SEXES)})


def reached(rates: xr.DataArray) -> np.ndarray:
    values = rates.transpose(..., "sex", "age").to_numpy()
    return np.stack([life_expectancy(values[..., i, :], sex) for i, sex in enumerate(SEXES)], axis=-1)


def abridged(single: np.ndarray, sex: str) -> np.ndarray:
    """Rates by abridged age of one single-year schedule: deaths over years lived."""
    table = life_table(single, sex)
    return np.add.reduceat(table["dx"].to_numpy(), ABRIDGED) / np.add.reduceat(table["Lx"].to_numpy(), ABRIDGED)


def misfit(rates: xr.DataArray, truth: xr.DataArray) -> np.ndarray:
    """Errors of log rates (sex, abridged age)."""
    short = np.stack([abridged(rates.sel(sex=sex).to_numpy(), sex) for sex in SEXES])
    return np.log(short) - np.log(truth.transpose("sex", "age").to_numpy())


def rms(errors: list[np.ndarray]) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))


def test_the_life_tables_have_the_life_expectancies_asked_for(model: LeeCarter) -> None:
    women = np.r_[10.0, np.arange(30.0, 105.0, 0.7)]
    e0 = xr.DataArray(np.stack([women - 4.0, women]), dims=("sex", "year"), coords={"sex": ["male", "female"]})
    rates = model.rates(e0)
    assert rates.dims == ("year", "sex", "age")
    assert rates.attrs["units"] == "per person-year"
    np.testing.assert_allclose(reached(rates), e0.sel(sex=list(SEXES)).transpose("year", "sex"), atol=0.002)


def test_drawn_patterns_keep_the_life_expectancy_and_differ_in_age(model: LeeCarter) -> None:
    e0 = paths(84.0, 79.0)
    rates = model.rates(e0, seed=3)
    np.testing.assert_allclose(reached(rates), e0, atol=0.002)
    xr.testing.assert_identical(rates, model.rates(e0, seed=3))
    same = xr.full_like(e0, 85.0)
    spread = np.log(model.rates(same, seed=3)).std("draw")
    assert float(np.log(model.rates(same)).std("draw").max()) < 1e-9  # without a seed all draws have one pattern
    last = spread.sel(year=2100)
    assert float(spread.sel(year=2030).mean()) < 0.5 * float(last.mean())
    assert float(last.sel(age=slice(0, 4)).mean()) > 2.0 * float(last.sel(age=slice(60, 90)).mean())
    # Draw i has its pattern whatever the other draws are.
    np.testing.assert_allclose(model.rates(e0.isel(draw=slice(0, 7)), seed=3), rates.isel(draw=slice(0, 7)), rtol=1e-9)


def test_men_do_not_die_less_than_women_where_they_never_did(model: LeeCarter) -> None:
    assert model.apart.mean() > 0.8
    for women, men in ((84.0, 79.0), (84.0, 83.0), (84.0, 83.9)):
        e0 = paths(women, men)
        rates = model.rates(e0, seed=4)
        men_above = rates.sel(sex="male") >= rates.sel(sex="female") * (1 - 1e-12)
        assert bool(men_above.to_numpy()[..., model.apart].all())
        np.testing.assert_allclose(reached(rates), e0, atol=0.002)
    crossed = model.rates(paths(82.0, 84.0), seed=4)  # men live longer, so somewhere they die less
    assert bool((crossed.sel(sex="male") < crossed.sel(sex="female")).to_numpy()[..., model.apart].any())


def test_a_known_decline_is_recovered() -> None:
    """One decline for all levels, and countries that do not depart from it."""
    b = np.linspace(1.8, 0.2, len(ABRIDGED))
    start = np.log(1e-4 * np.exp(0.085 * ABRIDGED) + 0.03 * (ABRIDGED == 0) + 0.001)
    fall = np.array([0.0, 0.2, 0.5, 0.9, 1.2, 1.6, 1.7])[:, None, None] * b
    logs = start + np.array([1.5, 0.8, 0.3])[:, None, None, None] - fall + np.array([0.0, 0.3])[:, None]
    history = xr.DataArray(
        np.exp(logs),
        dims=("country", "year", "sex", "age"),
        coords={"country": list("ABC"), "year": range(1950, 2011, 10), "sex": list(SEXES), "age": ABRIDGED},
    )
    decline = decline_by_level(history)
    middles = np.r_[0, 3, np.arange(7, 98, 5)]
    for row in decline.b:
        np.testing.assert_allclose(row[middles[3:-2]], b[3:-3], atol=0.02)
        assert row.argmax() < 8
        assert (np.diff(row) <= 1e-9).all()
    assert np.abs(decline.deviations).max() < 0.01  # what smoothing b at its ends leaves
    model = fit_lee_carter(history, "C", decline=decline)
    wanted = xr.DataArray(reached(history.sel(country="C", year=2010).pipe(ages.single_year_rates)), dims="sex")
    errors = misfit(model.rates(wanted.assign_coords(sex=list(SEXES))), history.sel(country="C", year=2010))
    assert np.abs(errors[:, 2:17]).max() < 0.02


def test_the_decline_turns_from_children_to_all_ages(region: Region, model: LeeCarter) -> None:
    for decline in (WORLD, decline_by_level(region.mx["mx"])):
        assert (decline.b > 0).all()
        children, old = decline.b[:, 1:5].mean(1), decline.b[:, 65:80].mean(1)
        assert children[0] / old[0] > 1.5 * children[-1] / old[-1]
        np.testing.assert_allclose(decline.ultimate[:60], decline.ultimate[0], rtol=1e-9)
    # Far on, the step of k is the ultimate pattern: below 60 all rates fall alike.
    far = np.searchsorted(model.e0.mean(0), 102.5)
    step = model.log_rates[0, far, :60] - model.log_rates[0, far + 1, :60]
    np.testing.assert_allclose(step, step[0], rtol=1e-6)
    assert (np.diff(model.log_rates[:, :, :100], axis=1) <= 1e-12).all()  # no rate rises as people live longer


def test_the_oldest_ages_are_closed_by_one_logistic() -> None:
    x = np.arange(130)
    both = 1.0 / (1.0 + np.exp(-(np.array([[-1.0], [-0.6]]) + 0.11 * (x - 89.5))))
    logs = np.log(both[:, :101])
    logs[:, 100] = 0.0  # to be replaced
    close_at_100(logs)
    for sex in range(2):
        q = both[sex, 100:] / (1.0 + 0.5 * both[sex, 100:])
        alive = np.cumprod(np.r_[1.0, 1.0 - q])
        expected = 1.0 / ((alive[:-1] * (1.0 - 0.5 * q)).sum() + alive[-1])
        assert np.exp(logs[sex, 100]) == pytest.approx(expected, rel=1e-9)
    crossed = np.log(both[::-1, :101]).copy()  # men below women at 80-99, as where few reach that age
    close_at_100(crossed)
    assert crossed[1, 100] >= crossed[0, 100] - 1e-12


def test_the_compiled_life_expectancy_is_the_life_tables(region: Region) -> None:
    singles = ages.single_year_rates(region.mx["mx"].sel(year=[1950, 2020]))
    for country in region.countries:
        for i, sex in enumerate(SEXES):
            for mx in singles.sel(country=country, sex=sex).to_numpy():
                assert years_lived(mx, np.array(INFANT[SEXES[i]])) == pytest.approx(life_expectancy(mx, sex), rel=1e-12)


def test_at_todays_life_expectancy_the_table_has_todays_rates(region: Region, model: LeeCarter) -> None:
    mx, table = ages.single_year_rates(region.mx_recent["mx"].sel(country="MEX")), model.table()
    for sex, ratios in zip(SEXES, survival_in(table, reached(mx)), strict=True):
        today = survival_ratios(mx.sel(sex=sex).to_numpy(), sex)
        np.testing.assert_allclose(ratios[:95], today[:95], atol=3e-4)  # 100+ is closed otherwise


def test_refused(region: Region, model: LeeCarter) -> None:
    e0 = paths(84.0, 79.0)
    with pytest.raises(DataError, match=r"expected life expectancies of 3\.\d to 110\.\d years, which MEX's rates"):
        model.rates(e0 + 50.0)
    with pytest.raises(DataError, match="1 missing"):
        model.rates(e0.where((e0["draw"] != 3) | (e0["year"] != 2050) | (e0["sex"] != "male")))
    with pytest.raises(DataError, match=r"expected life expectancies by draw.*leave seed out"):
        model.rates(e0.isel(draw=0), seed=1)
    with pytest.raises(DataError, match=r"expected death rates of FRA, found those of CAN, USA.*choose one"):
        fit_lee_carter(region.mx["mx"], "FRA")
    with pytest.raises(DataError, match="expected death rates of more than 3 years between 1950 and 1960, found 2"):
        decline_by_level(region.mx["mx"], last=1960)


def test_near_to_the_uns_projected_rates(world: Region, wpp_folder: Path) -> None:
    """187 countries given the UN's e0 of 2050-55 and 2095-2100: RMSE of log mx 0.12 and 0.22."""
    un = read_wide(wpp_folder / "mxF5.txt", "mx", countries=world.countries)["mx"].sel(year=[2050, 2095])
    again = decline_by_level(world.mx["mx"])
    np.testing.assert_allclose(WORLD.b, again.b, atol=0.006)
    np.testing.assert_allclose((WORLD.deviations**2).sum(0), (again.deviations**2).sum(0), atol=2e-4)
    ours: dict[int, list[np.ndarray]] = {2050: [], 2095: []}
    for country in world.countries:
        recent = world.mx_recent["mx"].sel(country=country)
        model = fit_lee_carter(world.mx["mx"], country, recent=recent)
        truth = un.sel(country=country).transpose("year", "sex", "age")
        e0 = xr.DataArray(
            [
                [abridged_life_table(truth.sel(year=year, sex=sex).to_numpy(), sex).loc[0, "ex"] for sex in SEXES]
                for year in ours
            ],
            dims=("year", "sex"),
            coords={"year": list(ours), "sex": list(SEXES)},
        )
        rates = model.rates(e0)
        for year in ours:
            ours[year].append(misfit(rates.sel(year=year), truth.sel(year=year)))
    assert rms(ours[2050]) < 0.13
    assert rms(ours[2095]) < 0.23


def test_the_rates_of_2010_from_those_of_1990(world: Region) -> None:
    """Given the e0 of 2010: RMSE 0.24; 80 and 95 % bands hold 77 and 89 %."""
    history = world.mx["mx"].sel(year=slice(None, 1990))
    decline: Decline = decline_by_level(history, last=1990)
    errors, held = [], []
    for i, country in enumerate(world.countries):
        truth = world.mx["mx"].sel(country=country, year=2010)
        e0 = xr.DataArray(reached(ages.single_year_rates(truth)), dims="sex", coords={"sex": list(SEXES)})
        model = fit_lee_carter(history, country, decline=decline)
        errors.append(misfit(model.rates(e0), truth))
        drawn = e0.expand_dims(draw=100, year=[2010])
        logs = np.log(model.rates(drawn, seed=i).isel(year=0)).transpose("draw", "sex", "age").to_numpy()
        single = np.log(ages.single_year_rates(truth).transpose("sex", "age").to_numpy())
        held.append([(low <= single) & (single <= high) for low, high in _bands(logs)])
    assert rms(errors) < 0.245
    narrow, wide = np.mean(held, axis=(0, 2, 3))
    assert 0.74 < narrow < 0.84
    assert 0.87 < wide < 0.97


def _bands(draws: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    low, lower, upper, high = np.quantile(draws, [0.025, 0.1, 0.9, 0.975], axis=0)
    return [(lower, upper), (low, high)]
