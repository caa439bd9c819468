"""Parameters about a pilot: their prior is what it was, wherever the sampler's coordinates lie."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest
from poblar.forecast._informed import add_informed
from pytensor import function
from scipy import stats


@pytest.mark.parametrize("along", [None, np.array([[0.5, 2.0], [-1.0, 3.0], [0.0, 0.1]])])
@pytest.mark.parametrize("known", [0.0, 30.0])
def test_the_prior_is_kept_wherever_the_pilot_is(along: np.ndarray | None, known: float) -> None:
    believed = np.array([[1.0, 4.0], [0.2, 9.0], [1.0, 1.0]])
    pilot = np.array([[3.0, -2.0], [0.0, 1.0], [7.0, 0.5]])
    with pm.Model(coords={"row": range(3), "column": range(2)}) as model:
        value = add_informed("z", pilot, known * np.ones((3, 2)), believed, dims=("row", "column"), along=along)
    compiled = function([model["z"]], value)
    logp = model.compile_logp(jacobian=False)
    step = 1e-6 * np.eye(6)
    for seed in range(3):
        at = np.random.default_rng(seed).standard_normal((3, 2))
        slopes = [(compiled(at + row.reshape(3, 2)) - compiled(at - row.reshape(3, 2))).ravel() / 2e-6 for row in step]
        prior = stats.norm.logpdf(compiled(at), scale=believed**-0.5).sum()
        assert float(logp({"z": at})) == pytest.approx(prior + np.linalg.slogdet(slopes)[1], abs=1e-4)
