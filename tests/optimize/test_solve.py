"""The linear program: its optimum, its statuses, and plans that are no more cautious than asked."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from poblar.optimize import SolverError
from poblar.optimize.calibrate import calibrated
from poblar.optimize.chance import LinearMargins, certify
from poblar.optimize.program import Model, Program
from poblar.optimize.solve import ChanceGoal, Cuts, least_shortfall, solve_tail


def free(levers: int, cost: np.ndarray | None = None, high: float | None = None) -> Model:
    """No limits but zero, and perhaps a cap."""
    plan = cp.Variable(levers)
    limits = [plan >= 0.0] if high is None else [plan >= 0.0, plan <= high]
    return Model(plan, plan @ (np.ones(levers) if cost is None else cost), limits)


def goal(margins: LinearMargins, probability: float, enough: float = 1e-9) -> ChanceGoal:
    return ChanceGoal("cover demand", probability, margins, margins, margins, enough)


@pytest.mark.parametrize("seed", range(3))
def test_cuts_reach_the_optimum_of_the_problem_written_out_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    draws, rows, levers, probability = 100, 5, 4, 0.9
    constant = -rng.gamma(3.0, 1.0, (draws, rows))
    slope = rng.uniform(0.1, 1.0, (draws, rows, levers))
    cost = rng.uniform(0.5, 2.0, levers)
    solution = solve_tail(free(levers, cost), [goal(LinearMargins(constant, slope), probability)], widening=1.0)

    x = cp.Variable(levers, nonneg=True)
    misses = cp.max(cp.vstack([-constant[:, row] - slope[:, row] @ x for row in range(rows)]), axis=0)
    whole = cp.Problem(cp.Minimize(cost @ x), [cp.cvar(misses, probability) <= 0])
    whole.solve(solver=cp.CLARABEL)
    assert solution is not None
    assert solution.objective == pytest.approx(whole.value, rel=1e-6)


def test_cuts_are_shared_between_tails_without_moving_an_optimum() -> None:
    """Whatever was cut before, wide or narrow, each tail ends where it ends alone."""
    rng = np.random.default_rng(5)
    margins = LinearMargins(-rng.gamma(3.0, 1.0, (300, 4)), rng.uniform(0.1, 1.0, (300, 4, 3)))
    cuts = Cuts(free(3), [goal(margins, 0.9)])
    for widening in (4.0, 2.0, 0.5, 3.0, 1.0):  # down and up again: a narrow tail's cuts do not hold for a wide one
        alone = solve_tail(free(3), [goal(margins, 0.9)], widening)
        shared = cuts.cheapest(widening)
        assert alone is not None
        assert shared is not None
        assert shared.objective == pytest.approx(alone.objective, rel=1e-6)


def test_a_goal_that_moved_starts_from_the_cuts_of_the_one_before() -> None:
    """The same optimum as from nothing, in fewer programs."""
    rng = np.random.default_rng(6)
    constant, slope = -rng.gamma(3.0, 1.0, (300, 4)), rng.uniform(0.1, 1.0, (300, 4, 8))
    before, after = (goal(LinearMargins(constant - more, slope), 0.9) for more in (0.0, 0.1))
    cuts = Cuts(free(8), [before])
    assert cuts.cheapest(1.0) is not None
    moved, anew = cuts.moved([after]).cheapest(1.0), solve_tail(free(8), [after], 1.0)
    assert moved is not None
    assert anew is not None
    assert moved.objective == pytest.approx(anew.objective, rel=1e-6)
    assert moved.iterations < anew.iterations


def test_a_soft_goal_is_missed_where_mending_costs_more_than_it_is_worth() -> None:
    margins = LinearMargins(np.full((10, 1), -5.0), np.ones((10, 1, 1)))  # x >= 5, at a cost of 1 each
    for weight, expected in ((0.9, 0.0), (1.1, 5.0)):
        soft = ChanceGoal("cover demand", 0.9, margins, margins, margins, weight=weight)
        solution = solve_tail(free(1), [soft], 1.0)
        assert solution is not None
        assert solution.plan == pytest.approx([expected], abs=1e-6)
        assert solution.missed == pytest.approx([5.0 - expected], abs=1e-6)


def test_where_not_all_can_be_reached_the_first_priority_is() -> None:
    """x >= 5 and y >= 5 with x + y <= 7: whoever comes first has its five."""
    one, two = (LinearMargins(np.full((10, 1), -5.0), np.tile(np.eye(2)[lever], (10, 1, 1))) for lever in (0, 1))
    plan = cp.Variable(2)
    model = Model(plan, plan @ np.ones(2), [plan >= 0.0, plan @ np.ones(2) <= 7.0])
    for first, second, expected in ((1, 2, [5.0, 2.0]), (2, 1, [2.0, 5.0])):
        goals = [
            ChanceGoal(name, 0.9, margins, margins, margins, priority=priority)
            for name, margins, priority in (("x", one, first), ("y", two, second))
        ]
        assert least_shortfall(model, goals).plan == pytest.approx(expected, abs=1e-4)


def test_the_price_of_a_goal_is_what_asking_more_costs() -> None:
    """Duals of the cuts against a problem solved anew with a little more asked."""
    rng = np.random.default_rng(7)
    constant, slope = -rng.gamma(3.0, 1.0, (400, 3)), rng.uniform(0.1, 1.0, (400, 3, 5))
    cost = rng.uniform(0.5, 2.0, 5)
    solution, more = (
        solve_tail(free(5, cost=cost), [goal(LinearMargins(constant - step, slope), 0.9)], 1.0) for step in (0.0, 1e-3)
    )
    assert solution is not None
    assert more is not None
    price = sum(price for _, _, price in solution.prices)
    assert price == pytest.approx((more.objective - solution.objective) / 1e-3, rel=0.01)


def test_whole_numbers_and_squares_are_programs_too() -> None:
    plan = cp.Variable(3, integer=True)
    program = Program(Model(plan, plan @ np.ones(3), [plan >= 0.0, plan[1:] <= 1.5 * plan[:-1]]), goals=1)
    program.cut(0, -7.3, np.array([1.0, 1.0, 1.0]))
    found = program.solve()
    assert found is not None
    assert found.sum() == pytest.approx(8.0)
    assert (found % 1.0 == 0.0).all()
    plan = cp.Variable(3)
    program = Program(Model(plan, cp.sum_squares(plan), [plan >= 0.0]), goals=1)
    program.cut(0, -6.0, np.ones(3))
    assert program.solve() == pytest.approx([2.0, 2.0, 2.0], abs=1e-6)
    assert program.prices() == pytest.approx([4.0], rel=1e-5)  # 2 x is what a unit more costs


def test_a_calibrated_plan_is_cheaper_than_the_cautious_one() -> None:
    rng = np.random.default_rng(5)
    margins = LinearMargins(-rng.gamma(3.0, 1.0, (300, 4)), rng.uniform(0.1, 1.0, (300, 4, 3)))
    cautious = solve_tail(free(3), [goal(margins, 0.9)], widening=1.0)
    solution = calibrated(Cuts(free(3), [goal(margins, 0.9)]), rounded=lambda plan: plan)
    assert cautious is not None
    assert solution is not None
    assert solution.objective < cautious.objective


def test_limits_that_no_plan_keeps_the_goal_under_give_none() -> None:
    margins = LinearMargins(np.full((10, 1), -5.0), np.ones((10, 1, 1)))
    capped = free(1, high=4.0)
    assert solve_tail(capped, [goal(margins, 0.9)], widening=1.0) is None
    nearest = least_shortfall(capped, [goal(margins, 0.9)])
    assert nearest.plan == pytest.approx([4.0])
    assert nearest.missed == pytest.approx([1.0], abs=1e-6)


def test_limits_that_contradict_each_other_are_a_stated_error() -> None:
    margins = LinearMargins(np.full((10, 1), -5.0), np.ones((10, 1, 1)))
    plan = cp.Variable(1)
    torn = Model(plan, plan @ np.ones(1), [plan <= 1.0, plan >= 2.0])
    with pytest.raises(SolverError, match="found limits that contradict each other even without a goal"):
        least_shortfall(torn, [goal(margins, 0.9)])


@pytest.mark.parametrize("spread", [0.5, 1.5])
def test_a_calibrated_plan_keeps_its_promise_and_pays_for_little_more(spread: float) -> None:
    """Lognormal demand, as a share of its own size: on fresh draws the probability is near the request."""
    reached = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        sets = []
        for _ in range(3):
            demand = rng.lognormal(0.0, spread, (1500, 1))
            sets.append(LinearMargins(np.full_like(demand, -1.0), (1.0 / demand)[..., None]))
        solution = calibrated(Cuts(free(1), [ChanceGoal("cover demand", 0.9, *sets)]), rounded=lambda plan: plan)
        assert solution is not None
        fresh = rng.lognormal(0.0, spread, (20_000, 1))
        certificate = certify(LinearMargins(np.full_like(fresh, -1.0), (1.0 / fresh)[..., None]), solution.plan)
        reached.append(certificate.probability)
    assert min(reached) >= 0.9 - 0.015
    assert np.mean(reached) <= 0.9 + 0.02
