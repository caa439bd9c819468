"""Exact chance constraints: against enumeration, closed forms, and the tail that is more cautious."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from poblar.optimize import GoalError, GrowthRate, PopulationGoal, PopulationSize, SolverError, SupportRatio
from poblar.optimize import exact as room
from poblar.optimize.admissions import Column
from poblar.optimize.bounds import robust_allowance
from poblar.optimize.chance import LinearMargins, certify
from poblar.optimize.exact import solve_exact, solve_quantile, written_out
from poblar.optimize.held import PopulationMargins
from poblar.optimize.program import Model
from poblar.optimize.response import Response, by_hand
from poblar.optimize.solve import ChanceGoal, Solution, solve_tail
from scipy.optimize import linprog

Array = NDArray[np.float64]
YEARS = [2030, 2031, 2032, 2033]
COLUMNS = [Column("workers", 2030), Column("families", 2030), Column("workers", 2031), Column("families", 2031)]


def goal(margins: LinearMargins | PopulationMargins, probability: float, weight: float | None = None) -> ChanceGoal:
    return ChanceGoal("cover demand", probability, margins, margins, margins, enough=1e-9, weight=weight)


def model(cost: Sequence[float] | Array, most: float = np.inf, *, whole: bool = False) -> Model:
    plan = cp.Variable(len(cost), integer=whole)
    limits = [plan >= 0.0] + ([plan <= most] if np.isfinite(most) else [])
    return Model(plan, np.asarray(cost) @ plan, limits)


def demand(seed: int, draws: int, rows: int, levers: int, *, same: bool = False) -> tuple[LinearMargins, Array]:
    """Random margins that more of every lever improves, and what the levers cost."""
    rng = np.random.default_rng(seed)
    slope = rng.uniform(0.1, 1.0, (1 if same else draws, rows, levers))
    margins = LinearMargins(-rng.gamma(3.0, 1.0, (draws, rows)), np.broadcast_to(slope, (draws, rows, levers)).copy())
    return margins, rng.uniform(0.5, 2.0, levers)


def people(seed: int, draws: int = 6, *, spread: float = 0.2) -> Response:
    """A country of about a thousand, in which those admitted live on; two stocks answer to fewer columns."""
    rng = np.random.default_rng(seed)
    shape = (draws, len(YEARS))
    base = {
        "everyone": rng.uniform(900.0, 1100.0, shape),
        "aged 15-64": rng.uniform(500.0, 700.0, shape),
        "aged 65+": rng.uniform(150.0, 250.0, shape),
    }
    come = np.array([[column.year < year for column in COLUMNS] for year in YEARS])
    slope = {name: come * rng.uniform(1.0 - spread, 1.0, (*shape, len(COLUMNS))) * size
             for name, size in (("everyone", 1.0), ("aged 15-64", 0.8), ("aged 65+", 0.05))}  # fmt: skip
    return by_hand(YEARS, base, slope, columns=COLUMNS)


def brute_force(goals: Sequence[tuple[LinearMargins, int]], cost: Array, most: float) -> float:
    """Least cost over all choices of the draws that are broken, so many of each goal; infinite where there is none."""
    best = np.inf
    for kept in itertools.product(
        *(itertools.combinations(range(len(table.constant)), len(table.constant) - broken) for table, broken in goals)
    ):
        some = [table.take(np.array(draws)) for (table, _), draws in zip(goals, kept, strict=True)]
        found = linprog(
            cost,
            A_ub=-np.concatenate([table.slope.reshape(-1, len(cost)) for table in some]),
            b_ub=np.concatenate([table.constant.ravel() for table in some]),
            bounds=(0.0, most),
        )
        best = min(best, found.fun if found.status == 0 else np.inf)
    return best


def counted(margins: LinearMargins, solution: Solution | None) -> float:
    assert solution is not None
    return certify(margins, solution.plan).probability


@pytest.mark.parametrize(
    "asked",
    [
        GrowthRate(at_least=0.001, years=[2030, 2031, 2032]),
        SupportRatio(at_least=3.1, years=[2031, 2033]),
        PopulationSize(at_least=1050.0, years=YEARS),
    ],
    ids=lambda asked: type(asked).__name__,
)
def test_margins_written_out_are_the_margins(asked: PopulationGoal) -> None:
    rng = np.random.default_rng(4)
    margins = PopulationMargins(asked, people(1, draws=9), np.array([7, 0, 3, 4]), unit=10.0, tighter=0.002)
    table = written_out(margins)
    assert table.slope.shape == (4, len(asked.years), len(COLUMNS))
    for plan in (np.zeros(4), rng.uniform(0.0, 20.0, 4)):
        np.testing.assert_allclose(table.rows(plan), margins.rows(plan), rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(table.worst(plan)[1], margins.worst(plan)[1])
    weights, draws = rng.uniform(size=3), np.array([2, 0, 1])
    rows = rng.integers(0, len(asked.years), 3)
    expected = margins.mean(weights, draws, rows)
    found = table.mean(weights, draws, rows)
    assert found[0] == pytest.approx(expected[0], rel=1e-9)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-9)


def test_margins_too_large_to_write_out_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_NUMBERS", 95)
    answer = people(1)
    with pytest.raises(GoalError, match=r"at most 95 slopes .* found 96 \(6 draws, 4 rows, 4 columns\); take fewer"):
        written_out(PopulationMargins(PopulationSize(at_least=1.0, years=YEARS), answer, answer.draws))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rows", [1, 3])
def test_the_exact_plan_is_the_best_of_all_choices_of_broken_draws(seed: int, rows: int) -> None:
    margins, cost = demand(seed, 8, rows, 2)
    solution = solve_exact(model(cost, 40.0), [goal(margins, 0.75)])
    assert solution is not None
    assert solution.objective == pytest.approx(brute_force([(margins, 2)], cost, 40.0), rel=1e-7)
    assert counted(margins, solution) == 0.75


def test_two_goals_break_draws_of_their_own() -> None:
    (first, cost), (second, _) = demand(1, 5, 2, 2), demand(2, 6, 1, 2)
    solution = solve_exact(model(cost), [goal(first, 0.8), goal(second, 0.66)])
    assert solution is not None
    assert solution.objective == pytest.approx(brute_force([(first, 1), (second, 2)], cost, 100.0), rel=1e-7)
    assert counted(first, solution) >= 0.8
    assert counted(second, solution) >= 0.66


def test_slopes_of_both_signs_are_held_between_the_ends_of_the_plan() -> None:
    rng = np.random.default_rng(11)
    margins = LinearMargins(rng.normal(0.0, 1.0, (8, 2)), rng.normal(0.3, 1.0, (8, 2, 2)))
    solution = solve_exact(model([1.0, 0.7], 10.0), [goal(margins, 0.6)])
    best = brute_force([(margins, 3)], np.array([1.0, 0.7]), 10.0)
    assert np.isfinite(best)
    assert solution is not None
    assert solution.objective == pytest.approx(best, rel=1e-7, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
def test_the_exact_plan_holds_in_sample_and_is_never_dearer_than_the_tail(seed: int, probability: float) -> None:
    margins, cost = demand(seed, 30, 3, 3)
    exact = solve_exact(model(cost), [goal(margins, probability)])
    tail = solve_tail(model(cost), [goal(margins, probability)], widening=1.0)
    assert exact is not None
    assert tail is not None
    assert counted(margins, exact) >= probability
    assert exact.objective <= tail.objective * (1.0 + 1e-6)
    # The tail that is allowed to miss by what the exact plan's tail misses by can only be cheaper still.
    eased = solve_tail(model(cost), [goal(margins, probability)], exact.widening, exact.allowed)
    assert eased is not None
    assert eased.objective <= exact.objective * (1.0 + 1e-6)


def test_whole_numbers_stay_whole() -> None:
    margins = LinearMargins(-np.arange(0.7, 10.7)[:, None], np.ones((10, 1, 1)))  # x >= 0.7 … 9.7
    solution = solve_exact(model([1.0], 20.0, whole=True), [goal(margins, 0.8)])
    assert solution is not None
    assert solution.plan == pytest.approx([8.0])  # all but 8.7 and 9.7


def test_the_largest_of_several_numbers_can_be_what_is_least() -> None:
    margins = LinearMargins(-np.arange(1.0, 11.0)[:, None], np.ones((10, 1, 2)))
    plan = cp.Variable(2)
    solution = solve_exact(Model(plan, cp.max(plan), [plan >= 0.0]), [goal(margins, 0.8)])
    assert solution is not None
    assert solution.plan == pytest.approx([4.0, 4.0])


def test_a_goal_on_the_population_is_written_out_and_solved() -> None:
    answer = people(3, draws=12)
    margins = PopulationMargins(PopulationSize(at_least=1100.0, years=[2032, 2033]), answer, answer.draws)
    held, table = goal(margins, 0.75), written_out(margins)
    solution = solve_exact(model(np.ones(4), 1000.0), [held])
    assert solution is not None
    assert certify(margins, solution.plan).probability == 0.75
    # With the same cost for all, those who count most in the draws that hold; enumeration says how many.
    assert solution.objective == pytest.approx(brute_force([(table, 3)], np.ones(4), 1000.0), rel=1e-6)


def test_limits_under_which_too_few_draws_hold_give_no_plan() -> None:
    margins = LinearMargins(-np.arange(1.0, 11.0)[:, None], np.ones((10, 1, 1)))
    assert solve_exact(model([1.0], 7.9), [goal(margins, 0.8)]) is None
    assert solve_quantile(model([1.0], 7.9), [goal(margins, 0.8)]) is None
    assert solve_exact(model([1.0], 8.0), [goal(margins, 0.8)]) is not None
    assert solve_quantile(model([1.0], 8.0), [goal(margins, 0.8)]) is not None


def test_a_goal_beyond_the_reach_of_the_tail_is_still_solved() -> None:
    """Two draws of ten that nothing helps: the tail's mean has no plan, the count has."""
    margins = LinearMargins(np.r_[-100.0, -100.0, -np.arange(1.0, 9.0)][:, None], np.ones((10, 1, 1)))
    assert solve_tail(model([1.0], 20.0), [goal(margins, 0.8)], widening=1.0) is None
    solution = solve_exact(model([1.0], 20.0), [goal(margins, 0.8)])
    assert solution is not None
    assert solution.plan == pytest.approx([8.0])


