"""Monthly flows: known parameters and gaps are recovered, sums and intervals hold, years are completed honestly."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.typing import NDArray
from poblar.data import DataError, Panel
from poblar.forecast import Diagnostics, DrawsError, Posterior, Sampling
from poblar.forecast._flows_baselines import baseline
from poblar.forecast._flows_levels import recent_means, recent_weight
from poblar.forecast._flows_observed import Observed, recent
from poblar.forecast.flows import Flows
from poblar.forecast.interventions import Covariate, Intervention, design
from poblar.forecast.nowcast import nowcast
from poblar.forecast.persistence import persistence

Array = NDArray[np.float64]

ABOUT = {"source": "simulated", "licence": "none", "revision": "1", "retrieved": "2026-11-24"}
GAP = {"missing": "declared", "missing_reason": "left out on purpose"}
MONTHS, AHEAD = 60, 12
PLAIN = [f"plain {at}" for at in range(8)]
NAMES = [*PLAIN, "yearly", "rounded", "early", "late"]
SCALE, GAIN, MOMENTUM, LOADING, EFFECT = 0.12, 0.7, 0.1, 0.2, -1.0
WORLDS = 3
SHORT = Sampling(draws=200, tune=300, chains=2, target_accept=0.8)
CLOSURE = Intervention(name="closure", start="2018-01")


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Simulated series: what was seen, what came, and the log-intensity behind it."""

    panel: Panel
    counts: Array
    log_intensity: Array


def panel_of(count: Array, names: list[str], **others: Array) -> Panel:
    """Panel of counts from January 2015."""
    months = pd.date_range("2015-01-01", periods=count.shape[1], freq="MS")
    units = {"span": "months"}
    variables = {
        name: (
            ("category", "month"),
            values,
            {"units": units.get(name, "persons")} | (GAP if np.isnan(values).any() else {}),
        )
        for name, values in ({"count": count} | others).items()
    }
    return Panel(xr.Dataset(variables, coords={"category": names, "month": months}, attrs=ABOUT))


def shocks_of(rng: np.random.Generator, series: int, size: int) -> Array:
    """Errors with heavy tails, in part shared between series."""
    return SCALE * (LOADING * rng.standard_t(6, size) + rng.standard_t(6, (series, size)))


def wander(start: Array, shocks: Array) -> Array:
    """Log-intensities, levels and seasons and shocks together, as the equations of `Flows` have them."""
    shocks[:, 0] = 0.0
    size = shocks.shape[1]
    levels, trend = np.repeat(start[:, None], size, axis=1), np.zeros(len(start))
    for month in range(1, size):
        average = levels[:, :month] @ recent_means(month, 36.0)[-1]
        error = shocks[:, month - 1]
        levels[:, month] = 0.97 * levels[:, month - 1] + 0.03 * average + trend + GAIN * error
        trend = 0.9 * (trend + MOMENTUM * error)
    return levels + 0.25 * np.sin(2 * np.pi * np.arange(size) / 12) + shocks


@pytest.fixture(scope="module")
def truth() -> Truth:
    """Twelve series that the model itself could have made, and what became known of each."""
    rng = np.random.default_rng(6)
    size = MONTHS + AHEAD
    shocks = shocks_of(rng, len(NAMES), size)
    start = np.log(rng.uniform(800, 6000, len(NAMES)))
    start[NAMES.index("rounded")] = np.log(40.0)
    after = np.arange(size) >= 36  # January 2018
    logs = wander(start, shocks) + EFFECT * after
    counts = rng.poisson(np.exp(logs)).astype(float)
    seen = counts[:, :MONTHS].copy()
    low, high, span = seen.copy(), seen.copy(), np.ones_like(seen)
    yearly, rounded = NAMES.index("yearly"), NAMES.index("rounded")
    sums = seen[yearly].reshape(-1, 12).sum(axis=1)
    seen[yearly] = low[yearly] = high[yearly] = np.nan
    seen[yearly, 11::12] = low[yearly, 11::12] = high[yearly, 11::12] = sums
    span[yearly, 11::12] = 12
    tens = np.round(seen[rounded] / 10) * 10
    low[rounded], high[rounded], seen[rounded] = np.maximum(tens - 5, 0), tens + 4, np.nan
    for name, known in (("early", 2), ("late", 9), ("plain 0", 12)):
        for values in (seen, low, high):
            values[NAMES.index(name), MONTHS - 12 + known :] = np.nan
    seen[1, 30:33] = low[1, 30:33] = high[1, 30:33] = np.nan
    return Truth(panel=panel_of(seen, NAMES, low=low, high=high, span=span), counts=counts, log_intensity=logs)


