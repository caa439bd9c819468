"""Chance constraints on draws: CVaR by cutting planes, and the certificate on draws held out.

A goal asks for ``P(margin >= 0) >= p``. Its margins are affine in the plan for each draw; over several years the
smallest one counts. The mean of the worst share of the margins (CVaR) is a concave bound on the goal that a linear
program can hold by cuts: each cut is the gradient averaged over the worst draws (Künzi-Bay & Mayer 2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from ..forecast.draws import split_draws
from .errors import GoalError

__all__ = ["Certificate", "LinearMargins", "Margins", "Tail", "certify", "deal", "tail_of"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]
SETS = {"solve": 0.4, "calibrate": 0.3, "certify": 0.3}
LEAST = 200  # draws; with fewer the certificate says next to nothing


def deal(count: int, seed: int) -> dict[str, Positions]:
    """Deal draws at random into three disjoint sets: to optimise over, to calibrate on, and to certify with.

    Parameters
    ----------
    count : int
        Number of draws.
    seed : int
        The same seed deals the same sets.

    Returns
    -------
    dict of array
        Positions of the draws of "solve" (40 %), "calibrate" (30 %) and "certify" (30 %), in ascending order.

    Raises
    ------
    GoalError
        If there are fewer than 200 draws.

    Examples
    --------
    >>> {name: len(draws) for name, draws in deal(1000, seed=1).items()}
    {'solve': 400, 'calibrate': 300, 'certify': 300}
    """
    if count < LEAST:
        raise GoalError(
            f"expected at least {LEAST} draws to optimise, calibrate and certify on, found {count}; "
            "forecast with draws=2000 or more."
        )
    order = np.random.default_rng(seed).permutation(count)
    return {name: np.sort(order[part]) for name, part in split_draws(count, SETS).items()}


class Margins(Protocol):
    """Margins of one chance constraint: for each draw, the smallest over its rows."""

    def worst(self, plan: Array) -> tuple[Array, Positions]:
        """Smallest margin of each draw (draw,), and the row that it stands in (draw,)."""
        ...

    def mean(self, weights: Array, draws: Positions, rows: Positions) -> tuple[float, Array]:
        """Weighted sum of one row of each of some draws, as an affine function: constant, and slope (lever,)."""
        ...

    def take(self, draws: Positions) -> Margins:
        """The margins of some of the draws."""
        ...


@dataclass(frozen=True, eq=False)
class LinearMargins:
    """Margins written out as rows, ``constant + slope @ plan``.

    Parameters
    ----------
    constant : array, shape (draw, row)
    slope : array, shape (draw, row, lever)
        Units of the margin, and of the margin per unit of the plan.

    Examples
    --------
    >>> import numpy as np
    >>> margins = LinearMargins(np.array([[1.0, -2.0]]), np.array([[[0.0], [1.0]]]))
    >>> margins.worst(np.array([0.5]))
    (array([-1.5]), array([1]))
    """

    constant: Array
    slope: Array

    def rows(self, plan: Array) -> Array:
        """All margins (draw, row)."""
        return self.constant + self.slope @ plan

    def worst(self, plan: Array) -> tuple[Array, Positions]:
        """Smallest margin of each draw, and its row."""
        margins = self.rows(plan)
        row = margins.argmin(axis=1)
        return margins[np.arange(len(row)), row], row

    def mean(self, weights: Array, draws: Positions, rows: Positions) -> tuple[float, Array]:
        """Weighted sum of one row of each of some draws."""
        return float(weights @ self.constant[draws, rows]), weights @ self.slope[draws, rows]

    def take(self, draws: Positions) -> LinearMargins:
        """The margins of some of the draws."""
        return LinearMargins(self.constant[draws], self.slope[draws])


@dataclass(frozen=True, eq=False)
class Tail:
    r"""Weights on the worst draws of a plan: whatever the plan, their mean is no less than that of its own worst.

    :math:`\mathrm{CVaR} = \min_w \sum_i w_i m_i` over weights :math:`0 \le w_i \le 1 / (\tau n)` that sum to one
    (Rockafellar & Uryasev 2000, with signs for gains), so that the weights of one plan bound it for every other.

    Parameters
    ----------
    share : float
        The share of draws in the tail, :math:`\tau`.
    draws, rows : array
        Positions of the draws, and the row of each.
    weights : array
        Their weights, which sum to one.
    value : float
        Mean margin of the tail.

    Examples
    --------
    >>> import numpy as np
    >>> margins = LinearMargins(np.array([[0.0], [1.0], [2.0], [3.0]]), np.ones((4, 1, 1)))
    >>> tail_of(margins, np.zeros(1), share=0.5).draws
    array([0, 1])
    """

    share: float
    draws: Positions
    rows: Positions
    weights: Array
    value: float

    def cut(self, margins: Margins) -> tuple[float, Array]:
        """Constant and slope (lever,) of the bound that these weights give on a goal's tail."""
        return margins.mean(self.weights, self.draws, self.rows)


