"""Response kernel: what one more migrant, of any age and year, is worth to a weighted population later on.

Backwards from a stock: what people are worth at a year's end, and the children they bear, says what they are worth at
its start, under the steps of `poblar.forecast._cohort`. One pass a stock gives every year and age of arrival at once.

Those who come may have fertility and mortality of their own, as a class; their children, born here, have the country's.
A share of them may leave again, their children with them. Arrays are float64; sex 0 is female.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..forecast._cohort import Rates, copy, rates_of

Array = NDArray[np.float64]
Positions = NDArray[np.int64]


class Wanted(NamedTuple):
    """Stocks whose response is wanted, by row.

    weights (row, 2, age); stock (row,), position of the 1 January; births (row,), whether the births of the year before
    it are wanted instead of a weighted population; native (row,), whether children born here count; start (row,), place
    of the row's first column in the flat response.
    """

    weights: Array
    stock: Positions
    births: NDArray[np.bool_]
    native: NDArray[np.bool_]
    start: Positions


class Arrivals(NamedTuple):
    """Who can come: columns, in order of their years, and the profiles that they are of.

    year, profile (column,); shares (profile, 2, age), summing to one, zero outside ages low … high (profile,) and sexes
    (profile, 2), first and last; group (profile,), class of the profile; fertility, mortality (class,), factors on the
    country's rates; leaving (draw, profile), share that leaves again at the end of the stay-th year (profile,) after
    that of arrival; at_start, share that joins at its year's start.
    """

    year: Positions
    profile: Positions
    shares: Array
    low: Positions
    high: Positions
    sexes: Positions
    group: Positions
    fertility: Array
    mortality: Array
    leaving: Array
    stay: Positions
    at_start: float


@njit(cache=True, nogil=True)
def survival_of(survival: Array, mortality: float, own: Array) -> None:
    """Survival ratios (2, age + 1) of a class whose death rates are a multiple; of its births, the country's."""
    copy(survival, own)
    if mortality != 1.0:
        for sex in range(2):
            for age in range(1, survival.shape[1]):
                own[sex, age] = survival[sex, age] ** mortality


@njit(cache=True, nogil=True)
def before(later: Array, survival: Array, asfr: Array, child: float, end: Array, now: Array) -> None:
    """What people (2, age) are worth at a year's start, and at its end with the births that they have then.

    later is their worth after the year; child, that of a birth to them. Slices, which loops are vectorised over.
    """
    last = later.shape[1] - 1
    copy(later, end)
    if child != 0.0:
        women, rates = end[0, 1:], asfr[1:]
        for age in range(last):
            women[age] += 0.5 * child * rates[age]
    for sex in range(2):
        ratio, older, own = survival[sex, 1:], end[sex, 1:], now[sex]
        for age in range(last):
            own[age] = ratio[age] * older[age]
        own[last] = ratio[last] * end[sex, last]
    if child != 0.0:
        mothers = now[0]
        for age in range(last + 1):
            mothers[age] += 0.5 * child * asfr[age]


@njit(cache=True, nogil=True)
def joining(end: Array, survival: Array, at_start: float, worth_of: Array) -> None:
    """What those who come in a year (2, age at arrival) are worth, of whom a share comes at its start."""
    last = end.shape[1] - 1
    for sex in range(2):
        ratio, older, now, own = survival[sex, 1:], end[sex, 1:], end[sex], worth_of[sex]
        for age in range(last):
            own[age] = at_start * ratio[age] * older[age] + (1.0 - at_start) * now[age]
        own[last] = (at_start * ratio[last] + 1.0 - at_start) * now[last]


@njit(cache=True, nogil=True)
def after(
    came: Array, children: Array, own: Array, survival: Array, asfr: Array, fertility: float, female_share: float
) -> None:
    """Carry those who came and their children (2, age) a year on, with the children they bear at mid-year."""
    last = came.shape[1] - 1
    born = 0.0
    for age in range(1, last + 1):
        born += 0.5 * asfr[age] * (fertility * came[0, age] + children[0, age])
    for sex in range(2):
        for people, ratio in ((came, own), (children, survival)):
            oldest = people[sex, last] * ratio[sex, last + 1]
            for age in range(last, 0, -1):
                people[sex, age] = people[sex, age - 1] * ratio[sex, age]
            people[sex, last] += oldest
            people[sex, 0] = 0.0
    for age in range(1, last + 1):
        born += 0.5 * asfr[age] * (fertility * came[0, age] + children[0, age])
    children[0, 0] = born * female_share * survival[0, 0]
    children[1, 0] = born * (1.0 - female_share) * survival[1, 0]