@pytest.fixture(scope="module")
def fitted(truth: Truth) -> Posterior[xr.DataArray]:
    """One fit for all tests."""
    sampling = Sampling(draws=1000, tune=1000, chains=2, target_accept=0.8)
    return Flows(interventions=(CLOSURE,)).fit(truth.panel, seed=1, sampling=sampling, accept_unconverged=True)


def log_intensity(fitted: Posterior[xr.DataArray]) -> Array:
    """Draws of the log-intensity of the months observed, shape (draw, series, month)."""
    data = Observed.read(fitted.panel)
    drawn = fitted.parameters["log_intensity"].to_numpy().reshape(-1, int((~data.plain).sum()))
    draws = np.repeat(data.centre[None], len(drawn), axis=0)
    draws[:, ~data.plain] = drawn
    return draws


def test_known_parameters_are_recovered(fitted: Posterior[xr.DataArray]) -> None:
    at = fitted.parameters.quantile([0.01, 0.99], ["chain", "draw"])
    for name, value in {"scale_typical": SCALE, "gain": GAIN, "loading_typical": LOADING}.items():
        low, high = at[name].to_numpy()
        assert low < value < high, name
    assert fitted.diagnostics.rhat < 1.03


def test_dated_interventions_are_recovered() -> None:
    dated = {"2016-03": -1.0, "2017-05": 0.5, "2018-10": -0.4}
    closures = tuple(Intervention(name=start, start=start) for start in dated)
    effects = np.array(list(dated.values()))
    held, errors = [], []
    for seed in range(WORLDS):
        rng = np.random.default_rng(seed)
        logs = wander(np.log(rng.uniform(800, 6000, 6)), shocks_of(rng, 6, MONTHS))
        after = np.array(
            [pd.date_range("2015-01-01", periods=MONTHS, freq="MS") >= pd.Timestamp(start) for start in dated]
        )
        counts = rng.poisson(np.exp(logs + effects @ after)).astype(float)
        fitted = Flows(interventions=closures).fit(
            panel_of(counts, PLAIN[:6]), seed=seed, sampling=SHORT, accept_unconverged=True
        )
        low, middle, high = fitted.parameters["effect_mean"].quantile([0.025, 0.5, 0.975], ["chain", "draw"])
        held += list((low < effects) & (effects < high))
        errors += list(middle - effects)
        assert (high - low < 0.6).all()
    # Of nine intervals of 95 %, two or more miss in seven of a hundred times.
    assert np.sum(held) >= len(held) - 1
    assert abs(np.mean(errors)) < 0.06


def test_bands_of_the_future_hold_what_came(fitted: Posterior[xr.DataArray], truth: Truth) -> None:
    draws = fitted.forecast(until="2020-12", draws=1000, seed=2)
    assert draws.dims == ("draw", "category", "month")
    assert draws.attrs["units"] == "persons"
    came = truth.counts[:, MONTHS:]
    assert draws.shape[1:] == came.shape
    for level, least, most in ((80, 0.6, 0.95), (95, 0.82, 1.0)):
        low, high = np.quantile(draws, [0.5 - level / 200, 0.5 + level / 200], axis=0)
        assert least <= ((low <= came) & (came <= high)).mean() <= most


def test_the_log_intensity_is_covered_where_months_are_missing_or_rounded(
    fitted: Posterior[xr.DataArray], truth: Truth
) -> None:
    draws = log_intensity(fitted)
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    inside = (low <= truth.log_intensity[:, :MONTHS]) & (truth.log_intensity[:, :MONTHS] <= high)
    # Three missing months lie together: their mean is held to a band that chance leaves once in a hundred times.
    gap = draws[:, 1, 30:33].mean(axis=-1)
    low, high = np.quantile(gap, [0.005, 0.995])
    assert low < truth.log_intensity[1, 30:33].mean() < high
    for name in ("rounded", "yearly"):
        assert inside[NAMES.index(name)].mean() > 0.85


