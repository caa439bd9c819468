"""Calibration: no more caution than draws that the plan has not seen ask for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .chance import certify, tail_of
from .program import Program
from .solve import Cuts, Solution

__all__ = ["calibrated"]

log = logging.getLogger(__name__)
Array = NDArray[np.float64]


def calibrated(
    cuts: Cuts,
    rounded: Callable[[Array], Array],
    *,
    errors: float = 1.0,
    hint: float | None = None,
    exact: float = 0.015,
    seconds: float = np.inf,
) -> Solution | None:
    """Cheapest plan that reaches the requests on the calibration draws, plus some standard errors of that count.

    The tail at the request is conservative, so it is eased by bisection, first by its width and, once it holds nearly
    all draws, by what its mean may miss: as much as can be while the calibration draws, which the plan has not seen,
    still reach every request.

    Parameters
    ----------
    cuts : Cuts
        The problem; the cuts found stay in it.
    rounded : callable
        What becomes of a plan before it is carried out (whole officers); certificates count that.
    errors : float
        How many standard errors of the count on the calibration draws the request has to be exceeded by.
    hint : float, optional
        `Solution.asking` of a like problem, near which to look first.
    exact : float
        How closely the easing is found, on the scale of its logarithm.
    seconds : float
        Time allowed; when it is over the best plan found is returned, and says so.

    Returns
    -------
    Solution or None
        None if no tail that some plan holds reaches the requests.

    Examples
    --------
    >>> import cvxpy as cp, numpy as np
    >>> from poblar.optimize.chance import LinearMargins
    >>> from poblar.optimize.program import Model
    >>> from poblar.optimize.solve import ChanceGoal
    >>> rng = np.random.default_rng(1)
    >>> sets = [LinearMargins(-rng.exponential(1.0, (2000, 1)), np.ones((2000, 1, 1))) for _ in range(3)]
    >>> plan = cp.Variable(1)
    >>> model = Model(plan, cp.sum(plan), [plan >= 0.0])
    >>> solution = calibrated(Cuts(model, [ChanceGoal("cover demand", 0.9, *sets)]), rounded=lambda plan: plan)
    >>> bool(2.2 < solution.plan[0] < 2.6)  # the 90 % quantile is log 10 = 2.3
    True
    """
    search = _Easing(cuts, rounded, errors, time.perf_counter() + seconds)
    low, high = search.strictest, 1.0  # strict enough, or too strict for the limits; too much eased
    if hint is not None:
        for step in (0.0, 0.06, 0.25, 1.0):
            near, far = max(hint - step, low), min(hint + step, high)
            if search.reaches(near):
                low = near
                break
            high = near
        for step in (0.06, 0.25, 1.0) if high == 1.0 else ():
            far = min(low + step, 1.0)
            if not search.reaches(far):
                high = far
                break
            low = far
    elif search.reaches(high):
        low = high
    while high - low > exact and low < 1.0 and search.has_time:
        middle = 0.5 * (low + high)
        if search.reaches(middle):
            low = middle
        else:
            high = middle
    return search.result()


class _Easing:
    """How much the tails are eased: up to 0 the logarithm of their width over the widest, then the share of the misses.

    A tenth of the request's tail still asks for more than the request does; at 1 nothing is asked for.
    """

    def __init__(self, cuts: Cuts, rounded: Callable[[Array], Array], errors: float, deadline: float) -> None:
        self.cuts, self.rounded, self.errors, self.deadline = cuts, rounded, errors, deadline
        self.hard = [goal for goal in cuts.goals if goal.weight is None]
        self.started, self.runs = time.perf_counter(), 0
        self.widest = 0.98 / max((1.0 - goal.probability for goal in self.hard), default=1.0)
        self.strictest = float(np.log(0.1 / self.widest))
        self.best: Solution | None = None
        self.missing: Array | None = None

    @property
    def has_time(self) -> bool:
        """Whether the time allowed is not over."""
        return time.perf_counter() < self.deadline

    def reaches(self, asking: float) -> bool:
        """Whether a plan of this easing reaches every request on the calibration draws, or there is none so strict."""
        widening = self.widest * np.exp(min(asking, 0.0))
        solution = self.cuts.cheapest(widening, max(asking, 0.0) * self._missing() if asking > 0.0 else None)
        self.runs += 1 if solution is None else solution.iterations
        if solution is None:
            return True
        plan = self.rounded(solution.plan)
        for goal in self.hard:
            count = certify(goal.calibrate, plan)
            error = np.sqrt(goal.probability * (1.0 - goal.probability) / count.draws)
            if count.probability < min(goal.probability + self.errors * error, 1.0):
                return False
        if self.best is None or asking > self.best.asking:
            self.best = replace(solution, asking=asking)
        return True

    def result(self) -> Solution | None:
        """The least strict plan that reached the requests."""
        if self.best is None:
            return None
        seconds = time.perf_counter() - self.started
        log.info(
            "%d decisions, %d goals, %d cuts: %d programs, tail %.2f times the request's, missed by %.1e, %.2f s",
            len(self.best.plan),
            len(self.cuts.goals),
            len(self.cuts.tails),
            self.runs,
            self.best.widening,
            float(self.best.missed.max(initial=0.0)),
            seconds,
        )
        return replace(self.best, iterations=self.runs, seconds=seconds, in_time=self.has_time)

    def _missing(self) -> Array:
        """What the tails, at their widest, miss by under the plan that is best without any goal."""
        if self.missing is None:
            nothing = Program(self.cuts.model, 0).solve()
            assert nothing is not None  # the cuts only add to these limits
            shares = [min(self.widest * (1.0 - goal.probability), 1.0) for goal in self.cuts.goals]
            self.missing = np.array(
                [
                    0.0 if goal.weight is not None else max(0.0, -tail_of(goal.solve, nothing, share).value)
                    for goal, share in zip(self.cuts.goals, shares, strict=True)
                ]
            )
        return self.missing
