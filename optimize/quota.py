"""Quota plans: the admissions that reach goals on the population with a stated probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..forecast.projection import Projection
from .admissions import Admissions
from .chance import LinearMargins, certify, deal
from .errors import GoalError
from .goals import PopulationGoal
from .plan import GoalReport, Plan, kept, missed
from .response import Response, respond
from .solve import ChanceGoal, Limits, Solution, calibrated, least_shortfall, solve_tail
from .words import most_often, percent

__all__ = ["QuotaPlan"]

Array = NDArray[np.float64]
UNIT = 1000.0  # persons per unit of the linear program's variables
ENOUGH = 1e-6  # share of the people by which the mean of a tail may miss


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    """A goal with its rows on each of the three sets of draws."""

    goal: PopulationGoal
    chances: list[ChanceGoal]


@dataclass(frozen=True)
class QuotaPlan:
    """The smallest admissions that reach goals on one country's population.

    The baseline's migration is frozen draw by draw, and those admitted come on top. The draws are cut into three:
    the plan is optimised on the first part, made no more cautious than it must be on the second, and certified on
    the third, which it has never seen.

    Parameters
    ----------
    people : Projection
        Draws of one country; 2,000 or more.
    levers : sequence of Admissions
        What can be decided.
    goals : sequence of PopulationGoal
        What must be reached: `GrowthRate`, `SupportRatio`, `DependencyRatio`, `PopulationSize`.
    objective : {"fewest"}
        Fewest persons admitted over all years.

    Examples
    --------
    >>> from poblar.data import reference
    >>> from poblar.forecast import project
    >>> people = project(reference.region(("MEX",)))
    >>> from poblar.optimize import GrowthRate
    >>> lever = Admissions("workers", profile="worker", years=range(2021, 2024))
    >>> QuotaPlan(people, levers=[lever], goals=[GrowthRate(at_least=0.0, years=[2023])]).solve(seed=1)
    Traceback (most recent call last):
    ...
    poblar.optimize.errors.GoalError: expected at least 200 draws to optimise, calibrate and certify on, found 1; ...
    """

    people: Projection
    levers: Sequence[Admissions]
    goals: Sequence[PopulationGoal]
    objective: str = "fewest"

    def solve(self, *, seed: int) -> Plan:
        """Solve for the plan.

        Parameters
        ----------
        seed : int
            Decides which draws are optimised over, calibrated on and held out.

        Returns
        -------
        Plan
            With ``exists=False`` and the least relaxation where no plan reaches the goals.

        Raises
        ------
        GoalError
            If levers or goals lie outside the horizon, none are given, or there are too few draws.
        SolverError
            If the solver ends neither optimal nor infeasible.
        """
        self._check()
        functionals = {name: weight for goal in self.goals for name, weight in goal.functionals().items()}
        response = respond(self.people, self.levers, functionals)
        sets = _deal(response, seed)
        limits = self._limits(response.levers)
        prepared = [_prepare(goal, sets) for goal in self.goals]
        chances = [chance for item in prepared for chance in item.chances]
        solution = calibrated(limits, chances, rounded=lambda plan: plan)
        exists = solution is not None
        if solution is None:
            solution = least_shortfall(limits, chances)
        people = solution.plan * UNIT
        reports = [_report(item, sets, solution.plan, exists) for item in prepared]
        return Plan(
            exists=exists,
            answer=self._answer(reports, people, response, exists),
            goals=reports,
            decided=_labelled(people, response),
            objective=float(people.sum()),
            objective_units="persons admitted",
            binding=self._binding(people, response.levers),
            prices=self._prices(sets, limits, solution) if exists else pd.DataFrame(),
            draws={name: len(part.base[next(iter(part.base))]) for name, part in sets.items()},
            record=solution.record(seed),
            assumptions=[
                "migration without the plan goes on as forecast, and those admitted come on top of it",
                "those admitted live, bear children and leave descendants at the country's own rates, and stay",
            ],
        )

    def _check(self) -> None:
        if not self.levers or not self.goals:
            raise GoalError(
                f"expected at least one lever and one goal, found {len(self.levers)} and {len(self.goals)}."
            )
        names = [lever.name for lever in self.levers]
        if len(set(names)) < len(names):
            raise GoalError(f"expected levers with different names, found {', '.join(names)}.")
        if self.objective != "fewest":
            raise GoalError(f"expected objective 'fewest', found {self.objective!r}.")

    def _limits(self, columns: list[tuple[str, int]]) -> Limits:
        """Limits of the levers, in thousands."""
        by_name = {lever.name: lever for lever in self.levers}
        low = np.array([by_name[name].at_least for name, _ in columns]) / UNIT
        high = np.array([np.inf if by_name[name].at_most is None else by_name[name].at_most for name, _ in columns])
        rows = []
        for position, (name, year) in enumerate(columns):
            share = by_name[name].change_at_most
            if share is None or year == by_name[name].years[0]:
                continue
            for sign in (1.0, -1.0):  # x[t] <= (1 + share) x[t-1] and x[t] >= (1 - share) x[t-1]
                row = np.zeros(len(columns))
                row[position], row[position - 1] = sign, -sign - share
                rows.append(row)
        matrix = np.array(rows).reshape(len(rows), len(columns))
        return Limits(np.ones(len(columns)), low, high / UNIT, matrix, np.zeros(len(rows)))

    def _prices(self, sets: dict[str, Response], limits: Limits, solution: Solution) -> pd.DataFrame:
        """What a small tightening of each goal costs, by solving again with that goal moved."""
        rows = []
        years = max(len(lever.years) for lever in self.levers)
        for moved in self.goals:
            step = abs(moved.step)
            chances = [
                chance
                for goal in self.goals
                for chance in _prepare(goal, sets, moved.step if goal is moved else 0.0).chances
            ]
            again = solve_tail(limits, chances, solution.widening, solution.allowed)
            price = np.nan if again is None else (again.objective - solution.objective) * UNIT / years
            unit = percent(step, 2) if step < 0.01 and moved.target < 1 else f"{step:,.3g}"
            words = (
                f"no plan with {unit} more asked of: {moved.describe()}"
                if again is None
                else f"{price:+,.0f} admissions a year for {unit} more asked of: {moved.describe()}"
            )
            rows.append({"goal": moved.describe(), "step": step, "persons_a_year": price, "in_words": words})
        return pd.DataFrame(rows)

    def _binding(self, people: Array, columns: list[tuple[str, int]]) -> list[str]:
        """Limits of the levers that the plan stands at."""
        found = []
        for lever in self.levers:
            own = np.array([value for value, (name, _) in zip(people, columns, strict=True) if name == lever.name])
            if lever.at_most is not None and (own >= lever.at_most - 1.0).any():
                found.append(
                    f"at most {lever.at_most:,.0f} {lever.name} a year, in {_years(lever, own >= lever.at_most - 1)}"
                )
            if lever.at_least > 0 and (own <= lever.at_least + 1.0).any():
                found.append(
                    f"at least {lever.at_least:,.0f} {lever.name} a year, in {_years(lever, own <= lever.at_least + 1)}"
                )
            if lever.change_at_most is not None:
                change = np.abs(np.diff(own, prepend=own[0])) >= lever.change_at_most * np.r_[np.inf, own[:-1]] - 1.0
                moving = change & (own > 1.0)
                if moving.any():
                    most = percent(lever.change_at_most)
                    found.append(f"{lever.name} change by at most {most} a year, in {_years(lever, moving)}")
        return found

    def _answer(self, reports: list[GoalReport], people: Array, response: Response, exists: bool) -> str:
        country = self.people.countries[0]
        if not exists:
            return f"No plan for {country}: {missed(reports)}."
        used = people[people > 0.5]
        number = f"{used.min():,.0f} to {used.max():,.0f} people" if len(used) else "nobody"
        years = [year for _, year in response.levers]
        return (
            f"{country}: admitting {number} a year in {min(years)}-{max(years)}, {people.sum():,.0f} in all, "
            f"reaches {kept(reports)}."
        )


def _deal(response: Response, seed: int) -> dict[str, Response]:
    """The response on three disjoint random sets of draws."""
    count = len(next(iter(response.base.values())))
    return {
        name: replace(
            response,
            base={key: value[part] for key, value in response.base.items()},
            slope={key: value[part] for key, value in response.slope.items()},
        )
        for name, part in deal(count, seed).items()
    }


def _prepare(goal: PopulationGoal, sets: dict[str, Response], tighter: float = 0.0) -> _Prepared:
    """Margins of a goal on each set; one chance constraint for all years together, or one for each."""
    margins = {}
    for name, part in sets.items():
        constant, slope = goal.rows(part, tighter)
        margins[name] = constant, slope * UNIT
    rows = margins["solve"][0].shape[1]
    groups = [slice(None)] if goal.together else [slice(row, row + 1) for row in range(rows)]
    chances = [
        ChanceGoal(
            name=goal.describe(),
            probability=goal.probability,
            enough=ENOUGH,
            **{name: LinearMargins(constant[:, rows], slope[:, rows]) for name, (constant, slope) in margins.items()},
        )
        for rows in groups
    ]
    return _Prepared(goal=goal, chances=chances)


def _report(item: _Prepared, sets: dict[str, Response], plan: Array, exists: bool) -> GoalReport:
    """What a plan reaches of one goal; for a goal by years, in its worst year."""
    goal = item.goal
    counts = [(certify(chance.solve, plan), certify(chance.certify, plan)) for chance in item.chances]
    inside, held = min(counts, key=lambda pair: pair[1].probability)
    relaxed = ""
    if not exists and held.probability < goal.probability:
        level = 1.0 - goal.probability if goal.better_is_more else goal.probability
        reached = goal.reached(sets["certify"], plan * UNIT)
        relaxed = goal.describe(float(np.quantile(reached, level)))
    return GoalReport(
        goal=goal.describe(),
        requested=goal.probability,
        in_sample=inside.probability,
        held_out=held.probability,
        held_out_interval=held.interval,
        binding=_tightest(item, plan),
        relaxed=relaxed,
    )


def _tightest(item: _Prepared, plan: Array) -> str:
    """The years that are worst in the draws that decide the goal."""
    margins = np.concatenate([_rows(chance, plan) for chance in item.chances], axis=1)
    worst = margins.min(1)
    edge = np.argsort(np.abs(worst - np.quantile(worst, 1.0 - item.goal.probability)))[: max(50, len(worst) // 20)]
    return most_often(np.asarray(item.goal.years)[margins[edge].argmin(1)])


def _rows(chance: ChanceGoal, plan: Array) -> Array:
    assert isinstance(chance.solve, LinearMargins)
    return chance.solve.rows(plan)


def _labelled(people: Array, response: Response) -> xr.Dataset:
    """Admissions by category and year, persons."""
    frame = pd.DataFrame(response.levers, columns=["category", "year"]).assign(admissions=people)
    table = frame.set_index(["category", "year"])["admissions"].to_xarray().fillna(0.0)
    return table.assign_attrs(units="persons per year").to_dataset()


def _years(lever: Admissions, chosen: NDArray[np.bool_]) -> str:
    years = np.asarray(lever.years)[chosen]
    return f"{years[0]}" if len(years) == 1 else f"{len(years)} years from {years[0]} to {years[-1]}"
