"""The published forms: their curves, the phases of fertility, the whitening of country parameters, their futures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr
from poblar.data import Panel, Region, read_world
from poblar.data.wpp import read_wide
from poblar.forecast.crises import Crises
from poblar.forecast.double_logistic import Information, add_countries, decline, gain, learn, rise, whiten
from poblar.forecast.errors import DrawsError
from poblar.forecast.fit import Sampling
from poblar.forecast.phases import find_phases, recovered
from poblar.forecast.priors import Normal
from poblar.forecast.published_fertility import ERRORS, PublishedFertility
from poblar.forecast.published_mortality import PublishedMortality

DRAWS = 400
PLAIN = "FAST_COMPILE"  # a density is needed once
TRANSITION = {"upper": 6.5, "end": 2.0, "pace": 0.15, "high_width": 1.0, "low_width": 1.5}
GAINS = {"start": 14.0, "first_width": 40.0, "between": 6.0, "second_width": 18.0, "fast": 0.6, "slow": 0.1}


def panel(name: str, units: str, values: xr.DataArray) -> Panel:
    provenance = {"source": "made up", "licence": "none", "revision": "1", "retrieved": "never"}
    return Panel(xr.Dataset({name: values.assign_attrs(units=units)}, attrs=provenance))


def fertility_panel(*paths: np.ndarray) -> Panel:
    codes = ["MEX", "CAN", "GTM", "USA"][: len(paths)]
    years = np.arange(2024 - len(paths[0]), 2024)
    return panel("tfr", "children per woman", xr.DataArray(np.stack(paths), {"country": codes, "year": years}))


def falling(start: float = 6.5, years: int = 60) -> np.ndarray:
    """A transition without errors."""
    path = [start - 0.3, start]
    while len(path) < years:
        path.append(path[-1] - decline(path[-1], **TRANSITION))
    return np.array(path)


def known_fertility(panel: Panel, **changed: float) -> xr.Dataset:
    """Parameters as a fit would give them, without errors unless they are asked for."""
    country, phases = panel["country"].to_numpy(), find_phases(panel["tfr"].to_numpy())
    values = TRANSITION | {"momentum": 0.0, "recovery_scale": 0.0, "level": 1.7, "level_spread": 0.0} | changed
    values |= {"logit_persistence": 3.0, "persistence_spread": 0.0}
    sample = xr.Dataset(coords={"country": country, "error": list(ERRORS)})
    for name, value in values.items():
        if name in ("end", "pace", "high_width", "low_width"):
            sample[name] = (("draw", "country"), np.full((DRAWS, len(country)), value))
        elif name != "upper":
            sample[name] = ("draw", np.full(DRAWS, value))
    tent = [changed.get("peak_scale", 0.0), 0.0, 0.0, 3.0, 1.0]
    sample["errors"] = (("draw", "error"), np.tile(tent, (DRAWS, 1)))
    if phases.early.any():
        sample["upper"] = (("draw", "some"), np.full((DRAWS, phases.early.sum()), TRANSITION["upper"]))
    if phases.settled.any():
        sample["country_level"] = (("draw", "settled"), np.full((DRAWS, phases.settled.sum()), values["level"]))
        sample["country_persistence"] = (("draw", "settled"), np.full((DRAWS, phases.settled.sum()), 0.9))
    return sample


# --- curves


def test_a_rise_has_a_tenth_at_its_start_and_nine_tenths_at_its_end() -> None:
    np.testing.assert_allclose(rise(np.array([-3.0, 1.0]), -3.0, 4.0), [0.1, 0.9])


def test_the_decline_is_fastest_between_its_ends_and_dies_out_at_both() -> None:
    level = np.linspace(0.5, 9.0, 200)
    pace = decline(level, **TRANSITION)
    assert 3.5 < level[pace.argmax()] < 5.0
    assert pace.max() == pytest.approx(TRANSITION["pace"], rel=0.05)
    assert pace[0] < 0.002
    assert pace[-1] < 0.002
    assert (pace > 0.0).all()


def test_a_tenth_of_the_pace_is_left_at_the_end_of_the_transition() -> None:
    assert decline(TRANSITION["end"], **TRANSITION) == pytest.approx(0.1 * TRANSITION["pace"], rel=1e-3)


def test_gains_go_from_none_to_the_fast_to_the_slow_rate() -> None:
    np.testing.assert_allclose(gain(np.array([-50.0, 57.0, 150.0]), **GAINS), [0.0, 0.53, 0.1], atol=0.005)


def test_curves_are_the_same_inside_a_model() -> None:
    level = np.array([1.0, 3.0, 6.0])
    np.testing.assert_allclose(decline(level, **TRANSITION, sigmoid=pt.sigmoid).eval(), decline(level, **TRANSITION))
    np.testing.assert_allclose(gain(10 * level, **GAINS, sigmoid=pt.sigmoid).eval(), gain(10 * level, **GAINS))


# --- phases


def test_the_transition_starts_at_the_latest_peak_near_the_highest() -> None:
    path = np.r_[6.0, 6.8, 6.5, 6.6, 6.4, np.linspace(6.3, 3.0, 30), 3.2, 3.1]
    phases = find_phases(path[None])
    assert phases.decline.tolist() == [3]
    assert not phases.early[0]


def test_a_peak_far_below_the_highest_or_low_does_not_start_it() -> None:
    far = np.r_[7.5, np.linspace(7.4, 6.0, 10), 6.2, np.linspace(6.1, 3.0, 20)]
    low = np.r_[4.9, 5.2, np.linspace(5.1, 2.0, 30)]
    phases = find_phases(np.stack([far, np.resize(low, len(far))]))
    assert phases.decline.tolist() == [0, 0]
    assert phases.early.tolist() == [False, True]


def test_fertility_that_still_rises_has_not_begun_to_fall() -> None:
    phases = find_phases(np.linspace(5.0, 7.0, 30)[None])
    assert phases.decline.tolist() == [29]


def test_recovery_starts_in_the_middle_of_the_second_of_three_rising_spans() -> None:
    path = np.r_[np.linspace(5.0, 1.5, 20), np.repeat([1.5, 1.6, 1.7, 1.6], 5)]
    phases = find_phases(path[None])
    assert phases.settled[0]
    last = phases.recovery[0] + 7
    assert recovered(path[: last + 1])
    assert not any(recovered(path[:end]) for end in range(1, last + 1))


def test_no_recovery_without_two_rises_or_above_two() -> None:
    assert not recovered(np.repeat([1.6, 1.5, 1.7], 5))
    assert not recovered(np.repeat([1.9, 1.95, 2.05], 5))
    assert not recovered(np.array([1.5, 1.6]))


def test_phases_of_real_series(wpp_folder: Path) -> None:
    """Sweden and the Russian Federation have recovered, the Republic of Korea has not; Niger's fall began late."""
    countries = ("SWE", "RUS", "KOR", "NER", "MEX", "FRA")
    tfr = read_wide(wpp_folder / "tfr.txt", "tfr", countries=countries)["tfr"].sel(
        year=slice(1950, 2023), country=list(countries)
    )
    phases = find_phases(tfr.transpose("country", "year").to_numpy())
    assert phases.settled.tolist() == [True, True, False, False, False, True]
    assert phases.early.tolist() == [True, True, False, False, False, True]
    start = tfr["year"].to_numpy()[phases.decline]
    assert start[3] > 1975
    assert 1950 <= start[4] <= 1965


