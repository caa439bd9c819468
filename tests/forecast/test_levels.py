"""Level-dependent change: the basis, the density by hand, recovery of known parameters, and simulated paths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from poblar.data import DataError
from poblar.forecast.level_paths import simulate_level_change
from poblar.forecast.levels import LevelChange, LongRun, Rebound, along, hats, steps_of
from poblar.forecast.pooled import World, add_level_change, level_coords, pilot_of
from poblar.forecast.priors import LogNormal, Normal
from scipy import stats

SPEC = LevelChange(
    knots=(1.0, 2.0, 4.0),
    change=Normal((0.02, -0.02, -0.1), (0.02, 0.02, 0.02)),
    unlike=(0.01, 0.02, 0.01),
    alike=0.5,
    scale_knots=(1.0, 4.0),
    log_scale=Normal((-3.0, -3.5), (0.5, 0.5)),
    scale_spread=LogNormal(0.5, 0.3),
    momentum=0.5,
    tails=5.0,
    wander=LogNormal(0.8, 0.3),
    wander_tails=6.0,
    persistence=0.4,
    wander_step=5,
    window=10,
    rebound=Rebound(full=0.2, change=Normal((0.01,), (0.02,)), unlike=0.01),
)
CHANGE = np.array([0.02, -0.02, -0.1, 0.0])
WIDE = (-1e6, 1e6)


def parameters(draws: int, *, change=CHANGE, log_scale=-60.0, wander=0.0) -> xr.Dataset:
    """The same parameters in every draw, one country; a log scale of -60 is no noise."""
    return xr.Dataset(
        {
            "y_change": (("draw", "country", "y_term"), np.broadcast_to(change, (draws, 1, 4)).copy()),
            "y_path": (("draw", "country", "y_wander_knot"), np.zeros((draws, 1, 3))),
            "y_log_scale": (("draw", "y_scale_knot"), np.full((draws, 2), log_scale)),
            "y_country_log_scale": (("draw", "country"), np.zeros((draws, 1))),
            "y_wander": ("draw", np.full(draws, wander)),
        }
    )


def simulate(sample: xr.Dataset, levels: np.ndarray, years: np.ndarray, until: int, bounds=WIDE, spec=SPEC):
    return simulate_level_change(spec, "y", sample, levels, years, until, bounds, np.random.default_rng(1))


@given(arrays(float, 7, elements=st.floats(-5.0, 15.0)))
def test_hats_share_every_level_between_two_knots(levels: np.ndarray) -> None:
    knots = (0.5, 1.0, 2.5, 4.0, 8.0)
    weights = hats(levels, knots)
    assert weights.shape == (7, 5)
    assert (weights >= -1e-12).all()
    np.testing.assert_allclose(weights.sum(-1), 1.0, atol=1e-12)
    assert ((weights > 1e-12).sum(-1) <= 2).all()
    np.testing.assert_allclose(weights @ np.array(knots), np.clip(levels, 0.5, 8.0), atol=1e-9)
    values = np.array([3.0, -1.0, 2.0, 0.0, 7.0])
    np.testing.assert_allclose(along(levels, knots, values), weights @ values, atol=1e-9)
    np.testing.assert_allclose(along(levels, knots, np.tile(values, (7, 1))), weights @ values, atol=1e-9)


def test_without_noise_a_path_follows_its_recursion() -> None:
    past, years = np.array([[3.6, 3.5, 3.4]]), np.array([2021, 2022, 2023])
    path = simulate(parameters(3), past, years, 2060)

    def expected(level: float) -> float:
        return float(np.interp(level, SPEC.knots, CHANGE[:3]))

    level, error = 3.4, 3.4 - 3.5 - expected(3.5)
    for year in range(path.shape[-1]):
        error *= 0.5
        level += expected(level) + error
        np.testing.assert_allclose(path[:, 0, year], level, rtol=1e-9)
    assert path.shape == (3, 1, 37)


def test_a_rebound_acts_above_the_lowest_level_so_far() -> None:
    """Level 1.0 after a lowest of 0.9: half of the full distance, half of the rebound's change."""
    risen = np.array([0.0, 0.0, 0.0, 0.04])
    past, years = np.array([[0.9, 1.0, 1.0, 1.0]]), np.array([2020, 2021, 2022, 2023])
    path = simulate(parameters(1, change=risen), past, years, 2024)
    carried = 0.5 * (0.0 - 0.5 * 0.04)
    assert path[0, 0, 0] == pytest.approx(1.0 + 0.5 * 0.04 + carried)
    falling = np.array([[1.3, 1.2, 1.1, 1.0]])
    assert simulate(parameters(1, change=risen), falling, years, 2024)[0, 0, 0] == pytest.approx(1.0 - 0.05)


def test_after_a_gap_no_error_is_carried_on() -> None:
    """Years 2019 and 2023: the fall between them says nothing about the error of 2023."""
    for before in (3.0, 6.0):
        past, years = np.array([[before, before, 2.0]]), np.array([2018, 2019, 2023])
        assert simulate(parameters(1), past, years, 2024)[0, 0, 0] == pytest.approx(2.0 - 0.02)


