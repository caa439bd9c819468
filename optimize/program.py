"""The linear (or quadratic, or integer) program of a plan: modelled in cvxpy once, then solved by HiGHS cut by cut.

A cut is a row more. cvxpy would compile the whole program again for each, which takes ten to twenty times as long as
HiGHS needs to go on from where it was; so the compiled program is handed to HiGHS, and rows are added there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import highspy
import numpy as np
from numpy.typing import NDArray

from ._quiet import hush_solver
from .errors import SolverError

__all__ = ["Model", "Program"]

Array = NDArray[np.float64]
INFINITE = highspy.kHighsInf
ENDED_WITHOUT = (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible)


@dataclass(frozen=True, eq=False)
class Model:
    """What a plan minimises, and the limits that it has whatever the goals.

    Parameters
    ----------
    plan : cvxpy.Variable
        The numbers decided, shape (lever,).
    objective : cvxpy.Expression
        Least of these; linear, or convex and quadratic.
    limits : sequence of cvxpy.Constraint

    Examples
    --------
    >>> plan = cp.Variable(2)
    >>> Model(plan, cp.sum(plan), [plan >= 0.0, plan[1] <= 1.1 * plan[0]]).plan.size
    2
    """

    plan: cp.Variable
    objective: cp.Expression
    limits: Sequence[cp.Constraint]


class Program:
    """A model in HiGHS, with one variable more for each goal: what the mean of its tail misses by.

    Parameters
    ----------
    model : Model
    goals : int
        How many goals cuts are of.
    seconds : float
        Longest time of one solve.

    Examples
    --------
    >>> plan = cp.Variable(1)
    >>> program = Program(Model(plan, cp.sum(plan), [plan >= 0.0]), goals=1)
    >>> program.cut(0, -3.0, np.ones(1))  # plan - 3 >= 0
    >>> program.solve().tolist()
    [3.0]
    """

    def __init__(self, model: Model, goals: int, seconds: float = 60.0) -> None:
        self.model, self.goals = model, goals
        problem = cp.Problem(cp.Minimize(model.objective), list(model.limits))
        data: dict[str, Any] = problem.get_problem_data(cp.HIGHS)[0]
        self.first = int(data["param_prob"].var_id_to_col[model.plan.id])
        hush_solver()
        self.highs = highspy.Highs()
        for option, value in (("output_flag", False), ("parallel", "off"), ("time_limit", seconds)):
            self.highs.setOptionValue(option, value)
        self._pass(data)
        self.columns = self.highs.getNumCol()
        self.rows = self.highs.getNumRow()
        self.owner: list[int] = []  # goal of each cut
        self.constant: list[float] = []
        self.size: list[float] = []
        self.allowed = np.zeros(goals)
        self.missed = np.zeros(goals)
        self.highs.addVars(goals, np.zeros(goals), np.zeros(goals))

    def _pass(self, data: dict[str, Any]) -> None:
        """Hand cvxpy's standard form over: equalities, inequalities, bounds, whole numbers, squares."""
        cost = np.asarray(data["c"] if "c" in data else data["q"], dtype=float)
        count = len(cost)
        low, high = np.full(count, -INFINITE), np.full(count, INFINITE)
        for ends, which in ((low, "lower_bounds"), (high, "upper_bounds")):
            if data[which] is not None:
                ends[:] = data[which]
        self.highs.addVars(count, low, high)
        squares = data.get("P")
        largest = float(np.abs(cost).max(initial=0.0)) or (1.0 if squares is None else float(np.abs(squares).max()))
        self.unit = largest or 1.0  # of the objective, so that the solver's tolerance means the same whatever it is
        self.cost = cost / self.unit
        self._costs(self.cost)
        equal = data["dims"].zero if "F" not in data else data["A"].shape[0]
        for matrix, bound, equalities in (
            (data["A"], data["b"], equal),
            *([(data["F"], data["G"], 0)] if "F" in data else []),
        ):
            rows = matrix.tocsr()
            for row in range(rows.shape[0]):
                part = slice(rows.indptr[row], rows.indptr[row + 1])
                places, values = rows.indices[part].astype(np.int32), rows.data[part].astype(float)
                if len(places) == 1 and row >= equalities:  # a limit on one variable is a bound, and costs nothing
                    end = float(bound[row]) / values[0]
                    at = int(places[0])
                    low[at], high[at] = (
                        (low[at], min(high[at], end)) if values[0] > 0 else (max(low[at], end), high[at])
                    )
                    self.highs.changeColBounds(at, low[at], high[at])
                    continue
                least = float(bound[row]) if row < equalities else -INFINITE
                self.highs.addRow(least, float(bound[row]), len(places), places, values)
        for column in (*data["int_vars_idx"], *data["bool_vars_idx"]):
            self.highs.changeColIntegrality(int(column), highspy.HighsVarType.kInteger)
        if squares is not None:
            self._square(squares / self.unit, count)

    def _costs(self, cost: Array) -> None:
        self.highs.changeColsCost(len(cost), np.arange(len(cost), dtype=np.int32), cost)

    def _square(self, squares: Any, count: int) -> None:
        """The lower triangle of the Hessian, column by column."""
        keep = squares.tocoo()
        inside = keep.row >= keep.col
        order = np.lexsort((keep.row[inside], keep.col[inside]))
        columns = keep.col[inside][order]
        start = np.searchsorted(columns, np.arange(count)).astype(np.int32)
        self.highs.passHessian(
            count,
            len(order),
            int(highspy.HessianFormat.kTriangular),
            start,
            keep.row[inside][order].astype(np.int32),
            keep.data[inside][order].astype(float),
        )

    def cut(self, goal: int, constant: float, slope: Array) -> None:
        """Add ``constant + slope @ plan + miss[goal] >= 0``; rows have unit size, so that tolerances mean the same."""
        size = float(np.abs(slope).max()) or 1.0
        used = np.flatnonzero(slope)
        places = np.r_[self.first + used, self.columns + goal].astype(np.int32)
        values = np.r_[slope[used], 1.0] / size
        self.highs.addRow(-(constant + self.allowed[goal]) / size, INFINITE, len(places), places, values)
        self.owner.append(goal)
        self.constant.append(constant)
        self.size.append(size)

    def ask(self, active: NDArray[np.bool_], allowed: Array) -> None:
        """Which cuts hold, and what each goal's tail may miss by without its being called a miss, from now on."""
        self.allowed = allowed
        for position, goal in enumerate(self.owner):
            least = -(self.constant[position] + allowed[goal]) / self.size[position] if active[position] else -INFINITE
            self.highs.changeRowBounds(self.rows + position, least, INFINITE)

    def between(self, low: Array, high: Array) -> None:
        """Hold some of the numbers decided between these ends (lever,), beside their limits; infinite where free."""
        for lever in np.flatnonzero(np.isfinite(low) | np.isfinite(high)):
            self.highs.changeColBounds(int(self.first + lever), float(low[lever]), float(high[lever]))

    def restart(self) -> None:
        """Solve from nothing next time, whatever was solved before."""
        self.highs.clearSolver()

    def keep(self, cuts: NDArray[np.bool_]) -> None:
        """Forget the other cuts."""
        gone = np.flatnonzero(~cuts)
        self.highs.deleteRows(len(gone), (self.rows + gone).astype(np.int32))
        kept = np.flatnonzero(cuts)
        self.owner = [self.owner[cut] for cut in kept]
        self.constant = [self.constant[cut] for cut in kept]
        self.size = [self.size[cut] for cut in kept]

    def misses(self, cost: Array, most: Array, *, objective: float = 1.0) -> None:
        """Cost and limit of each goal's miss, and the weight of the model's own objective beside it."""
        self._costs(objective * self.cost)
        for goal in range(self.goals):
            self.highs.changeColCost(self.columns + goal, float(cost[goal]) / self.unit)
            self.highs.changeColBounds(self.columns + goal, 0.0, float(min(most[goal], INFINITE)))

    def solve(self) -> Array | None:
        """The best plan, or None where the limits and cuts leave none."""
        self.highs.run()
        status = self.highs.getModelStatus()
        if status == highspy.HighsModelStatus.kUnknown:  # where it went on from led nowhere: from nothing, then
            self.highs.clearSolver()
            self.highs.run()
            status = self.highs.getModelStatus()
        if status in ENDED_WITHOUT:
            return None
        if status != highspy.HighsModelStatus.kOptimal:
            raise SolverError(
                f"expected the solver to end optimal or infeasible, found {self.highs.modelStatusToString(status)!r}; "
                "check that every lever has sensible limits, or give more time."
            )
        values = np.array(self.highs.getSolution().col_value)
        self.missed = np.maximum(values[self.columns : self.columns + self.goals], 0.0)
        return values[self.first : self.first + self.model.plan.size]

    def prices(self) -> Array:
        """What a unit more asked of each cut costs, from the duals of the last solve; cuts added since have none."""
        duals = np.abs(np.array(self.highs.getSolution().row_dual)[self.rows :])
        return self.unit * duals / np.array(self.size[: len(duals)])

    def value(self, plan: Array) -> float:
        """The model's objective at a plan."""
        self.model.plan.value = plan
        return float(np.asarray(self.model.objective.value))
