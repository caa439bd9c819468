"""The linear program behind every plan: cvxpy in, status policy, cuts, calibration."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray

from .chance import Margins, certify, tail_cut
from .errors import SolverError

__all__ = ["ChanceGoal", "Limits", "Solution", "calibrated", "least_shortfall", "solve_tail"]

log = logging.getLogger(__name__)
Array = NDArray[np.float64]

MOST_CUTS = 500


@dataclass(frozen=True, eq=False)
class Limits:
    """Linear cost and limits of a plan: least ``cost @ x`` with ``low <= x <= high`` and ``matrix @ x <= bound``.

    Parameters
    ----------
    cost : array, shape (lever,)
        Objective, per unit of the plan.
    low, high : array, shape (lever,)
        Limits; infinite where there is none.
    matrix : array, shape (row, lever)
    bound : array, shape (row,)
        Further linear limits.

    Examples
    --------
    >>> import numpy as np
    >>> Limits(np.ones(1), np.zeros(1), np.full(1, np.inf), np.zeros((0, 1)), np.zeros(0)).cost
    array([1.])
    """

    cost: Array
    low: Array
    high: Array
    matrix: Array
    bound: Array


@dataclass(frozen=True, eq=False)
class ChanceGoal:
    """One chance constraint on the three disjoint sets of draws.

    Parameters
    ----------
    name : str
        The goal in words.
    probability : float
        Asked for.
    solve, calibrate, certify : Margins
        Margins on the draws that are optimised over, calibrated on, and held out.
    enough : float
        Miss of the tail at which the linear program stops, units of the margin.

    Examples
    --------
    >>> import numpy as np
    >>> from poblar.optimize.chance import LinearMargins
    >>> sets = [LinearMargins(np.full((10, 1), -1.0), np.ones((10, 1, 1))) for _ in range(3)]
    >>> ChanceGoal("cover demand", 0.9, *sets).probability
    0.9
    """

    name: str
    probability: float
    solve: Margins
    calibrate: Margins
    certify: Margins
    enough: float = 1e-6


@dataclass(frozen=True, eq=False)
class Solution:
    """A plan that an optimal solver status stands behind.

    Parameters
    ----------
    plan : array, shape (lever,)
    objective : float
        ``cost @ plan``.
    iterations : int
        Linear programs solved.
    shortfall : float
        Largest miss of a tail constraint, units of the margin.
    widening : float
        How many times the request's tail the tail of each goal was.
    allowed : array, shape (goal,)
        What the mean of each goal's tail was allowed to miss by, units of the margin.
    seconds : float
        Wall time.

    Examples
    --------
    >>> import numpy as np
    >>> Solution(np.array([9.5]), objective=9.5, iterations=3, shortfall=0.0, widening=1.0, allowed=np.zeros(1),
    ...          seconds=0.1).objective
    9.5
    """

    plan: Array
    objective: float
    iterations: int
    shortfall: float
    widening: float
    allowed: Array
    seconds: float

    def record(self, seed: int) -> dict[str, str | float]:
        """What a plan keeps of how it was solved."""
        return {
            "solver": "HiGHS",
            "linear_programs": self.iterations,
            "tail_shortfall": self.shortfall,
            "tail_widening": self.widening,
            "seconds": self.seconds,
            "seed": seed,
        }


@dataclass
class _Cuts:
    """Cuts found so far; one for a wider tail stays valid for every narrower one."""

    goal: list[int] = field(default_factory=list)
    widening: list[float] = field(default_factory=list)
    slope: list[Array] = field(default_factory=list)
    constant: list[float] = field(default_factory=list)

    def add(self, goal: int, widening: float, slope: Array, constant: float) -> None:
        size = float(np.abs(slope).max()) or 1.0  # rows of unit size, so that the solver's tolerance means the same
        self.goal.append(goal)
        self.widening.append(widening)
        self.slope.append(np.r_[slope, 1.0] / size)
        self.constant.append(constant / size)

    def valid(self, widening: float) -> tuple[Array, Array, NDArray[np.intp]]:
        keep = [position for position, wide in enumerate(self.widening) if wide >= widening - 1e-12]
        slope = np.array([self.slope[position] for position in keep])
        return (
            slope,
            np.array([self.constant[position] for position in keep]),
            np.array([self.goal[position] for position in keep], dtype=int),
        )


def solve_tail(
    limits: Limits,
    goals: Sequence[ChanceGoal],
    widening: float,
    allowed: Array | None = None,
    cuts: _Cuts | None = None,
) -> Solution | None:
    """Cheapest plan whose worst draws are good on average: the mean margin of each goal's tail is not negative.

    Parameters
    ----------
    limits : Limits
        Cost and limits.
    goals : sequence of ChanceGoal
        Goals, by their margins on the solving draws.
    widening : float
        Tail as a multiple of what the goal allows to miss, ``tail = widening (1 - p)``: one is CVaR at the request,
        which is conservative; more asks for less.
    allowed : array, shape (goal,), optional
        What each mean may miss by, units of the margin; nothing, unless given.
    cuts : optional
        Cuts of earlier calls on the same goals, extended in place.

    Returns
    -------
    Solution or None
        None if no plan holds the goals.

    Raises
    ------
    SolverError
        On any other status than optimal or infeasible, or too many cuts.

    Examples
    --------
    >>> import numpy as np
    >>> from poblar.optimize.chance import LinearMargins
    >>> margins = LinearMargins(-np.arange(1.0, 11.0)[:, None], np.ones((10, 1, 1)))  # x >= 1 … 10
    >>> goal = ChanceGoal("cover demand", 0.8, margins, margins, margins)
    >>> limits = Limits(np.ones(1), np.zeros(1), np.full(1, np.inf), np.zeros((0, 1)), np.zeros(0))
    >>> solve_tail(limits, [goal], widening=1.0).plan.round(6)  # mean of the worst two, 9 and 10
    array([9.5])
    """
    allowed = np.zeros(len(goals)) if allowed is None else allowed
    return _cut_to_the_end(limits, goals, widening, cuts if cuts is not None else _Cuts(), allowed)


def least_shortfall(limits: Limits, goals: Sequence[ChanceGoal]) -> Solution:
    """The plan within the limits whose tails miss the goals by least: what can be reached where no plan exists.

    Parameters
    ----------
    limits : Limits
        Limits; the cost only breaks ties.
    goals : sequence of ChanceGoal
        Goals.

    Returns
    -------
    Solution

    Examples
    --------
    >>> import numpy as np
    >>> from poblar.optimize.chance import LinearMargins
    >>> margins = LinearMargins(-np.arange(1.0, 11.0)[:, None], np.ones((10, 1, 1)))
    >>> goal = ChanceGoal("cover demand", 0.8, margins, margins, margins)
    >>> limits = Limits(np.ones(1), np.zeros(1), np.full(1, 7.0), np.zeros((0, 1)), np.zeros(0))
    >>> least_shortfall(limits, [goal]).plan.round(6)
    array([7.])
    """
    solution = _cut_to_the_end(limits, goals, 1.0, _Cuts(), None)
    if solution is None:
        raise SolverError(
            "expected limits that some plan keeps, found limits that contradict each other even without a goal; "
            "look at minimum, maximum and change of the levers."
        )
    return solution


def calibrated(
    limits: Limits,
    goals: Sequence[ChanceGoal],
    rounded: Callable[[Array], Array],
    steps: int = 8,
) -> Solution | None:
    """Cheapest plan that reaches the requests on the calibration draws, plus one standard error of that count.

    The tail at the request is conservative, so it is eased by bisection, first by its width and, once it holds nearly
    all draws, by what its mean may miss: as much as can be while the calibration draws, which the plan has not seen,
    still reach every request.

    Parameters
    ----------
    limits : Limits
        Cost and limits.
    goals : sequence of ChanceGoal
        Goals.
    rounded : callable
        What becomes of a plan before it is carried out (whole officers); certificates count that.
    steps : int
        Bisections.

    Returns
    -------
    Solution or None
        None if no tail that some plan holds reaches the requests.

    Examples
    --------
    >>> import numpy as np
    >>> from poblar.optimize.chance import LinearMargins
    >>> rng = np.random.default_rng(1)
    >>> sets = [LinearMargins(-rng.exponential(1.0, (2000, 1)), np.ones((2000, 1, 1))) for _ in range(3)]
    >>> limits = Limits(np.ones(1), np.zeros(1), np.full(1, np.inf), np.zeros((0, 1)), np.zeros(0))
    >>> solution = calibrated(limits, [ChanceGoal("cover demand", 0.9, *sets)], rounded=lambda plan: plan)
    >>> bool(2.2 < solution.plan[0] < 2.6)  # the 90 % quantile is log 10 = 2.3
    True
    """
    started, cuts, solved = time.perf_counter(), _Cuts(), 0

    def good(solution: Solution) -> bool:
        plan = rounded(solution.plan)
        counts = [certify(goal.calibrate, plan) for goal in goals]
        return all(
            count.probability >= goal.probability + np.sqrt(goal.probability * (1.0 - goal.probability) / count.draws)
            for goal, count in zip(goals, counts, strict=True)
        )

    cheapest, _ = _master(limits, len(goals), cuts.valid(0.0), np.zeros(len(goals)))
    if cheapest is None:
        return None
    # The scale of easing: up to 0 the logarithm of the tail's width over the widest, from there to 1 the share of
    # what the cheapest plan misses by. A tenth of the request's tail still asks for more than the request does.
    widest = 0.98 / max(1.0 - goal.probability for goal in goals)
    missing = np.array(
        [max(0.0, -tail_cut(goal.solve, cheapest, min(widest * (1.0 - goal.probability), 1.0))[0]) for goal in goals]
    )
    strict, eased = float(np.log(0.1 / widest)), 1.0
    best, asking = None, eased
    for _ in range(steps + 1):
        tried = solve_tail(limits, goals, widest * np.exp(min(asking, 0.0)), max(asking, 0.0) * missing, cuts)
        solved += tried.iterations if tried is not None else 1
        if tried is not None and not good(tried):
            eased = asking
        else:
            best, strict = tried or best, asking  # None: too strict for the limits
        if best is not None and asking == 1.0:
            break  # the cheapest plan is good enough
        asking = 0.5 * (strict + eased)
    if best is None:
        return None
    seconds = time.perf_counter() - started
    log.info("%d linear programs, tail %.2f times the request's, %.2f s", solved, best.widening, seconds)
    return replace(best, iterations=solved, seconds=seconds)


def _cut_to_the_end(
    limits: Limits, goals: Sequence[ChanceGoal], widening: float, cuts: _Cuts, allowed: Array | None
) -> Solution | None:
    """Add cuts until the tails miss by no more than is allowed; by the least there can be if nothing is said."""
    started = time.perf_counter()
    tails = [min(widening * (1.0 - goal.probability), 1.0) for goal in goals]
    plan, missed = _master(limits, len(goals), cuts.valid(widening), allowed)
    worst = 0.0
    for iteration in range(1, MOST_CUTS + 1):
        if plan is None:
            return None
        worst = 0.0
        for position, (goal, tail) in enumerate(zip(goals, tails, strict=True)):
            value, gradient = tail_cut(goal.solve, plan, tail)
            violation = -value - missed[position]
            if violation > goal.enough:
                cuts.add(position, widening, gradient, value - float(gradient @ plan))
                worst = max(worst, violation)
        if worst == 0.0:
            seconds = time.perf_counter() - started
            short = float(max(0.0, *missed)) if allowed is None else 0.0
            return Solution(plan, float(limits.cost @ plan), iteration, short, widening, missed, seconds)
        plan, missed = _master(limits, len(goals), cuts.valid(widening), allowed)
    raise SolverError(
        f"expected the cuts to close within {MOST_CUTS} linear programs, found a miss of {worst:g} left; "
        "ask for fewer goals at once, or fewer levers."
    )


def _master(
    limits: Limits, goals: int, cuts: tuple[Array, Array, NDArray[np.intp]], allowed: Array | None
) -> tuple[Array | None, Array]:
    """Solve the linear program of the cuts so far: the plan (None if there is none), and what each goal misses by."""
    slope, constant, goal = cuts
    x = cp.Variable(len(limits.cost))
    short = cp.Variable(goals, nonneg=True) if allowed is None else cp.Constant(allowed)  # units of the margin
    bounded = np.isfinite(limits.high)
    constraints: list[cp.Constraint] = [x >= limits.low]
    if bounded.any():
        constraints.append(x[bounded] <= limits.high[bounded])
    if len(limits.bound):
        constraints.append(limits.matrix @ x <= limits.bound)
    if len(constant):
        constraints.append(slope[:, :-1] @ x + constant + cp.multiply(slope[:, -1], short[goal]) >= 0)
    cost = limits.cost / (float(np.abs(limits.cost).max()) or 1.0)
    objective = cost @ x if allowed is not None else 1e6 * cp.sum(short) + 1e-6 * cost @ x
    problem = cp.Problem(cp.Minimize(objective), constraints)
    problem.solve(solver=cp.HIGHS)
    if problem.status == cp.INFEASIBLE:
        return None, np.zeros(goals)
    if problem.status != cp.OPTIMAL or x.value is None:
        raise SolverError(
            f"expected the solver to end optimal or infeasible, found {problem.status!r}; "
            "check that every lever has sensible limits."
        )
    return np.clip(x.value, limits.low, limits.high), np.asarray(short.value, dtype=float)
