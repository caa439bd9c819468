r"""Waiting-time goals as rows: first in, first out, exact, linear in the plan.

Whoever arrives in month t is decided by month t + W if and only if, for every month :math:`\tau \le t`, the capacity
of the months :math:`\tau \dots t+W` covers the arrivals of the months :math:`\tau \dots t`; from the first month on,
with the backlog. With withdrawals, which take the same share of all who wait, the same holds once arrivals and
capacities are multiplied by the growth factor G of `poblar.forecast.queue`. The first month alone is not enough: a
lull in which officers run out of work does not help those who come after it.

The same rows say when a share of a month's cases is decided (they cover that share of its arrivals only), when those
who wait now are (they cover the backlog), and how many wait at a date (the arrivals may exceed the capacity by them).

A margin is what the capacity of an interval exceeds its work by, as a share of that work and an average month's: never
below -1, for in a world with ten times the arrivals the promise is broken, not broken ten times as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .chance import Margins

__all__ = ["FifoMargins", "Together", "fifo_margins"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]


class Hands(NamedTuple):
    """Levers that put people to work: columns of the plan, and officers at work (month, column) for a unit of each.

    Where the shares that leave are draws, ``stays`` is what is there of those who came with the first month (draw,
    month), and ``came`` its inverse at the month each column begins in (draw, column).
    """

    columns: Positions
    at_work: Array
    stays: Array | None = None
    came: Array | None = None


class Moved(NamedTuple):
    """Levers that send a part of a flow here, or away: columns, the months of each (month, column), and the flow."""

    columns: Positions
    months: Array
    flow: Array  # grown cases (draw, month), negative where they go away


class Handed(NamedTuple):
    """A lever that sends a part of those who wait at the start here, or away: its column, and cases (draw,)."""

    column: int
    waiting: Array  # negative where they go away


class Rows(NamedTuple):
    """What must be covered by when.

    Row r asks that the capacity up to the start of month ``by[r]`` covers the work up to the start of month ``upto[r]``
    and ``share`` of that month's, less an ``allowance`` (draw, row), from every month up to ``upto[r]`` on; from the
    first month alone where ``whole``.
    """

    upto: NDArray[np.int64]
    by: NDArray[np.int64]
    share: float = 1.0
    allowance: Array | None = None
    whole: bool = False


@dataclass(frozen=True, eq=False)
class FifoMargins:
    """Margins of a waiting-time goal over draws, linear in a plan.

    Parameters
    ----------
    work : array, shape (draw, month + 1)
        Cumulated grown arrivals at the end of each month; the backlog stands in all of them.
    fixed : array, shape (draw, month + 1)
        Cumulated grown capacity of the officers that the plan does not decide.
    power : array, shape (draw, month)
        Grown cases that one officer decides.
    levers : int
        Columns of the plan.
    hands, moved, handed : sequence of Hands, of Moved and of Handed
        How the plan acts on the capacity, on the work and on the backlog.
    rows : Rows
        What must be covered.
    scaled : bool
        Whether a margin is a share of the work, or in cases.

    Examples
    --------
    Ten cases a month and five officers who decide one each keep a wait of one month for the first month only:

    >>> import numpy as np
    >>> one = np.ones((1, 6))
    >>> margins = fifo_margins(backlog=np.zeros(1), arrivals=10 * one, withdrawal=0 * one, productivity=one,
    ...     officers=np.full(6, 5.0), officers_per_lever=np.ones((6, 1)), first=0, last=4, months=1)
    >>> [bool(margins.months_between(month, month).worst(np.zeros(1))[0] >= 0) for month in range(3)]
    [True, False, False]
    """

    work: Array
    fixed: Array
    power: Array
    levers: int
    hands: Sequence[Hands] = ()
    moved: Sequence[Moved] = ()
    handed: Sequence[Handed] = ()
    rows: Rows = field(default_factory=lambda: Rows(np.zeros(0, np.int64), np.zeros(0, np.int64)))
    scaled: bool = True

    def worst(self, plan: Array) -> tuple[Array, Positions]:
        """Smallest margin of each draw, and its row: the first month of the interval and what it must cover."""
        rows = self.rows
        allowance = np.zeros((1, len(rows.by))) if rows.allowance is None else rows.allowance
        size = self._size()
        margin, since, row = _worst(
            self._work(plan), self._done(plan), size, rows.upto, rows.by, rows.share, allowance, rows.whole, self.scaled
        )
        return margin, since * len(rows.by) + row

    def mean(self, weights: Array, draws: Positions, rows: Positions) -> tuple[float, Array]:
        """Weighted sum of one row of each of some draws, as constant and slope (lever,)."""
        since, row = np.divmod(rows, len(self.rows.by))
        by, upto, share = self.rows.by[row], self.rows.upto[row], self.rows.share
        scale = weights / (
            _todo(self._size()[draws], since, upto, share) + self._average(draws) if self.scaled else 1.0
        )
        todo = _todo(self.work[draws], since, upto, share)
        if self.rows.allowance is not None:
            todo = todo - self.rows.allowance[draws, row]
        constant = float(scale @ (self.fixed[draws, by] - self.fixed[draws, since] - todo))
        slope, month = np.zeros(self.levers), np.arange(self.power.shape[1])
        open_, power = (since[:, None] <= month) & (month < by[:, None]), self.power[draws]
        weight = np.where(open_, scale[:, None] * power, 0.0)
        for part in self.hands:
            if part.stays is None or part.came is None:
                slope[part.columns] += weight.sum(0) @ part.at_work
            else:
                there = part.came[draws].T @ (weight * part.stays[draws])
                slope[part.columns] += (there.T * part.at_work).sum(0)
        if self.moved:
            inside = (since[:, None] <= month) & (month < upto[:, None])
            covered = scale[:, None] * (inside + share * (month == upto[:, None]))
            for part in self.moved:
                slope[part.columns] -= (covered * part.flow[draws]).sum(0) @ part.months
        for part in self.handed:
            slope[part.column] -= float((scale * (since == 0) * part.waiting[draws]).sum())
        return constant, slope

    def take(self, draws: Positions) -> FifoMargins:
        """The margins of some of the draws."""
        allowance = self.rows.allowance
        return replace(
            self,
            work=self.work[draws],
            fixed=self.fixed[draws],
            power=self.power[draws],
            hands=[
                part
                if part.stays is None or part.came is None
                else part._replace(stays=part.stays[draws], came=part.came[draws])
                for part in self.hands
            ],
            moved=[part._replace(flow=part.flow[draws]) for part in self.moved],
            handed=[part._replace(waiting=part.waiting[draws]) for part in self.handed],
            rows=self.rows if allowance is None else self.rows._replace(allowance=allowance[draws]),
        )

    def asking(self, rows: Rows, *, scaled: bool = True) -> FifoMargins:
        """The same queue with other rows."""
        return replace(self, rows=rows, scaled=scaled)

    def months_between(self, first: int, last: int) -> FifoMargins:
        """The same goal for some of its rows: those of the months of arrival from first to last."""
        inside = (first <= self.rows.upto) & (self.rows.upto <= last)
        allowance = self.rows.allowance
        chosen = None if allowance is None else allowance[:, inside]
        return self.asking(
            self.rows._replace(upto=self.rows.upto[inside], by=self.rows.by[inside], allowance=chosen),
            scaled=self.scaled,
        )

    def _done(self, plan: Array) -> Array:
        """Cumulated capacity under a plan (draw, month + 1)."""
        officers: Array | float = 0.0
        for part in self.hands:
            chosen = plan[part.columns]
            if part.stays is None or part.came is None:
                officers = officers + part.at_work @ chosen
            else:
                officers = officers + part.stays * ((part.came * chosen) @ part.at_work.T)
        return self.fixed + _cumulated(self.power * officers)

    def _work(self, plan: Array) -> Array:
        """Cumulated work under a plan (draw, month + 1)."""
        work = self.work
        for part in self.moved:
            work = work + _cumulated(part.flow * (part.months @ plan[part.columns]))
        for part in self.handed:
            work = work + part.waiting[:, None] * plan[part.column]
        return work

    def _size(self) -> Array:
        """Work that margins are a share of: with half of what may be sent here."""
        size = self.work
        for part in self.moved:
            if part.flow.sum() > 0.0:
                size = size + 0.5 * _cumulated(part.flow)
        for part in self.handed:
            size = size + 0.5 * np.maximum(part.waiting, 0.0)[:, None]
        return size

    def _average(self, draws: Positions) -> Array:
        """An average month's work, and one case."""
        size = self._size()
        return 1.0 + size[draws, -1] / size.shape[1]


