"""The cohort-component kernel: the steps of one population through a period, and its loops over draws and years.

Convention (Preston, Heuveline & Guillot 2001, ch. 6): a share of a period's migrants, half unless told otherwise, joins
at its start and lives and dies under the country's rates; the rest joins at its end. Births come from women at the
middle of the period, the mean of its two ends. Cells of deaths and migrants are cohorts, by age at the period's end, so
that in every cell: end = start + births - deaths + migrants. Nobody leaves who is not there: emigrants beyond what a
cell holds stay, and are counted.

A period is a year with ages 0 … 100, or five years with groups 0, 5 … 100: births, survival and migrants are of the
period, and the kernel does not know its length. Arrays are float64; sex 0 is female; k counts flows, g rows of a table.
An array whose first axis is empty is absent.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Rates(NamedTuple):
    """Survival and fertility, as tables of compact paths or as given.

    e0 (draw, year, 2), read in table (2, g, age + 1) of survival ratios at e0 = low, low + step …; or survival (draw,
    year, 2, age + 1). tfr (draw, year) times pattern (year, age); or asfr (draw, year, age). female_share (year,) of
    births.
    """

    e0: Array
    low: float
    step: float
    table: Array
    survival: Array
    tfr: Array
    pattern: Array
    asfr: Array
    female_share: Array


class Movers(NamedTuple):
    """Migrants asked for, by flow and by age.

    counts (draw, k, year), persons, negative for emigrants; rates (draw, k, year) of the population that the period
    would end with without migrants; ages (k, year, 2, age), summing to one; returning (k,), whether those who arrive
    were born in the country; cells (draw, year, 2, age), persons; at_start, share that joins at the period's start.
    """

    counts: Array
    rates: Array
    ages: Array
    returning: NDArray[np.bool_]
    cells: Array
    at_start: float


class Account(NamedTuple):
    """What the kernels fill.

    below (draw, year + 1, age + 1), people of both sexes who are younger than each age and, last, everyone; population
    and foreign (draw, year + 1, 2, age); births, deaths, arrivals, departures and limited, emigrants that no
    cell held (draw, year); births_by_age (draw, year, age) of mothers; deaths_by_age and migrants_by_age (draw, year,
    2, age).
    """

    below: Array
    population: Array
    foreign: Array
    births: Array
    deaths: Array
    arrivals: Array
    departures: Array
    limited: Array
    births_by_age: Array
    deaths_by_age: Array
    migrants_by_age: Array


@njit(cache=True, nogil=True)
def survival_at(e0: Array, low: float, step: float, table: Array, survival: Array) -> None:
    """Survival ratios (2, age + 1) at each sex's e0, interpolated between the rows of table (2, g, age + 1)."""
    for sex in range(2):
        position = (e0[sex] - low) / step
        row = min(max(int(position), 0), table.shape[1] - 2)
        share = min(max(position - row, 0.0), 1.0)
        for age in range(survival.shape[1]):
            survival[sex, age] = (1.0 - share) * table[sex, row, age] + share * table[sex, row + 1, age]


@njit(cache=True, nogil=True)
def rates_of(rates: Rates, draw: int, year: int, survival: Array, asfr: Array) -> None:
    """Fill the survival ratios (2, age + 1) and birth rates (age,) of one draw and year."""
    if rates.survival.shape[0] > 0:
        copy(rates.survival[draw, year], survival)
    else:
        survival_at(rates.e0[draw, year], rates.low, rates.step, rates.table, survival)
    if rates.asfr.shape[0] > 0:
        for age in range(asfr.size):
            asfr[age] = rates.asfr[draw, year, age]
    else:
        for age in range(asfr.size):
            asfr[age] = rates.tfr[draw, year] * rates.pattern[year, age]


@njit(cache=True, nogil=True)
def copy(source: Array, target: Array) -> None:
    """Copy (2, age) row by row, several times faster than assigning slices."""
    for sex in range(2):
        for age in range(source.shape[1]):
            target[sex, age] = source[sex, age]


