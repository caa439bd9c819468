"""The kernel of a queue of cases: cohorts by month of arrival, worked off in a stated order, draw by draw.

A month has four steps: a share of those waiting at its start withdraws, some may be removed, the month's cases arrive,
and the capacity decides cases, never more than there are. Cases are real numbers. A case that arrives in month s and is
decided in month t has waited t - s months; at the start of month t it is t - 1 - s completed months old.

A draw here is whatever has a queue of its own, a country's draw too. Classes (k) stand in their order of precedence.
An array whose first axis is empty is absent, or not asked for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

FIRST, LAST, RANDOM = 0, 1, 2


class Load(NamedTuple):
    """What comes to the queues and how they are worked.

    opening (draw, k, age), cases before the first month, the youngest last, and whether they are `aged`: one group
    of unknown age otherwise. arrivals, withdrawal (draw, k, month); capacity (draw, month). orders (k,): FIRST,
    LAST or RANDOM; reserved (k,), shares of capacity. Removed are removed_share of those waiting and removed_number
    (draw, month) of the classes in removable (month, k), oldest first in the months of oldest_first (month,).
    elasticity (draw,) of arrivals to the wait, which is held within waits (2,), and their factor within factors (2,).
    """

    opening: Array
    aged: bool
    arrivals: Array
    capacity: Array
    withdrawal: Array
    orders: NDArray[np.int64]
    reserved: Array
    removed_share: Array
    removed_number: Array
    removable: NDArray[np.bool_]
    oldest_first: NDArray[np.bool_]
    elasticity: Array
    waits: Array
    factors: Array


class Account(NamedTuple):
    """What the kernel fills.

    pending (draw, k, month + 1); arrivals, decided, withdrawn and removed in the month, waited (months waited by all
    who are decided in it) and wait of the last case that arrives in it (draw, k, month). arrivals_decided and
    arrivals_waiting (draw, k, month, after), of the cases that arrive in the month: decided so many months after it,
    and waiting at the end of that month; pending_decided and pending_waiting, the same of the cases waiting at its
    start; pending_by_age (draw, k, month, age). NaN is what is not known. The kernel writes what happens: all else is
    there before, an endless wait, zeros, and NaN after the last month.
    """

    pending: Array
    arrivals: Array
    decided: Array
    withdrawn: Array
    removed: Array
    waited: Array
    wait: Array
    arrivals_decided: Array
    arrivals_waiting: Array
    pending_decided: Array
    pending_waiting: Array
    pending_by_age: Array


@njit(cache=True, nogil=True)
def work(load: Load, account: Account) -> None:
    """Work the queues of all draws through all months."""
    draws, classes, months = load.arrivals.shape
    groups = load.opening.shape[2]
    by_arrival, by_date = account.arrivals_decided.shape[0] > 0, account.pending_decided.shape[0] > 0
    left = np.empty((classes, groups + months))  # cases of each cohort that wait
    done = np.empty((classes, groups + months))  # and those that the month decides
    first = np.empty(classes, np.int64)  # the oldest cohort with cases
    for draw in range(draws):
        for k in range(classes):
            first[k] = 0
            for cohort in range(groups):
                left[k, cohort] = load.opening[draw, k, cohort]
        usual = previous = 0.0
        for month in range(months + 1):
            now = groups + month  # the cohort that arrives
            total = 0.0
            for k in range(classes):
                waiting = 0.0
                for cohort in range(first[k], now):
                    waiting += left[k, cohort]
                account.pending[draw, k, month] = waiting
                total += waiting
            if month == months:
                break
            factor = 1.0
            if load.elasticity.size > 0:
                expected = _months_of_work(total, load.capacity[draw, month], load.waits)
                if month == 0:
                    usual = previous = expected
                factor = (previous / usual) ** -load.elasticity[draw]
                factor = min(max(factor, load.factors[0]), load.factors[1])
                previous = expected
            for k in range(classes):
                if account.pending_by_age.shape[0] > 0:
                    _sort_by_age(left[k], first[k], now, month, load.aged, account.pending_by_age[draw, k, month])
                share = load.withdrawal[draw, k, month]
                gone = 0.0
                for cohort in range(first[k], now):
                    gone += share * left[k, cohort]
                    left[k, cohort] *= 1.0 - share
                account.withdrawn[draw, k, month] = gone
            if load.removed_share.shape[0] > 0:
                share, number = load.removed_share[draw, month], load.removed_number[draw, month]
                oldest_first = load.oldest_first[month]
                _remove(share, number, oldest_first, load.removable[month], left, now, account.removed[draw, :, month])
            rest = load.capacity[draw, month]
            for k in range(classes):  # the month's cases arrive, and what is reserved for a class is used
                left[k, now] = load.arrivals[draw, k, month] * factor
                account.arrivals[draw, k, month] = left[k, now]
                for cohort in range(first[k], now + 1):
                    done[k, cohort] = 0.0
                if load.reserved[k] > 0.0:
                    room = load.reserved[k] * load.capacity[draw, month]
                    rest -= _decide(load.orders[k], room, left[k], done[k], first[k], now)
            for k in range(classes):  # the rest goes by precedence, whoever it was reserved for
                rest -= _decide(load.orders[k], max(rest, 0.0), left[k], done[k], first[k], now)
                decided = waited = 0.0
                for cohort in range(first[k], now + 1):
                    decided += done[k, cohort]
                    waited += (now - cohort) * done[k, cohort]
                unknown = not load.aged and first[k] == 0 and done[k, 0] > 0.0
                account.decided[draw, k, month] = decided
                account.waited[draw, k, month] = np.nan if unknown else waited
                if by_arrival:
                    _note_arrived(done[k], first[k], now, groups, account.arrivals_decided[draw, k])
                    _note_arrived(left[k], first[k], now, groups, account.arrivals_waiting[draw, k])
                if by_date:
                    _note_waiting(done[k], first[k], now, groups, account.pending_decided[draw, k])
                    _note_waiting(left[k], first[k], now, groups, account.pending_waiting[draw, k])
                if load.orders[k] != FIRST:
                    _note_ends(left[k], first[k], now, groups, account.wait[draw, k])
                while first[k] <= now and left[k, first[k]] == 0.0:
                    if load.orders[k] == FIRST and first[k] >= groups:
                        account.wait[draw, k, first[k] - groups] = now - first[k]
                    first[k] += 1


@njit(cache=True, nogil=True)
def _months_of_work(waiting: float, capacity: float, waits: Array) -> float:
    if waiting >= waits[1] * capacity:
        return waits[1]
    return max(waiting / capacity, waits[0])


@njit(cache=True, nogil=True)
def _sort_by_age(left: Array, first: int, now: int, month: int, aged: bool, ages: Array) -> None:
    """Cases of a class at the start of the month, by completed months."""
    oldest = ages.size - 1
    for cohort in range(first, now):
        ages[min(now - 1 - cohort, oldest)] += left[cohort]
    if not aged and left[0] > 0.0 and month < oldest:
        for age in range(month, oldest + 1):
            ages[age] = np.nan  # the opening cases are somewhere here


@njit(cache=True, nogil=True)
def _remove(
    share: float, number: float, oldest_first: bool, removable: NDArray[np.bool_], left: Array, now: int, removed: Array
) -> None:
    """Take a share and a number of cases out of some classes, before the month's arrivals."""
    total = 0.0
    for k in range(removable.size):
        for cohort in range(now):
            total += left[k, cohort] * removable[k]
    amount = min(share * total + number, total)
    taken = amount / total if total > 0.0 else 0.0
    for cohort in range(now):
        if oldest_first:
            cases = 0.0
            for k in range(removable.size):
                cases += left[k, cohort] * removable[k]
            taken = min(amount / cases, 1.0) if cases > 0.0 else 0.0
            amount -= taken * cases
        for k in range(removable.size):
            if removable[k]:
                removed[k] += taken * left[k, cohort]
                left[k, cohort] *= 1.0 - taken