@dataclass(frozen=True, eq=False)
class Together:
    """The smallest margin of several: a goal that several queues have to keep at once.

    Parameters
    ----------
    parts : sequence of Margins
        Of the same draws and the same plan.

    Examples
    --------
    >>> import numpy as np
    >>> from poblar.optimize.chance import LinearMargins
    >>> one = LinearMargins(np.array([[1.0], [3.0]]), np.ones((2, 1, 1)))
    >>> other = LinearMargins(np.array([[2.0], [0.0]]), np.ones((2, 1, 1)))
    >>> Together([one, other]).worst(np.zeros(1))
    (array([1., 0.]), array([0, 1]))
    """

    parts: Sequence[Margins]

    def worst(self, plan: Array) -> tuple[Array, Positions]:
        """Smallest margin of each draw, and its row."""
        found = [part.worst(plan) for part in self.parts]
        values = np.array([margin for margin, _ in found])
        part = values.argmin(axis=0)
        draw = np.arange(values.shape[1])
        rows = np.array([row for _, row in found])
        return values[part, draw], rows[part, draw] * len(self.parts) + part

    def mean(self, weights: Array, draws: Positions, rows: Positions) -> tuple[float, Array]:
        """Weighted sum of one row of each of some draws, as constant and slope (lever,)."""
        row, which = np.divmod(rows, len(self.parts))
        found = [
            part.mean(weights[which == number], draws[which == number], row[which == number])
            for number, part in enumerate(self.parts)
            if (which == number).any()
        ]
        return sum(constant for constant, _ in found), np.sum([slope for _, slope in found], axis=0)

    def take(self, draws: Positions) -> Together:
        """The margins of some of the draws."""
        return Together([part.take(draws) for part in self.parts])


