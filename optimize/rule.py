"""An affine rule: admissions that answer, by numbers decided today, to what will have been seen when they are fixed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray

from .admissions import Column
from .calibrate import calibrated
from .chance import LinearMargins
from .limits import model_of, objective_of, totals_of
from .outlook import Outlook, Rows, Worlds, explain
from .program import Model, Program
from .quota import QuotaPlan
from .response import UNIT
from .solve import ChanceGoal, Cuts

Array = NDArray[np.float64]
Positions = NDArray[np.intp]

CLOSE = 1e-5  # persons, in thousands, by which limits may be missed
BOX = (0.025, 0.975)  # quantiles between which a rule answers to what is seen; beyond, as at the end


@dataclass(frozen=True, eq=False)
class AffineRule:
    """What a rule is decided on, and the worlds that it is carried out in."""

    problem: QuotaPlan
    revise_every: int
    fixed: int
    columns: Sequence[Column]
    people: Mapping[str, Array]  # of the planning draws, without admissions (draw, stock)
    rows: Sequence[Rows]  # of each goal, on the planning draws
    revisions: Sequence[int]
    outlooks: Mapping[int, Outlook]
    base: Model
    worlds: Worlds

    def carried(self, chances: Callable[[Sequence[LinearMargins]], list[ChanceGoal]]) -> tuple[Array, float]:
        """What an affine rule, decided once on the planning draws, admits in each world (world, column).

        The limits hold where the rule answers to the furthest of what the planning draws see; in a world where it would
        break them it is kept within, and the share of such worlds is returned too. `chances` makes the goals'
        constraints of their margins on the planning draws.
        """
        number = np.array([self._seen_at(column.year) for column in self.columns])
        answering = np.flatnonzero(number >= 0)
        seen, true = self._signals()
        count, problem = len(self.columns), self.problem
        both = cp.Variable(count + len(answering))
        limits: list[cp.Constraint] = []
        for draw in _furthest(seen):
            copy = model_of(problem.levers, self.columns, problem.limits, problem.objective, UNIT)
            answers = np.zeros((count, len(answering)))
            answers[answering, np.arange(len(answering))] = seen[draw, number[answering]]
            limits += [*copy.limits, copy.plan == both[:count] + answers @ both[count:]]
        model = Model(both, self._objective(both[:count]), limits)
        margins = []
        for rows in self.rows:
            own = rows.margins(self.people)
            more = own.slope[..., answering] * seen[:, None, number[answering]]
            margins.append(LinearMargins(own.constant, np.concatenate([own.slope, more], axis=2)))
        cuts = Cuts(model, chances(margins))
        solution = calibrated(cuts, rounded=lambda plan: plan) or cuts.nearest()
        plans = np.repeat([solution.plan[:count]], len(true), axis=0)
        plans[:, answering] += true[:, number[answering]] * solution.plan[count:]
        repaired = [self._within(plan, number) for plan in plans]
        return np.stack([plan for plan, _ in repaired]), float(np.mean([moved for _, moved in repaired]))

    def _within(self, wanted: Array, number: Positions) -> tuple[Array, bool]:
        """The plan within the limits closest to a rule's, as its years come to be fixed; whether it differs."""
        self.base.plan.value = wanted
        if all(float(np.max(limit.violation())) < CLOSE for limit in self.base.limits):
            return wanted, False
        plan = wanted
        for step in range(-1, int(number.max()) + 1):
            due, before = np.flatnonzero(number == step), np.flatnonzero(number < step)
            if not len(due):
                continue
            limits = list(self.base.limits)
            if len(before):
                limits.append(self.base.plan[before] == plan[before])
            apart = cp.norm1(self.base.plan[due] - wanted[due])
            found = Program(Model(self.base.plan, apart, limits), goals=0).solve()
            assert found is not None  # what was fixed before is within the limits
            plan = np.where(number <= step, found, plan)
        return plan, True

    def _objective(self, plan: cp.Expression) -> cp.Expression:
        problem = self.problem
        by_year = {lever.name: totals_of(lever, self.columns) @ plan for lever in problem.levers}
        return objective_of(problem.objective, problem.levers, plan, by_year, self.columns, UNIT)  # type: ignore[arg-type]

    def _seen_at(self, year: int) -> int:
        """Number of the revision that fixes a year's admissions, -1 for the first plan."""
        first = min(column.year for column in self.columns)
        return max((year - first - self.fixed) // self.revise_every, -1)

    def _signals(self) -> tuple[Array, Array]:
        """What is seen at each revision: of the planning draws, and of the worlds (draw, revision).

        It is what the state says, by regression, of the goals' worst margin with nobody admitted in the next years that
        they ask for, as many as are fixed at a time, in units of its spread between the planning draws.
        """
        margins = [rows.constant(self.people) / rows.scale for rows in self.rows]
        seen, true = (np.zeros((size, len(self.revisions))) for size in (len(margins[0]), len(self.worlds.planned)))
        for position, now in enumerate(self.revisions):
            outlook = self.outlooks[now]
            ahead = [rows.ahead(now)[: self.fixed] for rows in self.rows]
            asked = [own[:, years] for own, years in zip(margins, ahead, strict=True) if len(years)]
            if not asked:
                continue
            worst = np.concatenate(asked, axis=1).min(1)
            known = np.column_stack([np.ones(len(worst)), outlook.states])
            answer = explain(known, worst)[1:]
            seen[:, position], true[:, position] = outlook.states @ answer, self.worlds.states[now] @ answer
        low, high = np.quantile(seen, BOX, axis=0)
        seen, true = np.clip(seen, low, high), np.clip(true, low, high)
        mean, spread = seen.mean(0), seen.std(0)
        spread = np.where(spread > 1e-12, spread, np.inf)
        return (seen - mean) / spread, (true - mean) / spread


def _furthest(seen: Array) -> Positions:
    """Draws that see most or least at a revision, or the largest changes since the one before, and the middle one."""
    views = np.column_stack([seen, np.diff(seen, axis=1)])
    return np.unique(np.r_[np.argmin((seen**2).sum(1)), views.argmin(0), views.argmax(0)])