@njit(cache=True, nogil=True)
def _decide(order: int, room: float, left: Array, done: Array, first: int, now: int) -> float:
    """Decide up to `room` cases of a class in its order, and say how many those are."""
    used = 0.0
    if order == RANDOM:
        total = 0.0
        for cohort in range(first, now + 1):
            total += left[cohort]
        share = 1.0 if room >= total else room / total
        for cohort in range(first, now + 1):
            cases = share * left[cohort]
            left[cohort] -= cases
            done[cohort] += cases
            used += cases
        return used
    for place in range(now + 1 - first):
        if room <= 0.0:
            break
        cohort = first + place if order == FIRST else now - place
        cases = min(left[cohort], room)
        room -= cases
        left[cohort] -= cases
        done[cohort] += cases
        used += cases
    return used


@njit(cache=True, nogil=True)
def _note_arrived(cases: Array, first: int, now: int, groups: int, table: Array) -> None:
    """Write the cases of each cohort into (month of arrival, after)."""
    for cohort in range(max(first, groups, now + 1 - table.shape[1]), now + 1):
        table[cohort - groups, now - cohort] = cases[cohort]


@njit(cache=True, nogil=True)
def _note_waiting(cases: Array, first: int, now: int, groups: int, table: Array) -> None:
    """Write the cases of all cohorts that waited at each date, those that came before it, into (date, after)."""
    older = 0.0
    for cohort in range(first, now):
        older += cases[cohort]
        date, after = cohort + 1 - groups, now - 1 - cohort
        if date >= 0 and after < table.shape[1]:
            table[date, after] = older


@njit(cache=True, nogil=True)
def _note_ends(left: Array, first: int, now: int, groups: int, wait: Array) -> None:
    """Months after which the last case of each cohort is gone."""
    for cohort in range(max(first, groups), now + 1):
        if left[cohort] == 0.0 and wait[cohort - groups] == np.inf:
            wait[cohort - groups] = now - cohort