def test_a_years_count_is_the_sum_of_its_months(fitted: Posterior[xr.DataArray], truth: Truth) -> None:
    row = NAMES.index("yearly")
    years = np.exp(log_intensity(fitted)[:, row]).reshape(-1, MONTHS // 12, 12).sum(axis=-1)
    counted = truth.counts[row, :MONTHS].reshape(-1, 12).sum(axis=1)
    np.testing.assert_allclose(years.mean(axis=0), counted, rtol=0.05)
    total = nowcast(fitted, 2019, draws=200, seed=1).sel(category="yearly")
    assert (total == counted[-1]).all()


def test_a_year_is_completed_and_its_band_narrows_as_months_come_in(
    fitted: Posterior[xr.DataArray], truth: Truth
) -> None:
    total = nowcast(fitted, 2019, draws=1000, seed=1)
    came = truth.counts[:, MONTHS - 12 : MONTHS].sum(axis=1)
    low, middle, high = total.quantile([0.01, 0.5, 0.99], "draw").to_numpy()
    width = dict(zip(NAMES, (high - low) / middle, strict=True))
    assert width["plain 0"] == width["plain 2"] == 0.0
    assert 0.0 < width["late"] < width["early"]
    for name in ("early", "late"):
        at = NAMES.index(name)
        known = np.nansum(truth.panel["count"].sel(category=name).to_numpy()[MONTHS - 12 :])
        assert low[at] < came[at] < high[at]
        assert float(total.sel(category=name).min()) >= known
    at = NAMES.index("rounded")
    bounds = [float(truth.panel[end].sel(category="rounded")[MONTHS - 12 :].sum()) for end in ("low", "high")]
    assert bounds[0] <= float(total[:, at].min()) <= came[at] + 60
    assert float(total[:, at].max()) <= bounds[1]


def test_a_nowcast_beyond_the_months_seen_adds_the_forecast(fitted: Posterior[xr.DataArray]) -> None:
    whole = nowcast(fitted, 2020, draws=300, seed=3)
    forecast = fitted.forecast(until="2020-12", draws=300, seed=3).sum("month")
    xr.testing.assert_equal(
        whole.drop_attrs(), forecast.drop_attrs().drop_vars("draw").assign_coords(draw=whole["draw"])
    )


@pytest.mark.parametrize(
    ("year", "ends", "text"),
    [
        (2030, 12, "expected a year that begins within"),
        (2020, 13, "expected ends= a month"),
        (2020, 9, "also sums other"),
    ],
)
def test_a_nowcast_of_no_such_year_is_refused(fitted: Posterior[xr.DataArray], year: int, ends: int, text: str) -> None:
    with pytest.raises(DrawsError, match=text):
        nowcast(fitted, year, ends=ends, draws=10, seed=1)


def made(model: Flows, panel: Panel, **changes: float) -> Posterior[xr.DataArray]:
    """A posterior of known parameters, each the same in every draw."""
    names = panel["category"].to_numpy()
    each = {"level": np.log(1000.0), "average": np.log(1000.0), "trend": 0.0, "scale": 0.1}
    each |= {name: value for name, value in changes.items() if name in each}
    shared = {"tails": 8.0, "persistence": 0.9, "gain": 1.0, "momentum": 0.0}
    shared |= {"volatility_scale": 0.0, "volatility_last": 0.0}
    shared |= {name: value for name, value in changes.items() if name in shared}

    def full(value: float, *shape: int) -> Array:
        return np.full((1, 400, *shape), value)

    values: dict[str, object] = {name: (("chain", "draw"), full(value)) for name, value in shared.items()}
    for name, value in each.items():
        values[name] = (("chain", "draw", "category"), full(value, len(names)))
    more = {
        "season": (("chain", "draw", "category", "calendar"), full(0.0, len(names), 12)),
        "effects": (("chain", "draw", "effect", "category"), full(EFFECT, 1, len(names))),
    }
    parameters = xr.Dataset(values | more, coords={"category": names, "effect": ["closure"]})
    quality = Diagnostics(rhat=1.0, ess_bulk=900.0, ess_tail=900.0, divergent=0.0, worst="tails")
    return Posterior(model=model, panel=panel, parameters=parameters, diagnostics=quality, seed=1)


def flat(value: float = 1000.0, months: int = 36) -> Panel:
    return panel_of(np.full((1, months), value), ["all"])


def test_levels_return_to_the_mean_of_their_past() -> None:
    high = made(Flows(interventions=(CLOSURE,)), flat(), level=np.log(2000.0), average=np.log(1000.0))
    path = high.forecast(until="2022-12", draws=4000, seed=1).median("draw").to_numpy()[0] / np.exp(EFFECT)
    assert 1650 < path[0] < 2050
    assert path[0] > path[11] > path[-1] > 1000


def test_no_level_exceeds_its_limit() -> None:
    wild = made(Flows(most=3.0, interventions=(CLOSURE,)), flat(), scale=1.0, persistence=1.0)
    draws = wild.forecast(until="2020-12", draws=2000, seed=1)
    assert float(draws.max()) / np.exp(EFFECT) < 3.0 * 1000 * 1.2


def test_a_measure_that_ends_frees_the_forecast() -> None:
    stays, ends = CLOSURE, replace(CLOSURE, end="2018-07")
    panel = flat(months=42)
    quiet = {"scale": 1e-6}
    paths = [
        made(Flows(interventions=(item,)), panel, **quiet).forecast(until="2018-12", draws=400, seed=1).mean("draw")[0]
        for item in (stays, ends)
    ]
    np.testing.assert_allclose(paths[0], 1000 * np.exp(EFFECT), rtol=0.02)
    np.testing.assert_allclose(paths[1], 1000, rtol=0.02)


def test_the_mean_of_the_past_is_carried_on_as_it_was_defined() -> None:
    levels = np.random.default_rng(0).standard_normal(40)
    means = recent_means(40, 12.0) @ levels
    weight = recent_weight(39, 12.0) * 0.5 ** (1 / 12.0) + 1.0
    assert weight == pytest.approx(recent_weight(40, 12.0))
    assert means[-1] == pytest.approx(means[-2] + (levels[-1] - means[-2]) / weight)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"count": [-1.0, 2, 3]}, "expected counts of zero or more, found a negative count"),
        ({"count": [0.5, 2, 3]}, "expected whole numbers of persons"),
        ({"span": [1.0, 1, 3]}, "expected each month in one count, found a sum beside the months"),
        ({"span": [1.0, 3, 1]}, "inside the panel"),
        ({"low": [2.0, 2, 3], "high": [1.0, 2, 3]}, "expected low at most high"),
        ({"count": [np.nan] * 3}, "expected a count in every series"),
        ({"count": [5.0]}, "expected counts of two months at least"),
    ],
)
def test_what_is_no_count_is_refused(change: dict[str, list[float]], text: str) -> None:
    values = {name: np.asarray([row]) for name, row in ({"count": [1.0, 2, 3]} | change).items()}
    panel = panel_of(values.pop("count"), ["all"], **values)
    with pytest.raises(DataError, match=text):
        Observed.read(panel)


