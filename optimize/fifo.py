r"""Waiting-time goals as rows: first in, first out, exact, linear in the capacity.

Whoever arrives in month t is decided by month t + W if and only if, for every month :math:`\tau \le t`, the capacity
of the months :math:`\tau \dots t+W` covers the arrivals of the months :math:`\tau \dots t`; from the first month on,
with the backlog. With withdrawals, which take the same share of all who wait, the same holds once arrivals and
capacities are multiplied by the growth factor G of `poblar.forecast.queue`. The first month alone is not enough: a
lull in which officers run out of work does not help those who come after it.

A margin is what the capacity of an interval exceeds its work by, as a share of that work and an average month's: never
below -1, for in a world with ten times the arrivals the promise is broken, not broken ten times as much.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["FifoMargins", "fifo_margins"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class FifoMargins:
    """Margins of a waiting-time goal over draws, linear in a plan of officers.

    Parameters
    ----------
    work : array, shape (draw, month + 1)
        Cumulated grown arrivals at the end of each month; the backlog stands in all of them.
    fixed : array, shape (draw, month + 1)
        Cumulated grown capacity of the officers that the plan does not decide.
    slope : array, shape (draw, month + 1, lever)
        Cumulated grown capacity for one unit of each lever.
    first, last : int
        Positions of the first and last month of arrival in which the goal holds.
    months : int
        The wait allowed.

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
    slope: Array
    first: int
    last: int
    months: int

    def worst(self, plan: Array) -> tuple[Array, Positions]:
        """Smallest margin of each draw, and its row: the interval of months that it is of."""
        margin, start, end = _worst(self.work, self.fixed + self.slope @ plan, self.first, self.last, self.months)
        return margin, start * self.work.shape[1] + end

    def mean(self, weights: Array, draws: Positions, rows: Positions) -> tuple[float, Array]:
        """Weighted sum of one row of each of some draws, as constant and slope (lever,)."""
        start, end = np.divmod(rows, self.work.shape[1])
        work, month = self.work[draws], end - self.months
        at = np.arange(len(draws))
        todo = work[at, month] - np.where(start > 0, work[at, start], 0.0)
        share = weights / (todo + 1.0 + work[:, -1] / work.shape[1])
        fixed = self.fixed[draws, end] - self.fixed[draws, start] - todo
        return float(share @ fixed), share @ (self.slope[draws, end] - self.slope[draws, start])

    def take(self, draws: Positions) -> FifoMargins:
        """The margins of some of the draws."""
        return replace(self, work=self.work[draws], fixed=self.fixed[draws], slope=self.slope[draws])

    def months_between(self, first: int, last: int) -> FifoMargins:
        """The same goal for some of its months of arrival."""
        return replace(self, first=first, last=last)


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
    officers : array, shape (month,)
        Officers at work whatever the plan.
    officers_per_lever : array, shape (month, lever)
        Officers at work for one unit of each lever.
    first, last, months : int
        As in `FifoMargins`.

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
    growth = np.cumprod(1.0 / (1.0 - withdrawal), axis=1)

    def cumulated(values: Array) -> Array:
        total = np.zeros((values.shape[0], values.shape[1] + 1, *values.shape[2:]))
        np.cumsum(values, axis=1, out=total[:, 1:])
        return total

    power = growth * productivity
    return FifoMargins(
        work=backlog[:, None] + cumulated(growth * arrivals),
        fixed=cumulated(power * officers),
        slope=cumulated(power[:, :, None] * officers_per_lever),
        first=first,
        last=last,
        months=months,
    )


@njit(cache=True, nogil=True)
def _worst(
    work: Array, done: Array, first: int, last: int, months: int
) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Smallest margin of each draw, and the ends of its interval of capacity."""
    draws = work.shape[0]
    margin = np.full(draws, np.inf)
    start, end = np.zeros(draws, dtype=np.int64), np.zeros(draws, dtype=np.int64)
    for draw in range(draws):
        average = 1.0 + work[draw, -1] / work.shape[1]
        for month in range(first, last + 1):
            by = month + months + 1
            for since in range(month + 1):
                # From the first month on, the backlog is work too.
                todo = work[draw, month + 1] - (work[draw, since] if since > 0 else 0.0)
                if todo <= 0.0:
                    continue
                value = (done[draw, by] - done[draw, since] - todo) / (todo + average)
                if value < margin[draw]:
                    margin[draw], start[draw], end[draw] = value, since, by
    return margin, start, end
