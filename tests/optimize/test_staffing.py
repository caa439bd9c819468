"""Staffing plans keep waiting times, in whole officers, and their books balance."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from poblar.forecast import simulate_queue
from poblar.optimize import GoalError, NoPlanError, Plan, Staffing, StaffingPlan, WaitTime
from poblar.optimize.chance import deal

SOON = WaitTime(at_most="6 months", since="2031-01", probability=0.9)


def steady(
    arrivals: float, *, draws: int = 600, months: int = 60, backlog: float = 0.0, noise: float = 0.0
) -> xr.Dataset:
    """A queue from 2027-01 on whose officers decide ten cases a month and from which nobody withdraws."""
    axes, shape = ("draw", "country", "month"), (draws, 1, months)
    level = np.exp(noise * np.random.default_rng(1).standard_normal((draws, 1, 1)))
    start = np.datetime64("2027-01", "M")
    return xr.Dataset(
        {
            "arrivals": (axes, arrivals * level * np.ones(shape)),
            "productivity": (axes, np.full(shape, 10.0)),
            "withdrawal": (axes, np.zeros(shape)),
            "backlog": ("country", [backlog]),
        },
        coords={"country": ["MEX"], "month": (start + np.arange(months)).astype("datetime64[s]"), "draw": range(draws)},
    )


@pytest.fixture(scope="module")
def problem(queue: xr.Dataset) -> StaffingPlan:
    """COMAR's queue, from 140 officers in 2027."""
    lever = Staffing(cost=24_000, recruitment_lag="4 months", training="6 months", hires_at_most=600)
    return StaffingPlan(queue, start="2027-01", in_post=140, levers=[lever], goals=[SOON])


@pytest.fixture(scope="module")
def plan(problem: StaffingPlan) -> Plan:
    return problem.solve(seed=1)


def test_the_promise_is_kept_on_draws_held_out_without_paying_for_more(plan: Plan) -> None:
    (report,) = plan.goals
    assert plan.exists
    assert report.held_out >= 0.9 - 0.015
    assert report.held_out_interval[0] <= 0.9 + 0.02


def test_the_certificate_is_the_queue_run_on_draws_held_out(
    problem: StaffingPlan, plan: Plan, queue: xr.Dataset
) -> None:
    run = simulate_queue(queue.isel(draw=deal(6000, seed=1)["certify"]), problem.officers(plan))
    wait = run["wait"].sel(month=slice("2031-01", "2032-06"))
    assert float((wait <= 6).all(["country", "month"]).mean()) == plan.goals[0].held_out


def test_officers_are_whole_and_hired_within_the_cap(plan: Plan) -> None:
    for name in ("hires", "releases"):
        values = plan.decision[name].to_numpy()
        np.testing.assert_array_equal(values, np.round(values))
        assert (values >= 0).all()
    assert plan.decision["hires"].max() <= 600
    assert any("600 hires a quarter" in limit for limit in plan.binding)


def test_cost_is_what_officers_in_post_are_paid(plan: Plan) -> None:
    """Attrition makes officers in post fall within a quarter; its end and its start bound what is paid."""
    cost, at_end = plan.decision["cost"].to_numpy(), plan.decision["in_post"].to_numpy()
    assert plan.objective == pytest.approx(cost.sum())
    quiet = (plan.decision["hires"].to_numpy() == 0) & (plan.decision["releases"].to_numpy() == 0)
    steady_quarters = quiet & np.r_[False, quiet[:-1]] & np.r_[False, False, quiet[:-2]]
    months = (1 - 0.08) ** (-np.arange(3) / 12)  # two months, one month and none before the quarter's end
    paid = at_end * months.sum() * 24_000 / 12
    np.testing.assert_allclose(cost[steady_quarters], paid[steady_quarters], rtol=1e-9)
    assert steady_quarters.sum() >= 3


def test_nobody_works_before_recruitment_and_training_end() -> None:
    lever = Staffing(cost=1.0, recruitment_lag="4 months", training="6 months", attrition=0.0)
    goal = WaitTime(at_most="3 months", since="2028-06")
    problem = StaffingPlan(steady(200.0), start="2027-01", in_post=10, levers=[lever], goals=[goal])
    plan = problem.solve(seed=1)
    officers = problem.officers(plan).to_numpy()
    hires = plan.decision["hires"].to_numpy()
    assert plan.exists
    assert (officers[:10] <= 10.0).all()
    by_hand = np.full(60, 10.0)
    for quarter, (hired, released) in enumerate(zip(hires, plan.decision["releases"].to_numpy(), strict=True)):
        by_hand[3 * quarter + 10 :] += hired
        by_hand[3 * quarter :] -= released
    np.testing.assert_allclose(officers, by_hand, atol=1e-9)
    assert by_hand.min() >= 0.0


