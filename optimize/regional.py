"""Regional plans: several countries planned at once, where one country's immigrants are another's emigrants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..forecast.projection import Projection
from .admissions import Admissions
from .calibrate import calibrated
from .chance import deal
from .country import Country, outcome_of
from .errors import GoalError
from .held import PopulationGoal
from .limits import model_of
from .plan import GoalReport, Plan, kept, missed
from .program import Model, Program
from .quota import chances_of
from .readout import Priced, binding, labelled, prices_of, report_of, with_highest
from .response import UNIT, Functional, respond
from .solve import ChanceGoal, Cuts, Solution
from .transfers import Transfer, emptied, leaving_assumed, leaving_limits
from .words import span

__all__ = ["OpenRegionalPlan", "RegionalPlan"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]
OBJECTIVES = ("fewest", "fairest")
WORLD = "rest of the world"
EXACT = 0.02  # how closely the highest improvement is found, as a share of it
MOST_STEPS = 2.0**14  # of an improvement, before it is taken to have no end


@dataclass(frozen=True)
class RegionalPlan:
    r"""Admissions and transfers that reach goals in several countries at once.

    Draw by draw, a country's people are :math:`P_c = P_c^0 + \sum_{k \to c} R_{ck} x_k - \sum_{c \to k} R_{ck} x_k`:
    one more who leaves is the response to one more who comes, with its sign turned, since both live and bear children
    at the country's own rates. A draw is the same world in all countries.

    Parameters
    ----------
    people : Projection
        Draws of several countries; 2,000 or more.
    levers : mapping of str to sequence of Admissions
        By country, who can come from the rest of the world.
    transfers : sequence of Transfer
        Who can move between the countries.
    goals : mapping of str to sequence of PopulationGoal
        By country, what must be reached.
    objective : {"fewest", "fairest"}
        Fewest persons moved over all years; or the largest improvement that all countries have: every goal is
        tightened by z of its steps, and z is as large as can be. Of the plans that reach it the one that moves fewest.
    weights : mapping of str to float, optional
        By country, what a person counts who comes to it from the rest of the world; one, unless given. Who moves from
        one country to another counts the mean of the two.

    Examples
    --------
    >>> from poblar.data import reference
    >>> from poblar.forecast import project
    >>> from poblar.optimize import SupportRatio
    >>> people = project(reference.region(("MEX", "USA")))
    >>> visas = Transfer(name="workers", origin="MEX", destination="USA", profile="worker", years=[2022])
    >>> goals = {"USA": [SupportRatio(at_least=3.6, years=[2023])]}
    >>> RegionalPlan(people, levers={}, transfers=[visas], goals=goals).solve(seed=1)
    Traceback (most recent call last):
    ...
    poblar.optimize.errors.GoalError: expected at least 200 draws to optimise, calibrate and certify on, found 1; ...
    """

    people: Projection
    levers: Mapping[str, Sequence[Admissions]]
    transfers: Sequence[Transfer]
    goals: Mapping[str, Sequence[PopulationGoal]]
    objective: str = "fewest"
    weights: Mapping[str, float] | None = None

    def solve(self, *, seed: int) -> Plan:
        """Solve for the plan.

        Parameters
        ----------
        seed : int
            Decides which draws are optimised over, calibrated on and held out; the same ones in every country.

        Returns
        -------
        Plan
            ``decided["admissions"]``, persons by category and year, with the ``origin`` and ``destination`` of each
            category; of the fewest moves also ``prices``, what a step more of each goal costs. With ``exists=False``
            and the least relaxation where no plan reaches the goals.

        Raises
        ------
        GoalError
            If a country is not in the projection, a goal has no lever, or as `QuotaPlan`.
        SolverError
            If the solver ends neither optimal nor infeasible.
        """
        return self.open(seed=seed).solve()

    def outcomes(self, plan: Plan, goals: Mapping[str, Sequence[PopulationGoal]] | None = None) -> pd.DataFrame:
        """Who gains and who loses: see `OpenRegionalPlan.outcomes`, which does not prepare the draws again."""
        return self.open(seed=int(plan.record["seed"])).outcomes(plan, goals)

    def open(self, *, seed: int) -> OpenRegionalPlan:
        """The problem with the response of every country at hand, to solve and to look at again and again.

        Parameters
        ----------
        seed : int
            As in `solve`.

        Returns
        -------
        OpenRegionalPlan

        Raises
        ------
        GoalError
            As `solve`.
        """
        self._check()
        return OpenRegionalPlan(self, seed)

    def everything(self) -> dict[str, tuple[Admissions, str, str]]:
        """Every lever by its label, with the origin and the destination of the people."""
        found = [
            (replace(lever, name=f"{lever.name} to {country}"), WORLD, country)
            for country, levers in self.levers.items()
            for lever in levers
        ]
        found += [(transfer.lever, transfer.origin, transfer.destination) for transfer in self.transfers]
        weights = self.weights or {}
        labels = [lever.name for lever, _, _ in found]
        twice = [label for label in labels if labels.count(label) > 1]
        if twice:
            raise GoalError(f"expected levers with different names, found {twice[0]} twice; rename one.")

        def weight(*ends: str) -> float:
            return float(np.mean([weights.get(end, 1.0) for end in ends if end != WORLD]))

        return {
            lever.name: (replace(lever, cost=weight(origin, destination)), origin, destination)
            for lever, origin, destination in found
        }

    def _check(self) -> None:
        named = {
            "levers": list(self.levers),
            "goals": list(self.goals),
            "weights": list(self.weights or {}),
            "transfers": [
                country for transfer in self.transfers for country in (transfer.origin, transfer.destination)
            ],
        }
        for what, countries in named.items():
            unknown = [country for country in countries if country not in self.people.countries]
            if unknown:
                raise GoalError(
                    f"expected {what} of countries that are projected, {', '.join(self.people.countries)}, found "
                    f"{unknown[0]}; project it too, or leave it out."
                )
        everything = self.everything()
        if not everything or not any(self.goals.values()):
            raise GoalError("expected at least one lever or transfer and one goal, found none; give them.")
        if self.objective not in OBJECTIVES:
            raise GoalError(f"expected objective {' or '.join(OBJECTIVES)}, found {self.objective!r}.")
        if min((self.weights or {}).values(), default=1.0) <= 0.0:
            raise GoalError(f"expected weights above zero, found {dict(self.weights or {})}.")
        for country, goals in self.goals.items():
            if goals and not any(country in ends for _, *ends in everything.values()):
                raise GoalError(
                    f"{country}: expected a lever or transfer for each country with a goal, found none; add one, or "
                    "drop its goals."
                )
            abroad = [one for goal in goals for one in goal.functionals().values() if not one.native]
            if abroad and any(transfer.origin == country for transfer in self.transfers):
                raise GoalError(
                    f"{country}: expected no goal on the foreign-born where transfers leave, since how many of those "
                    "who leave were born abroad is not known; drop the goal or the transfers."
                )


@dataclass
class OpenRegionalPlan:
    """A regional plan's problem, with the responses of its countries and the limits on those who leave.

    Parameters
    ----------
    problem : RegionalPlan
    seed : int

    Examples
    --------
    >>> OpenRegionalPlan.__name__  # made by RegionalPlan.open
    'OpenRegionalPlan'
    """

    problem: RegionalPlan
    seed: int
    last: tuple[Cuts, Solution] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        problem = self.problem
        self.sets = deal(problem.people.stocks.sizes["draw"], self.seed)
        self.everything = problem.everything()
        levers = [lever for lever, _, _ in self.everything.values()]
        self.columns = sorted((column for lever in levers for column in lever.columns), key=lambda column: column.year)
        self.leaving = leaving_limits(problem.people, problem.transfers, self.columns, self.sets["solve"])
        self.countries = {
            country: self._country(country, goals) for country, goals in problem.goals.items() if len(goals)
        }
        model = model_of(levers, self.columns, (), "cheapest", UNIT)
        more = [matrix @ model.plan <= 1.0 for matrix in self.leaving.values() if len(matrix)]
        self.model = Model(model.plan, model.objective, [*model.limits, *more])
        if Program(self.model, 0).solve() is None:
            raise GoalError(
                "expected limits that some plan keeps, found that those of the levers and those on who leaves "
                "contradict each other; lower an at_least, or raise a share_at_most or cohort_at_most."
            )

    def solve(self) -> Plan:
        """Solve, see `RegionalPlan.solve`."""
        nothing = dict.fromkeys(self.countries, 0.0)
        solution = self.reaching(nothing)
        if solution is None:
            return self.plan(nothing, Cuts(self.model, self._chances(nothing)).nearest(), exists=False)
        if self.problem.objective == "fewest":
            return self.plan(nothing, solution, exists=True)
        steps, best = self.highest(lambda z: dict.fromkeys(self.countries, z), solution)
        return self.plan(dict.fromkeys(self.countries, steps), best, exists=True)

    def reaching(self, steps: Mapping[str, float]) -> Solution | None:
        """The plan of fewest persons that reaches all goals, those of each country tightened by some of their steps.

        Parameters
        ----------
        steps : mapping of str to float
            By country.

        Returns
        -------
        Solution or None
            None where there is no such plan.
        """
        chances = self._chances(steps)
        if self.last is None:
            cuts, hint = Cuts(self.model, chances), None
        else:  # the cuts found before bound these goals too
            cuts, hint = self.last[0].moved(chances), self.last[1].asking
        solution = calibrated(cuts, rounded=lambda plan: plan, hint=hint)
        if solution is not None:
            self.last = cuts, solution
        return solution

    def highest(self, steps: Callable[[float], Mapping[str, float]], start: Solution) -> tuple[float, Solution]:
        """The largest z for which there is a plan with each country's goals tightened by ``steps(z)``, by bisection.

        Parameters
        ----------
        steps : callable
            Steps by country at z; more for more.
        start : Solution
            The plan at zero.

        Returns
        -------
        float, Solution
            z, to 2 % of itself or 0.02, and its plan.

        Raises
        ------
        GoalError
            If the goals can be tightened without end.
        """
        low, high, best = 0.0, 1.0, start
        while (found := self.reaching(steps(high))) is not None:
            low, high, best = high, 2.0 * high, found
            if high > MOST_STEPS:
                raise GoalError(
                    "expected goals that the levers' limits bound, found that they can be tightened without end; give "
                    "each lever an at_most=."
                )
        while high - low > EXACT * max(low, 1.0):
            middle = 0.5 * (low + high)
            found = self.reaching(steps(middle))
            low, high, best = (low, middle, best) if found is None else (middle, high, found)
        return low, best

    def outcomes(self, plan: Plan, goals: Mapping[str, Sequence[PopulationGoal]] | None = None) -> pd.DataFrame:
        """Each country with and without a plan, on the draws held out: who gains and who loses.

        Parameters
        ----------
        plan : Plan
            Of this problem; where none exists, the one that comes nearest is looked at.
        goals : mapping of str to sequence of PopulationGoal, optional
            By country, whose indicators are looked at; the problem's own, unless given.

        Returns
        -------
        pandas.DataFrame
            A row for each country, goal and year: ``goal``, ``without`` and ``with_plan`` (median of the draws, in the
            goal's units), their 80 % intervals (``without_lower80`` …), ``gains`` (share of draws in which the country
            is better off with the plan), ``persons_in`` and ``persons_out`` over all the plan's years.

        Raises
        ------
        GoalError
            If a country is not one of the projection's or no lever moves its people.
        """
        decided = plan.decided["admissions"]
        held_out, rows = self.sets["certify"], []
        for country, own_goals in (self.problem.goals if goals is None else goals).items():
            if not own_goals:
                continue
            known = self.countries[country] if goals is None else self._country(country, own_goals)
            people = known.sign * known.response.vector(plan.decided)
            moved = {
                "persons_in": float(decided.where(decided["destination"] == country, 0.0).sum()),
                "persons_out": float(decided.where(decided["origin"] == country, 0.0).sum()),
            }
            for goal in own_goals:
                rows += [{"country": country} | row | moved for row in outcome_of(goal, known, people, held_out)]
        return pd.DataFrame(rows)

    def emptied(self, decided: xr.Dataset) -> list[str]:
        """Origins of which, in some draws held out, more leave of a sex and age than are there; see `transfers`."""
        return emptied(self.problem.people, self.problem.transfers, decided, self.sets["certify"])

    def _country(self, country: str, goals: Sequence[PopulationGoal]) -> Country:
        """The response of one country to all that can come to it or leave it."""
        mine = [(lever, origin) for lever, *ends in self.everything.values() for origin in ends[:1] if country in ends]
        if not mine:
            raise GoalError(f"{country}: expected a lever or transfer that moves its people, found none; leave it out.")
        functionals: dict[str, Functional] = {}
        needs: dict[str, set[int]] = {}
        for goal in goals:
            functionals |= goal.functionals()
            for name, years in goal.needs().items():
                needs.setdefault(name, set()).update(years)
        years = {name: sorted(own) for name, own in needs.items()}
        people = self.problem.people.sel(country=country)
        response = respond(people, [lever for lever, _ in mine], functionals, years, seed=self.seed)
        place = {column: position for position, column in enumerate(self.columns)}
        leaves = {lever.name for lever, origin in mine if origin == country}
        return Country(
            response,
            own=np.array([place[column] for column in response.columns]),
            sign=np.array([-1.0 if column.lever in leaves else 1.0 for column in response.columns]),
        )

    def _own(self, steps: Mapping[str, float]) -> list[tuple[str, PopulationGoal, list[ChanceGoal]]]:
        """Country, goal and its chance constraints on the country's own columns."""
        return [
            (country, goal, chances_of(goal, known.response, self.sets, steps[country] * goal.step))
            for country, known in self.countries.items()
            for goal in self.problem.goals[country]
        ]

    def _whole(self, own: list[tuple[str, PopulationGoal, list[ChanceGoal]]]) -> list[list[ChanceGoal]]:
        """The same constraints on the region's columns."""
        return [
            [self.countries[country].whole(one, f"{country}: {one.name}", len(self.columns)) for one in chances]
            for country, _, chances in own
        ]

    def _chances(self, steps: Mapping[str, float]) -> list[ChanceGoal]:
        return [chance for chances in self._whole(self._own(steps)) for chance in chances]

    def plan(self, steps: Mapping[str, float], solution: Solution, *, exists: bool) -> Plan:
        """A solution as a plan, with each country's goals tightened by some of their steps."""
        own = self._own(steps)
        reports = []
        for country, goal, chances in own:
            known = self.countries[country]
            report = report_of(goal, chances, known.response, self.sets, known.of(solution.plan), exists)
            asked = goal.describe(goal.target + steps[country] * goal.step)
            reports.append(replace(report, goal=f"{country}: {asked}"))
        if not exists:
            whole = self._whole(own)
            reports = with_highest(reports, whole, Cuts(self.model, [one for chances in whole for one in chances]))
        people = np.clip(solution.plan, 0.0, None) * UNIT
        decided = labelled(people, self.columns)
        ends = {label: (origin, destination) for label, (_, origin, destination) in self.everything.items()}
        labels = decided["category"].to_numpy().tolist()
        decided = decided.assign_coords(
            origin=("category", [ends[label][0] for label in labels]),
            destination=("category", [ends[label][1] for label in labels]),
        )
        fairest = exists and self.problem.objective == "fairest"
        least = min(steps.values())
        return Plan(
            exists=exists,
            answer=self._answer(reports, decided, least if fairest else None, exists),
            goals=reports,
            decided=decided,
            objective=least if fairest else float(people.sum()),
            objective_units="steps by which every goal is tightened" if fairest else "persons moved",
            binding=self._binding(people) + self.emptied(decided),
            prices=self._prices(own, solution) if exists and not fairest else pd.DataFrame(),
            draws={name: len(draws) for name, draws in self.sets.items()},
            record=solution.record(self.seed) | {"tightened_by": dict(steps)},
            assumptions=leaving_assumed(self.problem.transfers),
        )

    def _prices(self, own: list[tuple[str, PopulationGoal, list[ChanceGoal]]], solution: Solution) -> pd.DataFrame:
        """What a step more of each goal costs."""
        items = [
            Priced(
                f"{country}: {goal.describe()}",
                goal,
                chances,
                chances_of(goal, self.countries[country].response, self.sets, goal.step),
                self.countries[country].of(solution.plan),
            )
            for country, goal, chances in own
        ]
        years = len({column.year for column in self.columns})
        return prices_of(items, solution, years, "moved, by weight," if self.problem.weights else "moved")

    def _answer(self, reports: list[GoalReport], decided: xr.Dataset, steps: float | None, exists: bool) -> str:
        region = ", ".join(self.countries)
        if not exists:
            return f"No plan for {region}: {missed(reports)}."
        moved = decided["admissions"]
        total = float(moved.sum())
        within = float(moved.where(moved["origin"] != WORLD, 0.0).sum())
        better = "" if steps is None else f"every goal tightened by {steps:.2f} of its steps, "
        return (
            f"{region}: {better}moving {total:,.0f} people in {span(moved['year'].to_numpy().tolist())}, {within:,.0f} "
            f"of them from one of the countries to another, reaches {kept(reports)}."
        )

    def _binding(self, people: Array) -> list[str]:
        """Limits that the plan stands at."""
        found = binding(people, self.columns, [lever for lever, _, _ in self.everything.values()])
        for limit, matrix in self.leaving.items():
            if len(matrix) and (matrix @ (people / UNIT)).max() > 1.0 - 1e-4:
                found.append(limit)
        return found
