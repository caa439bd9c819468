"""The cohort-component kernel: accounts that close in every cell, and matrices that say the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from poblar.forecast._cohort import advance, project_draws
from poblar.forecast.lifetable import life_table, survival_ratios

GRID = np.arange(20.0, 110.25, 0.25)
CHILDBEARING = (np.arange(101) >= 15) & (np.arange(101) < 50)


@dataclass(frozen=True, kw_only=True)
class World:
    """Random rates of one country, and who lives there at the start."""

    e0: np.ndarray  # (draw, year, 2)
    table: np.ndarray  # (2, grid, 102)
    tfr: np.ndarray  # (draw, year)
    pattern: np.ndarray  # (year, 101)
    female_share: np.ndarray  # (year,)
    start: np.ndarray  # (2, 101)
    counts: np.ndarray  # (draw, year)
    rates: np.ndarray  # (draw, year)
    schedule: np.ndarray  # (2, 101)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What the kernel says of a world."""

    population: np.ndarray
    births: np.ndarray
    deaths: np.ndarray
    migration: np.ndarray
    asked: np.ndarray
    died: np.ndarray
    moved: np.ndarray
    residual: float


def survival_rows(rng: np.random.Generator) -> np.ndarray:
    """Random survival that falls with age, the same for every e0 of the grid or rising with it."""
    worst = np.sort(rng.uniform(0.3, 0.999, (2, 1, 102)))[..., ::-1]
    rise = np.linspace(0.0, 1.0, len(GRID))[:, None] * rng.uniform(0.0, 1.0)
    return worst + (1.0 - worst) * rise * 0.9


def random_world(seed: int, draws: int = 2, years: int = 6, size: float = 1e5) -> World:
    rng = np.random.default_rng(seed)
    pattern = rng.gamma(1.0, size=(years, 101)) * CHILDBEARING
    schedule = rng.normal(0.5, 1.0, (2, 101))
    return World(
        e0=rng.uniform(20.0, 105.0, (draws, years, 2)),
        table=survival_rows(rng),
        tfr=rng.uniform(0.0, 8.0, (draws, years)),
        pattern=pattern / pattern.sum(1, keepdims=True),
        female_share=rng.uniform(0.4, 0.6, years),
        start=rng.gamma(1.0, size, (2, 101)),
        counts=rng.normal(0.0, 10.0 * size, (draws, years)) * (rng.random((draws, years)) < 0.7),
        rates=rng.normal(0.0, 0.05, (draws, years)) * (rng.random((draws, years)) < 0.7),
        schedule=schedule / schedule.sum(),
    )


def run(world: World) -> Run:
    draws, years = world.tfr.shape
    # The kernel stores whatever float it is given; the projection gives it float32 to save memory.
    population = np.empty((draws, years + 1, 2, 101))
    births, deaths, migration, asked = (np.empty((draws, years)) for _ in range(4))
    died, moved = np.empty((draws, years, 2, 101)), np.empty((draws, years, 2, 101))
    residual = project_draws(
        world.e0,
        20.0,
        0.25,
        world.table,
        world.tfr,
        world.pattern,
        world.female_share,
        start=world.start,
        counts=world.counts,
        rates=world.rates,
        schedule=world.schedule,
        population=population,
        births=births,
        deaths=deaths,
        migration=migration,
        asked=asked,
        cell_deaths=died,
        cell_moved=moved,
    )
    return Run(
        population=population,
        births=births,
        deaths=deaths,
        migration=migration,
        asked=asked,
        died=died,
        moved=moved,
        residual=residual,
    )


def survivors_of(world: World, draw: int, year: int) -> np.ndarray:
    """Survival ratios (2, 102) of a year, from the table by numpy."""
    return np.stack(
        [
            [np.interp(world.e0[draw, year, sex], GRID, world.table[sex, :, age]) for age in range(102)]
            for sex in range(2)
        ]
    )


SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS)
@settings(max_examples=50)
def test_the_account_closes_in_every_cell(seed: int) -> None:
    """End = start of the cohort + births - deaths + migrants, to 1e-6 persons, whatever the rates and flows."""
    world = random_world(seed)
    result = run(world)
    people = result.population
    before = np.zeros_like(people[:, :-1])
    before[..., 1:] = people[:, :-1, :, :-1]
    before[..., 100] += people[:, :-1, :, 100]
    female = world.female_share * result.births
    before[:, :, 0, 0], before[:, :, 1, 0] = female, result.births - female
    residual = people[:, 1:] - (before - result.died + result.moved)
    assert np.abs(residual).max() <= 1e-6
    assert result.residual <= 1e-6
    assert (result.died >= -1e-6).all()
    change = result.births - result.deaths + result.migration
    np.testing.assert_allclose(np.diff(people.sum((2, 3)), axis=1), change, atol=1e-5, rtol=1e-12)


@given(SEEDS)
@settings(max_examples=50)
def test_emigration_stops_where_nobody_is_left(seed: int) -> None:
    """Far more emigrants than people: no cell falls below zero, and who could not leave is counted."""
    world = random_world(seed, size=1e3)
    everywhere = np.full((2, 101), 1 / 202)
    result = run(replace(world, counts=np.full_like(world.counts, -1e7), rates=0 * world.rates, schedule=everywhere))
    assert result.population.min() >= 0.0
    assert (result.asked == -1e7).all()
    assert (result.migration > result.asked).all()
    available = result.population[:, :-1].sum((2, 3)) + result.births
    assert (-result.migration <= available * (1 + 1e-12)).all()