def test_an_interval_weighs_every_count_in_it() -> None:
    low, high = np.asarray([[1.0, 0, 7]]), np.asarray([[5.0, 999, 7]])
    data = Observed.read(panel_of(np.asarray([[np.nan, np.nan, 7.0]]), ["all"], low=low, high=high))
    held = np.exp(data.log_weight)
    assert data.nodes[0, held[0] > 0].tolist() == [1, 2, 3, 4, 5]
    assert held[1].sum() == pytest.approx(1000)
    assert (held[1] * data.nodes[1]).sum() / 1000 == pytest.approx(499.5)
    assert data.count.tolist() == [7.0]


def test_covariates_act_with_their_lag_and_hold_their_last_value() -> None:
    panel = panel_of(np.ones((1, 4)), ["all"], rate=np.asarray([[1.0, 2, 3, 4]]))
    months = pd.date_range("2015-01-01", periods=7, freq="MS")
    rows = design(panel, "category", months, (), (Covariate(name="rate", lag=2),))
    np.testing.assert_allclose(rows[0, 0] + 2.5, [1, 1, 1, 2, 3, 4, 4])


def test_a_covariate_may_take_a_path_of_its_own_after_the_panel() -> None:
    panel = panel_of(np.ones((2, 4)), ["a", "b"], rate=np.asarray([[1.0, 2, 3, 4], [0, 0, 0, 8]]))
    months = pd.date_range("2015-01-01", periods=8, freq="MS")
    rows = design(panel, "category", months, (), (Covariate(name="rate", lag=1, then=(0.5, -1.0)),))[0]
    np.testing.assert_allclose(rows[0] + 2.5, [1, 1, 2, 3, 4, 4.5, 3, 3])
    np.testing.assert_allclose(rows[1] + 2.0, [0, 0, 0, 0, 8, 8.5, 7, 7])
    with pytest.raises(DataError, match="expected numbers in then= of 'rate', found"):
        design(panel, "category", months, (), (Covariate(name="rate", then=(np.nan,)),))


def test_a_forecast_follows_the_path_of_its_covariate() -> None:
    rate = np.ones((1, 36))
    panel = panel_of(np.full((1, 36), 1000.0), ["all"], rate=rate)
    stays = Covariate(name="rate")
    quiet = {"scale": 1e-6}
    held, raised = (
        made(Flows(covariates=(item,)), panel, **quiet).forecast(until="2018-06", draws=400, seed=1).mean("draw")[0]
        for item in (stays, replace(stays, then=(0.0, -0.5)))
    )
    np.testing.assert_allclose(held, 1000, rtol=0.02)
    np.testing.assert_allclose(raised, 1000 * np.exp(EFFECT * np.array([0, *[-0.5] * 5])), rtol=0.02)


