"""Level-dependent change: the basis, the likelihood by hand, and simulated paths."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from poblar.forecast.levels import LevelChange, add_level_change, hats, simulate_level_change
from poblar.forecast.priors import Beta, Gamma, HalfNormal, Normal
from scipy import stats

SPEC = LevelChange(
    knots=(1.0, 2.0, 4.0),
    change=Normal((0.02, -0.02, -0.1), (0.01, 0.01, 0.01)),
    spread=HalfNormal(1.0),
    scale_knots=(1.0, 4.0),
    log_scale=Normal((-3.0, -3.0), (0.5, 0.5)),
    momentum=Beta(mean=0.5, weight=10.0),
    tails=Gamma(mean=5.0, sd=1.0),
)
CHANGE = np.array([0.02, -0.02, -0.1])
WIDE = (-1e6, 1e6)


def parameters(draws: int, *, change=CHANGE, log_scale=-60.0, tails=5.0, momentum=0.5) -> xr.Dataset:
    """The same parameters in every draw, one country; a log scale of -60 is no noise."""
    return xr.Dataset(
        {
            "change": (("draw", "country", "knot"), np.broadcast_to(change, (draws, 1, 3)).copy()),
            "log_scale": (("draw", "scale_knot"), np.full((draws, 2), log_scale)),
            "tails": ("draw", np.full(draws, tails)),
            "momentum": ("draw", np.full(draws, momentum)),
        }
    )


@given(arrays(float, 7, elements=st.floats(-5.0, 15.0)))
def test_hats_share_every_level_between_two_knots(levels: np.ndarray) -> None:
    knots = (0.5, 1.0, 2.5, 4.0, 8.0)
    weights = hats(levels, knots)
    assert weights.shape == (7, 5)
    assert (weights >= -1e-12).all()
    np.testing.assert_allclose(weights.sum(-1), 1.0, atol=1e-12)
    assert ((weights > 1e-12).sum(-1) <= 2).all()
    np.testing.assert_allclose(weights @ np.array(knots), np.clip(levels, 0.5, 8.0), atol=1e-9)


def test_without_noise_a_path_follows_its_recursion() -> None:
    past, years = np.array([[3.5, 3.4]]), np.array([2022, 2023])
    path = simulate_level_change(SPEC, parameters(3), past, years, 2060, WIDE, np.random.default_rng(1))

    def expected(level: float) -> float:
        return float(np.interp(level, SPEC.knots, CHANGE))

    level, error = 3.4, 3.4 - 3.5 - expected(3.5)
    for year in range(path.shape[-1]):
        error *= 0.5
        level += expected(level) + error
        np.testing.assert_allclose(path[:, 0, year], level, rtol=1e-9)
    assert path.shape == (3, 1, 37)


def test_after_a_gap_no_error_is_carried_on() -> None:
    """Years 2019 and 2023: the fall between them says nothing about the error of 2023."""
    for before in (3.0, 6.0):
        past, years = np.array([[before, 2.0]]), np.array([2019, 2023])
        path = simulate_level_change(SPEC, parameters(1), past, years, 2024, WIDE, np.random.default_rng(1))
        assert path[0, 0, 0] == pytest.approx(2.0 - 0.02)


def test_paths_keep_their_bounds() -> None:
    noisy = parameters(500, log_scale=0.0, tails=2.0)
    past, years = np.array([[2.0, 2.0]]), np.array([2022, 2023])
    path = simulate_level_change(SPEC, noisy, past, years, 2050, (1.0, 3.0), np.random.default_rng(1))
    assert path.min() == 1.0
    assert path.max() == 3.0


def test_errors_carry_momentum_and_their_scale() -> None:
    """With no expected change the yearly steps are an AR(1) of the stated momentum and scale."""
    calm = parameters(4000, change=np.zeros(3), log_scale=np.log(0.01), tails=200.0, momentum=0.6)
    past, years = np.array([[2.0, 2.0]]), np.array([2022, 2023])
    path = simulate_level_change(SPEC, calm, past, years, 2053, WIDE, np.random.default_rng(1))
    steps = np.diff(path[:, 0], axis=1)[:, 10:]
    lagged = np.corrcoef(steps[:, :-1].ravel(), steps[:, 1:].ravel())[0, 1]
    assert lagged == pytest.approx(0.6, abs=0.02)
    assert steps.std() == pytest.approx(0.01 / np.sqrt(1.0 - 0.6**2), rel=0.03)
    two_apart = np.corrcoef(steps[:, :-2].ravel(), steps[:, 2:].ravel())[0, 1]
    assert two_apart == pytest.approx(0.36, abs=0.03)


def log_likelihood(levels: np.ndarray, years: np.ndarray) -> float:
    """The model's term for the changes, at the prior means of all parameters."""
    with pm.Model(coords={"country": ["MEX"], **SPEC.coords}) as model:
        add_level_change(SPEC, levels, years)
    point = model.initial_point()
    point["change_mean"] = CHANGE
    point["change_offset"] = np.zeros((1, 3))
    point["log_scale"] = np.full(2, -3.0)
    point["tails_log__"] = np.log(5.0)
    point["momentum_logodds__"] = np.array(0.0)  # one half
    return float(model.compile_logp(vars=model.potentials)(point))


def test_the_likelihood_by_hand() -> None:
    """Errors less half of the error of the year before are Student t with five degrees of freedom."""
    levels, years = np.array([[3.0, 2.9, 2.75, 2.7]]), np.array([2018, 2019, 2020, 2021])
    errors = np.diff(levels[0]) - np.interp(levels[0, :-1], SPEC.knots, CHANGE)
    shocks = errors - 0.5 * np.r_[0.0, errors[:-1]]
    expected = stats.t(5.0, scale=np.exp(-3.0)).logpdf(shocks).sum()
    assert log_likelihood(levels, years) == pytest.approx(expected, rel=1e-6)


def test_a_gap_is_one_step_of_several_years() -> None:
    """2019 to 2023: four years of drift, twice the scale, and no error carried into the gap or out of it."""
    levels, years = np.array([[3.0, 2.9, 2.4, 2.38, 2.37]]), np.array([2018, 2019, 2023, 2024, 2025])
    length = np.array([1, 4, 1, 1])
    errors = np.diff(levels[0]) - length * np.interp(levels[0, :-1], SPEC.knots, CHANGE)
    shocks = errors - 0.5 * np.array([0.0, 0.0, 0.0, errors[2]])
    expected = stats.t(5.0, scale=np.exp(-3.0) * np.sqrt(length)).logpdf(shocks).sum()
    assert log_likelihood(levels, years) == pytest.approx(expected, rel=1e-6)