def test_a_plan_without_an_end_is_a_stated_error_and_most_ends_it() -> None:
    margins = LinearMargins(-np.arange(1.0, 11.0)[:, None], np.ones((10, 1, 1)) * [1.0, 0.0])  # the second does nothing
    free = model([1.0, 0.0])
    with pytest.raises(GoalError, match=r"end every number of the plan, found none for number 1 above; .* give most="):
        solve_exact(free, [goal(margins, 0.8)])
    solution = solve_exact(free, [goal(margins, 0.8)], most=np.array([50.0, 50.0]))
    assert solution is not None
    assert solution.objective == pytest.approx(8.0)
    assert solve_exact(free, [goal(margins, 0.8)], most=np.array([5.0, 5.0])) is None


def test_a_search_that_runs_out_of_time_says_so() -> None:
    margins, cost = demand(3, 200, 5, 10)
    with pytest.raises(SolverError, match=r"end within 0\.001 seconds, found (no plan|a plan of objective) .*seconds="):
        solve_exact(model(cost), [goal(margins, 0.9)], seconds=1e-3)


def test_what_cannot_be_counted_is_refused() -> None:
    margins, cost = demand(1, 10, 1, 2)
    with pytest.raises(GoalError, match=r"a goal that must be reached, found one of weight 2; .* use solve_tail"):
        solve_exact(model(cost), [goal(margins, 0.8, weight=2.0)])
    plan = cp.Variable(2)
    with pytest.raises(GoalError, match="piecewise linear, found a square"):
        solve_exact(Model(plan, cp.sum_squares(plan), [plan >= 0.0]), [goal(margins, 0.8)])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.floats(0.05, 0.99))
