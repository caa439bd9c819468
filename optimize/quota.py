"""Quota plans: the admissions that reach goals on the population with a stated probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..forecast.projection import Projection
from .admissions import Admissions
from .bounds import robust_allowance, scenario_draws
from .calibrate import calibrated
from .chance import deal
from .errors import GoalError
from .exact import solve_exact, solve_quantile
from .held import PopulationGoal, PopulationMargins
from .limits import OBJECTIVES, Budget, Closest, Objective, Share, model_of
from .plan import GoalReport, Plan, kept, missed
from .readout import Priced, assumptions, binding, labelled, prices_of, report_of, with_highest
from .response import UNIT, Functional, Response, inputs_of, respond
from .solve import ChanceGoal, Cuts, Solution

__all__ = ["OpenQuotaPlan", "QuotaPlan"]

Array = NDArray[np.float64]
METHODS = ("tail", "robust", "exact", "quantile")
MILP_SECONDS = 60.0
MOST_STEPS = 2.0**8  # of a better target, before it is taken to have no end
ERRORS = 1.645  # standard errors: of twenty plans, one falls short of its request
ENOUGH = 1e-6  # share of the people by which the mean of a tail may miss


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
        What must be reached: `GrowthRate`, `PopulationSize`, `WorkingAge`, `Births`, `SupportRatio`,
        `DependencyRatio`, `MedianAge`, `ForeignBorn`.
    objective : {"fewest", "cheapest", "smoothest"} or Closest
        Fewest persons admitted over all years; least cost; least squares of the changes from year to year; or closest
        to admissions planned before.
    limits : sequence of Budget or Share
        What holds for several categories together.
    in_thousands : bool
        Whether every number is a whole thousand of persons.
    method : {"tail", "robust", "exact", "quantile"}
        How the probability is held on the draws that are optimised over. "tail": the mean of the worst draws, eased as
        far as the calibration draws allow. "robust": that mean at the request, for every distribution within `radius`
        of the draws (`poblar.optimize.bounds.robust_allowance`). "exact": by choosing which draws to give up, a MILP
        for a few hundred draws and a few quotas. "quantile": rows at quantiles, where all draws answer alike. All are
        certified on draws held out; only the first is calibrated.
    radius : float
        Wasserstein distance of "robust", as a share of the people.

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
    objective: Objective = "fewest"
    limits: Sequence[Budget | Share] = ()
    in_thousands: bool = False
    method: str = "tail"
    radius: float = 0.0

    def solve(self, *, seed: int, seconds: float = np.inf) -> Plan:
        """Solve for the plan.

        Parameters
        ----------
        seed : int
            Decides which draws are optimised over, calibrated on and held out.
        seconds : float
            Time allowed for the search; when it is over the best plan found is certified, and says so.

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
        return self.open(seed=seed).solve(seconds=seconds)

    def open(self, *, seed: int) -> OpenQuotaPlan:
        """The problem with the response of every draw at hand, to solve again and again with other goals.

        Parameters
        ----------
        seed : int
            As in `solve`.

        Returns
        -------
        OpenQuotaPlan

        Raises
        ------
        GoalError
            As `solve`.
        """
        self.check()
        return OpenQuotaPlan(self, seed)

    def check(self) -> None:
        """Refuse a problem that cannot be meant."""
        inputs_of(self.people)
        if not self.levers or not self.goals:
            raise GoalError(
                f"expected at least one lever and one goal, found {len(self.levers)} and {len(self.goals)}."
            )
        names = [lever.name for lever in self.levers]
        if len(set(names)) < len(names):
            raise GoalError(f"expected levers with different names, found {', '.join(names)}.")
        if not isinstance(self.objective, Closest) and self.objective not in OBJECTIVES:
            raise GoalError(f"expected objective {', '.join(OBJECTIVES)} or Closest, found {self.objective!r}.")
        if self.method not in METHODS or not self.radius >= 0.0 or (self.radius > 0.0) != (self.method == "robust"):
            raise GoalError(
                f"expected method {', '.join(METHODS)}, and a radius above zero with robust alone, found "
                f"{self.method!r} and {self.radius}."
            )
        if self.in_thousands and (isinstance(self.objective, Closest) or self.objective == "smoothest"):
            raise GoalError("expected objective fewest or cheapest for whole thousands, found squares; drop one.")


