"""Doors that close: how often, how far, how long, and what a forecast of counts makes of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from poblar.data import Panel
from poblar.forecast import Closures, DrawsError, Flows
from poblar.forecast.priors import LogNormal


def test_doors_are_closed_as_often_as_a_chain_of_two_states_says() -> None:
    doors = Closures(rate=0.3, lasts=2.0)
    closed = doors.missing(20_000, 1, 60, np.random.default_rng(1))[:, 0] > 0
    closing, opening = 1 - np.exp(-0.3 / 12), 1 - np.exp(-1 / 24)
    left = (1 - closing - opening) ** np.arange(1, 61)
    expected = closing / (closing + opening) * (1 - left)
    np.testing.assert_allclose(closed.mean(axis=0), expected, atol=4 * np.sqrt(0.25 / 20_000))


def test_a_closure_keeps_its_depth_and_series_share_most_of_it() -> None:
    doors = Closures(rate=600.0, depth=LogNormal(median=1.0, sd=0.4), spread=0.2, lasts=1e9)  # closed at once, for good
    path = doors.missing(20_000, 2, 3, np.random.default_rng(2))
    assert (path == path[..., :1]).all()
    logs = np.log(path[..., 0])
    np.testing.assert_allclose(np.median(logs, axis=0), 0.0, atol=0.02)
    np.testing.assert_allclose(logs.std(axis=0), np.hypot(0.4, 0.2), rtol=0.03)
    assert np.corrcoef(logs.T)[0, 1] == pytest.approx(0.4**2 / (0.4**2 + 0.2**2), abs=0.02)


def test_every_closure_has_a_depth_of_its_own() -> None:
    path = Closures(rate=6.0, lasts=0.1).missing(1, 1, 400, np.random.default_rng(3))[0, 0]
    depths = [path[at] for at in range(1, 400) if path[at] > 0 and path[at - 1] == 0]
    assert len(depths) > 20
    assert len(set(depths)) == len(depths)


@pytest.mark.parametrize("wrong", [{"rate": -0.1}, {"spread": -1.0}, {"lasts": 0.0}, {"rate": np.nan}])
def test_what_is_no_closure_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(DrawsError, match="expected closures with a yearly rate and a spread of zero or more"):
        Closures(**wrong)


def test_draws_with_closed_doors_are_the_same_worlds_with_a_share_of_the_counts() -> None:
    months = pd.date_range("2015-01-01", periods=36, freq="MS")
    labels = {"category": ["a", "b"], "month": months}
    counts = xr.DataArray(np.full((2, 36), 1e6), coords=labels, attrs={"units": "persons"})
    about = {"source": "simulated", "licence": "none", "revision": "1", "retrieved": "2026-11-24"}
    panel = Panel(xr.Dataset({"count": counts}, attrs=about))
    each = {"level": 14.0, "average": 14.0, "trend": 0.0, "scale": 0.2}
    shared = {"tails": 8.0, "persistence": 0.9, "gain": 1.0, "momentum": 0.0}
    shared |= {"volatility_scale": 0.0, "volatility_last": 0.0}
    sample = xr.Dataset(
        {name: (("draw", "category"), np.full((500, 2), value)) for name, value in each.items()}
        | {name: ("draw", np.full(500, value)) for name, value in shared.items()}
        | {"season": (("draw", "category", "calendar"), np.zeros((500, 2, 12)))},
        coords={"category": ["a", "b"]},
    )
    open_doors, some_closed = (
        Flows(closures=doors).simulate(sample, panel, "2019-12", np.random.default_rng(1)).to_numpy()
        for doors in (Closures(rate=0.0), Closures(rate=0.2))
    )
    ratio = some_closed / open_doors
    closed = ratio < 0.9
    assert 0.2 < closed[..., -1].mean() < 0.5
    assert (closed[:, 0] == closed[:, 1]).mean() > 0.99  # all series at once
    np.testing.assert_allclose(ratio[~closed], 1.0, rtol=0.05)  # but for the Poisson noise of a million
    assert np.median(ratio[closed]) == pytest.approx(np.exp(-1.4), rel=0.1)