def test_the_quantile_of_one_row_is_an_order_statistic(seed: int, draws: int, probability: float) -> None:
    rng = np.random.default_rng(seed)
    needs = rng.gamma(3.0, 1.0, draws)
    margins = LinearMargins(-2.0 * needs[:, None], np.full((draws, 1, 1), 2.0))
    solution = solve_quantile(model([1.0]), [goal(margins, probability)])
    assert solution is not None
    holding = next(count for count in range(draws + 1) if count / draws >= probability)
    assert solution.plan == pytest.approx([np.sort(needs)[holding - 1]], rel=1e-9)
    assert counted(margins, solution) == holding / draws


def test_tenths_are_counted_without_the_error_of_their_rounding() -> None:
    margins = LinearMargins(-np.arange(1.0, 11.0)[:, None], np.ones((10, 1, 1)))
    for broken in range(1, 10):
        for solve in (solve_quantile, solve_exact):
            solution = solve(model([1.0]), [goal(margins, 1.0 - broken / 10)])
            assert solution is not None
            assert solution.plan == pytest.approx([10.0 - broken])


@pytest.mark.parametrize("seed", range(4))
def test_the_quantile_of_single_rows_is_the_exact_plan(seed: int) -> None:
    """Two goals of one row each, on three levers; a positive factor of a draw's row does not matter."""
    (first, cost), (second, _) = demand(seed, 40, 1, 3, same=True), demand(seed + 100, 40, 1, 3, same=True)
    factor = np.random.default_rng(seed).uniform(0.5, 2.0, (40, 1))
    goals = [goal(LinearMargins(factor * first.constant, factor[..., None] * first.slope), 0.9), goal(second, 0.8)]
    quantile, exact = solve_quantile(model(cost), goals), solve_exact(model(cost), goals)
    assert quantile is not None
    assert exact is not None
    assert quantile.objective == pytest.approx(exact.objective, rel=1e-7)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.sampled_from([0.5, 0.8, 0.9, 0.99]))
