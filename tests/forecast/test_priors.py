"""Prior specs are values, and make the distributions they say."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pymc as pm
import pytest
from poblar.forecast.priors import Beta, Gamma, HalfNormal, Normal
from scipy import stats

SPECS = [
    (Normal(2.0, 3.0), stats.norm(2.0, 3.0)),
    (HalfNormal(0.5), stats.halfnorm(scale=0.5)),
    (Beta(mean=0.8, weight=10.0), stats.beta(8.0, 2.0)),
    (Gamma(mean=6.0, sd=3.0), stats.gamma(4.0, scale=1.5)),
]


@pytest.mark.parametrize(("spec", "law"), SPECS)
def test_density_is_that_of_the_law_in_words(spec, law) -> None:
    """Means, weights and deviations become the shape parameters of scipy's distributions."""
    at = law.ppf([0.1, 0.5, 0.9])
    with pm.Model():
        variable = spec.variable("x")
        density = pm.logp(variable, at).eval()
    np.testing.assert_allclose(density, law.logpdf(at), rtol=1e-5)


def test_draws_of_a_share_have_its_mean_and_weight() -> None:
    with pm.Model():
        drawn = pm.draw(Beta(mean=0.7, weight=9.0).variable("share"), draws=20_000, random_seed=1)
    assert drawn.mean() == pytest.approx(0.7, abs=0.005)
    assert drawn.var() == pytest.approx(0.7 * 0.3 / 10.0, rel=0.05)  # mean (1 - mean) / (weight + 1)


def test_vectors_go_along_their_axis() -> None:
    with pm.Model(coords={"knot": [1.0, 2.0]}) as model:
        Normal((1.0, 5.0), (1e-6, 1e-6)).variable("change", dims="knot")
        drawn = pm.draw(model["change"], random_seed=1)
    np.testing.assert_allclose(drawn, [1.0, 5.0], atol=1e-4)


@pytest.mark.parametrize("spec", [spec for spec, _ in SPECS])
def test_specs_are_frozen_values(spec) -> None:
    same = type(spec)(*(getattr(spec, name) for name in spec.__dataclass_fields__))
    assert same == spec
    assert hash(same) == hash(spec)
    with pytest.raises(FrozenInstanceError):
        spec.mean = 0.0