@dataclass
class OpenQuotaPlan:
    """A quota plan's problem, its response and the cuts of its last solution.

    Parameters
    ----------
    problem : QuotaPlan
    seed : int

    Examples
    --------
    >>> from poblar.optimize import OpenQuotaPlan
    >>> OpenQuotaPlan.__name__  # made by QuotaPlan.open
    'OpenQuotaPlan'
    """

    problem: QuotaPlan
    seed: int
    response: Response | None = field(default=None, init=False, repr=False)
    last: tuple[Sequence[PopulationGoal], Cuts, Solution] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.sets = deal(self.problem.people.stocks.sizes["draw"], self.seed)

    def solve(self, goals: Sequence[PopulationGoal] | None = None, *, seconds: float = np.inf) -> Plan:
        """Solve, perhaps for other goals; where only their targets or probabilities differ, from the last solution on.

        Parameters
        ----------
        goals : sequence of PopulationGoal, optional
            In place of the problem's own.
        seconds : float
            As in `QuotaPlan.solve`.

        Returns
        -------
        Plan

        Raises
        ------
        GoalError, SolverError
            As `QuotaPlan.solve`.
        """
        asked = list(self.problem.goals if goals is None else goals)
        response = self._responding(asked)
        prepared = [chances_of(goal, response, self.sets) for goal in asked]
        chances = [chance for chances in prepared for chance in chances]
        cuts, hint = self._cuts(asked, chances)
        solution = self._solution(cuts, hint, seconds)
        exists = solution is not None
        if solution is None:
            solution = cuts.nearest()
        else:
            self.last = asked, cuts, solution
            if self.problem.in_thousands:
                solution = self._in_thousands(chances, solution)
        return self._plan(asked, prepared, solution, cuts, exists=exists)

    def best(self, goal: int = 0, *, by: str = "probability") -> Plan:
        """The plan that holds one goal to the best target that there is one for, all others as they are asked.

        A ratio is not linear, but for each target its margins are: the best one is found by bisection.

        Parameters
        ----------
        goal : int
            Position of the goal among the problem's; its target is where the search starts.
        by : {"probability", "mean", "tail"}
            Held with the goal's probability; on average over the draws, each in its worst year; or on average over the
            worst draws, of as large a share as the goal's probability leaves.

        Returns
        -------
        Plan
            Its goals say the target found, to a hundredth of the goal's step or a thousandth of what was gained.

        Raises
        ------
        GoalError
            If the goal can be bettered without end, no plan reaches it as it is, or `by` is something else.
        """
        goals = list(self.problem.goals)
        if by not in ("probability", "mean", "tail") or not 0 <= goal < len(goals):
            raise GoalError(
                f"expected by= probability, mean or tail of goal 0 to {len(goals) - 1}, found {by!r} of goal {goal}."
            )

        def held_to(steps: float) -> Plan | None:
            asked = [*goals[:goal], goals[goal].moved(steps), *goals[goal + 1 :]]
            if by == "probability":
                plan = self.solve(asked)
                return plan if plan.exists else None
            response = self._responding(asked)
            prepared = [chances_of(one, response, self.sets) for one in asked]
            cuts, _ = self._cuts(asked, [chance for chances in prepared for chance in chances])
            wide = 1.0 if by == "tail" else 1.0 / (1.0 - goals[goal].probability)
            solution = cuts.cheapest(wide)
            if solution is None:
                return None
            self.last = asked, cuts, solution
            return self._plan(asked, prepared, solution, cuts, exists=True)

        low, high, found = 0.0, 1.0, held_to(0.0)
        if found is None:
            raise GoalError(
                f"expected a target that some plan reaches to start from, found none for: {goals[goal].describe()}; "
                "ask for less."
            )
        while (better := held_to(high)) is not None:
            low, high, found = high, 2.0 * high, better
            if high > MOST_STEPS:
                raise GoalError(
                    f"expected levers that bound the goal, found no end within {MOST_STEPS:.0f} steps of "
                    f"{goals[goal].describe()}; give each lever an at_most=, or start from a better target."
                )
        while high - low > max(0.01, 1e-3 * low):
            middle = 0.5 * (low + high)
            better = held_to(middle)
            low, high, found = (low, middle, found) if better is None else (middle, high, better)
        return found

    def _plan(
        self,
        asked: Sequence[PopulationGoal],
        prepared: Sequence[list[ChanceGoal]],
        solution: Solution,
        cuts: Cuts,
        *,
        exists: bool,
    ) -> Plan:
        """A solution with its certificate, or the nearest there is with what would have to give way."""
        response = self.response
        assert response is not None
        people = np.clip(solution.plan, 0.0, None) * UNIT
        reports = [
            report_of(goal, chances, response, self.sets, solution.plan, exists)
            for goal, chances in zip(asked, prepared, strict=True)
        ]
        if not exists:
            reports = with_highest(reports, prepared, cuts)
        return Plan(
            exists=exists,
            answer=self._answer(reports, people, exists),
            goals=reports,
            decided=labelled(people, response.columns),
            objective=float(people.sum()) if self.problem.objective != "cheapest" else solution.objective * UNIT,
            objective_units="persons admitted" if self.problem.objective != "cheapest" else "cost",
            binding=binding(people, response.columns, self.problem.levers),
            prices=self._prices(asked, prepared, solution) if solution.prices and exists else pd.DataFrame(),
            draws={name: len(draws) for name, draws in self.sets.items()},
            record=solution.record(self.seed) | {"scenario_draws": self._scenario_draws(asked)},
            assumptions=assumptions(self.problem.levers),
        )

    def _scenario_draws(self, goals: Sequence[PopulationGoal]) -> int:
        """Draws of which a plan that keeps its goals in all would keep them as surely, whatever their distribution."""
        assert self.response is not None
        return scenario_draws(len(self.response.columns), max(goal.probability for goal in goals))

    def _solution(self, cuts: Cuts, hint: float | None, seconds: float) -> Solution | None:
        """By the problem's method."""
        match self.problem.method:
            case "robust":
                radius = self.problem.radius
                allowed = [robust_allowance(radius, goal.probability) for goal in cuts.goals]
                return cuts.cheapest(1.0, np.array(allowed))
            case "exact":
                return solve_exact(cuts.model, cuts.goals, seconds=min(seconds, MILP_SECONDS))
            case "quantile":
                return solve_quantile(cuts.model, cuts.goals)
            case _:
                return calibrated(cuts, rounded=lambda plan: plan, errors=ERRORS, hint=hint, seconds=seconds)

    def _responding(self, goals: Sequence[PopulationGoal]) -> Response:
        """The response that the goals need; made anew where they look at what it does not hold."""
        functionals: dict[str, Functional] = {}
        needs: dict[str, set[int]] = {}
        for goal in goals:
            functionals |= goal.functionals()
            for name, years in goal.needs().items():
                needs.setdefault(name, set()).update(years)
        known = self.response
        if known is not None and all(years <= set(known.years.get(name, ())) for name, years in needs.items()):
            return known
        if known is not None:  # what was asked for before is likely to be asked for again
            for name, years in known.years.items():
                if name in functionals:
                    needs[name] |= {int(year) for year in years}
        problem = self.problem
        self.response = respond(
            problem.people,
            problem.levers,
            functionals,
            {name: sorted(years) for name, years in needs.items()},
            seed=self.seed,
        )
        self.last = None
        return self.response

    def _cuts(self, goals: Sequence[PopulationGoal], chances: Sequence[ChanceGoal]) -> tuple[Cuts, float | None]:
        """The program, with the cuts of the last one where its goals are of the same kinds and years."""
        assert self.response is not None
        if self.last is not None:
            before, cuts, solution = self.last
            alike = [(type(goal), list(goal.years), goal.together) for goal in goals]
            if alike == [(type(goal), list(goal.years), goal.together) for goal in before]:
                return cuts.moved(chances), solution.asking
        problem = self.problem
        model = model_of(problem.levers, self.response.columns, problem.limits, problem.objective, UNIT)
        return Cuts(model, chances), None

    def _in_thousands(self, chances: Sequence[ChanceGoal], solution: Solution) -> Solution:
        """The plan of whole thousands that keeps the same tails as the plan it comes from."""
        assert self.response is not None
        problem = self.problem
        model = model_of(problem.levers, self.response.columns, problem.limits, problem.objective, UNIT, whole=True)
        whole = Cuts(model, chances)
        for goal, tail, _ in solution.prices:
            whole.add(goal, tail)
        found = whole.cheapest(solution.widening, solution.allowed)
        if found is None:
            raise GoalError(
                "expected limits that some plan of whole thousands keeps, found none; widen changes and ranges to "
                "thousands, or drop in_thousands=."
            )
        return replace(found, iterations=solution.iterations + found.iterations, prices=solution.prices)

    def _prices(
        self, goals: Sequence[PopulationGoal], prepared: Sequence[list[ChanceGoal]], solution: Solution
    ) -> pd.DataFrame:
        """What a small tightening of each goal costs."""
        assert self.response is not None
        items = [
            Priced(goal.describe(), goal, asked, chances_of(goal, self.response, self.sets, goal.step), solution.plan)
            for goal, asked in zip(goals, prepared, strict=True)
        ]
        years = max(len(lever.years) for lever in self.problem.levers)
        return prices_of(items, solution, years, "in cost" if self.problem.objective == "cheapest" else "admissions")

    def _answer(self, reports: list[GoalReport], people: Array, exists: bool) -> str:
        assert self.response is not None
        country = self.problem.people.countries[0]
        if not exists:
            return f"No plan for {country}: {missed(reports)}."
        by_year = pd.Series(people).groupby([column.year for column in self.response.columns]).sum()
        used = by_year[by_year > 0.5]
        number = f"{used.min():,.0f} to {used.max():,.0f} people" if len(used) else "nobody"
        return (
            f"{country}: admitting {number} a year in {by_year.index[0]}-{by_year.index[-1]}, {people.sum():,.0f} in "
            f"all, reaches {kept(reports)}."
        )


def chances_of(
    goal: PopulationGoal, response: Response, sets: Mapping[str, NDArray[np.intp]], tighter: float = 0.0
) -> list[ChanceGoal]:
    """One chance constraint for all years together, or one for each, on the three sets of draws."""
    groups = [None] if goal.together else [[row] for row in range(len(goal.years))]
    found = []
    for rows in groups:
        margins = {
            name: PopulationMargins(goal, response, draws, rows=rows, tighter=tighter, unit=UNIT)
            for name, draws in sets.items()
        }
        weight = None
        if goal.weight is not None:  # of a step, in persons; of a unit of the margin, in the program's
            weight = goal.weight / UNIT / margins["solve"].per_target(goal) / abs(goal.step)
        found.append(
            ChanceGoal(
                goal.describe(),
                goal.probability,
                *(margins[name] for name in ("solve", "calibrate", "certify")),
                enough=ENOUGH,
                weight=weight,
                priority=goal.priority,
            )
        )
    return found
