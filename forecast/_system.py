"""The kernel of several countries in one system: what one country loses to another, the other gains.

The steps and the convention are those of `_cohort`; only the migrants are settled together, cell by cell, at the start
and at the end of each period. Emigrants whom a cell does not hold stay, and arrive nowhere: a cell's corridors give way
alike. Arrays are those of `_cohort` with the country, c, as their first axis.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._cohort import (
    Account,
    Movers,
    Rates,
    bear,
    closed_total,
    copy,
    follow,
    rates_of,
    record,
    residual,
    shift,
    stand,
    survive,
    wishes,
)

Array = NDArray[np.float64]


class Links(NamedTuple):
    """What ties the countries together.

    counts (draw, year, c from, c to), persons; rates (draw, year, c from, c to) of the population that the origin would
    end the period with; ages (c from, 2, age), summing to one; balanced (year,): what all countries gain over their
    borders other than along corridors, others lose, in every sex and age.
    """

    counts: Array
    rates: Array
    ages: Array
    balanced: NDArray[np.bool_]


@njit(cache=True, nogil=True)
def rates_at(rates: Rates, country: int) -> Rates:
    """The rates of one country."""
    return Rates(
        rates.e0[country] if rates.e0.shape[0] > 0 else rates.e0[0],
        rates.low,
        rates.step,
        rates.table[country],
        rates.survival[country],
        rates.tfr[country],
        rates.pattern[country],
        rates.asfr[country],
        rates.female_share[country],
    )


@njit(cache=True, nogil=True)
def movers_at(movers: Movers, country: int) -> Movers:
    """The migrants of one country."""
    return Movers(
        movers.counts[country],
        movers.rates[country],
        movers.ages[country],
        movers.returning[country],
        movers.cells[country],
        movers.at_start,
    )


@njit(cache=True, nogil=True)
def account_at(account: Account, country: int) -> Account:
    """The books of one country."""
    return Account(
        account.below[country],
        account.population[country],
        account.foreign[country],
        account.births[country],
        account.deaths[country],
        account.arrivals[country],
        account.departures[country],
        account.limited[country],
        account.births_by_age[country],
        account.deaths_by_age[country],
        account.migrants_by_age[country],
    )


@njit(cache=True, nogil=True)
def exchange(
    origins: Array,
    balanced: bool,
    share: float,
    ages: tuple[int, int],
    arrive: Array,
    leave: Array,
    along: Array,
    stock: Array,
    came: Array,
    gone: Array,
    short: Array,
    moved: Array,
) -> None:
    """Move a share of the system's migrants at some ages; arrays (c, 2, age).

    along (c from, c to) are the corridors' totals, origins (c from, 2, age) the ages of who takes them.
    Where balanced, a cell's arrivals and departures over all countries both give way to their mean, each country in
    proportion to its own, so that a small country's flows are never drowned by a large one's.
    """
    countries = stock.shape[0]
    for sex in range(2):
        for age in range(ages[0], ages[1]):
            inward = outward = 0.0
            for country in range(countries):
                inward += arrive[country, sex, age]
                outward += leave[country, sex, age]
                came[country, sex, age] = 0.0
            scale_out = 1.0
            if balanced:
                middle = 0.5 * (inward + outward) if min(inward, outward) > 0.0 else 0.0
                scale_out = middle / outward if outward > 0.0 else 0.0
            left = 0.0
            for origin in range(countries):
                apart = share * scale_out * leave[origin, sex, age]
                part = share * origins[origin, sex, age]
                wish = apart
                for destination in range(countries):
                    wish += part * along[origin, destination]
                held = stock[origin, sex, age]
                keep = min(1.0, held / wish) if wish > 0.0 else 1.0
                going = apart * keep
                left += going
                for destination in range(countries):
                    moving = part * along[origin, destination] * keep
                    came[destination, sex, age] += moving
                    moved[origin, destination] += moving
                    going += moving
                gone[origin, sex, age] = min(going, held)  # rounding must not leave less than nobody
                short[origin, sex, age] += wish * (1.0 - keep)
            scale_in = 1.0
            if balanced:
                scale_in = left / (share * inward) if share * inward > 0.0 else 0.0
            for country in range(countries):
                came[country, sex, age] += share * scale_in * arrive[country, sex, age]
                stock[country, sex, age] += came[country, sex, age] - gone[country, sex, age]


@njit(cache=True, nogil=True)
def project_system(
    rates: Rates, movers: Movers, links: Links, start: Array, foreign: Array, account: Account, moved: Array
) -> float:
    """Project draws of a system from start (c, 2, age), and fill moved (draw, c from, c to, year).

    Returns the largest residual of the countries' accounts.
    """
    countries, _, ages = start.shape
    draws, years = account.births.shape[1:]
    survival, asfr = np.empty((countries, 2, ages + 1)), np.empty((countries, ages))
    now, cohort = np.empty((countries, 2, ages)), np.empty((countries, 2, ages))
    end, died = np.empty((countries, 2, ages)), np.empty((countries, 2, ages))
    arrive, leave, home = np.empty_like(now), np.empty_like(now), np.empty_like(now)
    came, gone, came_early, gone_early = np.empty_like(now), np.empty_like(now), np.empty_like(now), np.empty_like(now)
    abroad, before, short = np.empty_like(now), np.empty_like(now), np.empty_like(now)
    living, buried, everyone_in = np.empty((2, ages)), np.empty((2, ages)), np.empty((2, ages))
    between, along = np.empty((countries, countries)), np.empty((countries, countries))
    closed, births = np.empty(countries), np.empty(countries)
    at_start, at_end = movers.at_start, 1.0 - movers.at_start
    tracked = account.foreign.shape[1] > 0
    worst = 0.0
    for draw in range(draws):
        for country in range(countries):
            copy(start[country], now[country])
            books = account_at(account, country)
            stand(books, draw, 0, now[country])
            if tracked:
                copy(foreign[country], books.foreign[draw, 0])
        for year in range(years):
            for country in range(countries):
                own = rates_at(rates, country)
                rates_of(own, draw, year, survival[country], asfr[country])
                share = own.female_share[year]
                closed[country] = closed_total(now[country], survival[country], asfr[country], share)
                wishes(
                    movers_at(movers, country),
                    draw,
                    year,
                    closed[country],
                    arrive[country],
                    leave[country],
                    home[country],
                )
                copy(now[country], cohort[country])
            for origin in range(countries):
                for destination in range(countries):
                    along[origin, destination] = (
                        links.counts[draw, year, origin, destination]
                        + links.rates[draw, year, origin, destination] * closed[origin]
                    )
                    between[origin, destination] = 0.0
            short[:] = 0.0
            exchange(
                links.ages,
                links.balanced[year],
                at_start,
                (0, ages),
                arrive,
                leave,
                along,
                cohort,
                came_early,
                gone_early,
                short,
                between,
            )
            for country in range(countries):
                survive(cohort[country], survival[country], end[country], died[country])
                if tracked:
                    books = account_at(account, country)
                    copy(books.foreign[draw, year], living)
                    everyone_in[:] = arrive[country]
                    for origin in range(countries):
                        everyone_in += along[origin, country] * links.ages[origin]
                    follow(living, now[country], came_early[country], gone_early[country], everyone_in, home[country])
                    survive(living, survival[country], abroad[country], buried)
                copy(end[country], before[country])
            exchange(
                links.ages,
                links.balanced[year],
                at_end,
                (1, ages),
                arrive,
                leave,
                along,
                end,
                came,
                gone,
                short,
                between,
            )
            for country in range(countries):
                share = rates.female_share[country, year]
                births[country] = bear(
                    now[country], survival[country], asfr[country], share, end[country], died[country]
                )
                before[country, 0, 0], before[country, 1, 0] = end[country, 0, 0], end[country, 1, 0]
            exchange(
                links.ages, links.balanced[year], at_end, (0, 1), arrive, leave, along, end, came, gone, short, between
            )
            for country in range(countries):
                books = account_at(account, country)
                if tracked:
                    everyone_in[:] = arrive[country]
                    for origin in range(countries):
                        everyone_in += along[origin, country] * links.ages[origin]
                    follow(abroad[country], before[country], came[country], gone[country], everyone_in, home[country])
                    copy(abroad[country], books.foreign[draw, year + 1])
                shift(came_early[country], came[country])
                shift(gone_early[country], gone[country])
                share = rates.female_share[country, year]
                worst = max(
                    worst,
                    residual(
                        now[country], end[country], died[country], came[country], gone[country], births[country], share
                    ),
                )
                record(
                    books,
                    draw,
                    year,
                    births[country],
                    asfr[country],
                    now[country],
                    end[country],
                    died[country],
                    came[country],
                    gone[country],
                    short[country],
                )
                copy(end[country], now[country])
            moved[draw, :, :, year] = between
    return worst
