"""What can be decided in one office, and promised: levers, goals, objectives, and other orders of work."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from poblar.forecast.orders import WaitResponse
from poblar.optimize import (
    BacklogSize,
    FiscalBudget,
    GoalError,
    Intake,
    Overtime,
    Plan,
    Staffing,
    StaffingPlan,
    Surge,
    WaitingNow,
    WaitTime,
)
from poblar.optimize._roster import whole_officers
from poblar.optimize._workforce import Workforce
from poblar.optimize.frontier import frontier

Offices = Callable[..., xr.Dataset]
Held = Callable[[StaffingPlan, Plan], xr.Dataset]
SOON = WaitTime(at_most="3 months", since="2028-06")
OFFICER = Staffing(cost=12_000.0, recruitment_lag="3 months", training="3 months", attrition=0.0)


def test_overtime_and_temporary_staff_fill_what_is_short_of_a_year(offices: Offices) -> None:
    """Twice the cases for six months: no officer is hired for good where others can come for half a year."""
    queue = offices({"A": 100.0}, noise=0.0)
    double = (queue["month"] >= np.datetime64("2028-07")) & (queue["month"] <= np.datetime64("2028-12"))
    queue = queue.assign(arrivals=queue["arrivals"] * (1.0 + double))
    levers = [OFFICER, Surge(cost=15_000.0, length="6 months"), Overtime(cost=14_000.0, at_most=0.2)]
    problem = StaffingPlan(queue, start="2027-01", in_post=10, levers=levers, goals=[SOON])
    plan = problem.solve(seed=1)
    assert plan.exists
    assert plan.decision["hires"].sum() == 0.0
    surge = plan.decision["surge"].to_numpy()
    at_work = 10.0 + surge + np.r_[0.0, surge[:-1]]
    assert (plan.decision["overtime"].to_numpy() <= 0.2 * at_work + 1e-6).all()
    assert surge.sum() > 0.0
    np.testing.assert_array_equal(surge, np.round(surge))
    dear = StaffingPlan(queue, start="2027-01", in_post=10, levers=[OFFICER], goals=[SOON]).solve(seed=1)
    assert plan.objective < dear.objective


def test_a_ramp_makes_new_officers_worth_less_at_first(offices: Offices) -> None:
    ramp = Staffing(cost=12_000.0, recruitment_lag="3 months", training="3 months", ramp=(0.25, 0.5), attrition=0.0)
    queue = offices({"A": 150.0}, noise=0.0)
    goal = WaitTime(at_most="12 months", since="2027-01")
    problem = StaffingPlan(queue, start="2027-01", in_post=10, levers=[ramp], goals=[goal])
    plan = problem.solve(seed=1)
    first = float(plan.decision["hires"][0])
    officers = problem.officers(plan).to_numpy()
    np.testing.assert_allclose(
        officers[6:9], 10.0 - plan.decision["releases"].to_numpy()[:3].cumsum()[-1] + first * np.array([0.25, 0.5, 1.0])
    )


def test_uncertain_attrition_is_held_to_its_draws(offices: Offices) -> None:
    leave = xr.DataArray(np.random.default_rng(2).uniform(0.0, 0.3, 600), dims="draw")
    lever = Staffing(cost=12_000.0, recruitment_lag="3 months", training="3 months", attrition=leave)
    queue = offices({"A": 100.0}, noise=0.1)
    problem = StaffingPlan(queue, start="2027-01", in_post=10, levers=[lever], goals=[SOON])
    plan = problem.solve(seed=1)
    assert plan.exists
    assert 0.85 < plan.goals[0].held_out < 0.96
    certain = Staffing(cost=12_000.0, recruitment_lag="3 months", training="3 months", attrition=0.15)
    known = StaffingPlan(queue, start="2027-01", in_post=10, levers=[certain], goals=[SOON]).solve(seed=1)
    assert plan.objective > known.objective


def test_two_grades_are_used_for_what_they_cost(offices: Offices) -> None:
    """An assistant decides half of what an officer does at a third of the cost: only assistants are hired."""
    assistant = Staffing(name="assistants", cost=4_000.0, output=0.5, attrition=0.0, recruitment_lag="3 months")
    problem = StaffingPlan(
        offices({"A": 150.0}, noise=0.0),
        start="2027-01",
        in_post={"officers": 10, "assistants": 0},
        levers=[OFFICER, assistant],
        goals=[SOON],
    )
    plan = problem.solve(seed=1)
    hires = plan.decision["hires"].sum("month")
    assert float(hires.sel(grade="officers")) == 0.0
    assert float(hires.sel(grade="assistants")) >= 10.0


def test_a_budget_is_kept_in_every_fiscal_year(offices: Offices) -> None:
    queue = offices({"A": 130.0}, noise=0.0, backlog=3.0)
    free = StaffingPlan(queue, start="2027-01", in_post=10, levers=[OFFICER], goals=[SOON]).solve(seed=1)
    by_year = free.decision["cost"].groupby("month.year").sum()
    most = float(by_year.max())
    budget = FiscalBudget(at_most=0.99 * most)
    plan = StaffingPlan(queue, start="2027-01", in_post=10, levers=[OFFICER], goals=[SOON], budget=budget).solve(seed=1)
    assert plan.exists
    assert float(plan.decision["cost"].groupby("month.year").sum().max()) <= 0.99 * most + 1e-6
    tight = FiscalBudget(at_most=1.05 * 120_000.0)
    none = StaffingPlan(queue, start="2027-01", in_post=10, levers=[OFFICER], goals=[SOON], budget=tight).solve(seed=1)
    assert not none.exists
    assert float(none.decided["cost"].groupby("month.year").sum().max()) <= 1.05 * 120_000.0


def test_what_is_carried_over_may_be_spent_next_year(offices: Offices) -> None:
    budget = FiscalBudget(at_most={2028: 100.0, 2029: 100.0}, first_month=10, carry_over=0.1)
    assert [budget.year_of(2027, month) for month in (9, 10)] == [2027, 2028]
    queue = offices({"A": 100.0}, noise=0.0)
    surge = (queue["month"] >= np.datetime64("2029-01")) & (queue["month"] < np.datetime64("2029-07"))
    queue = queue.assign(arrivals=queue["arrivals"] * (1.0 + 0.5 * surge))

    def found(carry_over: float) -> bool:
        levers = [OFFICER, Surge(cost=12_000.0, length="6 months")]
        money = FiscalBudget(at_most={2028: 150_000.0, 2029: 126_000.0}, carry_over=carry_over)
        goal = WaitTime(at_most="1 month", since="2028-06")
        return (
            StaffingPlan(queue, start="2027-01", in_post=10, levers=levers, goals=[goal], budget=money)
            .solve(seed=1)
            .exists
        )

    assert (found(0.0), found(0.2)) == (False, True)


def test_the_backlog_is_cleared_by_the_date_and_stays_below_its_size(offices: Offices, held: Held) -> None:
    """300 wait and 100 come a month; all 300 decided by the end of 2028 and no more than 50 waiting from 2029-06 on."""
    queue = offices({"A": 100.0}, backlog=30.0, noise=0.0)
    goals = [WaitingNow(by="2028-12"), BacklogSize(at_most=50, since="2029-06")]
    problem = StaffingPlan(queue, start="2027-01", in_post=10, levers=[OFFICER], goals=goals)
    plan = problem.solve(seed=1)
    assert plan.exists
    assert [report.held_out for report in plan.goals] == [1.0, 1.0]
    capacity = 10.0 * problem.officers(plan)
    assert float(capacity.sel(month=slice(None, "2028-12")).sum()) >= 3000.0
    run = held(problem, plan)
    pending = run["pending"].isel(draw=0).squeeze().sel(month=slice("2029-07", None)).to_numpy()
    assert (pending <= 50.0 + 1e-6).all()
    work = 3000.0 + 100.0 * 30 - 50.0  # by the end of 2029-06; and no officer more than that takes
    assert work <= float(capacity.sel(month=slice(None, "2029-06")).sum()) < work + 200.0


def test_as_many_are_invited_as_officers_and_places_allow(offices: Offices) -> None:
    """Ten officers decide 100 cases a month and 70 come: 30 a month can be invited, as long as nobody has to be hired.

    One more costs a hundred pesos more than it is worth; below that, the staff is hired for all 150 a quarter.
    """
    queue = offices({"A": 70.0}, noise=0.0)
    goals = [WaitTime(at_most="1 month", since="2027-01"), BacklogSize(at_most=120, since="2027-01")]

    def found(worth: float) -> Plan:
        levers = [
            Staffing(cost=12_000.0, recruitment_lag="3 months", training="3 months", attrition=0.0, releases=False),
            Intake(office="A", at_most=150, worth=worth),
        ]
        return StaffingPlan(queue, start="2027-01", in_post=10, levers=levers, goals=goals).solve(seed=1)

    few, many = found(50.0), found(5000.0)
    assert few.exists
    assert many.exists
    assert few.decision["hires"].sum() == 0.0
    assert float(few.decision["invited"].isel(month=slice(1, 14)).mean()) == pytest.approx(90.0, abs=6.0)
    assert float(many.decision["invited"].isel(month=slice(3, 14)).min()) == 150.0
    assert min(report.held_out for report in few.goals + many.goals) == 1.0


def test_an_officer_more_saves_what_the_queue_says(offices: Offices) -> None:
    """Nine officers for 100 cases a month: ten more wait each month; one more officer ends it."""
    goals, queue = [BacklogSize(at_most=1000, since="2030-12")], offices({"A": 100.0}, noise=0.0)
    plan = StaffingPlan(queue, start="2027-01", in_post=9, levers=[OFFICER], goals=goals).solve(seed=1)
    row = plan.prices[plan.prices["goal"].str.startswith("waiting")]
    assert float(row["person_months"].iloc[0]) > 0.0
    assert "one officer more in A from 2027-07 on saves" in row["in_words"].iloc[0]


@pytest.mark.parametrize("order", ["last in, first out", "random"])
def test_other_orders_of_work_are_held_to_by_running_them(order: str, offices: Offices) -> None:
    queue = offices({"A": 100.0}, noise=0.2)
    goal = WaitTime(at_most="4 months", since="2028-06", share=0.9)
    problem = StaffingPlan(queue, start="2027-01", in_post=10, levers=[OFFICER], goals=[goal], order=order)
    plan = problem.solve(seed=1)
    assert plan.exists
    assert plan.goals[0].held_out > 0.86
    assert order in " ".join(plan.assumptions)


def test_a_plan_for_a_world_that_answers_has_more_officers(offices: Offices) -> None:
    queue = offices({"A": 100.0}, noise=0.2, backlog=6.0)
    goal = WaitTime(at_most="3 months", since="2028-06")
    deaf = StaffingPlan(queue, start="2027-01", in_post=10, levers=[OFFICER], goals=[goal])
    response = WaitResponse(elasticity=0.3)
    world = StaffingPlan(queue, start="2027-01", in_post=10, levers=[OFFICER], goals=[goal], response=response)
    plan, naive = world.solve(seed=1), deaf.solve(seed=1)
    assert plan.exists
    assert plan.goals[0].held_out > 0.86
    assert plan.objective > naive.objective


def test_the_fastest_plan_keeps_the_promise_sooner_and_no_sooner_can_be_kept(offices: Offices) -> None:
    lever = Staffing(cost=12_000.0, recruitment_lag="3 months", training="3 months", attrition=0.0, hires_at_most=10)
    queue = offices({"A": 150.0}, noise=0.0, backlog=4.0)
    problem = StaffingPlan(queue, start="2027-01", in_post=10, levers=[lever], goals=[SOON], objective="fastest")
    plan = problem.solve(seed=1)
    assert plan.exists
    since = plan.goals[0].goal[-10:-3]
    assert since < "2028-06"
    sooner = str(np.datetime64(since, "M") - np.timedelta64(1, "M"))
    goal = WaitTime(at_most="3 months", since=sooner)
    assert not StaffingPlan(queue, start="2027-01", in_post=10, levers=[lever], goals=[goal]).solve(seed=1).exists


def test_the_smoothest_plan_changes_least_and_the_least_waiting_waits_least(offices: Offices, held: Held) -> None:
    queue = offices({"A": 120.0}, noise=0.2, backlog=4.0)
    lever = Staffing(cost=12_000.0, recruitment_lag="3 months", training="3 months", attrition=0.05, at_most=40)
    plans = {}
    for objective in ("cheapest", "smoothest", "least waiting"):
        problem = StaffingPlan(queue, start="2027-01", in_post=10, levers=[lever], goals=[SOON], objective=objective)
        plan = problem.solve(seed=1)
        assert plan.exists
        changes = float(abs(plan.decision["in_post"].diff("month")).sum())
        plans[objective] = plan.objective, changes, float(held(problem, plan)["pending"].mean("draw").sum())
    costs, changes, waiting = (dict(zip(plans, values, strict=True)) for values in zip(*plans.values(), strict=True))
    assert min(costs, key=lambda name: costs[name]) == "cheapest"
    assert min(changes, key=lambda name: changes[name]) == "smoothest"
    assert min(waiting, key=lambda name: waiting[name]) == "least waiting"


def test_the_frontier_of_a_wait_rises_with_what_is_asked(offices: Offices) -> None:
    queue = offices({"A": 100.0}, noise=0.3)
    problem = StaffingPlan(queue, start="2027-01", in_post=10, levers=[OFFICER], goals=[SOON])
    surer = frontier(problem, over="probability", values=[0.5, 0.8, 0.95], seed=1)
    sooner = frontier(problem, over="target", values=[6, 3, 1], seed=1)
    earlier = frontier(problem, over="since", values=["2029-06", "2028-06", "2027-10"], seed=1)
    for found in (surer, sooner, earlier):
        assert found["exists"].all()
        assert found["objective"].is_monotonic_increasing
    assert surer.loc[1, "objective"] < sooner.loc[1, "objective"]  # 80 and 90 % of a wait of three months
    with pytest.raises(GoalError, match="expected over= probability, target or since"):
        frontier(problem, over="weather", values=[1.0])


def test_rounding_to_whole_officers_keeps_to_the_cap() -> None:
    """Hires are rounded up and releases down, which could put nearly two more in post than the program has."""
    rng = np.random.default_rng(1)
    for _ in range(100):
        given: dict[str, object] = {
            "cost": 1.0,
            "attrition": float(rng.choice([0.0, 0.08, 0.2])),
            "recruitment_lag": f"{rng.integers(0, 8)} months",
            "training": f"{rng.integers(0, 9)} months",
            "releases": bool(rng.random() < 0.7),
        }

        def staff(given: dict[str, object], **more: float) -> Workforce:
            return Workforce(
                labels=np.datetime64("2027-01", "M") + np.arange(48),
                queues=[("A", "")],
                pools=[("A", "")],
                levers=[Staffing(**(given | more))],
                in_post=np.array([[10.0]]),
                budget=None,
                expected=np.zeros((1, 48)),
                waiting=np.zeros(1),
                offices=["A"],
            )

        free = staff(given)
        plan = np.where(rng.random(free.size) < 0.3, rng.gamma(1.0, 2.0, free.size), 0.0)
        there, matrix, columns = free.posted(0, 0)
        cap = float((there + matrix @ plan[columns]).max()) + 1.0
        whole = whole_officers(staff(given, at_most=cap), plan)
        assert (whole >= 0.0).all()
        assert (whole % 1.0 == 0.0).all()
        most = np.maximum(cap, there)  # those of the start may stay
        assert (there + matrix @ whole[columns] <= most + 1e-5).all()


def test_attrition_that_cannot_be_planned_with_is_refused(offices: Offices) -> None:
    leave = xr.DataArray(np.full(600, 0.1), dims="draw")
    queue = offices({"A": 100.0})
    both = xr.concat([queue, queue], xr.IndexVariable("stage", ["first decision", "appeal"]))
    lever = Staffing(cost=1.0, attrition=leave)
    problem = StaffingPlan(both, start="2027-01", in_post=10, levers=[lever], goals=[SOON], share_staff=True)
    with pytest.raises(GoalError, match="expected attrition that is a number where stages share their staff"):
        problem.solve(seed=1)
    few = Staffing(cost=1.0, attrition=leave[:10])
    with pytest.raises(GoalError, match="expected attrition in each of the queue's 600 draws, found 10"):
        StaffingPlan(queue, start="2027-01", in_post=10, levers=[few], goals=[SOON]).solve(seed=1)
