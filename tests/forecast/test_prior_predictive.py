"""Draws from the prior are the prior's, and no future that they allow is absurd."""

from __future__ import annotations

import numpy as np
import pytest
from poblar.data import Region
from poblar.forecast import DrawsError, Fertility, Mortality, prior_predictive
from poblar.forecast.pooled import World
from poblar.forecast.prior_predictive import prior_parameters
from poblar.forecast.world import Prior
from scipy import stats


@pytest.mark.parametrize("prior", ["vague", "world"])
def test_no_tfr_of_12_and_no_life_expectancy_of_130(region: Region, prior: Prior) -> None:
    tfr = prior_predictive(
        Fertility(prior=prior), region.tfr.sel(year=slice(None, 1970)), until=2100, draws=500, seed=1
    )
    assert 0.4 < float(tfr.min()) < float(tfr.max()) < 10.0
    assert 1.0 < float(tfr.sel(year=2100).median()) < 2.5
    e0 = prior_predictive(Mortality(prior=prior), region.e0.sel(year=slice(None, 1970)), until=2100, draws=500, seed=1)
    assert 15.0 <= float(e0.min()) < float(e0.max()) <= 105.0
    assert 75.0 < float(e0.sel(year=2100, sex="female").median()) < 97.0
    assert float((e0.sel(sex="female") >= e0.sel(sex="male")).mean()) > 0.99


def test_the_worlds_prior_knows_more_than_the_vague_one(region: Region) -> None:
    past = region.tfr.sel(year=slice(None, 1970))
    vague, world = (
        prior_predictive(Fertility(prior=prior), past, until=2000, draws=800, seed=1).sel(country="MEX", year=2000)
        for prior in ("vague", "world")
    )
    assert float(world.std()) < 0.7 * float(vague.std())
    again = prior_predictive(Fertility(prior="vague"), past, until=2000, draws=800, seed=1)
    np.testing.assert_array_equal(again.sel(country="MEX", year=2000), vague)


def test_parameters_have_the_moments_of_the_prior() -> None:
    spec, rng = Fertility().change, np.random.default_rng(1)
    mean, covariance = spec.world_prior()
    drawn = prior_parameters(spec, "tfr", ["MEX", "USA"], 2023, world=World(mean, covariance), draws=20_000, rng=rng)
    terms = len(spec.terms)
    np.testing.assert_allclose(drawn["tfr_world_change"].mean("draw"), mean[:terms], atol=0.002)
    apart = (drawn["tfr_change"] - drawn["tfr_world_change"]).sel(country="MEX").to_numpy()
    np.testing.assert_allclose(np.cov(apart, rowvar=False), spec.country_covariance(), atol=3e-5)
    np.testing.assert_allclose(np.log(drawn["tfr_wander"]).std("draw"), spec.wander.sd, rtol=0.03)
    # Knots of the wander, in units of its scale: rank correlation, since their variance hardly exists.
    path = (drawn["tfr_path"] / drawn["tfr_wander"]).sel(country="USA").to_numpy()
    between = float(stats.spearmanr(path[:, 1], path[:, 2]).statistic)
    assert between == pytest.approx(spec.persistence, abs=0.05)
    errors = drawn["tfr_country_log_scale"] / drawn["tfr_scale_spread"]
    assert float(errors.std()) == pytest.approx(1.0, abs=0.02)


def test_nothing_to_draw_is_refused(region: Region) -> None:
    with pytest.raises(DrawsError, match="found draws=0"):
        prior_predictive(Fertility(), region.tfr, until=2050, draws=0, seed=1)
    with pytest.raises(DrawsError, match="found 2020"):
        prior_predictive(Fertility(), region.tfr, until=2020, draws=10, seed=1)
