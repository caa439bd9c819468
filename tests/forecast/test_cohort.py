"""The cohort-component kernel: accounts that close in every cell, and matrices that say the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from poblar.forecast._cohort import Account, Movers, Rates, project_draws, respond_draws
from poblar.forecast._cohort import rates_of as kernel_rates_of
from poblar.forecast.lifetable import life_table, survival_ratios
from scipy.optimize import brentq

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


def nothing(*shape: int) -> np.ndarray:
    """An array that the kernel takes for absent."""
    return np.empty((0, *shape))


def rates_of(world: World) -> Rates:
    years = world.tfr.shape[1]
    return Rates(
        e0=world.e0,
        low=20.0,
        step=0.25,
        table=world.table,
        survival=nothing(years, 2, 102),
        tfr=world.tfr,
        pattern=world.pattern,
        asfr=nothing(years, 101),
        female_share=world.female_share,
    )


def run(world: World, at_start: float = 0.5) -> Run:
    draws, years = world.tfr.shape
    births, deaths, arrivals, departures, limited = (np.empty((draws, years)) for _ in range(5))
    account = Account(
        below=np.empty((draws, years + 1, 102)),
        population=np.empty((draws, years + 1, 2, 101)),
        foreign=nothing(years + 1, 2, 101),
        births=births,
        deaths=deaths,
        arrivals=arrivals,
        departures=departures,
        limited=limited,
        births_by_age=np.empty((draws, years, 101)),
        deaths_by_age=np.empty((draws, years, 2, 101)),
        migrants_by_age=np.empty((draws, years, 2, 101)),
    )
    movers = Movers(
        counts=world.counts[:, None],
        rates=world.rates[:, None],
        ages=np.broadcast_to(world.schedule, (1, years, 2, 101)).copy(),
        returning=np.array([False]),
        cells=nothing(years, 2, 101),
        at_start=at_start,
    )
    residual = project_draws(rates_of(world), movers, world.start, np.zeros((2, 101)), account)
    np.testing.assert_allclose(account.births_by_age.sum(-1), births, rtol=1e-12)
    np.testing.assert_allclose(account.below[..., -1], account.population.sum((2, 3)), rtol=1e-12)
    return Run(
        population=account.population,
        births=births,
        deaths=deaths,
        migration=arrivals - departures,
        asked=arrivals - departures - limited,
        died=account.deaths_by_age,
        moved=account.migrants_by_age,
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
    np.testing.assert_allclose(result.asked, -1e7, rtol=1e-9)
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


@pytest.mark.parametrize("seed", range(50))
def test_without_migration_the_kernel_is_a_leslie_matrix(seed: int) -> None:
    world = random_world(seed, draws=1, years=8)
    result = run(replace(world, counts=0 * world.counts, rates=0 * world.rates))
    people = world.start.ravel()
    for year in range(8):
        asfr = world.tfr[0, year] * world.pattern[year]
        people = leslie(survivors_of(world, 0, year), asfr, world.female_share[year]) @ people
        np.testing.assert_allclose(result.population[0, year + 1].ravel(), people, rtol=1e-10)


@pytest.mark.parametrize(("at_start", "later", "now"), [(0.5, 0.45, 0.5), (0.0, 0.0, 1.0), (1.0, 0.9, 0.0)])
def test_who_joins_at_the_start_lives_the_year_under_the_rates(at_start: float, later: float, now: float) -> None:
    """A hundred men of 30 come to an empty country where one in ten dies: those of the end do not."""
    world = random_world(6, draws=1, years=1)
    schedule = np.zeros((2, 101))
    schedule[1, 30] = 1.0
    world = replace(
        world,
        table=np.full_like(world.table, 0.9),
        start=np.zeros((2, 101)),
        counts=np.full((1, 1), 100.0),
        rates=np.zeros((1, 1)),
        schedule=schedule,
    )
    result = run(world, at_start)
    assert result.population[0, 1, 1, 31] == pytest.approx(100.0 * later)
    assert result.population[0, 1, 1, 30] == pytest.approx(100.0 * now)
    assert result.deaths[0, 0] == pytest.approx(100.0 * (1.0 - later - now))
    assert result.migration[0, 0] == pytest.approx(100.0)


def stable(ratios: np.ndarray, asfr: np.ndarray, girls: float) -> tuple[float, np.ndarray]:
    """Lotka's growth factor and age structure of women below 100, for births from the mean of a year's two ends.

    Women aged x were born x + 1 years before the year's end: 1 = girls (1 + growth) / 2 sum asfr(x) L(x) growth^-(x+1).
    """
    lived = np.cumprod(ratios[:100])

    def characteristic(growth: float) -> float:
        women = lived * growth ** -(np.arange(100) + 1.0)
        return girls * 0.5 * (1.0 + growth) * float(asfr[:100] @ women) - 1.0

    growth = brentq(characteristic, 0.8, 1.3, xtol=1e-15)
    structure = lived * growth ** -np.arange(100.0)
    return growth, structure / structure.sum()


@pytest.mark.parametrize("seed", range(8))
def test_constant_rates_lead_to_lotkas_stable_population(seed: int) -> None:
    """Growth and age structure of the characteristic equation, whatever the start."""
    rng = np.random.default_rng(seed)
    years = 1500
    mx = np.minimum(3e-5 * np.exp(rng.uniform(0.085, 0.1) * np.arange(101)), 2.0) + 0.02 * (np.arange(101) == 0)
    ratios = np.stack([survival_ratios(mx, "female"), survival_ratios(mx, "male")])
    pattern = np.exp(-0.5 * ((np.arange(101) - rng.uniform(25, 32)) / 6.0) ** 2) * CHILDBEARING
    pattern /= pattern.sum()
    tfr = rng.uniform(1.2, 4.0)
    world = World(
        e0=np.full((1, years, 2), 80.0),
        table=np.broadcast_to(ratios[:, None], (2, len(GRID), 102)).copy(),
        tfr=np.full((1, years), tfr),
        pattern=np.broadcast_to(pattern, (years, 101)).copy(),
        female_share=np.full(years, 0.488),
        start=rng.gamma(1.0, 1e3, (2, 101)),
        counts=np.zeros((1, years)),
        rates=np.zeros((1, years)),
        schedule=np.full((2, 101), 1 / 202),
    )
    growth, structure = stable(ratios[0], tfr * pattern, 0.488)
    people = run(world).population[0]
    women = people[-1, 0, :100]
    assert people[-1].sum() / people[-2].sum() == pytest.approx(growth, rel=1e-9)
    np.testing.assert_allclose(women / women.sum(), structure, rtol=1e-8)


@given(SEEDS)
@settings(max_examples=50)
def test_the_population_is_affine_in_the_migrants(seed: int) -> None:
    """With counts frozen and nobody limited: base + response times admissions, in every cell, to 1e-9."""
    rng = np.random.default_rng(seed)
    world = random_world(seed, draws=1, years=8, size=1e6)
    inward = rng.gamma(1.0, size=(2, 101))
    profile = inward / inward.sum()
    frozen = replace(world, counts=np.abs(world.counts), rates=0 * world.rates, schedule=profile)
    admitted = rng.gamma(1.0, 1e5, 8)
    more = replace(frozen, counts=frozen.counts + admitted)
    cells = np.eye(202).reshape(202, 2, 101)
    response = np.zeros((1, 202, 9, 8))
    respond_draws(
        rates_of(frozen),
        at_start=0.5,
        profiles=np.broadcast_to(profile, (8, 2, 101)).copy(),
        arrival=np.arange(8),
        weights=cells,
        response=response,
    )
    expected = run(frozen).population[0].reshape(9, 202) + (response[0] @ admitted).T
    np.testing.assert_allclose(run(more).population[0].reshape(9, 202), expected, rtol=1e-9)


def test_given_rates_by_age_are_used_as_they_are() -> None:
    """Survival and fertility handed over whole give what the tables they come from give."""
    world = random_world(7)
    draws, years = world.tfr.shape
    whole = np.stack([[survivors_of(world, draw, year) for year in range(years)] for draw in range(draws)])
    rates = rates_of(world)._replace(survival=whole, asfr=world.tfr[..., None] * world.pattern)
    survival, asfr = np.empty((2, 102)), np.empty(101)
    for draw in range(draws):
        for year in range(years):
            kernel_rates_of(rates, draw, year, survival, asfr)
            np.testing.assert_array_equal(survival, whole[draw, year])
            np.testing.assert_array_equal(asfr, world.tfr[draw, year] * world.pattern[year])
