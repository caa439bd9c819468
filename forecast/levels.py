r"""Series whose yearly change depends on their level: the form that fertility and mortality share.

A country's series y moves along an expected path, with errors that have momentum:

.. math:: y_{t+1} - y_t = h(y_t) \beta_c + e_t, \qquad
    e_t = \rho e_{t-1} + \sigma(y_t) \varepsilon_t, \quad \varepsilon \sim t_\nu

:math:`h` are linear splines ("hats") in the level, so that :math:`\beta_{c,k}` reads as the yearly change of country c
when its level stands at knot k.
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
from .shocks import add_shocks

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
    momentum : Beta
        rho, the share of a year's error that the next year carries on.
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
    momentum: Beta
    tails: Gamma

    @property
    def coords(self) -> dict[str, tuple[float, ...]]:
        """Coordinates that the model needs."""
        return {"knot": self.knots, "scale_knot": self.scale_knots}


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
    """Add the parameters and the likelihood of `spec` to the current PyMC model, which has its coordinates.

    Parameters
    ----------
    spec : LevelChange
        Priors.
    levels : array, shape (country, time)
        Observed levels at the years that are used.
    years : array, shape (time,)
        Those years; a gap (a masked shock) counts as one step of several years.

    Examples
    --------
    >>> import numpy as np, pymc as pm
    >>> from poblar.forecast import Fertility
    >>> spec = Fertility().change
    >>> with pm.Model(coords={"country": ["MEX"], **spec.coords}) as model:
    ...     add_level_change(spec, np.array([[2.1, 2.0, 1.9]]), np.array([2019, 2020, 2023]))
    >>> len(model.potentials)
    1
    """
    length = np.diff(years)  # years in each step
    at = hats(levels[:, :-1], spec.knots) * length[None, :, None]
    scale_at = hats(levels[:, :-1], spec.scale_knots)
    mean = spec.change.variable("change_mean", dims="knot")
    spread = spec.spread.variable("change_spread", dims="knot") * np.asarray(spec.change.sd)
    offset = pm.Normal("change_offset", 0.0, 1.0, dims=("country", "knot"))
    change = mean + spread * offset
    pm.Deterministic("change", change, dims=("country", "knot"))
    log_scale = spec.log_scale.variable("log_scale", dims="scale_knot")
    tails = spec.tails.variable("tails")
    momentum = spec.momentum.variable("momentum")
    error = np.diff(levels, axis=1) - (at * change[:, None, :]).sum(-1)
    # The first year, and a step beside a gap, have no year before that they carry on.
    carried = np.eye(len(length), k=1) * ((length == 1) & np.r_[False, length[:-1] == 1])
    scale = pt.exp((scale_at * log_scale).sum(-1)) * np.sqrt(length)
    add_shocks("changes", error - momentum * (error @ carried), tails=tails, scale=scale)


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

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from poblar.forecast import Fertility
    >>> spec, rng = Fertility().change, np.random.default_rng(1)
    >>> sample = xr.Dataset({
    ...     "change": (("draw", "country", "knot"), np.zeros((500, 1, len(spec.knots)))),
    ...     "log_scale": (("draw", "scale_knot"), np.full((500, len(spec.scale_knots)), -4.0)),
    ...     "tails": ("draw", np.full(500, 5.0)), "momentum": ("draw", np.full(500, 0.5))})
    >>> past, years = np.array([[2.0, 2.0]]), np.array([2022, 2023])
    >>> paths = simulate_level_change(spec, sample, past, years, 2030, (0.5, 9.0), rng)
    >>> paths.shape, round(float(np.median(paths[..., -1])), 1)
    ((500, 1, 7), 2.0)
    """
    change = sample["change"].transpose("draw", "country", "knot").to_numpy()
    log_scale = sample["log_scale"].transpose("draw", "scale_knot").to_numpy()
    tails, momentum = (sample[name].to_numpy()[:, None] for name in ("tails", "momentum"))
    level = np.broadcast_to(levels[:, -1], change.shape[:2])
    error = np.zeros_like(level)  # after a gap nothing is known of the last year's error
    if years[-1] - years[-2] == 1:
        error = levels[:, -1] - levels[:, -2] - (hats(levels[:, -2], spec.knots) * change).sum(-1)
    paths = np.empty((*level.shape, until - int(years[-1])))
    for year in range(paths.shape[-1]):
        scale = np.exp((hats(level, spec.scale_knots) * log_scale[:, None, :]).sum(-1))
        expected = (hats(level, spec.knots) * change).sum(-1)
        shock = scale * rng.standard_t(np.broadcast_to(tails, level.shape))
        moved = np.clip(level + expected + momentum * error + shock, *bounds)
        error = moved - level - expected  # what the bounds let through
        level = moved
        paths[:, :, year] = level
    return paths