@njit(cache=True, nogil=True)
def arrive(share: Array, at_start: float, own: Array, asfr: Array, fertility: float, came: Array) -> float:
    """Fill who of a profile (2, age) is there at the end of the year of arrival; return their births in it."""
    last = share.shape[1] - 1
    for sex in range(2):
        came[sex, 0] = (1.0 - at_start) * share[sex, 0]
        for age in range(1, last + 1):
            came[sex, age] = (1.0 - at_start) * share[sex, age] + at_start * share[sex, age - 1] * own[sex, age]
        came[sex, last] += at_start * share[sex, last] * own[sex, last + 1]
    born = 0.0
    for age in range(1, last + 1):
        born += 0.5 * fertility * asfr[age] * came[0, age]
    return born


@njit(cache=True, nogil=True)
def worth(people: Array, value: Array) -> float:
    """Sum of people (2, age) times their worth."""
    total = 0.0
    for sex in range(2):
        for age in range(people.shape[1]):
            total += people[sex, age] * value[sex, age]
    return total


@njit(cache=True, nogil=True)
def respond_rows(rates: Rates, wanted: Wanted, arrivals: Arrivals, flat: NDArray[np.float32]) -> None:
    """Fill the response (draw, flat) of every wanted row to every column whose year is before the row's stock."""
    draws, columns, ages = flat.shape[0], arrivals.year.size, wanted.weights.shape[2]
    years, first = rates.female_share.size, arrivals.year[0]
    classes, profiles = arrivals.fertility.size, arrivals.group.size
    survival, asfr = np.empty((years, 2, ages + 1)), np.empty((years, ages))
    own = np.empty((classes, years, 2, ages + 1))
    # What those of a class, and last the native-born, are worth at each 1 January; and who comes in the year of it.
    value = np.zeros((classes + 1, years + 1, 2, ages))
    end, native_end, come = np.empty((2, ages)), np.empty((2, ages)), np.empty((classes, years, 2, ages))
    leave = np.flatnonzero(arrivals.stay > 0)
    place = np.full(profiles, -1)
    place[leave] = np.arange(leave.size)
    came = np.zeros((leave.size, years, 2, ages))
    children = np.zeros((leave.size, years, 2, ages))
    for draw in range(draws):
        for year in range(years):
            rates_of(rates, draw, year, survival[year], asfr[year])
            for group in range(classes):
                survival_of(survival[year], arrivals.mortality[group], own[group, year])
        for position in range(leave.size):
            profile = leave[position]
            group, stay = arrivals.group[profile], arrivals.stay[profile]
            for year in range(first, years - stay):
                there, theirs = came[position, year], children[position, year]
                theirs[:] = 0.0
                fertility, share = float(arrivals.fertility[group]), rates.female_share[year]
                born = arrive(
                    arrivals.shares[profile], arrivals.at_start, own[group, year], asfr[year], fertility, there
                )
                theirs[0, 0] = born * share * survival[year, 0, 0]
                theirs[1, 0] = born * (1.0 - share) * survival[year, 1, 0]
                for later in range(year + 1, year + stay + 1):
                    share = rates.female_share[later]
                    after(there, theirs, own[group, later], survival[later], asfr[later], fertility, share)
        for row in range(wanted.stock.size):
            stock = wanted.stock[row]
            for group in range(classes + 1):
                value[group, stock] = 0.0
                if not wanted.births[row] and (group < classes or wanted.native[row]):
                    copy(wanted.weights[row], value[group, stock])
            for year in range(stock - 1, first - 1, -1):
                share, alive, native = rates.female_share[year], survival[year], value[classes, year + 1]
                child = share * alive[0, 0] * native[0, 0] + (1.0 - share) * alive[1, 0] * native[1, 0]
                if wanted.births[row] and year == stock - 1:
                    child += 1.0
                before(native, alive, asfr[year], child, native_end, value[classes, year])
                for group in range(classes):
                    fertility = float(arrivals.fertility[group])
                    own_child = child * fertility
                    if wanted.native[row] and fertility == 1.0 and arrivals.mortality[group] == 1.0:
                        copy(value[classes, year], value[group, year])
                        joining(native_end, alive, arrivals.at_start, come[group, year])
                    else:
                        before(value[group, year + 1], own[group, year], asfr[year], own_child, end, value[group, year])
                        joining(end, own[group, year], arrivals.at_start, come[group, year])
            start = wanted.start[row]
            for column in range(columns):
                year, profile = arrivals.year[column], arrivals.profile[column]
                if year >= stock:
                    break
                group, low, high = arrivals.group[profile], arrivals.low[profile], arrivals.high[profile] + 1
                total = 0.0
                for sex in range(arrivals.sexes[profile, 0], arrivals.sexes[profile, 1] + 1):
                    for age in range(low, high):
                        total += arrivals.shares[profile, sex, age] * come[group, year, sex, age]
                stay = arrivals.stay[profile]
                if stay > 0 and year + stay < stock:
                    position, gone = place[profile], year + stay + 1
                    left = worth(came[position, year], value[group, gone])
                    left += worth(children[position, year], value[classes, gone])
                    total -= arrivals.leaving[draw, profile] * left
                flat[draw, start + column] = total