def fifo_margins(
    *,
    backlog: Array,
    arrivals: Array,
    withdrawal: Array,
    productivity: Array,
    officers: Array,
    officers_per_lever: Array,
    first: int,
    last: int,
    months: int,
) -> FifoMargins:
    """Make the margins of a waiting-time goal from the drivers of the queue.

    Parameters
    ----------
    backlog : array, shape (draw,)
        Cases waiting before the first month.
    arrivals, withdrawal, productivity : array, shape (draw, month)
        Cases, shares, and cases per officer-month.
    officers : array, shape (month,) or (draw, month)
        Officers at work whatever the plan.
    officers_per_lever : array, shape (month, lever)
        Officers at work for one unit of each lever.
    first, last : int
        Positions of the first and last month of arrival in which the goal holds.
    months : int
        The wait allowed.

    Returns
    -------
    FifoMargins

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones((1, 6))
    >>> margins = fifo_margins(backlog=np.array([20.0]), arrivals=10 * one, withdrawal=0 * one, productivity=one,
    ...     officers=np.zeros(6), officers_per_lever=np.ones((6, 1)), first=0, last=4, months=1)
    >>> margins.worst(np.array([15.0]))[0].round(6).tolist(), bool(margins.worst(np.array([14.9]))[0] < 0)
    ([0.0], True)
    """
    growth = growth_of(withdrawal)
    levers = officers_per_lever.shape[1]
    at = np.arange(first, last + 1)
    return FifoMargins(
        work=backlog[:, None] + _cumulated(growth * arrivals),
        fixed=_cumulated(growth * productivity * officers),
        power=growth * productivity,
        levers=levers,
        hands=[Hands(np.arange(levers), officers_per_lever)],
        rows=Rows(at, at + months + 1),
    )


