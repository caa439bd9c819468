"""A staffing plan opened for solving: its chance constraints, the search for a plan, and what the plan is held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..forecast.orders import ORDERS
from ._roster import limits_met, roster, whole_officers
from ._runs import Runs, Simulated
from ._staff_model import overspent, staffing_model
from ._workforce import QUARTER, Workforce
from ._workload import Workload
from .calibrate import calibrated, calibrated_each
from .chance import Certificate, Margins, certify, deal
from .errors import GoalError
from .fifo import FifoMargins, Moved, Rows, Together, growth_of
from .plan import GoalReport, Plan, missed
from .solve import ChanceGoal, Cuts, Solution
from .waiting import NOBODY, BacklogSize, Setting, WaitingGoal, WaitingNow, WaitTime
from .words import month, months_in, most_often, percent

__all__ = ["OpenStaffingPlan"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]
ENOUGH = 5e-4  # share of the work by which the mean of a tail may miss
SETTLED = 0.002  # share by which what arrives may change with the plan
TURNS = 6  # plans made for what arrives under the one before
WIDE = 2.0  # times the tail of the request, about what calibration ends at
MOST_OPENINGS = 6
CENT = 0.01
HAIR = 1e-6  # of the work, asked for beside it: what is just enough would be undone by rounding


@dataclass(frozen=True, eq=False)
class OpenStaffingPlan:
    """What `poblar.optimize.StaffingPlan` asks, with its draws dealt.

    Parameters
    ----------
    work : Workload
        What comes to the offices.
    staff : Workforce
        What each lever puts to work and costs.
    goals : sequence of WaitTime, WaitingNow and BacklogSize
        What must be kept.
    service : int
        Months that a case takes whoever works on it.
    objective : str
        As in `poblar.optimize.StaffingPlan`.
    seed : int
        Decides which draws are optimised over, calibrated on and held out.
    spare : float
        What is left of each year's budget, as officers are whole.

    Examples
    --------
    >>> from poblar.optimize import Staffing, StaffingPlan, WaitTime
    >>> axes, months = ("draw", "office", "month"), np.arange("2027-01", "2029-01", dtype="datetime64[M]")
    >>> cases = (axes, np.full((300, 2, 24), 100.0))
    >>> queue = xr.Dataset(
    ...     {"arrivals": cases, "productivity": (axes, np.full((300, 2, 24), 10.0)), "backlog": ("office", [0.0, 0.0]),
    ...      "withdrawal": (axes, np.zeros((300, 2, 24)))},
    ...     coords={"office": ["A", "B"], "month": months.astype("datetime64[s]")})
    >>> opened = StaffingPlan(queue, start="2027-01", in_post={"A": 9, "B": 10}, levers=[Staffing(cost=1.0)],
    ...                       goals=[WaitTime(at_most="2 months", since="2027-12")]).open(seed=1)
    >>> len(opened.chances()), {name: len(draws) for name, draws in opened.sets.items()}
    (2, {'solve': 120, 'calibrate': 90, 'certify': 90})
    """

    work: Workload
    staff: Workforce
    goals: Sequence[WaitingGoal]
    service: int
    objective: str
    seed: int
    spare: float = 0.0

    @cached_property
    def sets(self) -> dict[str, Positions]:
        """Draws to optimise over, to calibrate on, and held out."""
        return deal(self.work.draws, self.seed)

    @cached_property
    def runs(self) -> dict[str, Runs]:
        """The queues under a plan, on each set of draws."""
        return {name: Runs(self.work, self.staff, draws, self.service) for name, draws in self.sets.items()}

    @property
    def in_order(self) -> bool:
        """Whether rows are exact for what arrives: first in, first out, and it does not answer to the wait."""
        return self.work.how == {"order": ORDERS[0]}

    def solve(self) -> Plan:
        """Search for the plan, and certify it."""
        return self._fastest() if self.objective == "fastest" else self._solve()

    def _fastest(self) -> Plan:
        """The cheapest plan that keeps the goals from the earliest month on that one does; by bisection."""
        first = min(int((month(goal.since) - self.work.labels[0]).astype(int)) for goal in self.goals)
        late, best = 0, replace(self, objective="cheapest")._solve()
        early = first + 1  # so many months sooner there is no plan, or no month
        while best.exists and early - late > 1:
            middle = (late + early) // 2
            goals = [_sooner(goal, middle) for goal in self.goals]
            found = replace(self, goals=goals, objective="cheapest")._solve()
            late, early, best = (middle, early, found) if found.exists else (late, middle, best)
        return best

    def _solve(self) -> Plan:
        exists, solution = self._search()
        plan = whole_officers(self.staff, solution.plan)
        more = overspent(self.staff, plan)
        if more > CENT and self.spare < len(self.staff.staff) * max(lever.cost for lever in self.staff.grades):
            return replace(self, spare=self.spare + more + CENT)._solve()
        reports = self._reports(plan, exists)
        decided = roster(self.staff, plan)
        return Plan(
            exists=exists,
            answer=self._answer(reports, decided, exists),
            goals=reports,
            decided=decided,
            objective=float(decided["cost"].sum()),
            objective_units=self.staff.currency,
            binding=limits_met(self.staff, plan),
            prices=self._prices(plan, solution) if exists else pd.DataFrame(),
            draws={name: len(draws) for name, draws in self.sets.items()},
            record=solution.record(self.seed),
            assumptions=self._assumptions(),
        )

    def _search(self) -> tuple[bool, Solution]:
        """The plan, made again for what arrives under it until that changes no more; opened offices first."""
        arriving, turns = self._arriving(None), TURNS
        cuts = self._cuts(arriving, 0)
        if self.staff.openings:
            self._choose_openings(cuts)
        if not self.in_order or len(self.work.stages) > 1:
            while turns > 0:
                turns -= 1
                rough = cuts.cheapest(WIDE) or cuts.nearest()
                before, arriving = arriving, self._arriving(whole_officers(self.staff, rough.plan))
                cuts = self._cuts(arriving, 0, cuts)
                if _changed(before, arriving) < SETTLED:
                    break
        solution, sooner = self._calibrated(cuts), 0
        while solution is not None and len(self.work.stages) > 1 and turns > 0:
            turns -= 1
            before, arriving = arriving, self._arriving(whole_officers(self.staff, solution.plan))
            if _changed(before, arriving) < SETTLED:
                break
            cuts = self._cuts(arriving, 0, cuts)
            solution = self._calibrated(cuts, solution)
        while solution is None and not self.in_order and sooner < min(goal.target for goal in self.goals):
            sooner += 1  # rows that ask for a shorter wait than is promised, until the queue keeps the promise
            cuts = self._cuts(arriving, sooner, cuts)
            solution = self._calibrated(cuts)
        if solution is not None:
            return True, solution
        return False, Cuts(cuts.model, [goal for goal in cuts.goals if goal.weight is None]).nearest()

    def _calibrated(self, cuts: Cuts, like: Solution | None = None) -> Solution | None:
        def rounded(plan: Array) -> Array:
            return whole_officers(self.staff, plan)

        if len(cuts.goals) == 1:
            return calibrated(cuts, rounded, hint=None if like is None else like.asking)
        return calibrated_each(cuts, rounded, like=like)

    def _choose_openings(self, cuts: Cuts) -> None:
        """Hold each office open or closed, whichever is cheapest; every choice is tried."""
        columns, best = self.staff.opened, (np.inf, np.zeros(0))
        if len(columns) > MOST_OPENINGS:
            raise GoalError(f"expected at most {MOST_OPENINGS} openings, found {len(columns)}; try some at a time.")
        for choice in range(2 ** len(columns)):
            open_ = np.array([float(choice >> k & 1) for k in range(len(columns))])
            self._hold(cuts, open_)
            found = cuts.cheapest(1.0)
            if found is not None and found.objective < best[0]:
                best = found.objective, open_
        self._hold(cuts, best[1] if len(best[1]) else np.ones(len(columns)))

    def _hold(self, cuts: Cuts, open_: Array) -> None:
        low, high = np.full(self.staff.size, -np.inf), np.full(self.staff.size, np.inf)
        low[self.staff.opened] = high[self.staff.opened] = open_
        cuts.program.between(low, high)

    def _arriving(self, plan: Array | None) -> list[xr.Dataset]:
        """The queues with what arrives under a plan; without one, as if all who apply were decided at once."""
        if plan is None:
            officers = np.full((len(self.staff.queues), self.staff.months), 1e12)
            return self.work.arriving(officers)
        moved = self.staff.moved(plan) if self.staff.redirects else None
        return self.work.arriving(self.staff.officers(plan), moved)

    def _cuts(self, arriving: Sequence[xr.Dataset], sooner: int, last: Cuts | None = None) -> Cuts:
        chances = self.chances(arriving, sooner)
        if last is None:
            return Cuts(staffing_model(self.staff, self.objective, self.spare), chances)
        last.again(chances)
        return last

    def chances(self, arriving: Sequence[xr.Dataset] | None = None, sooner: int = 0) -> list[ChanceGoal]:
        """A chance constraint for each goal, queue and, where months count by themselves, month."""
        came = self._arriving(None) if arriving is None else arriving
        lines = {name: self._lines(came, draws) for name, draws in self.sets.items()}
        found = []
        for goal in self.goals:
            queues = self._queues_of(goal)
            by_queue = {}
            for queue in queues:
                rows = goal.rows(Setting(self.work.labels, lines["solve"][queue][1], self.service + sooner))
                by_queue[queue] = range(len(rows.by)) if not goal.together else [None]
            for group in [queues] if goal.everywhere else [[queue] for queue in queues]:
                for row in by_queue[group[0]]:
                    sets = [
                        self._margins(goal, group, row, lines[name], sooner)
                        for name in ("solve", "calibrate", "certify")
                    ]
                    if not self.in_order:
                        sets[1] = Simulated(self.runs["calibrate"], goal, group, row)
                    columns = np.unique(np.concatenate([self._columns(queue) for queue in group]))
                    found.append(ChanceGoal(goal.describe(), goal.probability, *sets, enough=ENOUGH, columns=columns))
        return found + (self._waiting(lines["solve"]) if self.objective == "least waiting" else [])

    def _waiting(self, lines: Sequence[tuple[FifoMargins, Array]]) -> list[ChanceGoal]:
        """Those waiting at the end of each quarter, on average over draws, as goals that may be missed at a price."""
        ends = np.minimum(QUARTER * np.arange(1, self.staff.quarters + 1), self.staff.months)
        found = []
        for queue, (margins, growth) in enumerate(lines):
            for end in ends:
                at = np.array([end])
                # Grown cases are more than there are: on average by so much, which those who draw up plans can bear.
                scale = float(growth[:, end - 1].mean())
                rows = margins.asking(Rows(at, at, share=0.0, allowance=np.zeros((len(growth), 1))), scaled=False)
                enough = 1e-3 * float(margins.work[:, -1].mean() / self.staff.months)
                weight, columns = QUARTER / scale, self._columns(queue)
                found.append(ChanceGoal("waiting", 0.0, rows, rows, rows, enough, weight, columns=columns))
        return found

    def _margins(
        self,
        goal: WaitingGoal,
        group: Sequence[int],
        row: int | None,
        lines: Sequence[tuple[FifoMargins, Array]],
        sooner: int,
    ) -> Margins:
        parts = []
        for queue in group:
            margins, growth = lines[queue]
            rows = goal.rows(Setting(self.work.labels, growth, self.service + sooner))
            if row is not None:
                one = slice(row, row + 1)
                allowance = None if rows.allowance is None else rows.allowance[:, one]
                rows = rows._replace(upto=rows.upto[one], by=rows.by[one], allowance=allowance)
            parts.append(margins.asking(rows))
        return parts[0] if len(parts) == 1 else Together(parts)

    def _lines(self, arriving: Sequence[xr.Dataset], draws: Positions) -> list[tuple[FifoMargins, Array]]:
        """Margins without rows of each queue, and its growth factors."""
        found = []
        count = len(self.work.offices)
        for queue, (office, _) in enumerate(self.staff.queues):
            stage = arriving[queue // count].isel(draw=draws).sel(country=office)
            arrivals, withdrawal, power = (
                stage[key].transpose("draw", "month").to_numpy() for key in ("arrivals", "withdrawal", "productivity")
            )
            growth = growth_of(withdrawal)
            hands, officers = self.staff.hands(queue, draws)
            moved = self._moved(office, growth, draws) if queue < count else []
            work, fixed = np.zeros((2, len(draws), self.staff.months + 1))
            np.cumsum(growth * arrivals, axis=1, out=work[:, 1:])
            np.cumsum(growth * power * officers, axis=1, out=fixed[:, 1:])
            work += stage["backlog"].to_numpy()[:, None]
            line = FifoMargins((1.0 + HAIR) * work, fixed, growth * power, self.staff.size, hands, moved)
            found.append((line, growth))
        return found

    def _columns(self, queue: int) -> Positions:
        """Columns of the plan that act on a queue."""
        office = self.staff.queues[queue][0]
        moved = [
            columns
            for lever, columns in zip(self.staff.redirects, self.staff.sent, strict=True)
            if office in (lever.origin, lever.destination)
        ]
        hands = [part.columns for part in self.staff.hands(queue, np.zeros(1, dtype=np.intp))[0]]
        return np.concatenate([*hands, *moved])

    def _moved(self, office: str, growth: Array, draws: Positions) -> list[Moved]:
        """What redirects send to an office, and away."""
        first, found = next(iter(self.work.stages.values())), []
        for lever, columns in zip(self.staff.redirects, self.staff.sent, strict=True):
            if office in (lever.origin, lever.destination):
                flow = (
                    first["arrivals"].isel(draw=draws).sel(country=lever.origin).transpose("draw", "month").to_numpy()
                )
                sign = 1.0 if office == lever.destination else -1.0
                found.append(Moved(columns, self.staff.in_quarter, sign * growth * flow))
        return found

    def _queues_of(self, goal: WaitingGoal) -> list[int]:
        return [
            number
            for number, (office, stage) in enumerate(self.staff.queues)
            if goal.office in (None, office) and goal.stage in (None, stage)
        ]

    def _reports(self, plan: Array, exists: bool) -> list[GoalReport]:
        """What a plan reaches of each goal in each queue; held out, by running the queues."""
        found, chances = [], iter(self.chances(self._arriving(plan)))
        for goal in self.goals:
            queues = self._queues_of(goal)
            for group in [queues] if goal.everywhere else [[queue] for queue in queues]:
                reached = self.runs["certify"].reached(goal, group, plan)
                kept = reached <= goal.target + NOBODY
                periods = [kept.all(1)] if goal.together else list(kept.T)
                held = min((Certificate(int(k.sum()), len(k)) for k in periods), key=lambda one: one.probability)
                inside = min((certify(next(chances).solve, plan) for _ in periods), key=lambda one: one.probability)
                relaxed = ""
                if not exists and held.probability < goal.probability:
                    value = float(np.quantile(reached.max(1), goal.probability, method="higher"))
                    relaxed = goal.describe(value) if np.isfinite(value) else "no wait that ends before the horizon"
                found.append(
                    GoalReport(
                        goal=self._where(goal, group) + goal.describe(),
                        requested=goal.probability,
                        in_sample=inside.probability,
                        held_out=held.probability,
                        held_out_interval=held.interval,
                        binding=self._tightest(goal, reached),
                        relaxed=relaxed,
                    )
                )
        return found

    def _where(self, goal: WaitingGoal, group: Sequence[int]) -> str:
        """Where a goal is kept, if it does not say so itself and there are several places."""
        if len(self.staff.queues) == 1 or len(group) > 1:
            return ""
        office, stage = self.staff.queues[group[0]]
        names = [name for name, own in ((office, goal.office), (stage, goal.stage)) if name and own is None]
        return f"{', '.join(names)}: " if names else ""

    def _tightest(self, goal: WaitingGoal, reached: Array) -> str:
        """Years in which what breaks the goal is worst, or comes nearest to it."""
        worst = reached.max(1)
        broken = reached[worst > goal.target + NOBODY]
        chosen = broken if len(broken) else reached[worst >= worst.max()]
        first = int((month(goal.since) - self.work.labels[0]).astype(int))
        return most_often(self.work.labels[first + np.argmax(chosen, axis=1)].astype("datetime64[Y]"))

    def _prices(self, plan: Array, solution: Solution) -> pd.DataFrame:
        """What a step more of each goal costs, by solving again, and what one more officer is worth where."""
        rows, years = [], self.staff.months / 12
        cost = float(self.staff.monthly_cost.sum(0) @ solution.plan)
        for number, goal in enumerate(self.goals if self.objective == "cheapest" and self.in_order else []):
            harder = goal.tighter()
            if harder is None:
                continue
            goals = [*self.goals[:number], harder, *self.goals[number + 1 :]]
            cuts = Cuts(staffing_model(self.staff, self.objective, self.spare), replace(self, goals=goals).chances())
            if self.staff.openings:
                self._hold(cuts, solution.plan[self.staff.opened])
            again = cuts.cheapest(solution.widths, solution.allowed)
            price = np.nan if again is None else (float(self.staff.monthly_cost.sum(0) @ again.plan) - cost) / years
            words = (
                f"no plan keeps {harder.describe()}"
                if again is None
                else f"{price:+,.0f} {self.staff.currency} a year for {harder.describe()}"
            )
            rows.append({"goal": goal.describe(), "step": 1, "cost_a_year": price, "in_words": words})
        return pd.DataFrame(rows + self._worth(plan))

    def _worth(self, plan: Array) -> list[dict[str, object]]:
        """Person-months of waiting that one officer more would save in each queue, from the first who can come on."""
        lever = self.staff.grades[0]
        soonest = months_in(lever.recruitment_lag) + months_in(lever.training)
        if soonest >= self.staff.months:
            return []
        rows = []
        for queue, (office, stage) in enumerate(self.staff.queues):
            saved = self.runs["certify"].saved(queue, plan, soonest)
            where = ", ".join(name for name in (office, stage) if name)
            words = (
                f"one officer more in {where} from {self.work.labels[soonest]} on saves {saved.mean():,.0f} "
                f"person-months of waiting to the horizon (80 % of draws {np.quantile(saved, 0.1):,.0f} to "
                f"{np.quantile(saved, 0.9):,.0f})"
            )
            rows.append(
                {"goal": f"waiting, {where}", "step": 1, "person_months": float(saved.mean()), "in_words": words}
            )
        return rows

    def _answer(self, reports: list[GoalReport], decided: xr.Dataset, exists: bool) -> str:
        offices = self.work.offices
        who = offices[0] if len(offices) == 1 else f"{len(offices)} offices"
        if not exists:
            return f"No plan for {who}: {missed(reports)}."
        in_post = decided["in_post"].sum([dim for dim in decided["in_post"].dims if dim != "month"])
        peak = in_post["month"].to_numpy()[in_post.to_numpy().argmax()].astype("datetime64[M]")
        held = min(reports, key=lambda report: report.held_out - report.requested)
        low, high = held.held_out_interval
        each = "" if len(reports) == len(self.goals) else " in each"
        return (
            f"{who}: raising officers from {self.staff.in_post.sum():,.0f} to {float(in_post.max()):,.0f} in post by "
            f"{peak}, at {float(decided['cost'].sum()):,.0f} {self.staff.currency} to the horizon, reaches "
            f"{' and '.join(goal.describe() for goal in self.goals)}{each} with {percent(held.requested)} probability; "
            f"held out: {percent(held.held_out, 1)} (95 % interval {percent(low, 1)} to {percent(high, 1)})"
            f"{'' if len(reports) == 1 else ' where it is lowest'}."
        )

    def _assumptions(self) -> list[str]:
        labels, position = self.work.labels, self.work.position
        found = []
        if position:
            ledger, there = labels[0] - np.timedelta64(position, "M"), float(self.work.before.sum())
            found.append(
                f"from {ledger} to {labels[0]} {there:,.0f} officers were at work, and arrivals and withdrawals were "
                "as forecast (the ledger ends before)"
            )
        for lever in self.staff.grades:
            name = "" if len(self.staff.grades) == 1 else f"{lever.name}: "
            leave = np.mean(np.asarray(lever.attrition, dtype=float))
            found.append(
                f"{name}officers start {lever.recruitment_lag} after the decision and decide cases after "
                f"{lever.training} of training; {percent(float(leave))} leave in a year"
            )
        found.append(f"cases are decided {self.work.how['order']}; a wait counts whole months from that of application")
        if self.service:
            found.append(f"{self.service} months of every wait pass whoever works on the case")
        if "response" in self.work.how:
            found.append("applications answer to the wait")
        return found


def _sooner(goal: WaitingGoal, months: int) -> WaitingGoal:
    """The goal from so many months earlier on."""
    if isinstance(goal, WaitingNow):
        return replace(goal, by=str(month(goal.by) - np.timedelta64(months, "M")))
    assert isinstance(goal, WaitTime | BacklogSize)
    return replace(goal, since=str(month(goal.since) - np.timedelta64(months, "M")))


def _changed(before: Sequence[xr.Dataset], after: Sequence[xr.Dataset]) -> float:
    """Share by which what arrives has changed, in the stage where it is most."""
    return max(
        float(np.abs(new["arrivals"].to_numpy() - old["arrivals"].to_numpy()).sum() / (old["arrivals"].sum() + 1.0))
        for new, old in zip(after, before, strict=True)
    )
