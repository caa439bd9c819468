"""The cohort-component kernel: one calendar year of one population, and loops over draws and years.

Convention (Preston, Heuveline & Guillot 2001, ch. 6): half of a year's migrants join at its start and half at its
end, so that migrants live, on average, half a year under the country's rates. Births come from women at the middle
of the year, the mean of the two ends. Cells of deaths and migrants are cohorts, by age at the end of the year, so
that in every cell: end = start + births - deaths + migrants. Arrays are float64; sex 0 is female.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
AGES = 101


class Rates(NamedTuple):
    """The rates of one country, as the kernels take them (in this order).

    e0 (draw, year, 2); the evenly spaced e0 of the table, by its first and its step; table of survival ratios
    (2, grid, 102); tfr (draw, year); pattern of fertility by age (year, 101); female share of births (year,).
    """

    e0: Array
    low: float
    step: float
    table: Array
    tfr: Array
    pattern: Array
    female_share: Array


@njit(cache=True, nogil=True)
def survival_at(e0: Array, low: float, step: float, table: Array, survival: Array) -> None:
    """Survival ratios (2, 102) at each sex's e0, interpolated between the rows of table (2, grid, 102)."""
    for sex in range(2):
        position = (e0[sex] - low) / step
        row = min(max(int(position), 0), table.shape[1] - 2)
        share = min(max(position - row, 0.0), 1.0)
        for age in range(AGES + 1):
            survival[sex, age] = (1.0 - share) * table[sex, row, age] + share * table[sex, row + 1, age]


@njit(cache=True, nogil=True)
def advance(
    start: Array,
    survival: Array,
    asfr: Array,
    female_share: float,
    migrants: Array,
    end: Array,
    deaths: Array,
    moved: Array,
) -> float:
    """Move a population (2, 101) on by a year, fill end, deaths and moved (2, 101), and return the births.

    Emigrants that a cohort does not hold stay out of `moved`: nobody leaves who is not there.
    """
    for sex in range(2):
        for age in range(AGES):
            end[sex, age] = deaths[sex, age] = moved[sex, age] = 0.0
        for age in range(AGES):
            joining = max(0.5 * migrants[sex, age], -start[sex, age])
            cohort = start[sex, age] + joining
            survivors = cohort * survival[sex, age + 1]
            later = min(age + 1, AGES - 1)
            end[sex, later] += survivors
            deaths[sex, later] += cohort - survivors
            moved[sex, later] += joining
        for age in range(1, AGES):
            joining = max(0.5 * migrants[sex, age], -end[sex, age])
            end[sex, age] += joining
            moved[sex, age] += joining
    births = 0.0
    for age in range(1, AGES):
        births += asfr[age] * 0.5 * (start[0, age] + end[0, age])
    for sex in range(2):
        born = births * (female_share if sex == 0 else 1.0 - female_share)
        survivors = born * survival[sex, 0]
        joining = max(0.5 * migrants[sex, 0], -survivors)
        end[sex, 0] = survivors + joining
        deaths[sex, 0] = born - survivors
        moved[sex, 0] = joining
    return births


@njit(cache=True, nogil=True)
def project_draws(
    e0: Array,
    low: float,
    step: float,
    table: Array,
    tfr: Array,
    pattern: Array,
    female_share: Array,
    start: Array,
    counts: Array,
    rates: Array,
    schedule: Array,
    population: NDArray[np.float32],
    births: Array,
    deaths: Array,
    migration: Array,
    asked: Array,
    cell_deaths: Array,
    cell_moved: Array,
) -> float:
    """Project draws of one country; return the largest residual of the accounting identity over all cells.

    After `Rates`: start (2, 101); counts and rates of net migration (draw, year); schedule of its ages (2, 101),
    summing to one. Net migration is counts plus rates times the population that the year would end with without it.
    Filled: population (draw, year + 1, 2, 101); births, deaths, migration and the migration asked for (draw, year);
    cell_deaths and cell_moved (draw, year, 2, 101)
    unless they have no draws.
    """
    draws, years = tfr.shape
    survival = np.empty((2, AGES + 1))
    now, end = np.empty((2, AGES)), np.empty((2, AGES))
    died, moved = np.empty((2, AGES)), np.empty((2, AGES))
    nobody = np.zeros((2, AGES))
    detail = cell_deaths.shape[0] > 0
    worst = 0.0
    for draw in range(draws):
        now[:] = start
        population[draw, 0] = now
        for year in range(years):
            survival_at(e0[draw, year], low, step, table, survival)
            asfr = tfr[draw, year] * pattern[year]
            total = counts[draw, year]
            if rates[draw, year] != 0.0:
                advance(now, survival, asfr, female_share[year], nobody, end, died, moved)
                total += rates[draw, year] * end.sum()
            born = advance(now, survival, asfr, female_share[year], total * schedule, end, died, moved)
            for sex in range(2):
                first = born * (female_share[year] if sex == 0 else 1.0 - female_share[year])
                for age in range(AGES):
                    before = first if age == 0 else now[sex, age - 1]
                    if age == AGES - 1:
                        before += now[sex, age]
                    residual = abs(end[sex, age] - (before - died[sex, age] + moved[sex, age]))
                    worst = max(worst, residual)
            births[draw, year] = born
            deaths[draw, year] = died.sum()
            migration[draw, year] = moved.sum()
            asked[draw, year] = total
            if detail:
                cell_deaths[draw, year] = died
                cell_moved[draw, year] = moved
            now[:] = end
            population[draw, year + 1] = now
    return worst


@njit(cache=True, nogil=True)
def respond_draws(
    e0: Array,
    low: float,
    step: float,
    table: Array,
    tfr: Array,
    pattern: Array,
    female_share: Array,
    profiles: Array,
    arrival: NDArray[np.int64],
    weights: Array,
    response: NDArray[np.float64],
) -> None:
    """Response of weighted populations to one more migrant, through the same step as the projection.

    After `Rates`: profiles (lever, 2, 101), each summing to one; arrival (lever,), position of the year in which the
    lever's migrants come; weights (functional, 2, 101); filled: response (draw, functional, year + 1, lever).
    """
    draws, years = tfr.shape
    survival = np.empty((years, 2, AGES + 1))
    now, end = np.empty((2, AGES)), np.empty((2, AGES))
    died, moved = np.empty((2, AGES)), np.empty((2, AGES))
    nobody = np.zeros((2, AGES))
    for draw in range(draws):
        for year in range(years):
            survival_at(e0[draw, year], low, step, table, survival[year])
        for lever in range(arrival.size):
            now[:] = 0.0
            for year in range(arrival[lever], years):
                migrants = profiles[lever] if year == arrival[lever] else nobody
                asfr = tfr[draw, year] * pattern[year]
                advance(now, survival[year], asfr, female_share[year], migrants, end, died, moved)
                now[:] = end
                for functional in range(weights.shape[0]):
                    total = 0.0
                    for sex in range(2):
                        for age in range(AGES):
                            total += weights[functional, sex, age] * now[sex, age]
                    response[draw, functional, year + 1, lever] = total