def tail_of(margins: Margins, plan: Array, share: float, found: tuple[Array, Positions] | None = None) -> Tail:
    """The worst share of draws at a plan.

    Parameters
    ----------
    margins : Margins
        The constraint.
    plan : array, shape (lever,)
        Where to look.
    share : float
        Share of draws in the tail, above 0, at most 1.
    found : tuple of array, optional
        What `Margins.worst` says at the plan, where it is known.

    Returns
    -------
    Tail

    Examples
    --------
    >>> import numpy as np
    >>> margins = LinearMargins(np.array([[0.0], [1.0], [2.0], [3.0]]), np.ones((4, 1, 1)))
    >>> tail = tail_of(margins, np.zeros(1), share=0.5)
    >>> tail.value, tail.cut(margins)
    (0.5, (0.5, array([1.])))
    """
    values, rows = margins.worst(plan) if found is None else found
    each = 1.0 / (share * len(values))
    whole = min(int(1.0 / each), len(values))
    order = np.argsort(values, kind="stable")[: whole + 1]
    weights = np.full(len(order), each)
    if whole < len(values):
        weights[whole] = max(1.0 - whole * each, 0.0)
    weights /= weights.sum()
    kept = weights > 0.0
    draws, weights = order[kept], weights[kept]
    return Tail(share, draws, rows[draws], weights, float(weights @ values[draws]))


@dataclass(frozen=True)
class Certificate:
    """How often a goal was reached on a set of draws, with its exact 95 % interval (Clopper & Pearson 1934).

    Parameters
    ----------
    reached, draws : int
        Draws that reach the goal, and all of them.

    Examples
    --------
    >>> certificate = Certificate(reached=910, draws=1000)
    >>> certificate.probability, [round(end, 3) for end in certificate.interval]
    (0.91, [0.891, 0.927])
    """

    reached: int
    draws: int

    @property
    def probability(self) -> float:
        """Share of draws that reach the goal."""
        return self.reached / self.draws

    @property
    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval of the probability."""
        ends = binomtest(self.reached, self.draws).proportion_ci(0.95, method="exact")
        return float(ends.low), float(ends.high)


def certify(margins: Margins, plan: Array, tolerance: float = 1e-9) -> Certificate:
    """Count the draws in which every row of a goal holds.

    Parameters
    ----------
    margins : Margins
        The goal on the draws to count.
    plan : array, shape (lever,)
        The plan.
    tolerance : float
        Shortfall that counts as none, units of the margin.

    Returns
    -------
    Certificate

    Examples
    --------
    >>> import numpy as np
    >>> margins = LinearMargins(np.array([[0.0], [1.0], [-2.0], [3.0]]), np.zeros((4, 1, 1)))
    >>> certify(margins, np.zeros(1)).probability
    0.75
    """
    values, _ = margins.worst(plan)
    return Certificate(int((values >= -tolerance).sum()), len(values))