def test_several_rows_together_hold_as_often_as_asked(seed: int, rows: int, probability: float) -> None:
    margins, cost = demand(seed, 50, rows, 3, same=True)
    solution = solve_quantile(model(cost), [goal(margins, probability)])
    assert solution is not None
    assert counted(margins, solution) >= probability


def test_several_rows_together_cost_no_less_than_the_exact_plan() -> None:
    margins, cost = demand(8, 40, 3, 3, same=True)
    quantile, exact = (solve(model(cost), [goal(margins, 0.9)]) for solve in (solve_quantile, solve_exact))
    assert quantile is not None
    assert exact is not None
    assert exact.objective <= quantile.objective * (1.0 + 1e-7)


def test_a_row_that_is_certain_is_required_as_it_is_and_does_not_widen_the_others() -> None:
    needs = np.arange(1.0, 11.0)
    constant = np.stack([-needs, np.full(10, -3.0)], axis=1)
    slope = np.broadcast_to(np.eye(2), (10, 2, 2)).copy()  # each row is moved by a lever of its own
    solution = solve_quantile(model([1.0, 1.0]), [goal(LinearMargins(constant, slope), 0.3)])
    assert solution is not None
    assert solution.plan == pytest.approx([3.0, 3.0])


def test_draws_that_no_plan_can_hold_are_the_ones_that_are_broken() -> None:
    """The second row answers to nothing and is short in the two draws that need least of the first."""
    constant = np.stack([-np.arange(1.0, 11.0), np.r_[-1.0, -1.0, np.ones(8)]], axis=1)
    slope = np.broadcast_to(np.array([[1.0], [0.0]]), (10, 2, 1)).copy()
    margins = LinearMargins(constant, slope)
    solution = solve_quantile(model([1.0]), [goal(margins, 0.8)])
    assert solution is not None
    assert solution.plan == pytest.approx([10.0])
    exact = solve_exact(model([1.0], 20.0), [goal(margins, 0.8)])
    assert exact is not None
    assert exact.plan == pytest.approx([10.0])
    assert solve_quantile(model([1.0]), [goal(margins, 0.9)]) is None


