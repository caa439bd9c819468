"""Returns by period: the spread has its closed forms, bands hold what they say, minors come with those who return."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.typing import NDArray
from poblar.data import Panel, reference
from poblar.data.returns import returns_panel
from poblar.forecast import DrawsError, forecast_returns
from poblar.forecast._spread import uncertain_spread

ABOUT = {"source": "made up", "licence": "none", "revision": "1", "retrieved": "2026-11-29"}


def panel(returned: NDArray[np.float64], minors: NDArray[np.float64] | None = None) -> Panel:
    periods = [f"{year}-{year + 5}" for year in range(1990, 1990 + 5 * len(returned), 5)]
    table = pd.DataFrame({"period": periods, "returned": returned})
    return returns_panel(table if minors is None else table.assign(minors=minors), provenance=ABOUT)


def test_without_a_change_the_spread_is_half_normal() -> None:
    spread = uncertain_spread(0.0, 0, 100_000, np.random.default_rng(1), scale=0.5)
    assert spread.mean() == pytest.approx(0.5 * np.sqrt(2 / np.pi), rel=0.04)  # the grid begins at 0.02
    assert (spread**2).mean() == pytest.approx(0.25, rel=0.04)


def test_many_changes_say_what_the_spread_is() -> None:
    spread = uncertain_spread(500 * 0.3**2, 500, 2000, np.random.default_rng(1))
    assert spread.mean() == pytest.approx(0.3, rel=0.02)
    assert spread.std() == pytest.approx(0.3 / np.sqrt(1000), rel=0.1)


def test_bands_hold_as_many_as_they_say_where_the_prior_is_true() -> None:
    """Worlds from the prior, three periods seen: calibrated, whatever the worlds."""
    rng, inside, below, worlds = np.random.default_rng(2), 0, 0, 400
    for world in range(worlds):
        walk = np.cumsum(np.abs(0.5 * rng.standard_normal()) * rng.standard_normal(4))
        ahead = forecast_returns(panel(1e5 * np.exp(walk[:3])), until=2010, at_most=1e9, draws=400, seed=world)
        low, high = ahead["returned"].quantile([0.1, 0.9]).to_numpy()
        inside += low <= 1e5 * np.exp(walk[3]) <= high
        below += 1e5 * np.exp(walk[3]) < float(ahead["returned"].median())
    sure = 3 * np.sqrt(worlds)
    assert abs(inside - 0.8 * worlds) < 0.4 * sure
    assert abs(below - 0.5 * worlds) < 0.5 * sure


def test_it_wanders_without_a_trend_and_further_each_period() -> None:
    logs = np.log(forecast_returns(reference.returns(), until=2040, at_most=1e9, draws=20_000, seed=1))
    assert (np.abs(logs["returned"].median("draw") - np.log(294e3)) < 0.02).all()
    assert (np.diff(logs["returned"].var("draw")) > 0).all()
    shares = logs["minors"] - logs["returned"]
    assert (np.abs(shares.median("draw") - np.log(181 / 294)) < 0.02).all()
    assert abs(np.corrcoef(shares[:, 0], logs["returned"][:, 0])[0, 1]) < 0.03


def test_no_period_has_more_than_the_bound() -> None:
    ahead = forecast_returns(reference.returns(), until=2070, at_most=1.5, seed=1)
    assert float(ahead["returned"].max()) == 1.5 * 825e3
    assert float(ahead["minors"].max()) == 1.5 * 316e3


def test_periods_ahead_reach_the_year_asked_for() -> None:
    years = [forecast_returns(reference.returns(), until=until, seed=1)["year"].to_numpy() for until in (2025, 2026)]
    assert [year.tolist() for year in years] == [[2020], [2020, 2025]]


def test_the_seed_decides() -> None:
    one, same, other = (forecast_returns(reference.returns(), until=2030, seed=seed) for seed in (1, 1, 2))
    xr.testing.assert_identical(one, same)
    assert not one["returned"].equals(other["returned"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"until": 2020}, "until= a year from 2021 to 2120, found 2020"),
        ({"until": 2500}, "found 2500"),
        ({"until": 2030, "spread": 0.0}, "a spread above 0"),
        ({"until": 2030, "at_most": 0.5}, "at_most of 1 or more"),
        ({"until": 2030, "draws": 0}, "a draw or more"),
    ],
)
def test_what_cannot_be_asked(options: dict, message: str) -> None:
    with pytest.raises(DrawsError, match=message):
        forecast_returns(reference.returns(), seed=1, **options)


def test_one_period_is_no_history() -> None:
    with pytest.raises(DrawsError, match="two periods or more"):
        forecast_returns(panel(np.array([1e5])), until=2010, seed=1)