def growth_of(withdrawal: Array) -> Array:
    """Growth factors G (draw, month) that make a queue without withdrawal of one with it."""
    return np.cumprod(1.0 / (1.0 - withdrawal), axis=1)


def _cumulated(values: Array) -> Array:
    """Sums up to the start of each month, and the end of the last."""
    total = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, out=total[:, 1:])
    return total


def _todo(work: Array, since: Positions, upto: Positions, share: float) -> Array:
    """Work of the intervals from the start of month `since` to that of `upto`, and a share of that month's."""
    at = np.arange(len(work))
    todo = work[at, upto] - np.where(since > 0, work[at, since], 0.0)
    return todo + share * (work[at, upto + 1] - work[at, upto]) if share > 0.0 else todo


@njit(cache=True, nogil=True)
def _worst(
    work: Array,
    done: Array,
    size: Array,
    upto: NDArray[np.int64],
    by: NDArray[np.int64],
    share: float,
    allowance: Array,
    whole: bool,
    scaled: bool,
) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Smallest margin of each draw, the first month of its interval, and its row.

    A margin is a ratio; the smallest of all rows is found by Dinkelbach's method (1967), which asks which row has an
    interval with a smaller one than the smallest so far, and takes the smallest of the row that is furthest below.
    """
    draws, rows = work.shape[0], len(by)
    margin = np.full(draws, np.inf)
    start, where = np.zeros(draws, dtype=np.int64), np.zeros(draws, dtype=np.int64)
    need, large, least = np.empty(rows), np.empty(rows), np.empty(work.shape[1])
    for draw in range(draws):
        average = 1.0 + size[draw, -1] / size.shape[1] if scaled else 1.0
        for row in range(rows):
            month = upto[row]
            need[row], large[row] = work[draw, month], size[draw, month]
            if share > 0.0:
                need[row] += share * (work[draw, month + 1] - work[draw, month])
                large[row] += share * (size[draw, month + 1] - size[draw, month])
            need[row] -= allowance[draw % allowance.shape[0], row]
        row = rows - 1
        for _ in range(rows):
            best = margin[draw]
            for since in range(1 if whole else min(upto[row], by[row]) + 1):
                # From the first month on, the backlog is work too.
                before, small = (work[draw, since], size[draw, since]) if since > 0 else (0.0, 0.0)
                unit = large[row] - small + average if scaled else 1.0
                value = (done[draw, by[row]] - done[draw, since] - need[row] + before) / unit
                if value < margin[draw]:
                    margin[draw], start[draw], where[draw] = value, since, row
            if margin[draw] >= best:
                break
            asked = margin[draw] if scaled else 0.0
            for since in range(work.shape[1]):
                here = (work[draw, since] + asked * size[draw, since] if since > 0 else 0.0) - done[draw, since]
                least[since] = here if since == 0 else min(here, least[since - 1])
            furthest = -1e-12 * (1.0 + work[draw, -1])
            row = -1
            for other in range(rows):
                last = 0 if whole else min(upto[other], by[other])
                unit = large[other] + average if scaled else 1.0
                below = done[draw, by[other]] - need[other] + least[last] - margin[draw] * unit
                if below < furthest:
                    furthest, row = below, other
            if row < 0:
                break
    return margin, start, where
