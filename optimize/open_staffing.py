"""A staffing plan opened for solving, and what the plan is held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ._roster import limits_met, roster
from ._staff_model import overspent
from ._staffing_search import Found, Search
from .chance import Certificate, certify
from .plan import GoalReport, Plan, missed
from .waiting import NOBODY, BacklogSize, WaitingGoal, WaitingNow, WaitTime
from .words import month, months_in, most_often, percent

__all__ = ["OpenStaffingPlan"]

Array = NDArray[np.float64]
CENT = 0.01


@dataclass(frozen=True, eq=False)
class OpenStaffingPlan:
    """What `poblar.optimize.StaffingPlan` asks, with its draws dealt.

    Parameters
    ----------
    search : Search
        What comes to the offices, who works there, and the goals; with ``sets`` of draws, ``chances()`` as constraints
        and the ``model()`` without them.

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
    >>> len(opened.search.chances()), {name: len(draws) for name, draws in opened.search.sets.items()}
    (2, {'solve': 120, 'calibrate': 90, 'certify': 90})
    """

    search: Search

    def solve(self) -> Plan:
        """Search for the plan, and certify it."""
        return self._fastest() if self.search.objective == "fastest" else self._solve()

    def _fastest(self) -> Plan:
        """The cheapest plan that keeps the goals from the earliest month on that one does; by bisection."""
        goals, labels = self.search.goals, self.search.work.labels
        first = min(int((month(goal.since) - labels[0]).astype(int)) for goal in goals)

        def sooner(months: int) -> Plan:
            asked = [_sooner(goal, months) for goal in goals]
            return OpenStaffingPlan(replace(self.search, goals=asked, objective="cheapest"))._solve()

        late, early, best = 0, first + 1, sooner(0)  # so many months sooner there is one; is none, or no month
        while best.exists and early - late > 1:
            middle = (late + early) // 2
            found = sooner(middle)
            late, early, best = (middle, early, found) if found.exists else (late, middle, best)
        return best

    def _solve(self) -> Plan:
        search, staff = self.search, self.search.staff
        found = search.find()
        more = overspent(staff, found.plan)
        if more > CENT and search.spare < len(staff.staff) * max(lever.cost for lever in staff.grades):
            return OpenStaffingPlan(replace(search, spare=search.spare + more + CENT))._solve()
        reports = self._reports(found.plan, found.exists)
        decided = roster(staff, found.plan)
        return Plan(
            exists=found.exists,
            answer=self._answer(reports, decided, found.exists),
            goals=reports,
            decided=decided,
            objective=float(decided["cost"].sum()),
            objective_units=staff.currency,
            binding=limits_met(staff, found.plan),
            prices=self._prices(found) if found.exists else pd.DataFrame(),
            draws={name: len(draws) for name, draws in search.sets.items()},
            record=_record(found, search.seed),
            assumptions=self._assumptions(),
        )

    def _reports(self, plan: Array, exists: bool) -> list[GoalReport]:
        """What a plan reaches of each goal in each queue; held out, by running the queues."""
        found, chances = [], iter(self.search.chances(self.search.arriving(plan)))
        for goal in self.search.goals:
            queues = self.search.queues_of(goal)
            for group in [queues] if goal.everywhere else [[queue] for queue in queues]:
                reached = self.search.runs["certify"].reached(goal, group, plan)
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
        if len(self.search.staff.queues) == 1 or len(group) > 1:
            return ""
        office, stage = self.search.staff.queues[group[0]]
        names = [name for name, own in ((office, goal.office), (stage, goal.stage)) if name and own is None]
        return f"{', '.join(names)}: " if names else ""

    def _tightest(self, goal: WaitingGoal, reached: Array) -> str:
        """Years in which what breaks the goal is worst, or comes nearest to it."""
        worst = reached.max(1)
        broken = reached[worst > goal.target + NOBODY]
        chosen = broken if len(broken) else reached[worst >= worst.max()]
        first = int((month(goal.since) - self.search.work.labels[0]).astype(int))
        return most_often(self.search.work.labels[first + np.argmax(chosen, axis=1)].astype("datetime64[Y]"))

    def _prices(self, found: Found) -> pd.DataFrame:
        """What a step more of each goal costs, by solving again, and what one more officer is worth where."""
        rows, search = [], self.search
        for goal in search.goals if search.objective == "cheapest" and search.in_order else []:
            harder = goal.tighter(search.work.labels[0])
            if harder is None:
                continue
            parts = [part.price(harder, goal, one) for part, one in found.parts if goal in part.goals]
            costs = [part for part in parts if part is not None]
            price = sum(costs) * 12 / search.staff.months if len(costs) == len(parts) else np.nan
            words = (
                f"no plan keeps {harder.describe()}"
                if np.isnan(price)
                else f"{price:+,.0f} {search.staff.currency} a year for {harder.describe()}"
            )
            rows.append({"goal": goal.describe(), "step": 1, "cost_a_year": price, "in_words": words})
        return pd.DataFrame(rows + self._worth(found.plan))

    def _worth(self, plan: Array) -> list[dict[str, object]]:
        """Person-months of waiting that one officer more would save in each queue, from the first who can come on."""
        lever = self.search.staff.grades[0]
        soonest = months_in(lever.recruitment_lag) + months_in(lever.training)
        if soonest >= self.search.staff.months:
            return []
        rows = []
        for queue, (office, stage) in enumerate(self.search.staff.queues):
            saved = self.search.runs["certify"].saved(queue, plan, soonest)
            where = ", ".join(name for name in (office, stage) if name)
            words = (
                f"one officer more in {where} from {self.search.work.labels[soonest]} on saves {saved.mean():,.0f} "
                f"person-months of waiting to the horizon (80 % of draws {np.quantile(saved, 0.1):,.0f} to "
                f"{np.quantile(saved, 0.9):,.0f})"
            )
            rows.append(
                {"goal": f"waiting, {where}", "step": 1, "person_months": float(saved.mean()), "in_words": words}
            )
        return rows

    def _answer(self, reports: list[GoalReport], decided: xr.Dataset, exists: bool) -> str:
        offices = self.search.work.offices
        who = offices[0] if len(offices) == 1 else f"{len(offices)} offices"
        if not exists:
            return f"No plan for {who}: {missed(reports)}."
        in_post = decided["in_post"].sum([dim for dim in decided["in_post"].dims if dim != "month"])
        peak = in_post["month"].to_numpy()[in_post.to_numpy().argmax()].astype("datetime64[M]")
        held = min(reports, key=lambda report: report.held_out - report.requested)
        low, high = held.held_out_interval
        each = "" if len(reports) == len(self.search.goals) else " in each"
        asked = " and ".join(goal.describe() for goal in self.search.goals)
        before, most, cost = self.search.staff.in_post.sum(), float(in_post.max()), float(decided["cost"].sum())
        return (
            f"{who}: raising officers from {before:,.0f} to {most:,.0f} in post by {peak}, at {cost:,.0f} "
            f"{self.search.staff.currency} to the horizon, reaches {asked}{each} with {percent(held.requested)} "
            f"probability; held out: {percent(held.held_out, 1)} (95 % interval {percent(low, 1)} to "
            f"{percent(high, 1)}){'' if len(reports) == 1 else ' where it is lowest'}."
        )

    def _assumptions(self) -> list[str]:
        labels, position = self.search.work.labels, self.search.work.position
        found = []
        if position:
            ledger, there = labels[0] - np.timedelta64(position, "M"), float(self.search.work.before.sum())
            found.append(
                f"from {ledger} to {labels[0]} {there:,.0f} officers were at work, and arrivals and withdrawals were "
                "as forecast (the ledger ends before)"
            )
        for lever in self.search.staff.grades:
            name = "" if len(self.search.staff.grades) == 1 else f"{lever.name}: "
            leave = np.mean(np.asarray(lever.attrition, dtype=float))
            found.append(
                f"{name}officers start {lever.recruitment_lag} after the decision and decide cases after "
                f"{lever.training} of training; {percent(float(leave))} leave in a year"
            )
        found.append(
            f"cases are decided {self.search.work.how['order']}; a wait counts whole months from that of application"
        )
        if self.search.service:
            found.append(f"{self.search.service} months of every wait pass whoever works on the case")
        if "response" in self.search.work.how:
            found.append("applications answer to the wait")
        return found


def _record(found: Found, seed: int) -> dict[str, str | float]:
    """How a plan was solved; in parts, how all of them were."""
    records = [solution.record(seed) for _, solution in found.parts]
    total: dict[str, float] = {"linear_programs": sum(int(one["linear_programs"]) for one in records)}
    total["seconds"] = sum(float(one["seconds"]) for one in records)
    most = {key: max(float(one[key]) for one in records) for key in ("tail_shortfall", "tail_widening")}
    return records[0] | total | most


def _sooner(goal: WaitingGoal, months: int) -> WaitingGoal:
    """The goal from so many months earlier on."""
    if isinstance(goal, WaitingNow):
        return replace(goal, by=str(month(goal.by) - np.timedelta64(months, "M")))
    assert isinstance(goal, WaitTime | BacklogSize)
    return replace(goal, since=str(month(goal.since) - np.timedelta64(months, "M")))
