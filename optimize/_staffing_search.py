"""The search for a staffing plan: its chance constraints, made again as what arrives changes with the plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..forecast.orders import ORDERS
from ._roster import whole_officers
from ._runs import Runs, Simulated
from ._staff_model import staffing_model
from ._workforce import QUARTER, Workforce
from ._workload import Workload
from .calibrate import calibrated, calibrated_each
from .chance import Margins, deal
from .errors import GoalError
from .fifo import FifoMargins, Handed, Moved, Rows, Together, growth_of
from .program import Model
from .solve import ChanceGoal, Cuts, Solution
from .waiting import Setting, WaitingGoal

Array = NDArray[np.float64]
Positions = NDArray[np.intp]
ENOUGH = 3e-4  # share of the work by which the mean of a tail may miss
HAIR = 2.0 * ENOUGH  # of the work, asked for besides, so that what is just enough is enough when it is run
SETTLED = 0.002  # share by which what arrives may change with the plan
TURNS = 6  # plans made for what arrives under the one before
WIDE = 2.0  # times the tail of the request, about what calibration ends at
MOST_OPENINGS = 6


class Found(NamedTuple):
    """A plan, whether it reaches the requests, and what it was found by: one search, or one for each office."""

    exists: bool
    plan: Array
    parts: list[tuple[Search, Solution]]


@dataclass(frozen=True, eq=False)
class Search:
    """A staffing problem with its draws dealt; see `poblar.optimize.open_staffing.OpenStaffingPlan`."""

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

    @property
    def apart(self) -> bool:
        """Whether what is done in one office is nothing to another."""
        between = self.staff.budget is not None or self.staff.redirects or self.staff.openings
        return len(self.work.offices) > 1 and not between and not any(goal.everywhere for goal in self.goals)

    def find(self) -> Found:
        """The best plan that reaches the requests on the draws for calibration; where there is none, the nearest."""
        if not self.apart:
            exists, solution = self._search()
            return Found(exists, whole_officers(self.staff, solution.plan), [(self, solution)])
        plan, exists = np.zeros(self.staff.size), True
        parts: list[tuple[Search, Solution]] = []
        for office in self.work.offices:
            one = self._of(office)
            found = one.find()
            exists &= found.exists
            parts += found.parts
            for mine, columns in self.staff.columns_of(one.staff):
                plan[mine] = found.plan[columns]
        return Found(exists, plan, parts)

    def _of(self, office: str) -> Search:
        """The problem of one office."""
        goals = [goal for goal in self.goals if goal.office in (None, office)]
        return replace(self, work=self.work.of(office), staff=self.staff.of(office), goals=goals)

    def price(self, harder: WaitingGoal, goal: WaitingGoal, solution: Solution) -> float | None:
        """What it costs more to keep another goal in the place of one, by solving again; None where no plan does."""
        search = replace(self, goals=[harder if one is goal else one for one in self.goals])
        cuts = Cuts(search.model(), search.chances())
        if self.staff.openings:
            self._hold(cuts, solution.plan[self.staff.opened])
        again = cuts.cheapest(solution.widths, solution.allowed)
        cost = self.staff.monthly_cost.sum(axis=0)
        return None if again is None else float(cost @ (again.plan - solution.plan))

    def model(self) -> Model:
        """The program without the goals."""
        return staffing_model(self.staff, self.objective, self.spare)

    def _search(self) -> tuple[bool, Solution]:
        """The plan, made again for what arrives under it until that changes no more; opened offices first."""
        arriving, turns = self.arriving(None), TURNS
        cuts = self._cuts(arriving, 0)
        opened = self._choose_openings(cuts) if self.staff.openings else np.zeros(0)
        if not self.in_order or len(self.work.stages) > 1:
            while turns > 0:
                turns -= 1
                rough = cuts.cheapest(WIDE) or cuts.nearest()
                before, arriving = arriving, self.arriving(whole_officers(self.staff, rough.plan))
                cuts = self._cuts(arriving, 0, cuts)
                if _changed(before, arriving) < SETTLED:
                    break
        solution, sooner = self._calibrated(cuts), 0
        while solution is not None and len(self.work.stages) > 1 and turns > 0:
            turns -= 1
            before, arriving = arriving, self.arriving(whole_officers(self.staff, solution.plan))
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
        near = Cuts(cuts.model, [goal for goal in cuts.goals if goal.weight is None])
        if self.staff.openings:
            self._hold(near, opened)
        return False, near.nearest()

    def _calibrated(self, cuts: Cuts, like: Solution | None = None) -> Solution | None:
        def rounded(plan: Array) -> Array:
            return whole_officers(self.staff, plan)

        if len(cuts.goals) == 1:
            return calibrated(cuts, rounded, hint=None if like is None else like.asking)
        return calibrated_each(cuts, rounded, like=like)

    def _choose_openings(self, cuts: Cuts) -> Array:
        """Hold each office open or closed, whichever is cheapest; every choice is tried. One for each that is open."""
        columns, best = self.staff.opened, (np.inf, np.zeros(0))
        if len(columns) > MOST_OPENINGS:
            raise GoalError(f"expected at most {MOST_OPENINGS} openings, found {len(columns)}; try some at a time.")
        for choice in range(2 ** len(columns)):
            open_ = np.array([float(choice >> k & 1) for k in range(len(columns))])
            self._hold(cuts, open_)
            found = cuts.cheapest(1.0)
            if found is not None and found.objective < best[0]:
                best = found.objective, open_
        chosen = best[1] if len(best[1]) else np.ones(len(columns))
        self._hold(cuts, chosen)
        return chosen

    def _hold(self, cuts: Cuts, open_: Array) -> None:
        low, high = np.full(self.staff.size, -np.inf), np.full(self.staff.size, np.inf)
        low[self.staff.opened] = high[self.staff.opened] = open_
        cuts.program.between(low, high)

    def arriving(self, plan: Array | None) -> list[xr.Dataset]:
        """The queues with what arrives under a plan; without one, as if all who apply were decided at once."""
        if plan is None:
            officers = np.full((len(self.staff.queues), self.staff.months), 1e12)
            return self.work.arriving(officers)
        moved = self.staff.moved(plan) if self.staff.redirects else None
        coming = self.staff.coming(plan) if self.staff.intakes else 0.0
        handed = self.staff.handed_on(plan) if self.staff.handed else None
        return self.work.arriving(self.staff.officers(plan), moved, invited=coming, handed=handed)

    def _cuts(self, arriving: Sequence[xr.Dataset], sooner: int, last: Cuts | None = None) -> Cuts:
        chances = self.chances(arriving, sooner)
        if last is None:
            return Cuts(self.model(), chances)
        last.again(chances)
        return last

    def chances(self, arriving: Sequence[xr.Dataset] | None = None, sooner: int = 0) -> list[ChanceGoal]:
        """A chance constraint for each goal, queue and, where months count by themselves, month."""
        came = self.arriving(None) if arriving is None else arriving
        lines = {name: self._lines(came, draws) for name, draws in self.sets.items()}
        found = []
        for goal in self.goals:
            queues = self.queues_of(goal)
            by_queue = {}
            for queue in queues:
                margins, growth = lines["solve"][queue]
                rows = goal.rows(Setting(self.work.labels, growth, margins.work[:, 0], self.service + sooner))
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
            rows = goal.rows(Setting(self.work.labels, growth, margins.work[:, 0], self.service + sooner))
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
            handed = self._handed(office, draws) if queue < count else []
            line = FifoMargins((1.0 + HAIR) * work, fixed, growth * power, self.staff.size, hands, moved, handed)
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
        moved += [
            np.array([column])
            for number, column in self.staff.handed.items()
            if office in (self.staff.redirects[number].origin, self.staff.redirects[number].destination)
        ]
        intakes = zip(self.staff.intakes, self.staff.invited, strict=True)
        moved += [columns for lever, columns in intakes if lever.office == office]
        hands = [part.columns for part in self.staff.hands(queue, np.zeros(1, dtype=np.intp))[0]]
        return np.concatenate([*hands, *moved])

    def _moved(self, office: str, growth: Array, draws: Positions) -> list[Moved]:
        """What redirects send to an office, and away."""
        first, found = next(iter(self.work.stages.values())), []
        for lever, columns in zip(self.staff.redirects, self.staff.sent, strict=True):
            if office in (lever.origin, lever.destination):
                flow = first["arrivals"].isel(draw=draws).sel(country=lever.origin).transpose("draw", "month")
                sign = 1.0 if office == lever.destination else -1.0
                found.append(Moved(columns, self.staff.in_quarter, sign * growth * flow.to_numpy()))
        for lever, columns in zip(self.staff.intakes, self.staff.invited, strict=True):
            if lever.office == office:
                found.append(Moved(columns, self.staff.each_month, growth))
        return found

    def _handed(self, office: str, draws: Positions) -> list[Handed]:
        """Those waiting at the start whom redirects send to an office, and away."""
        first, found = next(iter(self.work.stages.values())), []
        for number, column in self.staff.handed.items():
            lever = self.staff.redirects[number]
            if office in (lever.origin, lever.destination):
                waiting = first["backlog"].isel(draw=draws).sel(country=lever.origin).to_numpy()
                found.append(Handed(column, waiting if office == lever.destination else -waiting))
        return found

    def queues_of(self, goal: WaitingGoal) -> list[int]:
        return [
            number
            for number, (office, stage) in enumerate(self.staff.queues)
            if goal.office in (None, office) and goal.stage in (None, stage)
        ]


def _changed(before: Sequence[xr.Dataset], after: Sequence[xr.Dataset]) -> float:
    """Share by which what arrives has changed, in the stage where it is most."""
    return max(
        float(np.abs(new["arrivals"].to_numpy() - old["arrivals"].to_numpy()).sum() / (old["arrivals"].sum() + 1.0))
        for new, old in zip(after, before, strict=True)
    )
