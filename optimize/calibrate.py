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
from .solve import ChanceGoal, Cuts, Solution

__all__ = ["calibrated", "calibrated_each"]

log = logging.getLogger(__name__)
Array = NDArray[np.float64]
ALIKE = 0.3  # how far easings of like problems are apart, on the scale of the logarithm


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
    low, high = (
        float(search.strictest.min(initial=0.0)),
        1.0,
    )  # strict enough, or too strict for the limits; too much eased
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

    def __init__(
        self, cuts: Cuts, rounded: Callable[[Array], Array], errors: float, deadline: float, *, each: bool = False
    ) -> None:
        self.cuts, self.rounded, self.errors, self.deadline = cuts, rounded, errors, deadline
        self.hard = [goal for goal in cuts.goals if goal.weight is None]
        self.started, self.runs = time.perf_counter(), 0
        self.tails = np.array([1.0 - goal.probability for goal in cuts.goals])
        largest = max((1.0 - goal.probability for goal in self.hard), default=1.0)
        self.widest = 0.98 / (self.tails if each else np.full(len(self.tails), largest))
        self.strictest = np.log(0.1 / self.widest)
        self.best: Solution | None = None
        self.missing: Array | None = None

    @property
    def has_time(self) -> bool:
        """Whether the time allowed is not over."""
        return time.perf_counter() < self.deadline

    def reaches(self, asking: float) -> bool:
        """Whether a plan of this easing reaches every request on the calibration draws, or there is none so strict."""
        return bool(self.reached(np.full(len(self.cuts.goals), asking)).all())

    def reached(self, asking: Array) -> NDArray[np.bool_]:
        """Which requests a plan of these easings (goal,) reaches; all, where there is none so strict."""
        allowed = np.maximum(asking, 0.0) * self._missing() if (asking > 0.0).any() else None
        solution = self.cuts.cheapest(self.widest * np.exp(np.minimum(asking, 0.0)), allowed)
        self.runs += 1 if solution is None else solution.iterations
        if solution is None:
            return np.ones(len(self.cuts.goals), dtype=bool)
        plan = self.rounded(solution.plan)
        found = np.array([goal.weight is not None or self._keeps(goal, plan) for goal in self.cuts.goals], dtype=bool)
        if found.all() and (self.best is None or solution.objective <= self.best.objective):
            self.best = replace(solution, asking=float(asking.max(initial=-np.inf)))
        return found

    def _keeps(self, goal: ChanceGoal, plan: Array) -> bool:
        count = certify(goal.calibrate, plan)
        error = np.sqrt(goal.probability * (1.0 - goal.probability) / count.draws)
        return count.probability >= min(goal.probability + self.errors * error, 1.0)

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
            shares = np.minimum(self.widest * self.tails, 1.0)
            self.missing = np.array(
                [
                    0.0 if goal.weight is not None else max(0.0, -tail_of(goal.solve, nothing, share).value)
                    for goal, share in zip(self.cuts.goals, shares, strict=True)
                ]
            )
        return self.missing


def calibrated_each(
    cuts: Cuts,
    rounded: Callable[[Array], Array],
    *,
    errors: float = 1.0,
    rounds: int = 8,
    like: Solution | None = None,
) -> Solution | None:
    """As `calibrated`, with an easing of its own for each goal: where goals hardly touch each other, none pays for all.

    All easings are bisected at once, each by its own goal's count on the calibration draws; then those that are found
    are made stricter, together, until every request is reached.

    Parameters
    ----------
    cuts : Cuts
        The problem; the cuts found stay in it.
    rounded : callable
        What becomes of a plan before it is carried out (whole officers); certificates count that.
    errors : float
        How many standard errors of the count on the calibration draws each request has to be exceeded by.
    rounds : int
        Bisections; eight find the easing within 0.02, on the scale of its logarithm.
    like : Solution, optional
        Of a like problem, near whose easings to look, in half as many bisections.

    Returns
    -------
    Solution or None
        None if no tails that some plan holds reach the requests.

    Examples
    --------
    >>> import cvxpy as cp, numpy as np
    >>> from poblar.optimize.chance import LinearMargins
    >>> from poblar.optimize.program import Model
    >>> from poblar.optimize.solve import ChanceGoal
    >>> rng, plan = np.random.default_rng(1), cp.Variable(2)
    >>> goals = []
    >>> for office, probability in enumerate((0.9, 0.5)):
    ...     slope = np.zeros((2000, 1, 2))
    ...     slope[:, :, office] = 1.0
    ...     sets = [LinearMargins(-rng.exponential(1.0, (2000, 1)), slope) for _ in range(3)]
    ...     goals.append(ChanceGoal(f"cover demand {office}", probability, *sets))
    >>> solution = calibrated_each(Cuts(Model(plan, cp.sum(plan), [plan >= 0.0]), goals), rounded=lambda plan: plan)
    >>> solution.plan.round(1).tolist()  # the quantiles are 2.3 and 0.7; a standard error more
    [2.4, 0.7]
    """
    search = _Easing(cuts, rounded, errors, np.inf, each=True)
    low, high = search.strictest, np.ones(len(cuts.goals))
    if like is not None:
        last = np.log(like.widths / search.widest)
        low, high, rounds = np.maximum(last - ALIKE, low), np.minimum(last + ALIKE, high), rounds // 2
    for _ in range(rounds):
        middle = 0.5 * (low + high)
        reached = search.reached(middle)
        low = np.where(reached, middle, low)
        high = np.where(reached, high, middle)
    for _ in range(2 * rounds):
        reached = search.reached(low)
        if reached.all():
            break
        low = np.where(reached, low, np.maximum(low - 0.1, search.strictest))
    return search.result()