def test_paths_keep_their_bounds() -> None:
    noisy = parameters(500, log_scale=0.0)
    past, years = np.full((1, 3), 2.0), np.array([2021, 2022, 2023])
    path = simulate(noisy, past, years, 2050, (1.0, 3.0))
    assert path.min() == 1.0
    assert path.max() == 3.0


def test_errors_carry_momentum_and_their_scale() -> None:
    """With no expected change the yearly steps are an AR(1) of the stated momentum and scale."""
    calm = parameters(4000, change=np.zeros(4), log_scale=np.log(0.01))
    past, years = np.full((1, 3), 2.0), np.array([2021, 2022, 2023])
    path = simulate(calm, past, years, 2053, spec=replace(SPEC, tails=200.0))
    steps = np.diff(path[:, 0], axis=1)[:, 10:]
    lagged = np.corrcoef(steps[:, :-1].ravel(), steps[:, 1:].ravel())[0, 1]
    assert lagged == pytest.approx(0.5, abs=0.02)
    assert steps.std() == pytest.approx(0.01 / np.sqrt(1.0 - 0.5**2), rel=0.03)


def test_the_wander_is_linear_between_knots_at_which_it_is_an_autoregression() -> None:
    still = parameters(20_000, change=np.zeros(4), wander=0.1)
    past, years = np.full((1, 3), 4.0), np.array([2021, 2022, 2023])
    path = simulate(still, past, years, 2053)
    steps = np.diff(np.concatenate([np.full((20_000, 1), 4.0), path[:, 0]], axis=1), axis=1)
    # The momentum acts on the errors, of which there are none; steps are the wander over its reference scale.
    wander = steps / SPEC.reference_scale(np.concatenate([np.full((20_000, 1), 4.0), path[:, 0, :-1]], axis=1))
    np.testing.assert_allclose(wander[:, 11], 0.8 * wander[:, 10] + 0.2 * wander[:, 15], atol=1e-9)
    assert wander[:, 25].std() == pytest.approx(0.1 * np.sqrt(6.0 / 4.0), rel=0.05)
    assert np.corrcoef(wander[:, 20], wander[:, 25])[0, 1] == pytest.approx(0.4, abs=0.03)


LONG = LongRun(log_scale=(-5.0, -4.0), wander_log_scale=(-7.0, -5.0), wander_tails=1000.0, wander_limit=99.0, kept=0.5)
AHEAD = replace(SPEC, ahead=LONG, momentum=0.0)
CALM = replace(SPEC, ahead=replace(LONG, log_scale=(-60.0, -60.0), wander_log_scale=(-60.0, -60.0), kept=0.0))
STILL, THREE = np.full((1, 3), 4.0), np.array([2021, 2022, 2023])


def test_errors_ahead_have_the_scale_of_the_long_run_and_a_part_of_the_countrys() -> None:
    sample = parameters(20_000, change=np.zeros(4), log_scale=3.0)  # the fit's own, not heeded
    sample["y_country_log_scale"] += 0.8
    path = simulate(sample, STILL, THREE, 2024, spec=replace(AHEAD, tails=1000.0))
    assert path.std() == pytest.approx(np.exp(-4.0 + 0.5 * 0.8), rel=0.02)


def test_wanders_ahead_have_their_own_scale_by_level() -> None:
    quiet = replace(AHEAD, ahead=replace(LONG, log_scale=(-60.0, -60.0)))
    for level, scale in ((4.0, np.exp(-5.0)), (1.0, np.exp(-7.0)), (2.5, np.exp(-6.0))):
        past = np.full((1, 3), level)
        path = simulate(parameters(20_000, change=np.zeros(4), wander=9.0), past, THREE, 2029, spec=quiet)
        wander = path[:, 0, 5] - path[:, 0, 4]  # at the second knot
        assert wander.std() == pytest.approx(scale * np.sqrt(1 - 0.4**2), rel=0.03)


def test_wanders_ahead_have_tails_and_a_limit_of_their_own() -> None:
    heavy = replace(LONG, log_scale=(-60.0, -60.0), wander_tails=3.0)
    largest, scale = {}, np.exp(-5.0)
    for limit in (99.0, 1.5):
        spec = replace(AHEAD, ahead=replace(heavy, wander_limit=limit))
        path = simulate(parameters(20_000, change=np.zeros(4)), STILL, THREE, 2029, spec=spec)
        largest[limit] = abs(path[:, 0, 5] - path[:, 0, 4]) / scale
    beyond = 2.0 * stats.t(3.0).sf(4.0 / np.sqrt(1 - 0.4**2))
    assert (largest[99.0] > 4.0).mean() == pytest.approx(beyond, rel=0.15)
    assert largest[1.5].max() == pytest.approx(1.5)
    assert (largest[1.5] < 1.4).mean() == pytest.approx((largest[99.0] < 1.4).mean())