@njit(cache=True, nogil=True)
def totals_of(one: Array, two: Array, three: Array, four: Array) -> tuple[float, float, float, float]:
    """Sums of four (2, age), in eight strands of which none waits for another."""
    a = b = c = d = e = f = g = h = 0.0
    for age in range(one.shape[1]):
        a += one[0, age]
        b += one[1, age]
        c += two[0, age]
        d += two[1, age]
        e += three[0, age]
        f += three[1, age]
        g += four[0, age]
        h += four[1, age]
    return a + b, c + d, e + f, g + h


@njit(cache=True, nogil=True)
def survive(cohort: Array, survival: Array, end: Array, deaths: Array) -> None:
    """Carry cohorts (2, age) to the period's end; nobody is yet of the first age."""
    last = cohort.shape[1] - 1
    for sex in range(2):
        before, ratio, after, died = cohort[sex], survival[sex, 1:], end[sex, 1:], deaths[sex, 1:]
        end[sex, 0] = deaths[sex, 0] = 0.0
        for age in range(last):
            survivors = before[age] * ratio[age]
            after[age] = survivors
            died[age] = before[age] - survivors
        survivors = before[last] * ratio[last]
        after[last - 1] += survivors
        died[last - 1] += before[last] - survivors


@njit(cache=True, nogil=True)
def bear(start: Array, survival: Array, asfr: Array, female_share: float, end: Array, deaths: Array) -> float:
    """Births to women at mid-period; fill the first age of end and deaths, and return the births."""
    births = 0.0
    for age in range(asfr.size):
        births += asfr[age] * 0.5 * (start[0, age] + end[0, age])
    for sex in range(2):
        born = births * (female_share if sex == 0 else 1.0 - female_share)
        end[sex, 0] = born * survival[sex, 0]
        deaths[sex, 0] = born - end[sex, 0]
    return births


@njit(cache=True, nogil=True)
def closed_total(start: Array, survival: Array, asfr: Array, female_share: float) -> float:
    """Population at the period's end without migrants."""
    women = men = births = 0.0
    for age in range(asfr.size):
        women += start[0, age] * survival[0, age + 1]
        men += start[1, age] * survival[1, age + 1]
        before = start[0, age - 1] * survival[0, age] if age > 0 else 0.0
        births += asfr[age] * 0.5 * (start[0, age] + before)
    return women + men + births * (female_share * survival[0, 0] + (1.0 - female_share) * survival[1, 0])


@njit(cache=True, nogil=True)
def part(total: float, ages: Array, arrive: Array, leave: Array) -> None:
    """Add the migrants of one flow (2, age) to those who arrive and those who leave."""
    for sex in range(2):
        for age in range(ages.shape[1]):
            moving = total * ages[sex, age]
            arrive[sex, age] += max(moving, 0.0)
            leave[sex, age] += max(-moving, 0.0)


@njit(cache=True, nogil=True)
def wishes(movers: Movers, draw: int, year: int, closed: float, arrive: Array, leave: Array, home: Array) -> None:
    """Fill who would arrive and who would leave (2, age), and how many of those arriving come home."""
    for sex in range(2):
        for age in range(arrive.shape[1]):
            arrive[sex, age] = leave[sex, age] = home[sex, age] = 0.0
    for flow in range(movers.counts.shape[1]):
        total = movers.counts[draw, flow, year] + movers.rates[draw, flow, year] * closed
        if total != 0.0:
            part(total, movers.ages[flow, year], arrive, leave)
            if movers.returning[flow]:
                home += np.maximum(total * movers.ages[flow, year], 0.0)
    if movers.cells.shape[0] > 0:
        part(1.0, movers.cells[draw, year], arrive, leave)


@njit(cache=True, nogil=True)
def swap(
    share: float,
    ages: tuple[int, int],
    arrive: Array,
    leave: Array,
    stock: Array,
    came: Array,
    gone: Array,
    short: Array,
) -> None:
    """Move a share of the migrants at some ages, emigrants as far as the stock (2, age) goes; short is left over."""
    for sex in range(2):
        for age in range(ages[0], ages[1]):
            wish, held = share * leave[sex, age], stock[sex, age]
            going, coming = min(wish, held), share * arrive[sex, age]
            short[sex, age] += wish - going
            gone[sex, age], came[sex, age] = going, coming
            stock[sex, age] = held - going + coming


