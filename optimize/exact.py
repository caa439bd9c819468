"""Chance constraints without the tail: counted draw by draw, by their quantile, or against draws that are wrong.

Cuts on the tail (`solve`) ask that the worst draws be good on average, which is more than the goal does. Where the
problem is small the goal itself can be solved, with one whole number for each draw that says whether it is broken;
where only the right-hand side is uncertain a quantile does it. Both hold in the draws that they see, and only there:
what a plan promises beyond them is for `certify` to count, or for `bounds` to say.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import cvxpy as cp
import highspy
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .chance import LinearMargins, tail_of
from .errors import GoalError, SolverError
from .held import PopulationMargins
from .program import Model, Program
from .solve import ChanceGoal, Cuts, Solution

__all__ = ["solve_exact", "solve_quantile", "written_out"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]
MOST_NUMBERS = 50_000_000  # of slopes, 400 MB
SAME = 1e-6  # difference between slopes that counts as none, as a share of the largest; responses are in float32
CLOSE = 1e-9  # feasibility and gap, in rows of unit size
LEAK = 1e-5  # share of the objective that a binary may hide, being nearly whole
STEP = 1e-6  # of the tail's margin, by which a plan of cuts is kept on the safe side


def written_out(margins: PopulationMargins) -> LinearMargins:
    """Margins of a goal on the population as a table, ``constant + slope @ plan``, for each draw and row.

    Parameters
    ----------
    margins : PopulationMargins
        Of a few hundred draws, or a few years.

    Returns
    -------
    LinearMargins
        Constants (draw, row) and slopes (draw, row, column), share of the baseline's people (per unit of the plan).

    Raises
    ------
    GoalError
        If the slopes are more than fifty million numbers.

    Examples
    --------
    >>> from poblar.optimize import PopulationSize
    >>> from poblar.optimize.admissions import Column
    >>> from poblar.optimize.response import by_hand
    >>> answer = by_hand([2030], {"everyone": [[100.0]]}, {"everyone": [[[1.0]]]}, columns=[Column("workers", 2029)])
    >>> margins = PopulationMargins(PopulationSize(at_least=110.0, years=[2030]), answer, answer.draws)
    >>> table = written_out(margins)
    >>> table.constant, table.slope
    (array([[-0.1]]), array([[[0.01]]]))
    """
    response = margins.response
    shape = (*margins.scale.shape, len(response.columns))
    if math.prod(shape) > MOST_NUMBERS:
        raise GoalError(
            f"expected at most {MOST_NUMBERS:,} slopes to write out, found {math.prod(shape):,} "
            f"({shape[0]} draws, {shape[1]} rows, {shape[2]} columns); take fewer draws, or cut with solve_tail."
        )
    slope = np.zeros(shape)
    for name, (at, weights) in margins.terms.items():
        for stock, (first, width) in enumerate(response.place[name][at]):
            more = response.flat[margins.draws, first : first + width].astype(float)
            for row in np.flatnonzero(weights[:, stock]):
                slope[:, row, :width] += weights[row, stock] * more
    return LinearMargins(margins.rows(np.zeros(shape[2])), margins.unit * slope / margins.scale[..., None])


def solve_exact(
    model: Model, goals: Sequence[ChanceGoal], *, most: Array | None = None, seconds: float = 60.0
) -> Solution | None:
    r"""Cheapest plan that holds each goal in the share of the solving draws that it asks for, and no draw more.

    One whole number :math:`z_i` for each draw and goal says whether the draw may be broken, in all its rows at once,

    .. math:: m_{ir}(x) + M_{ir} z_i \ge 0, \qquad \sum_i z_i \le \lfloor n (1-p) \rfloor, \qquad z_i \in \{0, 1\},

    with :math:`M_{ir}` the largest shortfall of that row of that draw between the least and the most of each number
    decided. These are found from the limits and, where the goals can be held on average in the tail, from what that
    plan costs, which the best one costs at most. The draws chosen are then held for sure, in a program without
    :math:`M`. Work grows quickly with draws, goals and rows: this is the yardstick of small problems.

    Parameters
    ----------
    model : Model
        Objective, linear or piecewise linear, and limits.
    goals : sequence of ChanceGoal
        Hard goals, by their margins on the solving draws: `LinearMargins`, or `PopulationMargins`, to be written out.
    most : array, shape (lever,), optional
        A limit more, of each number decided; only needed where neither the limits nor the cost end the plan.
    seconds : float
        Longest time of the search.

    Returns
    -------
    Solution or None
        None if no plan holds the goals. `Solution.allowed` is what the mean of each goal's tail misses by.

    Raises
    ------
    GoalError
        If a goal is soft, its margins are not a table, the objective is not linear, or a number decided has no end.
    SolverError
        On any other status than optimal or infeasible; where time is over it says what was found until then.

    References
    ----------
    Luedtke, J., Ahmed, S. & Nemhauser, G. L. (2010). An integer programming approach for linear programs with
    probabilistic constraints. Mathematical Programming 122(2), 247-272.

    Examples
    --------
    >>> margins = LinearMargins(-np.arange(1.0, 11.0)[:, None], np.ones((10, 1, 1)))  # x >= 1 … 10
    >>> plan = cp.Variable(1)
    >>> goal = ChanceGoal("cover demand", 0.8, margins, margins, margins)
    >>> solve_exact(Model(plan, cp.sum(plan), [plan >= 0.0]), [goal]).plan.round(6)  # all but 9 and 10
    array([8.])
    """
    started = time.perf_counter()
    tables = [_table(goal) for goal in goals]
    if not model.objective.is_pwl():
        raise GoalError(
            "expected an objective that is linear or piecewise linear, found a square; the exact program has whole "
            "numbers, which HiGHS does not solve with squares: use solve_tail, or another objective."
        )
    limits = list(model.limits) if most is None else [*model.limits, model.plan <= most]
    model = Model(model.plan, model.objective, limits)
    ends = _ends(model, goals)
    if ends is None:
        return None
    low, high, runs = ends
    counted: list[cp.Constraint] = [model.plan >= low, model.plan <= high]
    for table, goal in zip(tables, goals, strict=True):
        counted += _counted(table, model.plan, goal.probability, low, high)
    program = Program(Model(model.plan, model.objective, [*limits, *counted]), 0, seconds)
    for option in ("mip_rel_gap", "mip_abs_gap", "mip_feasibility_tolerance"):
        program.highs.setOptionValue(option, CLOSE)
    try:
        plan = program.solve()
    except SolverError as error:
        raise SolverError(_found(program, seconds)) from error
    if plan is None:
        return None
    held: list[cp.Constraint] = [
        constraint
        for table, goal in zip(tables, goals, strict=True)
        for constraint in _held(table, model.plan, goal.probability, plan)
    ]
    sure = _program(Model(model.plan, model.objective, [*limits, *held])).solve()
    best = program.value(plan)
    if sure is None or program.value(sure) - best > LEAK * max(1.0, abs(best)):
        raise SolverError(
            "expected the draws that the search chose to be held without its help, found that they are not, within "
            "the solver's tolerance; give most= nearer to what a plan needs."
        )
    return _solution(model, goals, tables, sure, runs + 2, started)


def solve_quantile(model: Model, goals: Sequence[ChanceGoal]) -> Solution | None:
    r"""Cheapest plan by the quantile of what each goal requires, where only the right-hand side is uncertain.

    With one slope :math:`s_r` in every draw (up to a positive factor, which does not matter to a sign), draw i asks
    for :math:`s_r x \ge q_{ir}`. A goal of one row is then held exactly at the :math:`\lceil p n \rceil`-th smallest
    requirement. One of several rows together is held, and never too seldom, at

    .. math:: s_r x \ge \bar q_r + t \sigma_r, \qquad
              t = \text{the } \lceil p n \rceil\text{-th smallest of } \max_r \frac{q_{ir} - \bar q_r}{\sigma_r},

    with :math:`\bar q_r` and :math:`\sigma_r` the mean and standard deviation of the row's requirements: no row is
    then further out than another. That is one way to share the risk among rows, not the cheapest: with many rows the
    tail of `solve_tail` can cost less. Rows that are certain are required as they are; where no number decided moves
    a row, the draws that break it are lost to every plan.

    Parameters
    ----------
    model : Model
        Objective and limits.
    goals : sequence of ChanceGoal
        Hard goals, by their margins on the solving draws: `LinearMargins`, or `PopulationMargins`, to be written out.

    Returns
    -------
    Solution or None
        None if no plan holds what is required, which for several rows together may be more than the goal.
        `Solution.allowed` is what the mean of each goal's tail misses by.

    Raises
    ------
    GoalError
        If the slopes differ between draws, a goal is soft, or its margins are not a table.
    SolverError
        On any other status than optimal or infeasible.

    References
    ----------
    Charnes, A. & Cooper, W. W. (1963). Deterministic equivalents for optimizing and satisficing under chance
    constraints. Operations Research 11(1), 18-39.

    Examples
    --------
    >>> margins = LinearMargins(-np.arange(1.0, 11.0)[:, None], np.ones((10, 1, 1)))  # x >= 1 … 10
    >>> plan = cp.Variable(1)
    >>> goal = ChanceGoal("cover demand", 0.8, margins, margins, margins)
    >>> solve_quantile(Model(plan, cp.sum(plan), [plan >= 0.0]), [goal]).plan.round(6)
    array([8.])
    """
    started = time.perf_counter()
    tables = [_table(goal) for goal in goals]
    required: list[cp.Constraint] = []
    for table, goal in zip(tables, goals, strict=True):
        asked = _requirements(table, goal)
        least = asked.at(_holding(len(table.constant), goal.probability))
        if least is None:
            return None
        if asked.moved.any():
            required.append(asked.slope[asked.moved] @ model.plan >= least)
    plan = _program(Model(model.plan, model.objective, [*model.limits, *required])).solve()
    return None if plan is None else _solution(model, goals, tables, plan, 1, started)


def _table(goal: ChanceGoal) -> LinearMargins:
    """The margins of a hard goal on the solving draws, written out."""
    if goal.weight is not None:
        raise GoalError(
            f"{goal.name}: expected a goal that must be reached, found one of weight {goal.weight:g}; soft goals are "
            "counted by their tail, use solve_tail."
        )
    if isinstance(goal.solve, PopulationMargins):
        return written_out(goal.solve)
    if not isinstance(goal.solve, LinearMargins):
        raise GoalError(
            f"{goal.name}: expected LinearMargins or PopulationMargins, found {type(goal.solve).__name__}; "
            "write the margins out as LinearMargins(constant, slope)."
        )
    return goal.solve


def _holding(draws: int, probability: float) -> int:
    """How many draws have to hold: the least count whose share is the probability, whatever the rounding."""
    return math.ceil(probability * draws - 1e-9)


def _program(model: Model) -> Program:
    """A program solved as closely as HiGHS does, so that the draws on the edge hold."""
    program = Program(model, 0)
    program.highs.setOptionValue("primal_feasibility_tolerance", CLOSE)
    return program


def _solution(
    model: Model, goals: Sequence[ChanceGoal], tables: Sequence[LinearMargins], plan: Array, runs: int, started: float
) -> Solution:
    tails = [tail_of(table, plan, 1.0 - goal.probability) for table, goal in zip(tables, goals, strict=True)]
    model.plan.value = plan
    return Solution(
        plan,
        objective=float(np.asarray(model.objective.value)),
        iterations=runs,
        missed=np.zeros(len(goals)),
        widening=1.0,
        allowed=np.array([max(0.0, -tail.value) for tail in tails]),
        seconds=time.perf_counter() - started,
    )


def _ends(model: Model, goals: Sequence[ChanceGoal]) -> tuple[Array, Array, int] | None:
    """Least and most of each number in any plan that may be best, and programs solved; None where there is no plan."""
    limits = list(model.limits)
    enough = np.array([max(goal.enough, STEP) for goal in goals])
    cautious = Cuts(model, goals).cheapest(1.0, allowed=-2.0 * enough)  # every tail is above zero, so enough draws hold
    if cautious is not None:
        most = cautious.objective + 1e-6 * max(1.0, abs(cautious.objective))
        limits.append(model.objective <= most)
    program = Program(Model(model.plan, cp.Constant(np.zeros(model.plan.size)) @ model.plan, limits), 0)
    if program.solve() is None:
        return None
    found = np.empty((2, model.plan.size))
    for lever in range(model.plan.size):
        for end, direction in enumerate((1.0, -1.0)):
            program.highs.changeColCost(program.first + lever, direction)
            try:
                plan = program.solve()
            except SolverError:
                if program.highs.getModelStatus() != highspy.HighsModelStatus.kUnbounded:
                    raise
                plan = None
            if plan is None:  # some plan keeps the limits, so that this one has no end
                raise GoalError(
                    f"expected limits that end every number of the plan, found none for number {lever} "
                    f"{'below' if end == 0 else 'above'}; give the levers a minimum and a maximum, or give most=."
                )
            found[end, lever] = plan[lever]
        program.highs.changeColCost(program.first + lever, 0.0)
    slack = 1e-6 * np.maximum(1.0, np.abs(found))
    runs = 1 + found.size + (0 if cautious is None else cautious.iterations)
    return found[0] - slack[0], found[1] + slack[1], runs


def _counted(
    table: LinearMargins, plan: cp.Variable, probability: float, low: Array, high: Array
) -> list[cp.Constraint]:
    """Rows that hold in every draw but those that are counted as broken, and the count; rows have unit size."""
    count = len(table.constant)
    size = np.abs(table.slope).max(axis=2)
    size[size == 0.0] = 1.0
    constant, slope = table.constant / size, table.slope / size[..., None]
    shortfall = -(constant + np.minimum(slope * low, slope * high).sum(axis=2))
    draws, rows = np.nonzero(shortfall > 0.0)  # the others hold whatever the plan
    if len(draws) == 0:
        return []
    broken = cp.Variable(count, integer=True)
    places = (np.arange(len(draws)), draws)
    forgiven = csr_array((shortfall[draws, rows], places), shape=(len(draws), count))
    return [
        broken >= 0,
        broken <= 1,
        np.ones(count) @ broken <= count - _holding(count, probability),
        cp.Constant(slope[draws, rows]) @ plan + cp.Constant(forgiven) @ broken >= -constant[draws, rows],
    ]


def _held(table: LinearMargins, plan: cp.Variable, probability: float, found: Array) -> list[cp.Constraint]:
    """Every row of as many draws as have to hold: those that a plan found holds best."""
    size = np.abs(table.slope).max(axis=2)
    size[size == 0.0] = 1.0
    worst = (table.rows(found) / size).min(axis=1)
    best = np.argsort(-worst, kind="stable")[: _holding(len(worst), probability)]
    rows = (table.constant / size)[best].ravel()
    slope = (table.slope / size[..., None])[best].reshape(len(rows), -1)
    return [cp.Constant(slope) @ plan >= -rows]


def _found(program: Program, seconds: float) -> str:
    """What a search that did not end optimal or infeasible has to say."""
    status, info = program.highs.getModelStatus(), program.highs.getInfo()
    if status != highspy.HighsModelStatus.kTimeLimit:
        ended = program.highs.modelStatusToString(status)
        return f"expected the solver to end optimal or infeasible, found {ended!r}; check the limits of the levers."
    text = f"expected the search to end within {seconds:g} seconds, found "
    if info.primal_solution_status == int(highspy.SolutionStatus.kSolutionStatusFeasible):
        values = np.array(program.highs.getSolution().col_value)
        plan = values[program.first : program.first + program.model.plan.size]
        text += (
            f"a plan of objective {program.value(plan):.6g} that is at most {100.0 * info.mip_gap:.3g} % from the best"
        )
    else:
        text += "no plan until then"
    return f"{text}; give more seconds=, fewer draws or fewer rows, or cut with solve_tail."


@dataclass(frozen=True, eq=False)
class _Requirements:
    """Slope (row, lever) of each row, and what each draw asks of it (draw, row)."""

    slope: Array
    asked: Array

    @property
    def moved(self) -> NDArray[np.bool_]:
        """Whether any number decided moves each row."""
        return np.abs(self.slope).max(axis=1) > 0.0

    def at(self, count: int) -> Array | None:
        """The least of each row that is moved, at which so many draws hold; None where no plan holds so many."""
        lost = (self.asked[:, ~self.moved] > CLOSE).any(axis=1)
        asked = self.asked[:, self.moved]
        if np.count_nonzero(~lost) < count:
            return None
        if asked.shape[1] == 1:
            return np.sort(np.where(lost[:, None], np.inf, asked), axis=0)[count - 1]
        mean, spread = asked.mean(axis=0), asked.std(axis=0)
        certain = spread <= SAME * np.abs(asked).max(axis=0)
        if certain.all():
            return asked.max(axis=0)
        out = ((asked - mean) / np.where(certain, 1.0, spread))[:, ~certain].max(axis=1)
        furthest = np.sort(np.where(lost, np.inf, out))[count - 1]
        return np.where(certain, asked.max(axis=0), mean + furthest * spread)


def _requirements(table: LinearMargins, goal: ChanceGoal) -> _Requirements:
    """What a goal's draws ask of slopes that they share."""
    size = np.abs(table.slope).max(axis=2)
    size = np.where(size > 0.0, size, 1.0)
    slope = table.slope / size[..., None]
    differ = float(np.ptp(slope, axis=0).max(initial=0.0))
    if differ > SAME:
        raise GoalError(
            f"{goal.name}: expected slopes that are the same in every draw, found that they differ by up to "
            f"{differ:.1e} of the largest; a quantile of the right-hand side says nothing then, use solve_tail or "
            "solve_exact."
        )
    return _Requirements(slope.mean(axis=0), -table.constant / size)