# --- countries' parameters


def test_whitening_gives_the_normal_distribution_that_data_and_pooling_imply() -> None:
    rng = np.random.default_rng(1)
    root = rng.normal(size=(2, 3, 3))
    root[1] = 0.0  # the second country has no data
    precision, pull = root @ root.transpose(0, 2, 1), rng.normal(size=(2, 3)) * [[1.0], [0.0]]
    mean, spread = rng.normal(size=3), np.array([0.5, 1.0, 2.0])
    z = [pt.dvector(f"z{i}") for i in range(3)]
    x, stretch = whiten(Information(precision=precision, pull=pull), list(mean), list(spread), z)
    solve = pm.compile(z, [*x, stretch])
    *centre, logarithm = solve(*np.zeros((3, 2)))
    full = precision + np.diag(spread**-2.0)
    for c in range(2):
        np.testing.assert_allclose(
            [v[c] for v in centre], np.linalg.solve(full[c], pull[c] + mean / spread**2), atol=1e-10
        )
        moved = np.stack([[v[c] for v in solve(*np.tile(row[:, None], 2))[:-1]] for row in np.eye(3)], 1)
        map_ = moved - np.array([v[c] for v in centre])[:, None]
        np.testing.assert_allclose(map_ @ map_.T, np.linalg.inv(full[c]), atol=1e-10)
    np.testing.assert_allclose(logarithm, -0.5 * sum(np.linalg.slogdet(p)[1] for p in full))