def test_slopes_that_are_uncertain_are_refused() -> None:
    margins, cost = demand(1, 20, 2, 2)
    with pytest.raises(GoalError, match=r"cover demand: expected slopes that are the same in every draw, found .* by"):
        solve_quantile(model(cost), [goal(margins, 0.9)])


def test_people_who_answer_alike_have_a_quantile_though_shares_differ() -> None:
    """Margins are shares of each draw's own people; that is a factor, which the sign does not see."""
    answer = people(5, draws=20)
    alike = by_hand(YEARS, answer.base, {name: np.ones((20, len(YEARS), 4)) for name in answer.base}, columns=COLUMNS)
    asked = PopulationSize(at_least=1200.0, years=[2033])
    margins = PopulationMargins(asked, alike, alike.draws)
    solution = solve_quantile(model(np.ones(4)), [goal(margins, 0.9)])
    assert solution is not None
    short = np.sort(1200.0 - alike.base["everyone"][:, 3])
    assert solution.objective == pytest.approx(short[17], rel=1e-6)  # 18 of 20 hold


@pytest.mark.parametrize("probability", [0.5, 0.8, 0.9])
def test_a_robust_plan_pays_for_its_radius(probability: float) -> None:
    """One lever with certain slopes: the plan is the tail's mean need and radius / (1 - p)."""
    needs = np.random.default_rng(2).gamma(3.0, 1.0, 200)
    margins = LinearMargins(-needs[:, None], np.ones((200, 1, 1)))
    tail = np.sort(needs)[-round(200 * (1.0 - probability)) :].mean()
    for radius in (0.0, 0.05, 0.3):
        allowed = np.array([robust_allowance(radius, probability)])
        solution = solve_tail(model([1.0]), [goal(margins, probability)], 1.0, allowed)
        assert solution is not None
        assert solution.plan == pytest.approx([tail + radius / (1.0 - probability)], rel=1e-7)


def test_a_robust_plan_withstands_the_worst_distribution_within_its_radius() -> None:
    """The worst one moves the tail, and only it, by radius / (1 - p): its mean is nothing, and not less."""
    radius, probability = 0.1, 0.8
    margins, cost = demand(6, 50, 3, 3, same=True)
    plain, robust = (
        solve_tail(model(cost), [goal(margins, probability)], 1.0, np.array([robust_allowance(size, probability)]))
        for size in (0.0, radius)
    )
    assert plain is not None
    assert robust is not None
    assert robust.objective > plain.objective
    worst = np.sort(margins.rows(robust.plan).min(axis=1))
    moved = worst - np.where(np.arange(50) < 10, radius / (1.0 - probability), 0.0)
    assert np.abs(worst - moved).mean() == pytest.approx(radius)  # the distance
    assert np.sort(moved)[:10].mean() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("radius", "probability", "message"),
    [
        (-0.1, 0.9, r"expected a radius of zero or more, .* found -0\.1"),
        (np.inf, 0.9, r"expected a radius of zero or more, .* found inf"),
        (0.1, 1.0, r"expected a probability above 0 and below 1, found 1\.0"),
    ],
)
def test_radii_and_probabilities_that_mean_nothing_are_refused(radius: float, probability: float, message: str) -> None:
    with pytest.raises(GoalError, match=message):
        robust_allowance(radius, probability)
