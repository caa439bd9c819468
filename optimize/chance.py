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

__all__ = ["Certificate", "LinearMargins", "Margins", "certify", "deal", "tail_cut"]

Array = NDArray[np.float64]
SETS = {"solve": 0.4, "calibrate": 0.3, "certify": 0.3}
LEAST = 200  # draws; with fewer the certificate says next to nothing


def deal(count: int, seed: int) -> dict[str, NDArray[np.intp]]:
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
        Positions of the draws of "solve" (40 %), "calibrate" (30 %) and "certify" (30 %).

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
    return {name: order[part] for name, part in split_draws(count, SETS).items()}


class Margins(Protocol):
    """Margins of one chance constraint: for each draw, the smallest over its rows."""

    def worst(self, plan: Array) -> tuple[Array, Array]:
        """Smallest margin of each draw (draw,), and its gradient in the plan (draw, lever)."""
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
    >>> margins.worst(np.array([0.5]))[0]
    array([-1.5])
    """

    constant: Array
    slope: Array

    def rows(self, plan: Array) -> Array:
        """All margins (draw, row)."""
        return self.constant + self.slope @ plan

    def worst(self, plan: Array) -> tuple[Array, Array]:
        """Smallest margin of each draw, and its gradient."""
        margins = self.rows(plan)
        row = margins.argmin(axis=1)
        draw = np.arange(len(row))
        return margins[draw, row], self.slope[draw, row]


def tail_cut(margins: Margins, plan: Array, tail: float) -> tuple[float, Array]:
    r"""Mean margin of the worst share of draws at a plan, and its gradient: one cut.

    :math:`\mathrm{CVaR} = \min_w \sum_i w_i m_i` over weights :math:`0 \le w_i \le 1 / (\tau n)` that sum to one
    (Rockafellar & Uryasev 2000, with signs for gains).

    Parameters
    ----------
    margins : Margins
        The constraint.
    plan : array, shape (lever,)
        Where to cut.
    tail : float
        Share of draws in the tail, above 0, at most 1.

    Returns
    -------
    value : float
        Mean of the tail at the plan.
    gradient : array, shape (lever,)

    Examples
    --------
    >>> import numpy as np
    >>> margins = LinearMargins(np.array([[0.0], [1.0], [2.0], [3.0]]), np.ones((4, 1, 1)))
    >>> value, gradient = tail_cut(margins, np.zeros(1), tail=0.5)
    >>> value, gradient
    (0.5, array([1.]))
    """
    values, gradients = margins.worst(plan)
    weight = np.zeros(len(values))
    order = np.argsort(values, kind="stable")
    share = 1.0 / (tail * len(values))
    whole = min(int(1.0 / share), len(values))
    weight[order[:whole]] = share
    if whole < len(values):
        weight[order[whole]] = max(1.0 - whole * share, 0.0)
    weight /= weight.sum()
    return float(weight @ values), weight @ gradients


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
