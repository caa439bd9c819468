"""The linear side of a staffing plan: what each lever puts to work, keeps in post and costs, month by month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .errors import GoalError
from .fifo import Hands
from .office import Overtime, Staffing, Surge
from .sites import FiscalBudget, Intake, Opening, Redirect
from .words import month, months_in

__all__ = ["Block", "Workforce", "cap_at"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]
Pool = tuple[str, str]  # office and stage; "" where its staff work on all stages
QUARTER = 3  # months between decisions


class Block(NamedTuple):
    """Columns of one lever in one pool: officers at work, in post, and cost (month, column) for a unit of each."""

    lever: Staffing | Surge | Overtime
    what: str
    pool: int
    columns: Positions
    at_work: Array
    posted: Array
    cost: Array
    began: Positions  # month from which who leaves is counted, by column


@dataclass(frozen=True, eq=False)
class Workforce:
    """The staff of all offices under a plan.

    Parameters
    ----------
    labels : array of datetime64[M]
        Months from the start to the horizon.
    queues, pools : sequence
        Office and stage of each queue, and of each pool of staff; a pool without a stage works on all of its office's.
    levers : sequence of Staffing, Surge, Overtime, Redirect, Opening or Intake
    in_post : array, shape (grade, pool)
        Officers at the start.
    budget : FiscalBudget, optional
    expected : array, shape (office, month)
        Cases expected to apply, for the cost of sending them.
    waiting : array, shape (office,)
        Cases expected to wait at the start.
    offices : sequence of str
    hired : sequence of (int, float)
        Officers of the first grade, in the only pool, who are hired already: first month in post, and how many.
    """

    labels: NDArray[np.datetime64]
    queues: Sequence[Pool]
    pools: Sequence[Pool]
    levers: Sequence[Staffing | Surge | Overtime | Redirect | Opening | Intake]
    in_post: Array
    budget: FiscalBudget | None
    expected: Array
    waiting: Array
    offices: Sequence[str]
    hired: Sequence[tuple[int, float]] = ()

    @property
    def currency(self) -> str:
        """Unit of the costs."""
        return self.grades[0].currency

    @property
    def months(self) -> int:
        """Months from the start to the horizon."""
        return len(self.labels)

    @property
    def quarters(self) -> int:
        """Quarters in which is decided."""
        return -(-self.months // QUARTER)

    @cached_property
    def grades(self) -> list[Staffing]:
        """The grades of officers."""
        return [lever for lever in self.levers if isinstance(lever, Staffing)]

    @cached_property
    def redirects(self) -> list[Redirect]:
        """Where applicants may be sent."""
        return [lever for lever in self.levers if isinstance(lever, Redirect)]

    @cached_property
    def openings(self) -> list[Opening]:
        """Offices that may be opened."""
        return [lever for lever in self.levers if isinstance(lever, Opening)]

    @cached_property
    def staff(self) -> list[Block]:
        """Columns that put people to work, pool by pool."""
        found: list[Block] = []
        at = 0
        for lever in self.levers:
            if isinstance(lever, Redirect | Opening | Intake):
                continue
            for number, (office, stage) in enumerate(self.pools):
                if not _in_scope(lever, office, stage):
                    continue
                for what in ("hires", "releases") if isinstance(lever, Staffing) else (lever.name,):
                    block = self._block(lever, what, number, at)
                    if block is not None:
                        found.append(block)
                        at += len(block.columns)
        return found

    @cached_property
    def intakes(self) -> list[Intake]:
        """Who may be invited."""
        return [lever for lever in self.levers if isinstance(lever, Intake)]

    @cached_property
    def _layout(self) -> dict[str, Positions]:
        """Columns of the plan, by what they decide, one kind after the other."""
        divided = any(stage == "" for _, stage in self.pools) and any(stage != "" for _, stage in self.queues)
        counts = {
            "staff": sum(len(block.columns) for block in self.staff),
            "shared": self.months * len(self.queues) * divided,
            "sent": self.quarters * len(self.redirects),
            "opened": len(self.openings),
            "invited": self.quarters * len(self.intakes),
            "handed": sum(lever.waiting_at_most > 0.0 for lever in self.redirects),
        }
        ends = np.cumsum(list(counts.values()))
        return {name: np.arange(end - counts[name], end) for name, end in zip(counts, ends, strict=True)}

    @cached_property
    def size(self) -> int:
        """Columns of the plan."""
        return sum(len(columns) for columns in self._layout.values())

    @cached_property
    def shared(self) -> dict[int, Positions]:
        """Columns (month,) of the officers that each queue gets, where stages share their staff."""
        return dict(enumerate(self._layout["shared"].reshape(-1, self.months)))

    @cached_property
    def sent(self) -> list[Positions]:
        """Columns (quarter,) of each redirect."""
        return list(self._layout["sent"].reshape(-1, self.quarters))

    @cached_property
    def opened(self) -> Positions:
        """Column of each opening: one if the office is opened."""
        return self._layout["opened"]

    @cached_property
    def invited(self) -> list[Positions]:
        """Columns (quarter,) of each intake."""
        return list(self._layout["invited"].reshape(-1, self.quarters))

    @cached_property
    def handed(self) -> dict[int, int]:
        """Column of each redirect, by number, that may send those who wait at the start."""
        may = [number for number, lever in enumerate(self.redirects) if lever.waiting_at_most > 0.0]
        return dict(zip(may, self._layout["handed"].tolist(), strict=True))

    def _block(self, lever: Staffing | Surge | Overtime, what: str, pool: int, at: int) -> Block | None:
        """Columns of a lever in a pool; those without effect before the horizon are left out."""
        now = np.arange(self.months)[:, None]
        decided = QUARTER * np.arange(self.quarters)[None, :]
        paid = lever.cost / 12
        if isinstance(lever, Surge):
            begins = decided + months_in(lever.lag)
            there = ((now >= begins) & (now < begins + months_in(lever.length))).astype(float)
            work, cost = lever.output * there, paid * there
        elif isinstance(lever, Overtime):
            begins, there = decided, np.zeros((self.months, self.quarters))
            work = ((now >= decided) & (now < decided + QUARTER)).astype(float)
            cost = paid * work
        elif what == "hires":
            begins = decided + months_in(lever.recruitment_lag)
            there = np.where(now >= begins, _stays(lever, now - begins), 0.0)
            work = lever.output * _trained(lever, now - begins) * there
            cost = paid * there + lever.hiring_cost * (now == begins)
        elif not lever.releases:
            return None
        else:
            begins = decided
            there = np.where(now >= decided, -_stays(lever, now - decided), 0.0)
            work, cost = lever.output * there, paid * there + lever.release_cost * (now == decided)
        keep = np.flatnonzero((work != 0.0).any(axis=0))
        if not len(keep):
            return None
        columns = at + np.arange(len(keep))
        return Block(lever, what, pool, columns, work[:, keep], there[:, keep], cost[:, keep], begins[0, keep])

    def of(self, office: str) -> Workforce:
        """The staff of one office, which others have nothing to do with."""
        mine = [number for number, pool in enumerate(self.pools) if pool[0] == office]
        at = self.offices.index(office)
        return replace(
            self,
            queues=[queue for queue in self.queues if queue[0] == office],
            pools=[self.pools[number] for number in mine],
            levers=[lever for lever in self.levers if not isinstance(lever, Intake) or lever.office == office],
            in_post=self.in_post[:, mine],
            expected=self.expected[at : at + 1],
            waiting=self.waiting[at : at + 1],
            offices=[office],
        )

    def columns_of(self, part: Workforce) -> list[tuple[Positions, Positions]]:
        """Columns of the plan that are those of a part of the staff, and their places there."""
        mine = {(id(block.lever), block.what, self.pools[block.pool]): block.columns for block in self.staff}
        found = [(mine[id(block.lever), block.what, part.pools[block.pool]], block.columns) for block in part.staff]
        found += [
            (self.shared[self.queues.index(part.queues[queue])], columns) for queue, columns in part.shared.items()
        ]
        for lever, columns in zip(part.intakes, part.invited, strict=True):
            found.append((self.invited[next(k for k, one in enumerate(self.intakes) if one is lever)], columns))
        return found

    def fixed(self, pool: int) -> Array:
        """Officers (month,) at work of those in post at the start."""
        months, grades = np.arange(self.months), enumerate(self.grades)
        there = [lever.output * self.in_post[grade, pool] * _stays(lever, months) for grade, lever in grades]
        return np.sum(there, axis=0) + self.expected_at(trained=True)

    def expected_at(self, *, trained: bool) -> Array:
        """Officers (month,) in post, or at work, of those who are hired already."""
        lever, total = self.grades[0], np.zeros(self.months)
        for position, number in self.hired:
            after = np.arange(self.months) - position
            output = lever.output * _trained(lever, after) if trained else 1.0
            total += np.where(after >= 0, number * output * _stays(lever, after), 0.0)
        return total

    def pool_of(self, queue: int) -> int:
        """The pool that works on a queue."""
        office, stage = self.queues[queue]
        return next(p for p, name in enumerate(self.pools) if name in ((office, stage), (office, "")))

    def hands(self, queue: int, draws: Positions) -> tuple[list[Hands], Array]:
        """How the plan acts on the capacity of a queue, and the officers (… month) that it has without."""
        if queue in self.shared:
            return [Hands(self.shared[queue], np.eye(self.months))], np.zeros(self.months)
        pool, found, certain, months = self.pool_of(queue), [], [], np.arange(self.months)
        fixed: Array = np.zeros(self.months)
        for grade, lever in enumerate(self.grades):
            there = self.in_post[grade, pool] * lever.output
            fixed = fixed + there * (_draws(lever, draws) ** months if _uncertain(lever) else _stays(lever, months))
        fixed = fixed + self.expected_at(trained=True)
        for block in self.staff:
            if block.pool != pool:
                continue
            if not _uncertain(block.lever):
                certain.append(block)
                continue
            stay = _draws(block.lever, draws)
            level = np.divide(block.at_work, np.abs(block.posted), where=block.posted != 0.0, out=0.0 * block.at_work)
            found.append(Hands(block.columns, level, stay**months, stay ** -block.began.astype(float)))
        if certain:
            columns = np.concatenate([block.columns for block in certain])
            found.append(Hands(columns, np.concatenate([block.at_work for block in certain], axis=1)))
        return found, fixed

    @cached_property
    def monthly_cost(self) -> Array:
        """Cost (month, column) of a unit of each column."""
        cost = np.zeros((self.months, self.size))
        for block in self.staff:
            cost[:, block.columns] = block.cost
        for lever, columns in zip(self.redirects, self.sent, strict=True):
            cases = self.expected[self.offices.index(lever.origin)]
            cost[:, columns] = lever.cost * cases[:, None] * self.in_quarter
        for number, column in self.handed.items():
            lever = self.redirects[number]
            cost[0, column] = lever.cost * self.waiting[self.offices.index(lever.origin)]
        for lever, column in zip(self.openings, self.opened, strict=True):
            cost[self.at(lever.date), column] = lever.cost
        return cost

    @cached_property
    def committed(self) -> Array:
        """Cost (pool, month) of those in post at the start, and of those hired already."""
        months = np.arange(self.months)
        paid = [
            np.multiply.outer(self.in_post[grade] * lever.cost / 12, _stays(lever, months))
            for grade, lever in enumerate(self.grades)
        ]
        paid[0][0] += self.grades[0].cost / 12 * self.expected_at(trained=False)
        return np.sum(paid, axis=0)

    @cached_property
    def payer(self) -> Positions:
        """The pool that pays for each column; the first of its office for who is sent there, invited or opened."""
        found = np.zeros(self.size, dtype=np.intp)
        first = {office: pool for pool, (office, _) in reversed(list(enumerate(self.pools)))}
        for block in self.staff:
            found[block.columns] = block.pool
        for lever, columns in zip(self.redirects, self.sent, strict=True):
            found[columns] = first[lever.origin]
        for number, column in self.handed.items():
            found[column] = first[self.redirects[number].origin]
        for lever, column in zip(self.openings, self.opened, strict=True):
            found[column] = first[lever.office]
        return found

    @property
    def in_quarter(self) -> Array:
        """Which months (month, quarter) are of a quarter."""
        return (np.arange(self.months)[:, None] // QUARTER == np.arange(self.quarters)).astype(float)

    def at(self, date: str) -> int:
        """Position of a month."""
        position = int((month(date) - self.labels[0]).astype(int))
        if not 0 <= position < self.months:
            raise GoalError(f"expected a date between {self.labels[0]} and {self.labels[-1]}, found {date}.")
        return position

    def posted(self, pool: int, grade: int) -> tuple[Array, Array, Positions]:
        """Officers of a grade in post: those of the start (month,), for a unit (month, column), and the columns."""
        lever = self.grades[grade]
        mine = [block for block in self.staff if block.pool == pool and block.lever is lever]
        there = self.in_post[grade, pool] * _stays(lever, np.arange(self.months))
        there = there + (self.expected_at(trained=False) if grade == 0 else 0.0)
        empty = np.zeros((self.months, 0)), np.zeros(0, dtype=np.intp)
        matrix = np.concatenate([empty[0], *(block.posted for block in mine)], axis=1)
        return there, matrix, np.concatenate([empty[1], *(block.columns for block in mine)])

    def added(self, pool: int, plan: Any, *, overtime: bool = True) -> Any:
        """Officers at work (month,) of a pool beyond those of the start."""
        total: Any = np.zeros(self.months)
        for block in self.staff:
            if block.pool == pool and (overtime or not isinstance(block.lever, Overtime)):
                total = total + block.at_work @ plan[block.columns]
        return total

    @cached_property
    def fiscal_years(self) -> Mapping[int, NDArray[np.bool_]]:
        """Which months are of each fiscal year."""
        budget = self.budget or FiscalBudget(at_most=0.0)
        stamps = self.labels.astype(object)
        years = np.array([budget.year_of(stamp.year, stamp.month) for stamp in stamps])
        return {int(year): years == year for year in np.unique(years)}

    def officers(self, plan: Array, draws: Positions | None = None) -> Array:
        """Officers at work (queue, month) under a plan, as many as are expected not to leave.

        Along draws (draw, queue, month) where `draws` are given and attrition is uncertain.
        """
        if self.shared:
            found = np.array([plan[self.shared[queue]] for queue in range(len(self.queues))])
        elif draws is not None and any(map(_uncertain, self.grades)):
            found = np.stack([_at_work(*self.hands(queue, draws), plan) for queue in range(len(self.queues))], axis=1)
        else:
            found = np.array(
                [self.fixed(pool) + self.added(pool, plan) for pool in map(self.pool_of, range(len(self.queues)))]
            )
        return np.maximum(found, 0.0)  # rounding may leave a trace below zero

    def moved(self, plan: Array) -> Array:
        """Shares (from, to, month) of the applicants who are sent on."""
        found = np.zeros((len(self.offices), len(self.offices), self.months))
        for lever, columns in zip(self.redirects, self.sent, strict=True):
            place = self.offices.index(lever.origin), self.offices.index(lever.destination)
            found[place] += self.in_quarter @ plan[columns]
        return found

    def handed_on(self, plan: Array) -> Array:
        """Shares (from, to) of those waiting at the start who are sent on."""
        found = np.zeros((len(self.offices), len(self.offices)))
        for number, column in self.handed.items():
            lever = self.redirects[number]
            found[self.offices.index(lever.origin), self.offices.index(lever.destination)] += plan[column]
        return found

    def coming(self, plan: Array) -> Array:
        """People invited (office, month)."""
        found = np.zeros((len(self.offices), self.months))
        for lever, columns in zip(self.intakes, self.invited, strict=True):
            found[self.offices.index(lever.office)] += self.each_month @ plan[columns]
        return found

    @property
    def each_month(self) -> Array:
        """Part (month, quarter) of a quarter's people who come in each of its months."""
        return self.in_quarter / self.in_quarter.sum(axis=0)

    def cost(self, plan: Array) -> Array:
        """Cost (pool, month) of a plan, those in post at the start included."""
        pays = self.payer == np.arange(len(self.pools))[:, None]
        return self.committed + (pays * plan) @ self.monthly_cost.T