def test_the_wander_of_the_past_fades_as_it_is() -> None:
    sample = parameters(1, change=np.zeros(4))
    sample["y_path"][..., -1] = 0.5
    for spec in (SPEC, CALM):
        path = simulate(sample, STILL, THREE, 2034, spec=replace(spec, momentum=0.0))[0, 0]
        steps = np.diff(np.r_[4.0, path])[[0, 5, 10]] / spec.reference_scale(np.r_[4.0, path[[4, 9]]])
        np.testing.assert_allclose(steps, 0.5 * 0.4 ** np.arange(3), rtol=1e-9)


LEVELS = np.array([[3.0, 2.9, 2.75, 2.7, 2.72, 2.65], [1.5, 1.45, 1.3, 1.35, 1.4, 1.38]])
YEARS = np.array([2017, 2018, 2019, 2023, 2024, 2025])


def density(point: dict[str, np.ndarray], model: pm.Model) -> float:
    """Log density in the field's parameters, and the Jacobian of the countries' scales, written out by hand."""
    names = ("world_change", "log_scale", "scale_spread", "wander", "change", "path")
    names = (*names, "country_log_scale")
    outputs = model.replace_rvs_by_values([model[f"y_{name}"] for name in names])
    values = dict(zip(names, model.compile_fn(outputs, inputs=model.value_vars)(point), strict=True))
    mean, covariance = SPEC.world_prior()
    logs = np.log([float(values[name]) for name in ("scale_spread", "wander")])
    world = np.concatenate([values["world_change"], values["log_scale"], logs])
    total = stats.multivariate_normal(mean, covariance).logpdf(world)
    spread, kappa = np.exp(logs)
    for c in range(2):
        change, path, own = values["change"][c], values["path"][c], values["country_log_scale"][c]
        total += stats.multivariate_normal(values["world_change"], SPEC.country_covariance()).logpdf(change)
        total += stats.t(6.0, scale=kappa).logpdf(path[0])
        total += stats.t(6.0, 0.4 * path[:-1], kappa * np.sqrt(1 - 0.4**2)).logpdf(path[1:]).sum()
        total += stats.norm(0.0, spread).logpdf(own)
        level, length = LEVELS[c, :-1], np.diff(YEARS)
        lowest = np.minimum.accumulate(LEVELS[c])[:-1]
        expected = np.interp(level, SPEC.knots, change[:3])
        expected += np.interp(level, SPEC.knots, [change[3], 0.0, 0.0]) * np.clip((level - lowest) / 0.2, 0, 1)
        knots = [2015, 2020, 2025]
        at = np.array([2017, 2018, 2019 + 1.5, 2023, 2024])
        reference = np.exp(np.interp(level, SPEC.scale_knots, [-3.0, -3.5]))
        error = np.diff(LEVELS[c]) - length * (expected + reference * np.interp(at, knots, path))
        carried = 0.5 * np.array([0.0, error[0], 0.0, 0.0, error[3]])
        scale = np.exp(np.interp(level, SPEC.scale_knots, values["log_scale"]) + own) * np.sqrt(length)
        total += stats.t(5.0, scale=scale).logpdf(error - carried).sum()
    precision = pilot_of(SPEC, steps_of(SPEC, LEVELS, YEARS), World(mean, covariance)).scale_precision
    return total - len(LEVELS) * 0.5 * np.log(precision + spread**-2)


def test_the_density_by_hand() -> None:
    """Prior and likelihood in standardised coordinates are those of the equations: a gap, momentum and rebounds too."""
    with pm.Model(coords={"country": ["MEX", "USA"], **level_coords(SPEC, "y", 2025)}) as model:
        add_level_change(SPEC, "y", LEVELS, YEARS)
    logp, rng = model.compile_logp(), np.random.default_rng(5)
    start = model.initial_point()
    points = [{name: rng.normal(0.0, 0.7, value.shape) for name, value in start.items()} for _ in range(4)]
    found = np.array([float(logp(point)) for point in points])
    expected = np.array([density(point, model) for point in points])
    np.testing.assert_allclose(np.diff(found), np.diff(expected), rtol=1e-8)


def test_too_few_years_are_refused() -> None:
    with pytest.raises(DataError, match="three or more observations"):
        steps_of(SPEC, np.array([[2.0, 1.9, 1.8]]), np.array([1990, 1991, 2023]))


def test_the_step_across_a_shock_is_left_out_and_no_other() -> None:
    every, some = steps_of(SPEC, LEVELS, YEARS), steps_of(SPEC, LEVELS, YEARS, masked=(2020, 2021))
    gap = np.flatnonzero(every.length > 1)
    assert gap.size == 1
    for name in ("response", "design", "scale"):
        np.testing.assert_array_equal(getattr(some, name), np.delete(getattr(every, name), gap, axis=1))
    np.testing.assert_array_equal(steps_of(SPEC, LEVELS, YEARS, masked=(2016, 2030)).length, every.length)


def test_fitting_is_blind_to_what_remains_of_a_masked_shock() -> None:
    """However far the level has fallen by the first year after: the years before and after are fitted alike."""
    fallen = LEVELS - np.array([0.0, 0.0, 0.0, 0.1, 0.1, 0.1])
    steps, others = (steps_of(SPEC, levels, YEARS, masked=(2021,)) for levels in (LEVELS, fallen))
    np.testing.assert_allclose(others.response, steps.response)