@njit(cache=True, nogil=True)
def follow(foreign: Array, before: Array, came: Array, gone: Array, arrive: Array, home: Array) -> None:
    """Foreign-born (2, age) after a swap: they leave like everyone of their cell; those who come home are none."""
    for sex in range(2):
        for age in range(foreign.shape[1]):
            held = before[sex, age]
            leaving = gone[sex, age] * min(foreign[sex, age] / held, 1.0) if held > 0.0 else 0.0
            native = home[sex, age] / arrive[sex, age] if home[sex, age] > 0.0 else 0.0
            foreign[sex, age] = max(foreign[sex, age] - leaving, 0.0) + came[sex, age] * (1.0 - native)


@njit(cache=True, nogil=True)
def shift(early: Array, late: Array) -> None:
    """Add migrants of the period's start (2, age) to those of its end, a cohort to a cohort."""
    last = early.shape[1] - 1
    for sex in range(2):
        for age in range(last):
            late[sex, age + 1] += early[sex, age]
        late[sex, last] += early[sex, last]


@njit(cache=True, nogil=True)
def residual(
    start: Array, end: Array, died: Array, came: Array, gone: Array, births: float, female_share: float
) -> float:
    """Largest |end - (start + births - deaths + migrants)| over the cells (2, age)."""
    worst = 0.0
    last = start.shape[1] - 1
    for sex in range(2):
        born = births * (female_share if sex == 0 else 1.0 - female_share)
        worst = max(worst, abs(end[sex, 0] - (born - died[sex, 0] + came[sex, 0] - gone[sex, 0])))
        for age in range(1, last):
            expected = start[sex, age - 1] - died[sex, age] + came[sex, age] - gone[sex, age]
            worst = max(worst, abs(end[sex, age] - expected))
        expected = start[sex, last - 1] + start[sex, last] - died[sex, last] + came[sex, last] - gone[sex, last]
        worst = max(worst, abs(end[sex, last] - expected))
    return worst


@njit(cache=True, nogil=True)
def stand(account: Account, draw: int, year: int, people: Array) -> None:
    """Write who is there (2, age) at a 1 January into the account."""
    below = account.below[draw, year]
    below[0] = younger = 0.0
    for age in range(people.shape[1]):
        younger += people[0, age] + people[1, age]
        below[age + 1] = younger
    if account.population.shape[0] > 0:
        copy(people, account.population[draw, year])


@njit(cache=True, nogil=True)
def record(
    account: Account,
    draw: int,
    year: int,
    births: float,
    asfr: Array,
    start: Array,
    end: Array,
    died: Array,
    came: Array,
    gone: Array,
    short: Array,
) -> None:
    """Write a period's end and what happened in it into the account."""
    stand(account, draw, year + 1, end)
    account.births[draw, year] = births
    deaths, arrivals, departures, limited = totals_of(died, came, gone, short)
    account.deaths[draw, year], account.limited[draw, year] = deaths, limited
    account.arrivals[draw, year], account.departures[draw, year] = arrivals, departures
    if account.births_by_age.shape[0] > 0:
        for age in range(asfr.size):  # nobody bears in the period of her birth
            women = 0.5 * (start[0, age] + (end[0, age] if age > 0 else 0.0))
            account.births_by_age[draw, year, age] = asfr[age] * women
    if account.deaths_by_age.shape[0] > 0:
        copy(died, account.deaths_by_age[draw, year])
    if account.migrants_by_age.shape[0] > 0:
        account.migrants_by_age[draw, year] = came - gone


