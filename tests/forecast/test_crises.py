"""Life expectancy after a fall, into the last year or to come: closed forms, and nothing new where there was none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from poblar.data import Panel, Region
from poblar.forecast import Mortality, Posterior
from poblar.forecast.crises import Crises
from poblar.forecast.level_paths import simulate_level_change
from scipy import stats


@given(arrays(float, (3, 8, 2), elements=st.floats(20.0, 90.0)), st.floats(0.5, 10.0), st.integers(1, 7))
def test_what_is_there_and_what_is_missing_are_the_past(e0: np.ndarray, fall: float, recent: int) -> None:
    calm, loss = Crises(fall=fall, recent=recent).before(e0)
    np.testing.assert_allclose(calm[:, -1] - loss, e0[:, -1])
    np.testing.assert_array_equal(calm[:, :-recent], e0[:, :-recent])
    assert (calm >= e0).all()
    falls = (-np.diff(calm, axis=1)).max(axis=-1)[:, -recent:]
    assert (falls <= fall).all()
    fallen = (-np.diff(e0, axis=1)).max(axis=-1)[:, -recent:].max(axis=1) > fall
    np.testing.assert_array_equal((calm > e0).any(axis=(1, 2)), fallen)


def test_a_fall_into_the_last_year_is_undone() -> None:
    e0 = np.array([[[70.0, 66.0], [71.0, 67.0], [64.0, 67.5]]])
    calm, loss = Crises(recent=1).before(e0)
    np.testing.assert_array_equal(calm[0, -1], [71.0, 67.5])
    np.testing.assert_array_equal(loss, [[7.0, 0.0]])


def test_a_crisis_lasts_until_both_sexes_are_back() -> None:
    women, men = [70.0, 60.0, 71.0, 72.0, 72.5, 72.5], [65.0, 50.0, 60.0, 64.0, 65.5, 64.5]
    e0 = np.array([women, men]).T[None]
    losses = [Crises().before(e0[:, :last])[1][0].tolist() for last in range(2, 7)]
    assert losses == [[10.0, 15.0], [0.0, 5.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]


def test_crises_end_at_their_rate_and_do_not_come_back() -> None:
    loss = np.array([[7.0, 13.0], [0.0, 0.0]])
    path = Crises(lasts=0.6).missing(loss, 20_000, 6, np.random.default_rng(1))
    np.testing.assert_allclose((path[:, 0] > 0.0).mean(axis=0)[:, 0], 0.6 ** np.arange(1, 7), atol=0.012)
    assert set(np.unique(path[:, 0, :, 0])) == {0.0, 7.0}
    np.testing.assert_allclose(path[:, 0, :, 1], path[:, 0, :, 0] * 13.0 / 7.0)
    assert (np.diff(path[:, 0], axis=1) <= 0.0).all()
    assert not path[:, 1].any()


@pytest.fixture(scope="module")
def struck(region: Region) -> Panel:
    """The six countries, and a war in Mexico in the last year: seven years of women's lives, fifteen of men's."""
    worse = region.e0.dataset.copy(deep=True)
    lost = xr.DataArray([7.0, 15.0], {"sex": ["female", "male"]})
    worse["e0"].loc[{"country": "MEX", "year": 2023}] -= lost
    return Panel(worse)


def test_a_forecast_starts_from_before_the_fall_less_what_is_missing(
    mortality: Posterior[xr.DataArray], struck: Panel
) -> None:
    model, sample = mortality.model, mortality.parameters.isel(chain=0, draw=slice(1000))
    calm = Panel(struck.dataset.copy(deep=True))
    calm["e0"].loc[{"country": "MEX", "year": 2023}] = calm["e0"].sel(country="MEX", year=2019)
    assert isinstance(model, Mortality)
    never = replace(model, crises=Crises(lasts=0.0))

    def paths(model: Mortality, panel: Panel) -> xr.DataArray:
        return model.simulate(sample, panel, 2033, np.random.default_rng(1))

    xr.testing.assert_allclose(paths(never, struck), paths(never, calm))
    missing = paths(model, calm) - paths(model, struck)  # crises to come are the same in both
    assert not missing.sel(country=[name for name in struck["country"].to_numpy() if name != "MEX"]).any()
    women, men = (missing.sel(country="MEX", sex=sex) for sex in ("female", "male"))
    still = (women > 1.0).mean("draw")
    np.testing.assert_allclose(still, 0.6 ** np.arange(1, 11), atol=0.05)
    lost = (calm["e0"] - struck["e0"]).sel(country="MEX", year=2023)
    np.testing.assert_allclose(women.where(women > 1.0).max("draw").max(), lost.sel(sex="female"))
    np.testing.assert_allclose(men.where(men > 1.0).max("draw").max(), lost.sel(sex="male"))


@given(arrays(float, 6, elements=st.floats(-20.0, 20.0)), arrays(float, 6, elements=st.floats(0.0, 20.0)))
def test_a_year_loses_its_whole_error_and_regains_what_is_over(shock: np.ndarray, before: np.ndarray) -> None:
    crises, rng = Crises(fall=2.0), np.random.default_rng(1)
    kept, missing = crises.struck(shock, before, rng)
    lost = np.where(shock < -2.0, -shock, 0.0)
    np.testing.assert_allclose(kept - lost, shock)
    assert (kept >= -2.0).all()
    np.testing.assert_allclose((missing - lost) * (missing - lost - before), 0.0, atol=1e-9)  # all of it or nothing


def level_paths(crises: Crises | None) -> np.ndarray:
    """Cauchy errors and nothing else, from 70 years."""
    draws, terms = 40_000, len(Mortality().gain.terms)
    spec = replace(Mortality().gain, tails=1.0, ahead=None)
    sample = xr.Dataset(
        {
            "e0_change": (("draw", "country", "e0_term"), np.zeros((draws, 1, terms))),
            "e0_path": (("draw", "country", "e0_wander_knot"), np.zeros((draws, 1, 4))),
            "e0_log_scale": (("draw", "e0_scale_knot"), np.full((draws, 3), -2.0)),
            "e0_country_log_scale": (("draw", "country"), np.zeros((draws, 1))),
            "e0_wander": ("draw", np.zeros(draws)),
        }
    )
    past, years, rng = np.full((1, 3), 70.0), np.array([2021, 2022, 2023]), np.random.default_rng(1)
    return simulate_level_change(spec, "e0", sample, past, years, 2027, (-1e9, 1e9), rng, crises=crises)[:, 0]


def test_what_a_crisis_to_come_takes_is_missing_as_long_as_it_lasts() -> None:
    falls = stats.cauchy.cdf(-2.0 * np.exp(2.0))
    again = {}
    for lasts in (0.0, 0.6, 1.0):
        path = level_paths(Crises(lasts=lasts))
        fallen = path[:, 0] < 68.0
        assert fallen.mean() == pytest.approx(falls, rel=0.1)
        again[lasts] = (path[fallen, 1:] > 69.0).mean(axis=0)
    np.testing.assert_allclose(again[0.6], (1.0 - 0.6 ** np.arange(1, 4)) * again[0.0], atol=0.06)
    assert again[0.0].min() > 0.8
    assert again[1.0].max() < 0.2


def test_a_crisis_without_end_is_a_fall_like_any_other() -> None:
    for_ever, none = (
        np.quantile(level_paths(crises), (0.05, 0.25, 0.5, 0.75), axis=0) for crises in (Crises(lasts=1.0), None)
    )
    np.testing.assert_allclose(for_ever, none, atol=0.15)