def test_a_steady_queue_gets_just_the_officers_it_needs() -> None:
    """200 arrivals a month and ten decisions an officer-month: twenty officers at work, in every draw."""
    lever = Staffing(cost=1.0, recruitment_lag="1 month", training="1 month", attrition=0.0)
    goal = WaitTime(at_most="1 month", since="2028-01")
    problem = StaffingPlan(steady(200.0), start="2027-01", in_post=20, levers=[lever], goals=[goal])
    plan = problem.solve(seed=1)
    assert plan.exists
    assert plan.goals[0].held_out == 1.0
    late = problem.officers(plan).sel(month=slice("2028-06", "2031-06")).to_numpy()
    assert late.mean() == pytest.approx(20.0, abs=0.6)


def test_a_cap_that_cannot_keep_the_promise_is_an_answer(queue: xr.Dataset) -> None:
    lever = Staffing(cost=24_000, at_most=500)
    plan = StaffingPlan(queue, start="2027-01", in_post=140, levers=[lever], goals=[SOON]).solve(seed=1)
    assert not plan.exists
    assert plan.answer.startswith(
        "No plan for MEX: a decision within 6 months for everyone who applies from 2031-01 on"
    )
    assert "the highest probability found is " in plan.answer
    assert 0.2 < plan.goals[0].held_out < 0.885
    with pytest.raises(NoPlanError, match="cannot be reached with 90 % probability under these limits"):
        _ = plan.decision
    assert float(plan.decided["in_post"].max()) <= 500


def test_with_a_cap_the_wait_that_can_be_kept_is_named() -> None:
    """Fifteen officers against 200 arrivals a month: 50 more wait each month, so waits grow by a third of a month."""
    lever = Staffing(cost=1.0, attrition=0.0, at_most=15)
    goal = WaitTime(at_most="2 months", since="2028-01", probability=0.9)
    plan = StaffingPlan(steady(200.0), start="2027-01", in_post=15, levers=[lever], goals=[goal]).solve(seed=1)
    assert not plan.exists
    assert plan.goals[0].held_out == 0.0
    assert "no wait that ends before the horizon" in plan.goals[0].relaxed


def test_a_cap_at_the_staff_in_post_lets_them_stay() -> None:
    """Twenty officers do what twenty are needed for; a cap of twenty dismisses nobody."""
    lever = Staffing(cost=1.0, recruitment_lag="1 month", training="1 month", attrition=0.0, at_most=20)
    goal = WaitTime(at_most="1 month", since="2028-01")
    plan = StaffingPlan(steady(200.0), start="2027-01", in_post=20, levers=[lever], goals=[goal]).solve(seed=1)
    assert plan.decided["releases"].to_numpy()[0] == 0.0
    assert plan.exists
    assert plan.goals[0].held_out == 1.0


def test_a_shorter_wait_costs_more(plan: Plan) -> None:
    harder = plan.prices.iloc[0]
    assert harder["cost_a_year"] > 0
    assert "a year for a decision within 5 months" in harder["in_words"]


def test_what_is_assumed_since_the_ledger_ends_is_said(plan: Plan) -> None:
    text = " ".join(plan.assumptions)
    assert "from 2023-01 to 2027-01 140 officers were at work" in text
    assert "4 months after the decision" in text


def test_more_officers_before_the_start_leave_less_to_do(problem: StaffingPlan, plan: Plan, queue: xr.Dataset) -> None:
    helped = StaffingPlan(
        queue, start="2027-01", in_post=140, levers=problem.levers, goals=problem.goals, officers_before=600
    ).solve(seed=1)
    assert helped.objective < plan.objective


def test_what_cannot_be_meant_is_refused(queue: xr.Dataset) -> None:
    lever = Staffing(cost=24_000)

    def ask(**changes: object) -> None:
        asked = {"queue": queue, "start": "2027-01", "in_post": 140, "levers": [lever], "goals": [SOON]} | changes
        StaffingPlan(**asked).solve(seed=1)

    with pytest.raises(GoalError, match="expected one Staffing lever and at least one WaitTime goal, found 0 and 1"):
        ask(levers=[])
    with pytest.raises(
        GoalError, match="expected a start between 2023-01 and 2032-12, the months forecast, found 2033-01"
    ):
        ask(start="2033-01")
    with pytest.raises(
        GoalError, match=r"expected since= between 2027-01, the plan's start, and 2032-06, .* found 2032-09"
    ):
        ask(goals=[WaitTime(at_most="6 months", since="2032-09")])
    with pytest.raises(GoalError, match="found 2026-01"):
        ask(goals=[WaitTime(at_most="6 months", since="2026-01")])
    with pytest.raises(GoalError, match="expected in_post of zero or more officers, found -1"):
        ask(in_post=-1)
    with pytest.raises(GoalError, match="expected at least 200 draws"):
        ask(queue=queue.isel(draw=slice(10)))
    with pytest.raises(GoalError, match=r"expected objective 'cheapest' or 'fastest' .* found 'best'"):
        ask(objective="best")
