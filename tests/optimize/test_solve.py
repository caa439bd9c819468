"""The linear program: its optimum, its statuses, and plans that are no more cautious than asked."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from poblar.optimize import SolverError
from poblar.optimize.chance import LinearMargins, certify
from poblar.optimize.solve import ChanceGoal, Limits, _Cuts, calibrated, least_shortfall, solve_tail


def free(levers: int, **changes: np.ndarray) -> Limits:
    values = {
        "cost": np.ones(levers),
        "low": np.zeros(levers),
        "high": np.full(levers, np.inf),
        "matrix": np.zeros((0, levers)),
        "bound": np.zeros(0),
    }
    return Limits(**(values | changes))


def goal(margins: LinearMargins, probability: float, enough: float = 1e-9) -> ChanceGoal:
    return ChanceGoal("cover demand", probability, margins, margins, margins, enough)


@pytest.mark.parametrize("seed", range(3))
def test_cuts_reach_the_optimum_of_the_problem_written_out_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    draws, rows, levers, probability = 100, 5, 4, 0.9
    constant = -rng.gamma(3.0, 1.0, (draws, rows))
    slope = rng.uniform(0.1, 1.0, (draws, rows, levers))
    cost = rng.uniform(0.5, 2.0, levers)
    solution = solve_tail(free(levers, cost=cost), [goal(LinearMargins(constant, slope), probability)], widening=1.0)

    x = cp.Variable(levers, nonneg=True)
    misses = cp.max(cp.vstack([-constant[:, row] - slope[:, row] @ x for row in range(rows)]), axis=0)
    whole = cp.Problem(cp.Minimize(cost @ x), [cp.cvar(misses, probability) <= 0])
    whole.solve(solver=cp.CLARABEL)
    assert solution is not None
    assert solution.objective == pytest.approx(whole.value, rel=1e-6)


def test_cuts_are_shared_between_tails_without_moving_an_optimum() -> None:
    """Whatever was cut before, wide or narrow, each tail ends where it ends alone; narrow tails start further on."""
    rng = np.random.default_rng(5)
    margins = LinearMargins(-rng.gamma(3.0, 1.0, (300, 4)), rng.uniform(0.1, 1.0, (300, 4, 3)))
    cuts = _Cuts()
    for widening in (4.0, 2.0, 0.5, 3.0, 1.0):  # down and up again: a narrow tail's cuts do not hold for a wide one
        alone = solve_tail(free(3), [goal(margins, 0.9)], widening)
        shared = solve_tail(free(3), [goal(margins, 0.9)], widening, cuts=cuts)
        assert alone is not None
        assert shared is not None
        assert shared.objective == pytest.approx(alone.objective, rel=1e-6)
        assert shared.iterations <= alone.iterations + 1


def test_a_calibrated_plan_is_cheaper_than_the_cautious_one() -> None:
    rng = np.random.default_rng(5)
    margins = LinearMargins(-rng.gamma(3.0, 1.0, (300, 4)), rng.uniform(0.1, 1.0, (300, 4, 3)))
    cautious = solve_tail(free(3), [goal(margins, 0.9)], widening=1.0)
    solution = calibrated(free(3), [goal(margins, 0.9)], rounded=lambda plan: plan)
    assert cautious is not None
    assert solution is not None
    assert solution.objective < cautious.objective


def test_limits_that_no_plan_keeps_the_goal_under_give_none() -> None:
    margins = LinearMargins(np.full((10, 1), -5.0), np.ones((10, 1, 1)))
    capped = free(1, high=np.array([4.0]))
    assert solve_tail(capped, [goal(margins, 0.9)], widening=1.0) is None
    nearest = least_shortfall(capped, [goal(margins, 0.9)])
    assert nearest.plan == pytest.approx([4.0])
    assert nearest.shortfall == pytest.approx(1.0, abs=1e-6)


def test_limits_that_contradict_each_other_are_a_stated_error() -> None:
    margins = LinearMargins(np.full((10, 1), -5.0), np.ones((10, 1, 1)))
    torn = free(1, matrix=np.array([[1.0], [-1.0]]), bound=np.array([1.0, -2.0]))  # x <= 1 and x >= 2
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
        solution = calibrated(free(1), [ChanceGoal("cover demand", 0.9, *sets)], rounded=lambda plan: plan)
        assert solution is not None
        fresh = rng.lognormal(0.0, spread, (20_000, 1))
        certificate = certify(LinearMargins(np.full_like(fresh, -1.0), (1.0 / fresh)[..., None]), solution.plan)
        reached.append(certificate.probability)
    assert min(reached) >= 0.9 - 0.015
    assert np.mean(reached) <= 0.9 + 0.02
