"""About where the parameters of flows lie, by regression: what the sampler's coordinates are centred and scaled by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._flows_observed import UNSEEN, Observed

Array = NDArray[np.float64]

GAIN = 0.7  # share of a month's error that stays in the level
TAILS = 5.0  # degrees of freedom of the errors
TYPICAL = 0.7  # median size of such an error, in scales
WIDE = 0.5  # standard deviation of a wave, about zero
LEAST, CALM = 0.02, 0.2  # scale of errors, and of those of a month over the usual ones, at the least
FARTHEST = 3.0  # of a month from its neighbour, on the log
ROUNDS = 10  # of weighting anew
FEW = 5  # fewer series do not say which months were wild for all, nor fewer months how wild a series is


@dataclass(frozen=True, kw_only=True)
class Pilots:
    """What a robust regression of each series says.

    Parameters
    ----------
    season : array, shape (series, wave)
        Waves of the seasons.
    season_weight : array, shape (series, wave)
        What the counts say of them: their variance is that of an error in a usual month over this.
    scale : array, shape (series,)
        Log of the scale of errors in a usual month of the window.
    scale_weight : array, shape (series,)
        Number of errors that say so, at least one.
    wild : array, shape (month - 1,)
        Log of how much larger the errors of a month were than usual.
    wild_weight : array, shape (month - 1,)
        Inverse variance of that; zero if there are few series.
    step : array, shape (series, month - 1)
        How far a month without a count of its own may lie from its neighbour, a standard deviation of the log.
    noise : array, shape (series,)
        Variance that Poisson adds to the log of a usual count.
    """

    season: Array
    season_weight: Array
    scale: Array
    scale_weight: Array
    wild: Array
    wild_weight: Array
    step: Array
    noise: Array


def pilots(data: Observed) -> Pilots:
    r"""Regress what each month has beyond its level on waves of the year and on what series have in common.

    .. math:: w_{s,t} = \frac{(\nu + 1) / \omega_t^2}{\nu + r_{s,t}^2 / (\sigma_s \omega_t)^2}

    are the weights of residuals r with scales :math:`\sigma_s`, :math:`\omega_t` times as large in a month as usual:
    the median over series, as is what they have in common (Lange, Little & Taylor 1989, Robust Statistical Modeling
    Using the t Distribution, JASA 84). Levels follow with a typical gain.
    """
    size = len(data.months)
    before = np.eye(size, k=-1)
    beyond = np.linalg.solve(np.eye(size) - (1.0 - GAIN) * before, np.eye(size) - before)[1:]
    error = data.centre @ beyond.T
    wave = waves()[:, data.calendar] @ beyond.T
    seen = data.seen[:, 1:] & data.seen[:, :-1]
    used = np.where(seen.any(axis=1, keepdims=True), seen.astype(float), 1.0 / (size - 1))
    several = len(error) >= FEW
    typical = np.array([np.median(np.abs(row[at > 0])) for row, at in zip(error, used, strict=True)])
    scale = np.maximum(1.4 * typical, LEAST)
    wild, common = np.ones(size - 1), np.zeros(size - 1)
    residual, found = error, np.zeros((len(error), len(wave) + 1))
    free = used.sum(axis=1)
    for _ in range(ROUNDS):
        weight = used * (TAILS + 1.0) / (TAILS + (residual / (scale[:, None] * wild)) ** 2) / wild**2
        regressors = np.vstack([wave, common])
        believed = (scale / WIDE) ** 2
        inverse = np.linalg.inv(
            np.einsum("it,st,jt->sij", regressors, weight, regressors)
            + believed[:, None, None] * np.eye(len(regressors))
        )
        found = np.einsum("sij,st,jt->si", inverse, weight * error, regressors)
        residual = error - found @ regressors
        taken = len(regressors) - believed * np.trace(inverse, axis1=1, axis2=2)
        free = np.maximum(used.sum(axis=1) - taken, 1.0)
        scale = np.maximum(np.sqrt((weight * residual**2).sum(axis=1) / free), LEAST)
        if several:
            common = _median((error - found[:, :-1] @ wave) / scale[:, None], seen)
            size_of = _median(np.abs(residual) / scale[:, None], seen) / TYPICAL
            wild = np.where(size_of > 0.0, np.maximum(size_of, CALM), 1.0)
    usual = np.exp(np.log(wild).mean())
    return Pilots(
        season=found[:, :-1],
        season_weight=(used * np.minimum(usual / wild, 1.0) ** 2) @ (wave**2).T,
        scale=np.log(scale * usual),
        scale_weight=free,
        wild=np.log(wild / usual),
        wild_weight=(2.0 * TAILS / (TAILS + 3.0) if several else 0.0) * seen.sum(axis=0).astype(float),
        step=np.where(seen.sum(axis=1, keepdims=True) >= FEW, np.minimum(scale[:, None] * wild, FARTHEST), UNSEEN),
        noise=np.exp(-np.median(data.centre, axis=1)),
    )


def _median(values: Array, seen: NDArray[np.bool_]) -> Array:
    """Median over the series that have an error in a month, zero in months without any, shape (month - 1,)."""
    return np.asarray(np.ma.median(np.ma.masked_where(~seen, values), axis=0).filled(0.0))


def waves() -> Array:
    """Orthonormal seasons that sum to zero over a year, shape (11, 12): pairs of waves, then that of two months."""
    angle = 2.0 * np.pi * np.outer(np.arange(1, 7), np.arange(12)) / 12.0
    pairs = np.stack([np.cos(angle), np.sin(angle)], axis=1).reshape(12, 12)[:11]
    return pairs / np.sqrt((pairs**2).sum(axis=1, keepdims=True))
