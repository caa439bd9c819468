"""From goals to a plan: cuts on the worst draws until every tail holds, or the least that has to give way."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .chance import Margins, Tail, tail_of
from .errors import SolverError
from .program import Model, Program

__all__ = ["ChanceGoal", "Cuts", "Solution", "least_shortfall", "solve_tail"]

log = logging.getLogger(__name__)
Array = NDArray[np.float64]
Positions = NDArray[np.intp]

MOST_CUTS = 2000
NEAR = 1.4  # times the tail: draws among which the worst are looked for, between looks at all of them
FEW = 60  # draws; so many are always looked at together
PATIENCE = 25  # programs in a row that a cut may bind nothing in
HALT = 0.85  # how much of the last point a cut is made at stays in the next


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
    weight : float, optional
        Cost of a unit that the mean of the tail misses by, in units of the objective, where the goal is soft.
    priority : int
        Goals of priority 1 give way last.
    columns : array, optional
        The only levers that the goal depends on: it is not looked at again while they stay as they are.

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
    weight: float | None = None
    priority: int = 1
    columns: Positions | None = None


@dataclass(frozen=True, eq=False)
class Solution:
    """A plan that an optimal solver status stands behind.

    Parameters
    ----------
    plan : array, shape (lever,)
    objective : float
        The model's objective at the plan.
    iterations : int
        Programs solved.
    missed : array, shape (goal,)
        What the mean of each tail misses by, beyond what was allowed; units of the margin.
    widening : float
        How many times the request's tail the tail of each goal was, at most.
    allowed : array, shape (goal,)
        What the mean of each goal's tail was allowed to miss by, units of the margin.
    seconds : float
        Wall time.
    prices : sequence of (int, Tail, float)
        The cuts that bind: goal, its worst draws, and what a unit more asked of their mean costs.
    widths : array, shape (goal,)
        The same for each goal.
    asking : float
        How much the tails were eased, on the scale of `calibrated`.
    in_time : bool
        Whether the search was not stopped by the time allowed.

    Examples
    --------
    >>> import numpy as np
    >>> Solution(np.array([9.5]), objective=9.5, iterations=3, missed=np.zeros(1), widening=1.0, allowed=np.zeros(1),
    ...          seconds=0.1).objective
    9.5
    """

    plan: Array
    objective: float
    iterations: int
    missed: Array
    widening: float
    allowed: Array
    seconds: float
    prices: Sequence[tuple[int, Tail, float]] = ()
    widths: Array | float = 1.0
    asking: float = 0.0
    in_time: bool = True

    def record(self, seed: int) -> dict[str, str | float]:
        """What a plan keeps of how it was solved."""
        return {
            "solver": "HiGHS",
            "linear_programs": self.iterations,
            "tail_shortfall": float(self.missed.max(initial=0.0)),
            "tail_widening": self.widening,
            "seconds": self.seconds,
            "seed": seed,
            "stopped": "" if self.in_time else "by the time allowed; the best plan found until then",
        }


@dataclass(frozen=True, eq=False)
class _Near:
    """The worst of some draws, and their margins."""

    draws: Positions
    margins: Margins
    of_draws: int

    def are_enough(self, share: float) -> bool:
        """Whether a tail of this share of all draws surely lies among them, or nearly."""
        return len(self.draws) == self.of_draws or len(self.draws) >= 1.2 * share * self.of_draws

    def of(self, margins: Margins) -> _Near:
        """The same draws of other margins."""
        return replace(self, margins=margins.take(self.draws))


class Cuts:
    """The program of one problem with the cuts found so far; each bounds its goal under every tail as wide or narrower.

    Parameters
    ----------
    model : Model
    goals : sequence of ChanceGoal
    seconds : float
        Longest time of one program.

    Examples
    --------
    >>> import cvxpy as cp, numpy as np
    >>> from poblar.optimize.chance import LinearMargins
    >>> margins = LinearMargins(-np.arange(1.0, 11.0)[:, None], np.ones((10, 1, 1)))  # x >= 1 … 10
    >>> plan = cp.Variable(1)
    >>> model = Model(plan, cp.sum(plan), [plan >= 0.0])
    >>> goal = ChanceGoal("cover demand", 0.8, margins, margins, margins)
    >>> Cuts(model, [goal]).cheapest(widening=1.0).plan.round(6)  # mean of the worst two, 9 and 10
    array([9.5])
    """

    def __init__(self, model: Model, goals: Sequence[ChanceGoal], seconds: float = 60.0) -> None:
        self.model, self.goals = model, goals
        self.program = Program(model, len(goals), seconds)
        self.tails: list[tuple[int, Tail]] = []
        self.bound: list[bool] = []  # whether each cut ever bound a solution
        self.idle: list[int] = []  # programs in a row in which it bound nothing
        self.near: list[_Near | None] = [None] * len(goals)
        self.calm: dict[tuple[int, bool], bytes] = {}  # goals that a plan did not break, and all that they depend on
        self.start: Array | None = None

    def moved(self, goals: Sequence[ChanceGoal]) -> Cuts:
        """The same problem with goals moved a little: the worst draws of the old ones bound the new ones too."""
        new = Cuts(self.model, goals)
        for (goal, tail), bound in zip(self.tails, self.bound, strict=True):
            if bound:
                new.add(goal, tail)
        new.start = self.start
        new.near = [None if near is None else near.of(goal.solve) for near, goal in zip(self.near, goals, strict=True)]
        return new

    def again(self, goals: Sequence[ChanceGoal]) -> None:
        """Take other goals, as many, and forget all that was found for the old ones."""
        self.goals, self.start = goals, None
        self.near[:] = [None] * len(goals)
        self._keep(np.zeros(len(self.tails), dtype=bool))
        self.program.restart()

    def cheapest(self, widening: float | Array, allowed: Array | None = None) -> Solution | None:
        """The best plan whose tails miss by no more than is allowed; None where there is none."""
        weights = [goal.weight for goal in self.goals]
        self.program.misses(
            np.array([weight or 0.0 for weight in weights]),
            np.array([0.0 if weight is None else np.inf for weight in weights]),
        )
        return self._to_the_end(widening, np.zeros(len(self.goals)) if allowed is None else allowed)

    def nearest(self, widening: float = 1.0) -> Solution:
        """The plan whose tails miss by least, goals of high priority first; the objective only breaks ties."""
        most = np.full(len(self.goals), np.inf)
        solution = None
        for priority in sorted({goal.priority for goal in self.goals}):
            level = np.array([goal.priority == priority for goal in self.goals])
            self.program.misses(1e3 * self.program.unit * level, most, objective=1e-6)
            solution = self._to_the_end(widening, np.zeros(len(self.goals)))
            if solution is None:
                raise SolverError(
                    "expected limits that some plan keeps, found limits that contradict each other even without a "
                    "goal; look at minimum, maximum and change of the levers."
                )
            slack = np.array([goal.enough for goal in self.goals])
            most = np.where(level, solution.missed + slack, most)
        assert solution is not None
        return solution

    def _to_the_end(self, widening: float | Array, allowed: Array) -> Solution | None:
        started = time.perf_counter()
        # What is soft is not eased: its miss has a price.
        soft = np.array([goal.weight is not None for goal in self.goals])
        tails = np.array([1.0 - goal.probability for goal in self.goals])
        shares = np.minimum(np.where(soft, 1.0, widening) * tails, 1.0)
        self._keep(np.array(self.bound, dtype=bool))
        self.calm.clear()
        active = np.array([tail.share >= shares[goal] - 1e-12 for goal, tail in self.tails], dtype=bool)
        self.program.ask(active, allowed)
        plan, centre, runs = self.program.solve(), self.start, 1
        for _ in range(MOST_CUTS):
            if plan is None:
                return None
            centre = plan if centre is None else HALT * centre + (1.0 - HALT) * plan
            if self._cut(plan, centre, shares, allowed, everywhere=False) == 0:
                # Among the draws that are near nothing is missed: look at all of them.
                if self._cut(plan, plan, shares, allowed, everywhere=True) == 0:
                    self.start = plan
                    return self._solution(plan, runs, widening, allowed, time.perf_counter() - started)
                centre = plan
            self._drop_idle()
            plan, runs = self.program.solve(), runs + 1
        raise SolverError(
            f"expected the cuts to close within {MOST_CUTS} programs, found misses left; ask for fewer goals at once, "
            "or fewer levers."
        )

    def _cut(self, plan: Array, centre: Array, shares: Array, allowed: Array, *, everywhere: bool) -> int:
        """Cuts that the plan breaks, one for each goal at most; how many."""
        missed, found = self.program.missed, 0
        for number, goal in enumerate(self.goals):
            slack = allowed[number] + missed[number] + goal.enough
            at = b"" if goal.columns is None else np.append(plan[goal.columns], slack).tobytes()
            if at and self.calm.get((number, everywhere)) == at:
                continue
            for point in (plan,) if everywhere or centre is plan else (centre, plan):
                tail = self._worst(number, goal.solve, point, shares[number], everywhere)
                constant, slope = tail.cut(goal.solve)
                if -(constant + slope @ plan) > slack:
                    self.add(number, tail, (constant, slope))
                    found += 1
                    break
            else:
                self.calm[number, everywhere] = at
        return found

    def _worst(self, number: int, margins: Margins, point: Array, share: float, everywhere: bool) -> Tail:
        """The tail at a point, among the draws that were near it at the last look at all of them."""
        near = self.near[number]
        if not everywhere and near is not None and near.are_enough(share):
            inside = tail_of(near.margins, point, min(share * near.of_draws / len(near.draws), 1.0))
            return replace(inside, share=share, draws=near.draws[inside.draws])
        found = margins.worst(point)
        count = len(found[0])
        few = min(count, max(int(NEAR * share * count), FEW))
        chosen = np.sort(np.argsort(found[0], kind="stable")[:few])
        self.near[number] = _Near(chosen, margins.take(chosen), count)
        return tail_of(margins, point, share, found)

    def add(self, goal: int, tail: Tail, cut: tuple[float, Array] | None = None) -> None:
        """Add the cut of a tail to a goal."""
        constant, slope = tail.cut(self.goals[goal].solve) if cut is None else cut
        self.tails.append((goal, tail))
        self.bound.append(cut is None)  # one that is handed over has
        self.idle.append(0)
        self.program.cut(goal, constant, slope)

    def _keep(self, cuts: NDArray[np.bool_]) -> None:
        """Forget the other cuts: the program grows slow with them."""
        if not cuts.all():
            self.program.keep(cuts)
            chosen = np.flatnonzero(cuts)
            self.tails = [self.tails[cut] for cut in chosen]
            self.bound = [self.bound[cut] for cut in chosen]
            self.idle = [self.idle[cut] for cut in chosen]

    def _drop_idle(self) -> None:
        """Forget the cuts that have bound nothing for long, a few at a time."""
        prices = self.program.prices()
        self.idle = [
            0 if price > 0.0 else idle + 1 for idle, price in zip(self.idle, prices[: len(self.idle)], strict=False)
        ] + self.idle[len(prices) :]
        idle = np.array(self.idle) > PATIENCE
        if idle.sum() > PATIENCE // 2:
            self._keep(~idle | np.array(self.bound))

    def _solution(self, plan: Array, runs: int, widening: float | Array, allowed: Array, seconds: float) -> Solution:
        prices = self.program.prices()
        self.bound = [bound or price > 0.0 for bound, price in zip(self.bound, prices, strict=True)]
        return Solution(
            plan,
            self.program.value(plan),
            runs,
            self.program.missed.copy(),
            float(np.max(widening, initial=0.0)),
            allowed,
            seconds,
            [(goal, tail, float(price)) for (goal, tail), price in zip(self.tails, prices, strict=True) if price > 0.0],
            widening,
        )


def solve_tail(
    model: Model, goals: Sequence[ChanceGoal], widening: float, allowed: Array | None = None
) -> Solution | None:
    """Cheapest plan whose worst draws are good on average: the mean margin of each goal's tail is not negative.

    Parameters
    ----------
    model : Model
        Objective and limits.
    goals : sequence of ChanceGoal
        Goals, by their margins on the solving draws.
    widening : float
        Tail as a multiple of what the goal allows to miss, ``tail = widening (1 - p)``: one is CVaR at the request,
        which is conservative; more asks for less.
    allowed : array, shape (goal,), optional
        What each mean may miss by, units of the margin; nothing, unless given.

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
    >>> import cvxpy as cp, numpy as np
    >>> from poblar.optimize.chance import LinearMargins
    >>> margins = LinearMargins(-np.arange(1.0, 11.0)[:, None], np.ones((10, 1, 1)))  # x >= 1 … 10
    >>> plan = cp.Variable(1)
    >>> goal = ChanceGoal("cover demand", 0.8, margins, margins, margins)
    >>> model = Model(plan, cp.sum(plan), [plan >= 0.0])
    >>> solve_tail(model, [goal], widening=1.0).plan.round(6)  # mean of the worst two, 9 and 10
    array([9.5])
    """
    return Cuts(model, goals).cheapest(widening, allowed)


def least_shortfall(model: Model, goals: Sequence[ChanceGoal], widening: float = 1.0) -> Solution:
    """The plan within the limits whose tails miss the goals by least: what can be reached where no plan exists.

    Parameters
    ----------
    model : Model
        Limits; the objective only breaks ties.
    goals : sequence of ChanceGoal
        Goals; those of priority 1 give way last.
    widening : float
        As in `solve_tail`.

    Returns
    -------
    Solution

    Examples
    --------
    >>> import cvxpy as cp, numpy as np
    >>> from poblar.optimize.chance import LinearMargins
    >>> margins = LinearMargins(-np.arange(1.0, 11.0)[:, None], np.ones((10, 1, 1)))
    >>> plan = cp.Variable(1)
    >>> goal = ChanceGoal("cover demand", 0.8, margins, margins, margins)
    >>> least_shortfall(Model(plan, cp.sum(plan), [plan >= 0.0, plan <= 7.0]), [goal]).plan.round(6)
    array([7.])
    """
    return Cuts(model, goals).nearest(widening)