def test_moderate_flows_are_not_limited() -> None:
    world = random_world(3, size=1e6)
    everywhere = np.full((2, 101), 1 / 202)
    result = run(
        replace(
            world,
            table=np.full_like(world.table, 0.99),
            start=np.full((2, 101), 1e6),
            counts=np.full_like(world.counts, -1e4),
            rates=0 * world.rates,
            schedule=everywhere,
        )
    )
    np.testing.assert_allclose(result.migration, result.asked, rtol=1e-12)


def test_a_rate_is_of_the_population_that_the_year_would_end_with() -> None:
    """bayesMig's rate: counts over the population at the year's end less the counts."""
    world = replace(random_world(4, draws=1, years=1, size=1e6), counts=np.zeros((1, 1)))
    world = replace(world, rates=np.array([[0.02]]), schedule=np.full((2, 101), 1 / 202))
    alone = run(replace(world, rates=np.zeros((1, 1))))
    assert run(world).asked[0, 0] == pytest.approx(0.02 * alone.population[0, 1].sum(), rel=1e-12)


def test_one_cohort_alone_follows_the_life_table() -> None:
    """Girls born in a year, followed for a century, are the person-years L(x) of the table."""
    ages = np.arange(101)
    rates = np.minimum(4e-5 * np.exp(0.1 * ages), 2.0) + 0.01 * (ages == 0)
    ratios = survival_ratios(rates, "female")
    lived = life_table(rates, "female")["Lx"].to_numpy()
    start = np.zeros((2, 101))
    start[0, 0] = 1e5 * lived[0]
    world = World(
        e0=np.full((1, 99, 2), 80.0),
        table=np.broadcast_to(ratios, (2, len(GRID), 102)).copy(),
        tfr=np.zeros((1, 99)),
        pattern=np.zeros((99, 101)),
        female_share=np.full(99, 0.5),
        start=start,
        counts=np.zeros((1, 99)),
        rates=np.zeros((1, 99)),
        schedule=np.full((2, 101), 1 / 202),
    )
    people = run(world).population[0]
    for age in range(100):
        assert people[age, 0, age] == pytest.approx(1e5 * lived[age], rel=1e-10)
        assert people[age].sum() == people[age, 0, age]  # nobody else appears


def test_without_fertility_nobody_is_born() -> None:
    world = random_world(5)
    world = replace(world, tfr=0 * world.tfr, counts=0 * world.counts, rates=0 * world.rates)
    result = run(world)
    assert (result.births == 0).all()
    assert (result.population[:, 1:, :, 0] == 0).all()
    assert (np.diff(result.population.sum((2, 3)), axis=1) < 0).all()


@given(SEEDS)
@settings(max_examples=25)
def test_births_come_from_women_at_mid_year(seed: int) -> None:
    world = random_world(seed)
    result = run(world)
    women = result.population[:, :, 0]
    middle = 0.5 * (women[:, :-1] + women[:, 1:])
    expected = world.tfr * np.einsum("ta,dta->dt", world.pattern, middle)
    np.testing.assert_allclose(result.births, expected, rtol=1e-12)


def leslie(ratios: np.ndarray, asfr: np.ndarray, female_share: float) -> np.ndarray:
    """Projection matrix over (women 0-100, men 0-100), column by column.

    A woman aged x bears ``asfr[x] / 2`` at the start of the year and her survivors ``asfr[x + 1] / 2`` at its end;
    children who survive to the year's end are its infants.
    """
    matrix = np.zeros((202, 202))
    for age in range(101):
        older = min(age + 1, 100)
        for sex in range(2):
            matrix[101 * sex + older, 101 * sex + age] += ratios[sex, age + 1]
        children = 0.5 * asfr[age] + 0.5 * asfr[older] * ratios[0, age + 1]
        matrix[0, age] += children * female_share * ratios[0, 0]
        matrix[101, age] += children * (1.0 - female_share) * ratios[1, 0]
    return matrix


@pytest.mark.parametrize("seed", range(20))
def test_without_migration_the_kernel_is_a_leslie_matrix(seed: int) -> None:
    world = random_world(seed, draws=1, years=8)
    result = run(replace(world, counts=0 * world.counts, rates=0 * world.rates))
    people = world.start.ravel()
    for year in range(8):
        asfr = world.tfr[0, year] * world.pattern[year]
        people = leslie(survivors_of(world, 0, year), asfr, world.female_share[year]) @ people
        np.testing.assert_allclose(result.population[0, year + 1].ravel(), people, rtol=1e-10)


def test_migrants_live_half_the_year_under_the_rates() -> None:
    """One migrant in an empty country: half joins at the start and can die, half at the end and cannot."""
    survival, end, deaths, moved = np.full((2, 102), 0.9), *(np.empty((2, 101)) for _ in range(3))
    migrants = np.zeros((2, 101))
    migrants[1, 30] = 1.0
    born = advance(np.zeros((2, 101)), survival, np.zeros(101), 0.5, migrants, end, deaths, moved)
    assert born == 0.0
    assert end[1, 31] == pytest.approx(0.45)
    assert end[1, 30] == pytest.approx(0.5)
    assert end.sum() == pytest.approx(0.95)
    assert deaths.sum() == pytest.approx(0.05)
    assert moved.sum() == pytest.approx(1.0)
