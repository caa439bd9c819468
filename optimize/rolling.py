"""Plans that are revised: some years of admissions are fixed at a time, and the next on what has been seen by then.

Canada announces admissions for three years at a time. Whoever plans so need not provide today for every future: what
comes can be answered when it has come. The price is that each revision binds again, so that how surely a goal is kept
can only be found by planning again and again in worlds that no plan has seen.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..forecast.projection import Projection
from .admissions import Column
from .calibrate import calibrated
from .chance import LEAST, LinearMargins
from .errors import GoalError
from .held import PopulationGoal
from .limits import model_of
from .outlook import Outlook, Rows, Worlds, states_of
from .program import Model
from .quota import ENOUGH, QuotaPlan
from .response import EVERYONE, UNIT, Functional, Response, respond
from .reviser import Reviser
from .rolling_result import POLICIES, RollingResult, kept_in, result_of
from .rule import AffineRule
from .solve import ChanceGoal, Cuts

__all__ = ["RollingPlan"]

log = logging.getLogger(__name__)
Array = NDArray[np.float64]
Positions = NDArray[np.intp]

EASED = 2.0  # tail of a revision, times what it allows to miss, where no plan of all years says how wide it may be
SHORT = 1e-7  # share of the people; who falls short by no more keeps the goal
RISKS = (1.0, 0.5, 0.25, 0.125, 0.0625)  # shares of the allowed risk that are tried, the most first
AS_SURE = tuple(float(share) for share in np.geomspace(3.0, 0.1, 12))  # shares of the risk of comparable open plans


@dataclass(frozen=True)
class RollingPlan:
    r"""A quota plan that is revised on what has been observed, beside what it is compared with.

    Some draws are taken as true worlds and never planned on. In each of them four policies are carried out: *open
    loop*, one plan for all years; *rolling*, revised; *affine rule*, :math:`x_t = a_t + b_t z_s`, decided today with
    :math:`z_s` what is seen when year t is fixed; *perfect information*, the cheapest plan for that world alone.

    At a revision on 1 January of year s the model is not fitted anew: what is known is the state of the world, its
    natural growth and net migration rate of the last year, the latter's mean of ten years, and the shares of the
    people that a goal looks at. The planning draws nearest to it say what may come, each moved by what the difference
    in state explains (regression adjustment, Beaumont, Zhang & Balding 2002):

    .. math:: N_k(t) = N_w(s) + P_w(s) \left[ \frac{n_k(t) - n_k(s)}{P_k(s)} + \beta_t (z_w - z_k) \right]

    for the people N that a goal looks at, everyone P, the world w and its neighbour k. That is an approximation: the
    response to one person admitted is taken from the neighbour as it is, a figure further off than in any planning draw
    counts as the furthest, and the people admitted are assumed to be told apart from those who would be there anyway.

    Each revision plans all years ahead as if it were the last, and takes a risk of its own; revision after revision
    risks add up. So a revision takes only a share of the risk that the goal allows, :math:`1 - p`: as much as keeps the
    goal with probability p in *pilot worlds*, planning draws in which the whole course of revisions is tried out first.
    The first plan takes the square root of that share, which is more: most of its years will be planned again.

    Parameters
    ----------
    problem : QuotaPlan
        What is asked for; goals hard, persons not in whole thousands.
    revise_every : int
        Years from one revision to the next; the first plan, like the open loop's, is made on what is known today.
    fixed : int
        Years of admissions that each plan fixes, at least as many as pass until the next. With 3, and a revision
        every year, the numbers of a year are fixed two years ahead of it.
    neighbours : int
        Planning draws that a revision plans on.
    risk : float, optional
        Share of the risk that a goal allows which a revision takes for the years ahead; found on the pilot worlds,
        unless given.
    pilots : int
        Pilot worlds; their number decides how nearly the goal's probability is met, and how long it takes.

    Raises
    ------
    GoalError
        If years are left without a number, a goal is soft, or a number makes no sense.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from poblar.data import reference
    >>> from poblar.forecast import project
    >>> from poblar.optimize import Admissions, GrowthRate
    >>> def path(values, units, **more):
    ...     coords = {"draw": range(300), "country": ["MEX"], "year": range(2024, 2036), **more}
    ...     values = np.broadcast_to(values, [len(labels) for labels in coords.values()])
    ...     return xr.DataArray(values, dims=list(coords), coords=coords, attrs={"units": units})
    >>> level = np.random.default_rng(1).normal(-0.006, 0.001, (300, 1, 1))  # persistent
    >>> people = project(reference.region(("MEX",)), fertility=path(1.8, "children per woman"),
    ...                  mortality=path(77.0, "years", sex=["female", "male"]),
    ...                  migration=path(level, "per person-year"))
    >>> problem = QuotaPlan(people, levers=[Admissions("workers", profile="worker", years=range(2027, 2036))],
    ...                     goals=[GrowthRate(at_least=0.005, years=range(2030, 2036))])
    >>> found = RollingPlan(problem, neighbours=100, pilots=20).simulate(seed=1, worlds=20)
    >>> saved = found.table.set_index("policy")["saved"]
    >>> bool(saved["rolling"] > 0.0), bool(saved["perfect information"] > saved["rolling"])
    (True, True)
    """

    problem: QuotaPlan
    revise_every: int = 3
    fixed: int = 3
    neighbours: int = 300
    risk: float | None = None
    pilots: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.revise_every <= self.fixed:
            raise GoalError(
                f"expected 1 <= revise_every <= fixed, found {self.revise_every} and {self.fixed}; a plan that fixes "
                "fewer years than pass until the next leaves some without a number."
            )
        if self.neighbours < 20:
            raise GoalError(f"expected 20 neighbours or more, found {self.neighbours}; 300 of 2,000 draws are usual.")
        if self.risk is not None and not 0.0 < self.risk < np.inf:
            raise GoalError(f"expected risk above 0, found {self.risk}; 0.5 is half of what the goal allows.")
        if self.pilots < 10:
            raise GoalError(f"expected 10 pilot worlds or more, found {self.pilots}; 100 are usual.")
        soft = [goal.describe() for goal in self.problem.goals if goal.weight is not None]
        if soft or self.problem.in_thousands:
            what = f"a soft goal, {soft[0]}" if soft else "in_thousands=True"
            raise GoalError(f"expected hard goals and numbers not rounded to thousands, found {what}; drop it.")

    def simulate(self, *, seed: int, worlds: int = 40, worlds_from: Projection | None = None) -> RollingResult:
        """Carry out the four policies in worlds that were not planned on.

        Parameters
        ----------
        seed : int
            Decides which draws are worlds, and which of the others are optimised over and calibrated on.
        worlds : int
            How many; 200 or more for a probability to two digits.
        worlds_from : Projection, optional
            Where the worlds come from, while plans are made on the problem's own draws: the same country with a shock
            or another model, which no planner foresaw. Draw i stands for the same world in both, and is never planned
            on where it is one.

        Returns
        -------
        RollingResult

        Raises
        ------
        GoalError
            If too few draws are left to plan on, or the worlds are of another country or other years.
        """
        started = time.perf_counter()
        study = _Study.of(self, seed, worlds, worlds_from)
        solution = calibrated(study.open(), rounded=lambda plan: plan)
        tail = EASED if solution is None else solution.widening
        plan = (study.open().nearest() if solution is None else solution).plan
        risk = study.risk(tail) if self.risk is None else self.risk
        announced, without = study.roll(study.worlds, tail, risk)
        rules, repaired = study.rule()
        carried = {
            POLICIES[0]: np.repeat([plan], worlds, axis=0),
            POLICIES[1]: announced[:, -1],
            POLICIES[2]: rules,
            POLICIES[3]: np.stack([study.known(world) for world in range(worlds)]),
        }
        spare = study.spare(study.worlds, np.clip(announced[:, -1], 0.0, None))
        record = {
            "country": self.problem.people.countries[0],
            "worlds": worlds,
            "planned_on": len(study.people[EVERYONE]),
            "open_plan_exists": solution is not None,
            "revisions": len(study.revisions),
            "risk": risk,
            "open_as_sure": study.open_as_sure(tail, spare),
            "without_a_plan": without,
            "rules_repaired": repaired,
            "seconds": time.perf_counter() - started,
            "seed": seed,
        }
        made = [min(column.year for column in study.columns), *study.revisions]
        return result_of(
            self.problem,
            study.columns,
            study.worlds,
            study.draws,
            {year: year + self.fixed - 1 for year in made},
            {policy: np.clip(plans, 0.0, None) for policy, plans in carried.items()},
            announced,
            record,
        )


@dataclass(frozen=True, eq=False)
class _Study:
    """The planning draws, the worlds, and all that the policies share."""

    plan: RollingPlan
    columns: Sequence[Column]
    years: Mapping[str, NDArray[np.int64]]  # of the stocks of each functional
    people: Mapping[str, Array]  # of the planning draws, without admissions (draw, stock)
    rows: Sequence[Rows]  # of each goal, on the planning draws
    sets: Mapping[str, Positions]  # of the planning draws
    revisions: Sequence[int]
    outlooks: Mapping[int, Outlook]
    base: Model
    worlds: Worlds
    draws: Positions  # of the worlds, in the projection

    @classmethod
    def of(cls, plan: RollingPlan, seed: int, worlds: int, worlds_from: Projection | None) -> _Study:
        """Deal the draws, and ask both projections what the goals look at."""
        problem = plan.problem
        problem.check()
        source = problem.people if worlds_from is None else worlds_from
        _check_worlds(problem.people, source)
        count = problem.people.stocks.sizes["draw"]
        planning, draws = _deal(count, min(count, source.stocks.sizes["draw"]), worlds, seed)
        if plan.neighbours > len(planning):
            raise GoalError(
                f"expected no more neighbours than the {len(planning)} draws to plan on, found {plan.neighbours}; "
                "forecast more draws or ask for fewer."
            )
        first, last = (end(lever.years[which] for lever in problem.levers) for end, which in ((min, 0), (max, -1)))
        gap = plan.fixed - plan.revise_every
        revisions = range(int(first) + plan.revise_every, int(last) - gap + 1, plan.revise_every)
        answer = _respond(problem, problem.people, revisions, seed)
        true = answer if worlds_from is None else _respond(problem, source, revisions, seed)
        people = {name: own[planning] for name, own in answer.base.items()}
        truth = {name: own[draws] for name, own in true.base.items()}
        outlooks, states = {}, {}
        for now in revisions:
            seen = states_of(problem.people, planning, now, people, answer.years)
            outlooks[now] = Outlook.of(now, seen, people, answer.years)
            states[now] = outlooks[now].place(states_of(source, draws, now, truth, answer.years))
        order = np.random.default_rng(seed).permutation(len(planning))
        solve, calibrate = np.split(order, [int(0.6 * len(order))])
        margins = [Rows.of(goal, true, draws).margins(truth) for goal in problem.goals]
        return cls(
            plan=plan,
            columns=answer.columns,
            years=answer.years,
            people=people,
            rows=[Rows.of(goal, answer, planning) for goal in problem.goals],
            sets={"solve": np.sort(solve), "calibrate": np.sort(calibrate), "pilots": calibrate[: plan.pilots]},
            revisions=revisions,
            outlooks=outlooks,
            base=model_of(problem.levers, answer.columns, problem.limits, problem.objective, UNIT),
            worlds=Worlds(truth, states, margins, np.full(len(draws), -1)),
            draws=draws,
        )

    def open(self) -> Cuts:
        """The program of the plan that is never revised."""
        return Cuts(self.base, self._chances([rows.margins(self.people) for rows in self.rows]))

    def _chances(self, margins: Sequence[LinearMargins]) -> list[ChanceGoal]:
        """One chance constraint for all years of a goal together, or one for each, on the planning draws."""
        found = []
        for rows, own in zip(self.rows, margins, strict=True):
            solve, calibrate = (own.take(self.sets[name]) for name in ("solve", "calibrate"))
            for years in _together(rows.goal, np.arange(len(rows.goal.years))):
                sets = (_of_rows(solve, years), _of_rows(calibrate, years))
                found.append(_chance(rows.goal, *sets))
        return found

    def settled(self, now: int) -> NDArray[np.bool_]:
        """Columns whose numbers were fixed before the revision of a year."""
        until = now - self.plan.revise_every + self.plan.fixed
        return np.array([column.year < until for column in self.columns])

    def risk(self, tail: float) -> float:
        """The share of the allowed risk that revisions can take so that the goals are kept in the pilot worlds."""
        chosen = self.sets["pilots"]
        pilots = Worlds(
            people={name: own[chosen] for name, own in self.people.items()},
            states={now: outlook.states[chosen] for now, outlook in self.outlooks.items()},
            margins=[rows.margins(self.people).take(chosen) for rows in self.rows],
            planned=chosen,
        )
        spare: dict[float, float] = {}
        for share in RISKS:
            announced, _ = self.roll(pilots, tail, share)
            spare[share] = self.spare(pilots, np.clip(announced[:, -1], 0.0, None))
            if spare[share] >= 0.0:
                break
        found = [share for share, value in spare.items() if value >= 0.0]
        if not found or len(spare) == 1:
            return found[0] if found else RISKS[-1]
        # Between the share that was too much and the one that is not, as if the probability changed with its logarithm.
        low, high = found[0], min(share for share in spare if share > found[0])
        part = spare[low] / (spare[low] - spare[high])
        return float(low * (high / low) ** part)

    def spare(self, worlds: Worlds, plans: Array) -> float:
        """Share of worlds that keep a goal less its probability, for the goal with least to spare."""
        return min(
            kept_in(rows.goal, own) / len(plans) - rows.goal.probability
            for rows, own in zip(self.rows, worlds.kept(plans), strict=True)
        )

    def open_as_sure(self, tail: float, spare: float) -> float:
        """Persons that a plan never revised admits if it is made to keep the goals in as many worlds; NaN for none."""
        cuts, found = self.open(), []
        for share in AS_SURE:
            solution = cuts.cheapest(share * tail)
            if solution is not None:
                plans = np.repeat(np.clip(solution.plan[None], 0.0, None), len(self.draws), axis=0)
                found.append((self.spare(self.worlds, plans), UNIT * float(plans[0].sum())))
        if not found:
            return float("nan")
        reached, persons = np.maximum.accumulate(np.array(found), axis=0).T
        if not reached[0] <= spare <= reached[-1]:
            return float("nan")
        return float(np.interp(spare, reached, persons))

    def first(self, tail: float) -> Array:
        """The plan that is revised first (column,)."""
        cuts = self.open()
        return np.clip((cuts.cheapest(tail) or cuts.nearest(tail)).plan, 0.0, None)

    def roll(self, worlds: Worlds, tail: float, share: float) -> tuple[Array, float]:
        """The plan after each revision (world, revision, column), the first included; share of these without one."""
        count, start = len(worlds.planned), self.first(share**0.5 * tail)
        found = np.repeat(start[None, None], count, axis=0).repeat(1 + len(self.revisions), axis=1)
        without = 0
        for position, now in enumerate(self.revisions, start=1):
            settled = self.settled(now)
            reviser = Reviser(self.base, settled)
            for world in range(count):
                plan = np.clip(found[world, position - 1], 0.0, None)
                chances = self._ahead(worlds, world, now)
                if chances:
                    solution, exists = reviser.solve(chances, plan, share * tail)
                    plan = plan if solution is None else np.where(settled, plan, solution.plan)
                    without += not exists
                found[world, position] = plan
        return found, without / max(len(self.revisions) * count, 1)

    def _ahead(self, worlds: Worlds, world: int, now: int) -> list[ChanceGoal]:
        """What the goals still ask of the years ahead of a world, on the draws near to it."""
        outlook, state = self.outlooks[now], worlds.states[now][world]
        near = outlook.nearest(state, self.plan.neighbours, int(worlds.planned[world]))
        everyone = float(self._at(worlds.people, EVERYONE, now)[world])
        people = {
            name: outlook.carry(name, state, near, float(self._at(worlds.people, name, now)[world]), everyone)
            for name in self.people
        }
        grown = everyone / self._at(self.people, EVERYONE, now)[near]
        chances = []
        for rows in self.rows:
            ahead = rows.ahead(now)
            scale = (rows.scale[near] * grown[:, None])[:, ahead]
            constant = rows.constant(people)[:, ahead] / scale
            slope = rows.slope[near][:, ahead] / scale[..., None]
            for years in _together(rows.goal, np.arange(len(ahead))):
                own = LinearMargins(constant[:, years], slope[:, years])
                chances.append(_chance(rows.goal, own, own))
        return chances

    def _at(self, people: Mapping[str, Array], name: str, year: int) -> Array:
        return people[name][:, np.searchsorted(self.years[name], year)]

    def rule(self) -> tuple[Array, float]:
        """What an affine rule admits in each world (world, column), and the share of worlds in which it met a limit."""
        rule = AffineRule(
            problem=self.plan.problem,
            revise_every=self.plan.revise_every,
            fixed=self.plan.fixed,
            columns=self.columns,
            people=self.people,
            rows=self.rows,
            revisions=self.revisions,
            outlooks=self.outlooks,
            base=self.base,
            worlds=self.worlds,
        )
        return rule.carried(self._chances)

    def known(self, world: int) -> Array:
        """The cheapest plan for a world that is known (column,), or what comes nearest."""
        chances = []
        for rows, margins in zip(self.rows, self.worlds.margins, strict=True):
            own = margins.take(np.array([world]))
            chances.append(_chance(rows.goal, own, own, enough=0.1 * SHORT))
        cuts = Cuts(self.base, chances)
        return (cuts.cheapest(1.0) or cuts.nearest()).plan


def _deal(count: int, worlds_of: int, worlds: int, seed: int) -> tuple[Positions, Positions]:
    """Draws to plan on, and draws that are worlds."""
    if not 1 <= worlds <= worlds_of or count - worlds < LEAST:
        raise GoalError(
            f"expected worlds between 1 and {worlds_of}, with at least {LEAST} of the {count} draws left to plan on, "
            f"found {worlds}; forecast with draws=2000 or more, or take fewer worlds."
        )
    draws = np.sort(np.random.default_rng([seed, 1]).permutation(worlds_of)[:worlds])
    return np.setdiff1d(np.arange(count), draws), draws


def _check_worlds(people: Projection, source: Projection) -> None:
    if people.countries != source.countries:
        raise GoalError(
            f"expected worlds of {', '.join(people.countries)}, found {', '.join(source.countries)}; "
            "take one country with people.sel(country=...)."
        )
    ours, theirs = (one.stocks["year"].to_numpy() for one in (people, source))
    if not np.array_equal(ours, theirs):
        raise GoalError(
            f"expected worlds of {ours[0]}-{ours[-1]}, the years of the problem, found {theirs[0]}-{theirs[-1]}; "
            "forecast both until the same year."
        )


def _respond(problem: QuotaPlan, people: Projection, revisions: Sequence[int], seed: int) -> Response:
    """What the goals look at, and everyone, also at each revision."""
    functionals: dict[str, Functional] = {EVERYONE: Functional(weights=np.ones((2, 101)))}
    needs: dict[str, set[int]] = {EVERYONE: set()}
    for goal in problem.goals:
        functionals |= goal.functionals()
        for name, years in goal.needs().items():
            needs.setdefault(name, set()).update(years)
    years = {name: sorted(own | set(revisions)) for name, own in needs.items()}
    return respond(people, problem.levers, {name: functionals[name] for name in years}, years, seed=seed)


def _together(goal: PopulationGoal, rows: Positions) -> list[Positions]:
    """Rows by chance constraint: all at once, or each by itself."""
    if not len(rows):
        return []
    return [rows] if goal.together else [np.array([row]) for row in rows]


def _of_rows(margins: LinearMargins, rows: Positions) -> LinearMargins:
    return LinearMargins(margins.constant[:, rows], margins.slope[:, rows])


def _chance(goal: PopulationGoal, solve: LinearMargins, calibrate: LinearMargins, enough: float = ENOUGH) -> ChanceGoal:
    """A chance constraint; the worlds are counted apart."""
    return ChanceGoal(
        goal.describe(), goal.probability, solve, calibrate, calibrate, enough=enough, priority=goal.priority
    )