def test_the_pilot_finds_the_parameters_of_curves_without_error() -> None:
    truth = np.array([[-1.5, 2.0], [-2.0, 1.5], [-1.8, 2.5]])
    level = np.linspace(1.0, 6.0, 60)
    country = np.repeat(np.arange(3), 60)

    def curve(x: np.ndarray) -> np.ndarray:
        return np.exp(x[country, 0]) * rise(np.tile(level, 3), x[country, 1], 1.5)

    seen = learn(lambda x: (curve(x) - curve(truth)) / 1e-3, country, 3, np.array([-1.7, 2.1]), np.ones(2))
    np.testing.assert_allclose(np.linalg.solve(seen.precision, seen.pull[..., None])[..., 0], truth, atol=1e-3)


@pytest.mark.parametrize("information", [0.0, 50.0])
def test_the_density_of_the_parameters_is_the_pooling_whatever_the_pilot(information: float) -> None:
    """A change of coordinates: the log density less the log determinant is that of x ~ N(mean, spread²)."""
    seen = Information(precision=np.full((2, 1, 1), information), pull=np.full((2, 1), information))
    with pm.Model(coords={"parameter": ["a"], "country": ["MEX", "CAN"]}) as model:
        (x,) = add_countries(seen, Normal((0.3,), (0.5,)), Normal((0.1,), (0.2,)), dims=("parameter", "country"))
    point = {"mean_offset": np.array([0.4]), "spread_offset": np.array([-1.0]), "deviation": np.array([[0.5, -1.0]])}
    at = model.compile_fn(model.replace_rvs_by_values([x])[0], mode=PLAIN)(point)
    spread = np.exp(0.1 - 0.2)
    stretch = -np.log(np.sqrt(information + spread**-2.0)) * 2
    offsets = -0.5 * (0.4**2 + 1.0) - np.log(2 * np.pi)
    pooling = (-0.5 * ((at - (0.3 + 0.5 * 0.4)) / spread) ** 2 - np.log(spread) - 0.5 * np.log(2 * np.pi)).sum()
    assert float(model.compile_logp(mode=PLAIN)(point)) == pytest.approx(offsets + pooling + stretch)


# --- fertility


def test_fertility_without_errors_follows_its_curve_to_the_end() -> None:
    past = fertility_panel(falling(years=30))
    future = PublishedFertility().simulate(known_fertility(past), past, 2050, np.random.default_rng(1))
    expected = falling(years=30 + 27)[-27:]
    assert future.dims == ("draw", "country", "year")
    assert future.attrs["units"] == "children per woman"
    np.testing.assert_array_equal(future["year"], np.arange(2024, 2051))
    np.testing.assert_allclose(future.isel(country=0).mean("draw"), expected, atol=0.005)  # errors have a least scale


def test_recovered_fertility_returns_to_its_countrys_mean() -> None:
    past = fertility_panel(np.r_[np.linspace(5.0, 1.3, 20), np.repeat([1.3, 1.35, 1.4], 5)])
    future = PublishedFertility().simulate(known_fertility(past, level=1.8), past, 2150, np.random.default_rng(1))
    np.testing.assert_allclose(future.isel(country=0).sel(year=2024), 1.4 + 0.1 * 0.4, atol=1e-8)
    np.testing.assert_allclose(future.isel(country=0).sel(year=2150), 1.8, atol=1e-4)


def test_paths_stay_within_their_bounds() -> None:
    past = fertility_panel(falling(years=40), falling(5.9, years=40))
    sample = known_fertility(past, peak_scale=0.8, recovery_scale=0.8)
    future = PublishedFertility().simulate(sample, past, 2060, np.random.default_rng(1))
    assert float(future.min()) == 0.5
    assert float(future.max()) <= 9.0


