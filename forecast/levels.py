r"""Series whose yearly change depends on their level: the form that fertility, life expectancy and its gap share.

A country's series y moves along an expected path, with a wander that lasts for years and errors that do not:

.. math:: y_{t+1} - y_t = h(y_t)\,\beta_c + \sigma_0(y_t)\,w_c(t) + e_t, \qquad
    e_t = \rho\, e_{t-1} + s_c\,\sigma(y_t)\,\varepsilon_t, \quad \varepsilon \sim t_\nu .

:math:`h` are linear splines ("hats") in the level, so that :math:`\beta_{c,k}` reads as the yearly change of country c
when its level stands at knot k. The wander is linear between knots some years apart, at which it is an
autoregression, :math:`w_j = \varphi w_{j-1} + \kappa \sqrt{1 - \varphi^2}\,\xi_j`, :math:`\xi \sim t_\eta`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.linalg import block_diag

from ..data import DataError
from .priors import LogNormal, Normal

__all__ = ["LevelChange", "LongRun", "Rebound", "Steps", "along", "hats", "steps_of"]

Array = NDArray[np.float64]


LOGS = ("scale_spread", "wander")
"""World parameters that are positive, and estimated on the log scale."""


@dataclass(frozen=True, kw_only=True)
class Rebound:
    r"""How the yearly change differs where a series stands above its lowest level so far.

    The change gains :math:`g\,h(y)\,\gamma_c`, with g the distance above the lowest level over `full`, at most one.
    Alkema et al. (2011) let fertility recover after two rises in a row; here how far a rise is a recovery, and what
    follows it, is estimated.

    Parameters
    ----------
    full : float
        Distance at which it counts in full, in the units of the level.
    change : Normal
        World mean of :math:`\gamma` at the lowest knots, as many as there are values.
    unlike : float
        Standard deviation between countries.

    Examples
    --------
    >>> Rebound(full=0.2, change=Normal((0.0, 0.0), (0.03, 0.03)), unlike=0.01).full
    0.2
    """

    full: float
    change: Normal
    unlike: float


@dataclass(frozen=True, kw_only=True)
class LongRun:
    r"""Scales of what is to come, where they are those of a longer run than the window that is fitted.

    A window of twenty years is calm or wild as a whole, and the years after it are not so because it was. And what
    goes wrong for long goes wrong at some levels more than at others: more than the errors of single years tell.

    Parameters
    ----------
    log_scale : tuple of float
        Log of the scale of a year's error at the `scale_knots` of the form, in the units of the level per year.
    wander_log_scale : tuple of float
        That of the wander, in the same units, in place of :math:`\kappa \sigma_0`; the past's wander fades as it is.
    wander_tails : float
        Degrees of freedom of the wander's innovations, in place of :math:`\eta`.
    wander_limit : float
        Most that the wander is, in units of its scale.
    kept : float
        Share of a country's log s that its future keeps: who was calm will not be as calm, nor who was wild as wild.

    Examples
    --------
    >>> of_life = LongRun(
    ...     log_scale=(-1.1, -2.8), wander_log_scale=(-0.9, -2.9), wander_tails=2.0, wander_limit=8.0, kept=0.4)
    >>> of_life.kept
    0.4
    """

    log_scale: tuple[float, ...]
    wander_log_scale: tuple[float, ...]
    wander_tails: float
    wander_limit: float
    kept: float


@dataclass(frozen=True, kw_only=True)
class LevelChange:
    r"""Priors of a level-dependent change, and what of its form is fixed.

    The fixed numbers (`window`, `momentum`, `tails`, `persistence`, `unlike`, `alike`, `wander_step`) are those that
    forecast best from other origins than the ones that benchmarks score, 1975-1990, 2000 and 2008-2012: the likelihood
    of smooth estimates asks for more momentum, wilder errors and countries less alike than their forecasts bear out.

    Parameters
    ----------
    knots : tuple of float
        Levels at which the change is a parameter, ascending; constant beyond the ends.
    change : Normal
        World mean of the yearly change at each knot.
    unlike : tuple of float
        Standard deviation between countries at each knot.
    alike : float
        Correlation of a country's deviations at neighbouring knots.
    scale_knots : tuple of float
        Levels at which the log scale of the yearly error is a parameter.
    log_scale : Normal
        Its prior at each of them; the prior means are also the log of :math:`\sigma_0`.
    scale_spread : LogNormal
        Standard deviation between countries of the log scale, log s.
    momentum : float
        :math:`\rho`, the share of a year's error that the next year carries on.
    tails : float
        :math:`\nu`, degrees of freedom of the yearly errors.
    wander : LogNormal
        :math:`\kappa`, in units of :math:`\sigma_0`.
    wander_tails : float
        :math:`\eta`, degrees of freedom of its innovations; a thousand are as good as normal.
    persistence : float
        :math:`\varphi`, from one knot of the wander to the next.
    wander_step : int
        Years between its knots.
    window : int
        Years before the last observation that are fitted: the world's mean path changes slowly, and older years
        tell of another one.
    ahead : LongRun, optional
        Scales of the errors and wanders to come, if not those of the fit.
    rebound : Rebound, optional
        What changes once a series has risen from its lowest level so far.

    Examples
    --------
    >>> from poblar.forecast import Fertility
    >>> Fertility().change.terms[-3:]
    ('rebound 1.8', 'rebound 2.3', 'rebound 3')
    """

    knots: tuple[float, ...]
    change: Normal
    unlike: tuple[float, ...]
    alike: float
    scale_knots: tuple[float, ...]
    log_scale: Normal
    scale_spread: LogNormal
    momentum: float
    tails: float
    wander: LogNormal
    wander_tails: float
    persistence: float
    wander_step: int
    window: int
    ahead: LongRun | None = None
    rebound: Rebound | None = None

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of a country's coefficients: its change at each knot, then its rebound at the lowest ones."""
        rebounds = self.knots[: 0 if self.rebound is None else len(np.atleast_1d(self.rebound.change.mean))]
        return (*(f"change {knot:g}" for knot in self.knots), *(f"rebound {knot:g}" for knot in rebounds))

    @property
    def world_parameters(self) -> tuple[str, ...]:
        """Names of the parameters that all countries share; those after the spaces are levels."""
        scales = [f"log_scale {knot:g}" for knot in self.scale_knots]
        return (*self.terms, *scales, *(f"log_{name}" for name in LOGS))

    def world_prior(self) -> tuple[Array, Array]:
        """Mean and covariance of the world parameters before any data, independent of each other."""
        logs = (self.scale_spread, self.wander)  # as in LOGS
        rebound = ([], []) if self.rebound is None else (self.rebound.change.mean, self.rebound.change.sd)
        mean = [self.change.mean, rebound[0], self.log_scale.mean, np.log([prior.median for prior in logs])]
        sd = [self.change.sd, rebound[1], self.log_scale.sd, [prior.sd for prior in logs]]
        return np.concatenate(mean), np.diag(np.concatenate(sd) ** 2)

    def country_covariance(self) -> Array:
        """Covariance of one country's coefficients about the world's, shape (term, term)."""
        sd, knot = np.asarray(self.unlike), np.arange(len(self.knots))
        changes = sd[:, None] * sd * self.alike ** np.abs(knot[:, None] - knot)
        rebounds = len(self.terms) - len(knot)
        if self.rebound is None:
            return changes
        return np.asarray(block_diag(changes, self.rebound.unlike**2 * np.eye(rebounds)))

    def wander_correlation(self, count: int) -> Array:
        """Correlation of the wander at `count` successive knots."""
        at = np.arange(count)
        return self.persistence ** np.abs(at[:, None] - at)

    def basis(self, levels: Array, lowest: Array) -> Array:
        """Weights of the terms at levels of any shape, given the lowest level so far."""
        at = hats(levels, self.knots)
        if self.rebound is None:
            return at
        risen = np.clip((levels - lowest) / self.rebound.full, 0.0, 1.0)
        return np.concatenate([at, at[..., : len(self.terms) - len(self.knots)] * risen[..., None]], axis=-1)

    def expected(self, levels: Array, lowest: Array, change: Array) -> Array:
        """Yearly change that these coefficients (..., term) expect, ``(basis * change).sum(-1)`` without the basis."""
        count = len(self.knots)
        at_knots = along(levels, self.knots, change[..., :count])
        if self.rebound is None:
            return at_knots
        rebounds = np.zeros((*change.shape[:-1], count))
        rebounds[..., : change.shape[-1] - count] = change[..., count:]
        risen = np.clip((levels - lowest) / self.rebound.full, 0.0, 1.0)
        return at_knots + risen * along(levels, self.knots, rebounds)

    def reference_scale(self, levels: Array) -> Array:
        r"""Evaluate :math:`\sigma_0(y)` at levels of any shape, in the units of the level per year."""
        return np.exp(along(levels, self.scale_knots, np.asarray(self.log_scale.mean)))


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


