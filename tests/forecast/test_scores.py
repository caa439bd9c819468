"""Scores of draws: closed forms, and what makes a score proper."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from poblar.forecast.scores import continuous_ranked_probability, covered, width
from scipy import stats

RNG = np.random.default_rng(1)
NORMAL = xr.DataArray(RNG.normal(0.0, 1.0, (40_000, 2)), dims=("draw", "year"), coords={"year": [2024, 2025]})
TRUTH = xr.DataArray([0.3, -1.2], dims="year", coords={"year": [2024, 2025]})


def test_of_a_normal_forecast_it_is_the_closed_form() -> None:
    """Gneiting & Raftery (2007, eq. 22)."""
    z = TRUTH.to_numpy()
    expected = z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi)
    np.testing.assert_allclose(continuous_ranked_probability(NORMAL, TRUTH), expected, atol=0.01)


def test_of_a_single_path_it_is_the_absolute_error() -> None:
    path = NORMAL.isel(draw=[0])
    np.testing.assert_allclose(continuous_ranked_probability(path, TRUTH), np.abs(path[0] - TRUTH))


def test_the_honest_forecast_scores_best_on_average() -> None:
    came = xr.DataArray(RNG.normal(size=4000), dims="year", coords={"year": np.arange(4000)})
    sample = xr.DataArray(RNG.normal(size=(400, 1)), dims=("draw", "year"))
    scores = [
        float(continuous_ranked_probability(sample.isel(year=0) * scale + 0 * came, came).mean())
        for scale in (0.5, 1.0, 2.0)
    ]
    assert scores[1] < min(scores[0], scores[2])


def test_coverage_and_width_of_a_normal_forecast() -> None:
    came = xr.DataArray(RNG.normal(size=5000), dims="year", coords={"year": np.arange(5000)})
    sample = xr.DataArray(RNG.normal(size=(4000, 1)), dims=("draw", "one")).isel(one=0) + 0 * came
    assert float(covered(sample, came, 80).mean()) == pytest.approx(0.8, abs=0.02)
    assert float(width(NORMAL, 95).mean()) == pytest.approx(2 * 1.96, abs=0.05)


def test_years_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="align"):
        continuous_ranked_probability(NORMAL, TRUTH.assign_coords(year=[2024, 2026]))