def test_the_first_error_has_the_scale_and_the_momentum_of_the_parameters() -> None:
    path = falling(years=40)
    path[-1] += 0.1  # the last year's error
    past = fertility_panel(path)
    sample = known_fertility(past, peak_scale=0.05, momentum=0.5)
    first = PublishedFertility().simulate(sample, past, 2024, np.random.default_rng(1)).squeeze()
    centre = path[-1] - decline(path[-1], **TRANSITION) + 0.05
    assert float(first.mean()) == pytest.approx(centre, abs=0.01)
    assert float(first.std()) == pytest.approx(0.05, rel=0.15)


@pytest.mark.parametrize("countries", [("MEX",), ("GTM", "HND", "SLV"), ("CAN", "USA", "MEX")])
def test_fertility_builds_for_any_countries(region: Region, countries: tuple[str, ...]) -> None:
    """With and without early transitions and recoveries, the density is finite where a sampler starts."""
    model = PublishedFertility().build(region.tfr.sel(country=list(countries)))
    assert np.isfinite(model.compile_logp(mode=PLAIN)(model.initial_point()))
    assert model.coords["country"] == countries


def test_a_year_that_is_over_cannot_be_forecast() -> None:
    past = fertility_panel(falling())
    with pytest.raises(DrawsError, match="after the last observation"):
        PublishedFertility().simulate(known_fertility(past), past, 2023, np.random.default_rng(1))


# --- mortality


def known_mortality(countries: int, **changed: float) -> xr.Dataset:
    sample = xr.Dataset()
    for name, value in GAINS.items():
        sample[name] = (("draw", "country"), np.full((DRAWS, countries), value))
    values = {"omega": 0.0, "gap_closing": 0.0, "gap_scale": 0.0, "gap_tails": 3.0}
    values |= {"late_closing": 0.02, "late_scale": 0.0, "late_tails": 3.0} | changed
    for name, value in values.items():
        sample[name] = ("draw", np.full(DRAWS, value))
    sample["gap_coefficient"] = (("draw", "coefficient"), np.zeros((DRAWS, 4)))
    return sample


def mortality_panel(women: np.ndarray, men: np.ndarray) -> Panel:
    years = np.arange(2024 - len(women), 2024)
    values = np.stack([women, men], -1)[None]
    return panel("e0", "years", xr.DataArray(values, {"country": ["MEX"], "year": years, "sex": ["female", "male"]}))


def test_life_expectancy_without_errors_follows_its_curve_and_keeps_its_gap() -> None:
    past = mortality_panel(np.linspace(60.0, 70.0, 30), np.linspace(55.0, 65.0, 30))
    future = PublishedMortality().simulate(known_mortality(1), past, 2030, np.random.default_rng(1))
    level, expected = 70.0, []
    for _ in range(7):
        level += gain(level, **GAINS)
        expected.append(level)
    assert future.dims == ("draw", "country", "year", "sex")
    assert future.attrs["units"] == "years"
    np.testing.assert_allclose(future.sel(sex="female").isel(draw=0, country=0), expected)
    np.testing.assert_allclose(future.sel(sex="female") - future.sel(sex="male"), 5.0)


def test_the_gap_fades_where_women_live_longest() -> None:
    past = mortality_panel(np.linspace(80.0, 86.0, 30), np.linspace(75.0, 81.0, 30))
    future = (
        PublishedMortality().simulate(known_mortality(1), past, 2033, np.random.default_rng(1)).isel(draw=0, country=0)
    )
    np.testing.assert_allclose(future.sel(sex="female") - future.sel(sex="male"), 5.0 * 0.98 ** np.arange(1, 11))


def test_women_outlive_men_within_the_bounds_of_the_gap() -> None:
    past = mortality_panel(np.linspace(60.0, 80.0, 30), np.linspace(59.0, 79.0, 30))
    sample = known_mortality(1, gap_scale=3.0, late_scale=3.0, omega=3.0)
    future = PublishedMortality().simulate(sample, past, 2060, np.random.default_rng(1))
    gap = future.sel(sex="female") - future.sel(sex="male")
    assert float(gap.min()) == pytest.approx(0.0, abs=1e-9)
    assert float(gap.max()) <= 18.0 + 1e-9
    assert float(future.max()) <= 105.0


