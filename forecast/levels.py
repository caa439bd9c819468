"""Series whose yearly change depends on their level: the form that fertility and mortality share.

A country's series y moves along its own expected path, and its deviation d from that path has
momentum and fades::

    y[t+1] - y[t] = h(y[t]) · beta[c] + (d[t+1] - d[t])
    d[t+1] - d[t] = rho (d[t] - d[t-1]) - kappa d[t] + sigma(y[t]) eps[t],   eps ~ Student t(nu)

`h` are linear splines ("hats") in the level, so that `beta[c, k]` reads as the yearly change of
country c when its level stands at knot k. Without the term in kappa the errors would pile up as a
random walk with momentum, which the histories of other countries do not do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from .priors import Beta, Gamma, HalfNormal, Normal

__all__ = ["LevelChange", "add_level_change", "hats", "simulate_level_change"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LevelChange:
    """Priors of a level-dependent change.

    Parameters
    ----------
    knots : tuple of float
        Levels at which the change is a parameter, ascending; constant beyond the ends.
    change : Normal
        World mean of the yearly change at each knot, and how far the mean of this region may lie from it.
    spread : HalfNormal
        Standard deviation between countries, as a multiple of ``change.sd``.
    scale_knots : tuple of float
        Levels at which the log scale of the yearly error is a parameter.
    log_scale : Normal
        Its prior at each of them.
    momentum : Beta or None
        rho; None where errors carry no momentum.
    fading : Beta
        kappa, the share of a deviation that is gone after a year.
    tails : Gamma
        nu, degrees of freedom of the errors.

    Examples
    --------
    >>> from poblar.forecast import Fertility
    >>> Fertility().change.knots[:3]
    (0.8, 1.3, 1.8)
    """

    knots: tuple[float, ...]
    change: Normal
    spread: HalfNormal
    scale_knots: tuple[float, ...]
    log_scale: Normal
    momentum: Beta | None
    fading: Beta
    tails: Gamma


def hats(level: Array, knots: tuple[float, ...]) -> Array:
    """Linear spline basis: weights of the two knots about each level, which sum to one.

    Parameters
    ----------
    level : array, shape (...)
        Levels; beyond the outer knots the outer knot has weight one.
    knots : tuple of float
        Ascending knots.

    Returns
    -------
    array, shape (..., knot)

    Examples
    --------
    >>> import numpy as np
    >>> hats(np.array([1.0, 1.25, 9.0]), (1.0, 2.0, 3.0))
    array([[1.  , 0.  , 0.  ],
           [0.75, 0.25, 0.  ],
           [0.  , 0.  , 1.  ]])
    """
    k = np.asarray(knots, dtype=float)
    inside = np.clip(level, k[0], k[-1])
    spline = BSpline(np.r_[k[0], k, k[-1]], np.eye(len(k)), 1)
    return spline(inside)


def add_level_change(spec: LevelChange, levels: Array, years: Array) -> None:
    """Add the parameters and the likelihood of `spec` to the current PyMC model.

    Parameters
    ----------
    spec : LevelChange
        Priors.
    levels : array, shape (country, time)
        Observed levels at the years that are used.
    years : array, shape (time,)
        Those years; a gap (a masked shock) counts as one step of several years.
    """
    model = pm.modelcontext(None)
    model.add_coords({"knot": spec.knots, "scale_knot": spec.scale_knots})
    length = np.diff(years)  # years in each step
    at = hats(levels[:, :-1], spec.knots) * length[None, :, None]
    scale_at = hats(levels[:, :-1], spec.scale_knots)

    mean = spec.change.variable("change_mean", dims="knot")
    spread = spec.spread.variable("change_spread", dims="knot") * np.asarray(spec.change.sd)
    offset = pm.Normal("change_offset", 0.0, 1.0, dims=("country", "knot"))
    change = pm.Deterministic("change", mean + spread * offset, dims=("country", "knot"))
    log_scale = spec.log_scale.variable("log_scale", dims="scale_knot")
    fading = spec.fading.variable("fading")
    tails = spec.tails.variable("tails")
    momentum = spec.momentum.variable("momentum") if spec.momentum is not None else None

    step = np.diff(levels, axis=1) - (at * change[:, None, :]).sum(-1)  # d[t+1] - d[t]
    deviation = pt.cumsum(step, axis=1) - step  # d[t], zero at the first year
    shock = step + fading * length * deviation
    if momentum is not None:
        shock = pt.concatenate([shock[:, :1], shock[:, 1:] - momentum * step[:, :-1]], axis=1)
    scale = pt.exp((scale_at * log_scale).sum(-1)) * np.sqrt(length)
    pm.Potential("changes", pm.logp(pm.StudentT.dist(nu=tails, mu=0.0, sigma=scale), shock))


def simulate_level_change(
    spec: LevelChange,
    sample: xr.Dataset,
    levels: Array,
    years: Array,
    until: int,
    bounds: tuple[float, float],
    rng: np.random.Generator,
) -> Array:
    """Simulate the future of the levels, one path for each draw of the parameters.

    Parameters
    ----------
    spec : LevelChange
        The spec that was fitted.
    sample : xarray.Dataset
        Parameters along ``draw`` (and ``country``, ``knot``, ``scale_knot``).
    levels, years : array
        What was fitted, as for `add_level_change`.
    until : int
        Last year simulated.
    bounds : (float, float)
        Limits that no path crosses, in the units of the level.
    rng : numpy.random.Generator
        Source of the errors.

    Returns
    -------
    array, shape (draw, country, year), from the year after ``years[-1]``
    """
    change = sample["change"].transpose("draw", "country", "knot").to_numpy()
    log_scale = sample["log_scale"].transpose("draw", "scale_knot").to_numpy()
    fading = sample["fading"].to_numpy()[:, None]
    tails = sample["tails"].to_numpy()[:, None]
    momentum = sample["momentum"].to_numpy()[:, None] if spec.momentum is not None else 0.0
    length = np.diff(years)

    past = np.einsum("ctk,dck->dct", hats(levels[:, :-1], spec.knots) * length[:, None], change)
    steps = np.diff(levels, axis=1) - past
    deviation, step = steps.sum(-1), steps[:, :, -1] / length[-1]
    level = np.broadcast_to(levels[:, -1], deviation.shape)
    paths = np.empty((*deviation.shape, until - int(years[-1])))
    for year in range(paths.shape[-1]):
        scale = np.exp((hats(level, spec.scale_knots) * log_scale[:, None, :]).sum(-1))
        shock = scale * rng.standard_t(np.broadcast_to(tails, level.shape))
        expected = (hats(level, spec.knots) * change).sum(-1)
        step = momentum * step - fading * deviation + shock
        moved = np.clip(level + expected + step, *bounds)
        step = moved - level - expected  # what the bounds let through
        deviation, level = deviation + step, moved
        paths[:, :, year] = level
    return paths