def along(level: Array, knots: tuple[float, ...], values: Array) -> Array:
    """Interpolate between values at knots, ``(hats(level, knots) * values).sum(-1)`` without the basis.

    Parameters
    ----------
    level : array, shape (...)
        Levels; beyond the outer knots the outer value holds.
    knots : tuple of float
        Ascending knots.
    values : array, shape (..., knot) or (knot,)
        Values at the knots, broadcast against the levels.

    Returns
    -------
    array, shape (...)

    Examples
    --------
    >>> import numpy as np
    >>> along(np.array([1.25, 9.0]), (1.0, 2.0, 3.0), np.array([0.0, 4.0, 8.0]))
    array([1., 8.])
    """
    k = np.asarray(knots, dtype=float)
    below = np.clip(np.searchsorted(k, level, side="right") - 1, 0, len(k) - 2)
    share = np.clip((level - k[below]) / (k[below + 1] - k[below]), 0.0, 1.0)
    if values.ndim == 1:
        return (1.0 - share) * values[below] + share * values[below + 1]
    values = np.broadcast_to(values, (*level.shape, len(k)))
    low = np.take_along_axis(values, below[..., None], -1)[..., 0]
    high = np.take_along_axis(values, below[..., None] + 1, -1)[..., 0]
    return (1.0 - share) * low + share * high


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The steps of a window of years as a linear model: ``response = design @ coefficients + error``.

    A country's coefficients are its terms, and its wander at the wander's knots. The momentum of the
    errors has been taken out of both sides, so that the errors are independent.

    Parameters
    ----------
    response : array, shape (country, step)
        Changes of the level.
    design : array, shape (country, step, coefficient)
        Their derivatives with respect to the coefficients.
    scale : array, shape (country, step, scale_knot)
        Weights of the log scale at its knots.
    length : array, shape (step,)
        Years in each step.
    momentum_from : array, shape (country, 1 + coefficient), or None
        The last step before the momentum was taken out, whose error the first simulated year carries on.

    Examples
    --------
    >>> import numpy as np
    >>> from poblar.forecast import Fertility
    >>> levels = np.linspace(3.0, 2.0, 30)[None]
    >>> steps_of(Fertility().change, levels, np.arange(1994, 2024)).design.shape
    (1, 15, 19)
    """

    response: Array
    design: Array
    scale: Array
    length: Array
    momentum_from: Array | None


def steps_of(spec: LevelChange, levels: Array, years: NDArray[np.int64], masked: tuple[int, ...] = ()) -> Steps:
    """Lay the last years of some series out as steps.

    Parameters
    ----------
    spec : LevelChange
        The form.
    levels : array, shape (country, time)
        Observed levels.
    years : array, shape (time,)
        Their years, ascending; a gap counts as one step of several years.
    masked : tuple of int
        Years of a shock, which are not among `years`. The step across them is left out: it says how much of the shock
        remains, and nothing of the trend.

    Returns
    -------
    Steps

    Raises
    ------
    DataError
        If there are fewer than three observations in the window.

    Examples
    --------
    >>> import numpy as np
    >>> from poblar.forecast import Fertility
    >>> levels, years = np.array([[2.1, 2.0, 1.9]]), np.array([2019, 2020, 2023])
    >>> steps_of(Fertility().change, levels, years).length
    array([1, 3])
    >>> steps_of(Fertility().change, levels, years, masked=(2021, 2022)).length
    array([1])
    """
    kept = years >= years[-1] - spec.window
    if kept.sum() < 3:
        raise DataError(
            expected=f"three or more observations in the {spec.window} years up to the last",
            found=f"{kept.sum()} (years {', '.join(map(str, years[kept]))})",
            remedy="give the figures of more years",
        )
    lowest = np.minimum.accumulate(levels, axis=1)[:, kept][:, :-1]
    levels, years = levels[:, kept], years[kept]
    length = np.diff(years)
    start = levels[:, :-1]
    middle = years[:-1] + (length - 1) / 2
    wander = hats(middle, wander_knots(spec, int(years[-1])))
    design = np.concatenate(
        [spec.basis(start, lowest), spec.reference_scale(start)[..., None] * wander], axis=-1
    ) * length.reshape(-1, 1)
    response = np.diff(levels, axis=1)
    last = np.concatenate([response[:, -1:], design[:, -1]], axis=1) if length[-1] == 1 else None
    # The first year, and a step beside a gap, have no year before that they carry on.
    carried = spec.momentum * ((length[1:] == 1) & (length[:-1] == 1))
    response = np.concatenate([response[:, :1], response[:, 1:] - carried * response[:, :-1]], axis=1)
    design = np.concatenate([design[:, :1], design[:, 1:] - carried[:, None] * design[:, :-1]], axis=1)
    used = np.array([not any(before < year < after for year in masked) for before, after in pairwise(years)])
    return Steps(
        response=response[:, used],
        design=design[:, used],
        scale=hats(start, spec.scale_knots)[:, used],
        length=length[used],
        momentum_from=last,
    )


def wander_knots(spec: LevelChange, last: int) -> tuple[float, ...]:
    """Years at which the wander is a parameter: every `wander_step` back from the last observation, over the window.

    Parameters
    ----------
    spec : LevelChange
        The form.
    last : int
        Year of the last observation.

    Returns
    -------
    tuple of float

    Examples
    --------
    >>> from poblar.forecast import Fertility
    >>> wander_knots(Fertility().change, 2023)
    (2008.0, 2013.0, 2018.0, 2023.0)
    """
    back = -(-spec.window // spec.wander_step)
    return tuple(float(last - spec.wander_step * step) for step in range(back, -1, -1))
