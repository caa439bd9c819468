"""Levels that follow a path of log counts, month by month: a linear filter, written as one system of equations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.tensor.linalg import solve_triangular

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Levels:
    """What is expected of each month, and what of the month after the last; all in logs of persons a month.

    Parameters
    ----------
    error : tensor, shape (series, month)
        What each month had beyond its level; none in the first, which the levels begin at.
    after : tensor, shape (series,)
        Level of the month to come.
    average : tensor, shape (series,)
        Mean of the levels so far, weighted by how recent they are.
    trend : tensor, shape (series,)
        What the month after that one is expected to add.
    """

    error: Any
    after: Any
    average: Any
    trend: Any


def follow(path: Any, size: int, *, gain: Any, momentum: Any, persistence: Any, memory: float, fading: float) -> Levels:
    r"""Levels of a path that has been freed of its seasons and effects.

    .. math::
        e_t = y_t - \ell_t, \qquad
        \ell_{t+1} = \phi \ell_t + (1 - \phi) \bar\ell_t + b_t + \alpha e_t, \qquad b_{t+1} = \delta (b_t + \beta e_t)

    Both are linear in the path, so that the levels are :math:`T^{-1} R y` with triangular T, the same for all series.

    Parameters
    ----------
    path : tensor, shape (series, month)
        Log counts.
    size : int
        Number of months.
    gain, momentum, persistence : tensor
        :math:`\alpha, \beta, \phi`.
    memory : float
        Half-life of the past in :math:`\bar\ell`, months.
    fading : float
        :math:`\delta`.

    Returns
    -------
    Levels
    """
    before = np.eye(size + 1, size, k=-1)  # each row the month before; the first row is none
    lag = np.subtract.outer(np.arange(size + 1), np.arange(size))
    faded = np.where(lag > 0, fading ** np.maximum(lag, 0), 0.0)
    learned = gain * before + momentum * (before @ faded[:-1])
    first = np.zeros((size + 1, size))
    first[0, 0] = 1.0
    kept = persistence * before + (1.0 - persistence) * (before @ recent_means(size, memory))
    # Rows of months 0 to size, columns of levels 0 to size, of which the last is followed by none.
    carried: Any = pt.concatenate([kept - learned, np.zeros((size + 1, 1))], axis=1)
    answer = pt.dot(learned + first, path.T)
    levels = solve_triangular(np.eye(size + 1) - carried, answer, lower=True).T
    error = path - levels[:, :-1]
    return Levels(
        error=error,
        after=levels[:, -1],
        average=levels[:, :-1] @ recent_means(size, memory)[-1],
        trend=momentum * (error @ faded[-1]),
    )


def recent_means(size: int, memory: float) -> Array:
    """Weights of the mean over the past up to each month, half as large `memory` months ago; shape (month, month)."""
    age = np.subtract.outer(np.arange(size), np.arange(size))
    weights = np.tril(0.5 ** (np.abs(age) / memory))
    return weights / weights.sum(axis=1, keepdims=True)


def recent_weight(size: int, memory: float) -> float:
    """Sum of the weights before they were made shares: in months, how long the past is."""
    return float((0.5 ** (np.arange(size) / memory)).sum())