def _at_work(hands: Sequence[Hands], fixed: Array, plan: Array) -> Array:
    """Officers (draw, month) of a queue."""
    total = fixed
    for part in hands:
        chosen = plan[part.columns]
        if part.stays is None or part.came is None:
            total = total + part.at_work @ chosen
        else:
            total = total + part.stays * ((part.came * chosen) @ part.at_work.T)
    return total


def _in_scope(lever: Staffing | Surge | Overtime, office: str, stage: str) -> bool:
    here = lever.offices is None or office in lever.offices
    return here and (lever.stages is None or stage == "" or stage in lever.stages)


def _uncertain(lever: Staffing | Surge | Overtime) -> bool:
    return isinstance(lever, Staffing) and isinstance(lever.attrition, xr.DataArray)


def _draws(lever: Staffing | Surge | Overtime, draws: Positions) -> Array:
    """Share (draw, 1) of the officers who stay for a month more."""
    assert isinstance(lever, Staffing)
    return (1.0 - np.asarray(lever.attrition, dtype=float)[draws, None]) ** (1 / 12)


def _stays(lever: Staffing, months: Array | Positions) -> Array:
    """Share of the officers who are still there after some months, on average over draws."""
    yearly = 1.0 - np.atleast_1d(np.asarray(lever.attrition, dtype=float))
    years = np.maximum(np.asarray(months, dtype=float), 0.0) / 12
    return np.mean([stay**years for stay in yearly], axis=0)


def _trained(lever: Staffing, months: Positions) -> Array:
    """Share of the output of an officer who has been in post for some months."""
    after = months - months_in(lever.training)
    ramp = np.array([*lever.ramp, 1.0])
    return np.where(after >= 0, ramp[np.clip(after, 0, len(lever.ramp))], 0.0)


def cap_at(cap: float | Mapping[str, float] | None, office: str) -> float | None:
    """A cap as it is at an office."""
    return cap.get(office) if isinstance(cap, Mapping) else cap