def test_masked_years_do_not_change_the_fit_but_the_last_year_is_started_from(region: Region) -> None:
    e0 = region.e0.sel(country=["MEX", "CAN"])
    dented = Panel(e0.dataset.assign(e0=e0["e0"] - 3.0 * e0["year"].isin((2020, 2021, 2022))))
    masking = PublishedMortality(masked=(2020, 2021, 2022))
    model, again = masking.build(e0), masking.build(dented)
    point = model.initial_point()
    assert float(model.compile_logp(mode=PLAIN)(point)) == pytest.approx(
        float(again.compile_logp(mode=PLAIN)(point)), rel=1e-12
    )
    future = masking.simulate(known_mortality(2), dented, 2024, np.random.default_rng(1))
    last = e0["e0"].sel(year=2023, sex="female").transpose("country").to_numpy()
    np.testing.assert_allclose(future.sel(sex="female").isel(draw=0, year=0), last + gain(last, **GAINS))


def test_a_pandemic_hides_no_war() -> None:
    women = np.linspace(70.0, 80.0, 30)
    men = women - 10.0
    men[-4:] -= (0.5, 1.5, 3.5, 3.0)  # 2020 to 2023, and no year took two
    past = mortality_panel(women, men)

    def gap(model: PublishedMortality) -> np.ndarray:
        future = model.simulate(known_mortality(1), past, 2026, np.random.default_rng(1)).isel(draw=0, country=0)
        return (future.sel(sex="female") - future.sel(sex="male")).to_numpy()

    np.testing.assert_allclose(gap(PublishedMortality(pandemic=())), 13.0)
    over, on = (gap(PublishedMortality(crises=Crises(lasts=lasts))) for lasts in (0.0, 1.0))
    np.testing.assert_allclose(over, women[-1] - men[-5])
    np.testing.assert_allclose(on, women[-1] - men[-1])


# --- both


@pytest.mark.slow
def test_both_sample_well_on_a_few_countries(region: Region) -> None:
    sampling = Sampling(draws=500, tune=500, chains=2, cores=1)
    fertility = PublishedFertility().fit(region.tfr, seed=1, sampling=sampling, accept_unconverged=True)
    mortality = PublishedMortality().fit(region.e0, seed=1, sampling=sampling, accept_unconverged=True)
    for posterior in (fertility, mortality):
        assert posterior.diagnostics.rhat < 1.05
        assert posterior.diagnostics.divergent < 0.01
    tfr = fertility.forecast(until=2050, draws=500, seed=1).median("draw")
    assert 1.2 < float(tfr.sel(country="USA", year=2050)) < 1.9


@pytest.mark.slow
def test_the_worlds_medians_of_2050_are_the_uns(wpp_folder: Path) -> None:
    """Truth: the UN's own projection. Its life expectancies of sub-Saharan Africa rest on more than this model."""
    world = read_world(wpp_folder)
    sampling = Sampling(draws=1500, cores=2)

    def median(model: PublishedFertility | PublishedMortality, figures: Panel) -> xr.DataArray:
        fitted = model.fit(figures, seed=1, sampling=sampling, accept_unconverged=True)
        assert fitted.diagnostics.rhat < 1.02
        assert fitted.diagnostics.divergent < 0.001
        return fitted.forecast(until=2050, draws=1000, seed=1).sel(year=2050).median("draw")

    def published(stem: str, name: str) -> xr.DataArray:
        return read_wide(wpp_folder / f"{stem}.txt", name, countries=world.countries)[name].sel(year=2050)

    tfr = median(PublishedFertility(), world.tfr) - published("tfrprojMed", "tfr")
    assert float((abs(tfr) <= 0.15).mean()) >= 0.9
    e0 = abs(median(PublishedMortality(), world.e0) - published("e0Fproj", "e0"))  # the table of men is read beside it
    for sex in ("female", "male"):
        off = e0.sel(sex=sex)
        assert off.sizes["country"] == len(world.countries)
        assert float(off.median()) < 0.7
        assert float((off <= 1.5).mean()) >= 0.86  # of the 187; of all countries 91 and 90 %