@njit(cache=True, nogil=True)
def project_draws(rates: Rates, movers: Movers, start: Array, foreign: Array, account: Account) -> float:
    """Project draws of one country from start (2, age); return the largest residual of its account.

    foreign (2, age), the foreign-born among them, is followed where account.foreign is not empty.
    """
    ages = start.shape[1]
    draws, years = account.births.shape
    survival, asfr = np.empty((2, ages + 1)), np.empty(ages)
    now, cohort, end, died = np.empty((2, ages)), np.empty((2, ages)), np.empty((2, ages)), np.empty((2, ages))
    arrive, leave, home, short = np.empty((2, ages)), np.empty((2, ages)), np.empty((2, ages)), np.empty((2, ages))
    came, gone, came_early, gone_early = (
        np.empty((2, ages)),
        np.empty((2, ages)),
        np.empty((2, ages)),
        np.empty((2, ages)),
    )
    abroad, before, buried = np.empty((2, ages)), np.empty((2, ages)), np.empty((2, ages))
    at_start, at_end = movers.at_start, 1.0 - movers.at_start
    tracked = account.foreign.shape[0] > 0
    with_rates = np.any(movers.rates != 0.0)
    worst = 0.0
    for draw in range(draws):
        copy(start, now)
        stand(account, draw, 0, start)
        if tracked:
            copy(foreign, account.foreign[draw, 0])
        for year in range(years):
            share = rates.female_share[year]
            rates_of(rates, draw, year, survival, asfr)
            closed = closed_total(now, survival, asfr, share) if with_rates else 0.0
            wishes(movers, draw, year, closed, arrive, leave, home)
            short[:] = 0.0
            copy(now, cohort)
            swap(at_start, (0, ages), arrive, leave, cohort, came_early, gone_early, short)
            survive(cohort, survival, end, died)
            if tracked:
                copy(account.foreign[draw, year], abroad)
                follow(abroad, now, came_early, gone_early, arrive, home)
                copy(abroad, before)
                survive(before, survival, abroad, buried)
                copy(end, before)
            # Children are born to women of both ends of the period, migrants among them, and move after that.
            swap(at_end, (1, ages), arrive, leave, end, came, gone, short)
            births = bear(now, survival, asfr, share, end, died)
            before[0, 0], before[1, 0] = end[0, 0], end[1, 0]
            swap(at_end, (0, 1), arrive, leave, end, came, gone, short)
            if tracked:
                follow(abroad, before, came, gone, arrive, home)
                copy(abroad, account.foreign[draw, year + 1])
            shift(came_early, came)
            shift(gone_early, gone)
            worst = max(worst, residual(now, end, died, came, gone, births, share))
            record(account, draw, year, births, asfr, now, end, died, came, gone, short)
            copy(end, now)
    return worst


@njit(cache=True, nogil=True)
def respond_draws(
    rates: Rates, at_start: float, profiles: Array, arrival: NDArray[np.int64], weights: Array, response: Array
) -> None:
    """Response of weighted populations of one country to one more migrant, through the steps of the projection.

    profiles (lever, 2, age), each summing to one; arrival (lever,), position of the year in which the lever's migrants
    come; weights (functional, 2, age); filled: response (draw, functional, year + 1, lever).
    """
    draws, years = response.shape[0], response.shape[2] - 1
    ages = profiles.shape[2]
    survival, asfr = np.empty((years, 2, ages + 1)), np.empty((years, ages))
    now, cohort, end, died = np.empty((2, ages)), np.empty((2, ages)), np.empty((2, ages)), np.empty((2, ages))
    for draw in range(draws):
        for year in range(years):
            rates_of(rates, draw, year, survival[year], asfr[year])
        for lever in range(arrival.size):
            now[:] = 0.0
            for year in range(arrival[lever], years):
                copy(now, cohort)
                if year == arrival[lever]:
                    cohort += at_start * profiles[lever]
                survive(cohort, survival[year], end, died)
                if year == arrival[lever]:
                    end += (1.0 - at_start) * profiles[lever]
                infants = end[:, 0].copy()
                bear(now, survival[year], asfr[year], rates.female_share[year], end, died)
                end[:, 0] += infants
                copy(end, now)
                for functional in range(weights.shape[0]):
                    total = 0.0
                    for sex in range(2):
                        for age in range(ages):
                            total += weights[functional, sex, age] * now[sex, age]
                    response[draw, functional, year + 1, lever] = total
