"""What flows are sampled in: coordinates about regressions, whose densities are those of the model's own parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import pytest
from numpy.typing import NDArray
from poblar.data.flows import flow_panel, flow_table
from poblar.forecast._flows_levels import follow, recent_means
from poblar.forecast._flows_observed import Observed
from poblar.forecast._flows_open import place
from poblar.forecast._flows_pilots import pilots, waves
from poblar.forecast._informed import add_informed
from poblar.forecast.flows import Flows
from pytensor import function
from scipy import stats

Array = NDArray[np.float64]

ABOUT = {"source": "simulated", "licence": "none", "revision": "1", "retrieved": "2026-11-30"}


def observed(count: Array, span: Array | None = None) -> Observed:
    """Counts (series, month; persons) from January 2015 as the likelihood takes them, each over `span` months."""
    row, month = np.nonzero(np.isfinite(count))
    months = pd.date_range("2015-01-01", periods=count.shape[1], freq="MS")
    cells = pd.DataFrame({"series": row.astype(str), "month": months[month], "count": count[row, month]})
    table = flow_table(cells, missing="left out on purpose")
    if span is not None:
        table["span"] = span[row, month].astype(int)
    return Observed.read(flow_panel(table, ABOUT))


def log_jacobian(values: Callable[[Array], Array], at: Array) -> float:
    """Log of the determinant of the derivative of `values`, by differences."""
    step = 1e-6 * np.eye(len(at))
    slopes = [(values(at + one) - values(at - one)).ravel() / 2e-6 for one in step]
    return float(np.linalg.slogdet(np.stack(slopes))[1])


@pytest.mark.parametrize("along", [None, np.array([[0.5, 2.0], [-1.0, 3.0], [0.0, 0.1]])])
@pytest.mark.parametrize("known", [0.0, 30.0])
def test_the_prior_is_kept_wherever_the_pilot_is(along: Array | None, known: float) -> None:
    believed = np.array([[1.0, 4.0], [0.2, 9.0], [1.0, 1.0]])
    pilot = np.array([[3.0, -2.0], [0.0, 1.0], [7.0, 0.5]])
    with pm.Model(coords={"row": range(3), "column": range(2)}) as model:
        value = add_informed("z", pilot, known * np.ones((3, 2)), believed, dims=("row", "column"), along=along)
    compiled = function([model["z"]], value)
    logp = model.compile_logp(jacobian=False)
    for seed in range(3):
        at = np.random.default_rng(seed).standard_normal((3, 2))
        away = log_jacobian(lambda row: compiled(row.reshape(3, 2)), at.ravel())
        prior = stats.norm.logpdf(compiled(at), scale=believed**-0.5).sum()
        assert float(logp({"z": at})) == pytest.approx(prior + away, abs=1e-4)


def test_months_without_a_count_lie_between_their_neighbours_and_within_their_sums() -> None:
    """The log volume is that of the map from deviates to months, and sums are the counts whatever the deviates are."""
    rng = np.random.default_rng(1)
    count, span = np.full((4, 16), 50.0), np.ones((4, 16))
    for row in (1, 2):  # the same sums
        count[row, :6], count[row, 6:12], span[row, [5, 11]] = np.nan, np.nan, 6.0
        count[row, [5, 11]] = 300.0
    count[3, 4:8], count[3, 7], span[3, 7] = np.nan, 200.0, 4.0  # other ones
    count[[0, 1, 3], 13], count[0, 2:4], count[0, 10], count[3, 14:] = np.nan, np.nan, 3.0, 3.0
    data = observed(count, span)
    free = np.argwhere(~data.plain)
    expected, loading = rng.standard_normal((4, 16)), rng.uniform(0.2, 3.0, 4)
    scales = np.exp(rng.standard_normal((3, 4, 15)))
    deviate, scale = pt.vector("deviate"), pt.matrix("scale")
    compiled = function([deviate, scale], place(data, pilots(data), deviate, expected, scale, loading))
    deviates = 2.0 * rng.standard_normal((3, len(free)))
    constants = [
        log_jacobian(lambda row, width=width: compiled(row, width)[0][*free.T], at) - compiled(at, width)[1]
        for at, width in zip(deviates, scales, strict=True)
    ]
    np.testing.assert_allclose(constants, constants[0], atol=1e-4)
    for at, width in zip(deviates, scales, strict=True):
        logs = np.log(np.exp(compiled(at, width)[0][2, :12]).reshape(2, 6).sum(axis=1))
        shift = at[free[:, 0] == 2].reshape(2, 6).mean(axis=1) * np.sqrt(6.0)
        np.testing.assert_allclose(logs, np.log(303.0) + shift / np.sqrt(300.5), atol=1e-9)
    # Without deviates, on a line between the neighbours, as far as they are expected to.
    middle = (compiled(0.0 * deviates[0], scales[0])[0] - expected)[0, 1:5]
    np.testing.assert_allclose(np.diff(middle, 2), 0.0, atol=1e-9)


def test_months_that_all_series_lack_have_the_variance_of_the_errors_they_share() -> None:
    count = np.full((3, 9), 5000.0)
    count[:, 4] = np.nan
    data = observed(count)
    scale, loading = np.exp(np.random.default_rng(2).standard_normal((3, 1))) * np.ones(8), np.array([0.5, 1.0, 2.0])
    deviate = pt.vector("deviate")
    compiled = function([deviate], place(data, pilots(data), deviate, np.zeros((3, 9)), scale, loading)[0][:, 4])
    root = np.stack([compiled(row) for row in np.eye(3)], axis=1) - compiled(np.zeros(3))[:, None]
    variance = np.diag(scale[:, 0]) @ (np.eye(3) + np.outer(loading, loading)) @ np.diag(scale[:, 0])
    np.testing.assert_allclose(root @ root.T, 0.5 * variance, atol=1e-9)  # of a walk, halfway between two counts


def test_pilots_find_seasons_scales_and_wild_months() -> None:
    rng = np.random.default_rng(4)
    season = 0.4 * rng.standard_normal((8, 11)) @ waves()
    scale, wild = np.linspace(0.05, 0.3, 8), np.ones(72)
    wild[40:46] = 6.0
    shocks = scale[:, None] * wild * (rng.standard_t(5, 72) + rng.standard_t(5, (8, 72)))
    levels = 9.0 + np.cumsum(0.7 * shocks, axis=1) - 0.7 * shocks
    counts = rng.poisson(np.exp(levels + shocks + np.tile(season, 6))).astype(float)
    data = observed(counts)
    found = pilots(data)
    usual = np.log(wild[1:]).mean()
    away = (found.season - season @ waves().T) * np.sqrt(found.season_weight) / (scale[:, None] * np.exp(usual))
    assert np.sqrt((away**2).mean()) < 2.5
    np.testing.assert_allclose(found.scale, np.log(scale) + usual, atol=0.6)
    assert found.wild[39:45].mean() - np.delete(found.wild, range(39, 45)).mean() > 1.0
    assert (found.scale_weight < 71).all()


def test_the_volatility_is_the_autoregression_whatever_its_pilot() -> None:
    model = Flows()
    counts = np.random.default_rng(0).poisson(500 * np.exp(0.2 * np.random.default_rng(1).standard_normal((6, 14))))
    about = pilots(observed(counts.astype(float)))
    assert about.wild_weight.min() > 1.0
    about = replace(about, wild_weight=np.where(np.arange(13) < 4, 0.0, about.wild_weight))
    with pm.Model(coords={"step": np.arange(13)}) as small:
        volatility = model._volatility(about)
    compiled = function([small["volatility_z"], small["volatility_scale"]], volatility)
    logp = small.compile_logp(jacobian=False)
    for scaled, seed in ((0.05, 0), (0.3, 1)):
        at = np.random.default_rng(seed).standard_normal(13)
        found = compiled(at, scaled)
        news = np.append(found[0], found[1:] - model.calming * found[:-1])
        prior = stats.norm.logpdf(news, scale=scaled).sum() + stats.halfnorm.logpdf(scaled, scale=model.volatility.sd)
        given = {"volatility_z": at, "volatility_scale_log__": np.log(scaled)}
        away = log_jacobian(lambda row, scaled=scaled: compiled(row, scaled), at)
        assert float(logp(given)) == pytest.approx(prior + away, abs=1e-4)


def test_levels_follow_the_path_as_they_are_defined() -> None:
    path = np.random.default_rng(3).normal(size=(2, 30)).cumsum(axis=1)
    gain, momentum, persistence, memory, fading = 0.7, 0.2, 0.9, 12.0, 0.8
    found = follow(
        pt.as_tensor(path), 30, gain=pt.as_tensor(gain), momentum=pt.as_tensor(momentum),
        persistence=pt.as_tensor(persistence), memory=memory, fading=fading,
    )  # fmt: skip
    level, trend, past = path[:, 0], np.zeros(2), []
    for month in range(30):
        error = path[:, month] - level
        np.testing.assert_allclose(found.error.eval()[:, month], error, atol=1e-9)
        past.append(level)
        average = np.stack(past, axis=1) @ recent_means(month + 1, memory)[-1]
        level = persistence * level + (1 - persistence) * average + trend + gain * error
        trend = fading * (trend + momentum * error)
    for name, value in {"after": level, "average": average, "trend": trend}.items():
        np.testing.assert_allclose(getattr(found, name).eval(), value, atol=1e-9, err_msg=name)
