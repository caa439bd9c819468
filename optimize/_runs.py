"""The queues run under a plan: what promises are judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ._workforce import Workforce
from ._workload import Workload, staff_of
from .waiting import Trial, WaitingGoal

__all__ = ["Runs", "Simulated"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]


@dataclass(eq=False)
class Runs:
    """The queues on some draws; what arrives under the last plan is kept."""

    work: Workload
    staff: Workforce
    draws: Positions
    service: int
    last: tuple[bytes, list[xr.Dataset], Array] | None = field(default=None, repr=False)

    def under(self, plan: Array) -> tuple[list[xr.Dataset], Array]:
        """The queues by stage with what arrives, and the officers (queue, month) or (draw, queue, month)."""
        key = plan.tobytes()
        if self.last is None or self.last[0] != key:
            officers = self.staff.officers(plan, self.draws)
            moved = self.staff.moved(plan) if self.staff.redirects else None
            coming = self.staff.coming(plan) if self.staff.intakes else 0.0
            handed = self.staff.handed_on(plan) if self.staff.handed else None
            self.last = key, self.work.arriving(officers, moved, self.draws, coming, handed), officers
        return self.last[1], self.last[2]

    def trial(self, number: int, plan: Array) -> Trial:
        """One queue under a plan."""
        stages, officers = self.under(plan)
        stage, office = divmod(number, len(self.work.offices))
        queue = stages[stage].isel(country=[office])
        return Trial(queue, staff_of(queue, officers[..., [number], :]), self.service, self.work.how_at(stage))

    def reached(self, goal: WaitingGoal, group: Sequence[int], plan: Array) -> Array:
        """What is reached of a goal (draw, period), in the queue of several where it is worst."""
        return np.max([goal.reached(self.trial(one, plan)) for one in group], axis=0)

    def saved(self, number: int, plan: Array, since: int) -> Array:
        """Person-months of waiting (draw,) that one officer more saves in a queue, from a month on."""
        now = self.trial(number, plan)
        more = now._replace(officers=now.officers + (np.arange(self.staff.months) >= since))
        waiting = [trial.run()["pending"].sum(["country", "month"]) for trial in (now, more)]
        return (waiting[0] - waiting[1]).to_numpy()


@dataclass(frozen=True, eq=False)
class Simulated:
    """Margins of a goal by running the queues: what the target exceeds the worst that is reached by.

    For counting only: they have no slope, and a draw has one row.
    """

    runs: Runs
    goal: WaitingGoal
    group: Sequence[int]
    row: int | None

    def worst(self, plan: Array) -> tuple[Array, Positions]:
        """Smallest margin of each draw."""
        reached = self.runs.reached(self.goal, self.group, plan)
        worst = reached.max(1) if self.row is None else reached[:, self.row]
        return self.goal.target - worst, np.zeros(len(worst), dtype=np.intp)

    def mean(self, weights: Array, draws: Positions, rows: Positions) -> tuple[float, Array]:
        """There is none."""
        raise NotImplementedError("margins by simulation are counted, not optimised over")

    def take(self, draws: Positions) -> Simulated:
        """The same on some of the draws."""
        runs = Runs(self.runs.work, self.runs.staff, self.runs.draws[draws], self.runs.service)
        return Simulated(runs, self.goal, self.group, self.row)