def test_forecasts_of_a_seed_are_the_same_worlds_under_every_path() -> None:
    panel = panel_of(np.full((2, 36), 1e6), ["a", "b"], rate=np.ones((2, 36)))
    low, high = (
        made(Flows(covariates=(Covariate(name="rate", then=(change,)),)), panel, scale=0.3, level=14.0, average=14.0)
        .forecast(until="2019-12", draws=200, seed=1)
        .to_numpy()
        for change in (0.0, -0.5)
    )
    ratio = high / low
    np.testing.assert_allclose(ratio, np.exp(-0.5 * EFFECT), rtol=0.05)  # but for the Poisson noise of a million
    assert np.log(low).std(axis=0).min() > 0.2


@pytest.mark.parametrize(
    ("interventions", "text"),
    [
        ((replace(CLOSURE, series=("no one",)),), "found no one"),
        ((replace(CLOSURE, start="soon"),), "expected a month such as"),
        ((replace(CLOSURE, end="2017-12"),), "expected an end of 'closure' after its start"),
        ((CLOSURE, CLOSURE), "expected each effect once"),
    ],
)
def test_an_intervention_that_makes_no_sense_is_refused(interventions: tuple[Intervention, ...], text: str) -> None:
    panel = flat()
    with pytest.raises(DataError, match=text):
        design(panel, "category", pd.DatetimeIndex(panel["month"].to_numpy()), interventions, ())


def test_baselines_repeat_what_they_are_named_for() -> None:
    rng = np.random.default_rng(0)
    year = 1000 * np.exp(np.sin(2 * np.pi * np.arange(12) / 12))
    counts = np.tile(year, 4)[None]
    seasonal = baseline("seasonal", counts, [1, 12, 14], 50, rng)
    np.testing.assert_allclose(seasonal[:, 0], np.broadcast_to(year[[0, 11, 1]], (50, 3)))
    growing = 1000 * np.exp(0.01 * np.arange(48))[None] - 0.5
    drift = baseline("drift", growing, [24], 50, rng)
    np.testing.assert_allclose(drift, 1000 * np.exp(0.01 * 71) - 0.5, rtol=1e-6)
    noisy = np.exp(7 + 0.2 * rng.standard_normal((1, 48)))
    errors = baseline("persistence", noisy, [6], 4000, rng)
    assert float(np.median(errors)) == pytest.approx(noisy[0, -1], rel=0.1)
    with pytest.raises(DrawsError, match="found 'naive'"):
        baseline("naive", counts, [1], 5, rng)


def test_persistence_goes_on_from_the_last_counts_and_is_laid_out_as_a_forecast() -> None:
    rng = np.random.default_rng(0)
    counts = np.round(1000 * np.exp(0.1 * rng.standard_normal((2, 48))))
    low, high, seen = counts.copy(), counts.copy(), counts.copy()
    seen[1, -1], low[1, -1], high[1, -1] = np.nan, 400.0, 600.0
    panel = panel_of(seen, ["a", "b"], low=low, high=high)
    draws = persistence(panel, until="2019-06", draws=4000, seed=1)
    assert draws.dims == ("draw", "category", "month")
    assert draws.attrs["units"] == "persons"
    assert draws["month"].to_numpy()[[0, -1]].tolist() == pd.to_datetime(["2019-01-01", "2019-06-01"]).tolist()
    middle = draws.median("draw")
    np.testing.assert_allclose(middle.sel(category="a"), counts[0, -1], rtol=0.05)
    np.testing.assert_allclose(middle.sel(category="b"), 500, rtol=0.05)
    xr.testing.assert_equal(draws, persistence(panel, until="2019-06", draws=4000, seed=1))
    yearly = panel_of(seen, ["a", "b"], low=low, high=high, span=np.full((2, 48), 12.0))
    with pytest.raises(DataError, match="expected counts of single months, found counts that sum several"):
        persistence(yearly, until="2019-06", seed=1)


def test_the_window_keeps_the_sums_that_reach_into_it_whole() -> None:
    count, span = np.full((2, 36), np.nan), np.ones((2, 36))
    count[0], count[1, 11::12], span[1, 11::12] = 50.0, 600.0, 12.0
    panel = panel_of(count, ["monthly", "yearly"], span=span)
    assert recent(panel, 12).sizes["month"] == 12
    assert recent(panel, 13).sizes["month"] == 24
    assert recent(panel, 99) is panel
    assert Observed.read(recent(panel, 13)).span.tolist() == [12, 12]
