"""Quota plans keep their promise, or say what can be reached."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from poblar.data import Region, reference
from poblar.forecast import Posterior, Projection, project
from poblar.optimize import (
    Admissions,
    Budget,
    Closest,
    DependencyRatio,
    GoalError,
    GrowthRate,
    NoPlanError,
    Plan,
    PopulationSize,
    QuotaPlan,
    Share,
    SupportRatio,
)
from poblar.optimize.chance import deal
from poblar.optimize.frontier import frontier
from poblar.optimize.response import respond

YEARS = range(2027, 2051)
STEADY = GrowthRate(at_least=0.0, years=range(2035, 2051), probability=0.9, together=True)


def workers(**limits: float) -> Admissions:
    return Admissions("workers", profile="worker", years=YEARS, **limits)


@pytest.fixture(scope="module")
def problem(people: Projection) -> QuotaPlan:
    return QuotaPlan(people, levers=[workers(change_at_most=0.10)], goals=[STEADY])


@pytest.fixture(scope="module")
def plan(problem: QuotaPlan) -> Plan:
    return problem.solve(seed=1)


@pytest.fixture(scope="module")
def fresh(
    region: Region,
    fertility: Posterior[xr.DataArray],
    mortality: Posterior[xr.DataArray],
    migration: Posterior[xr.DataArray],
) -> Projection:
    """As many futures that no plan has seen: the 1,800 held out are by chance up to three points unkind."""
    tfr, e0, net = (one.forecast(until=2051, draws=6000, seed=2) for one in (fertility, mortality, migration))
    return project(region.sel(country="MEX"), fertility=tfr, mortality=e0, migration=net)


def kept_in(futures: Projection, problem: QuotaPlan, plan: Plan) -> float:
    """Share of other futures in which a plan keeps the one goal of its problem."""
    (goal,) = problem.goals
    response = respond(futures, problem.levers, goal.functionals())
    reached = goal.reached(response, response.vector(plan.decided))
    return float((reached >= goal.target - 1e-9).mean())


def growth_with(people: Projection, plan: Plan) -> np.ndarray:
    """Growth (draw, year) of the stocks with the plan's admissions."""
    response = respond(people, [workers()], STEADY.functionals())
    total = response.values("everyone", response.vector(plan.decision))
    return total[:, 1:] / total[:, :-1] - 1.0


def test_the_promise_is_kept_on_draws_held_out_without_paying_for_more(plan: Plan) -> None:
    (report,) = plan.goals
    assert plan.exists
    assert report.held_out >= 0.9 - 0.015
    assert report.held_out_interval[0] <= 0.9 + 0.02


def test_the_certificate_is_a_count_over_the_draws_held_out(people: Projection, plan: Plan) -> None:
    held_out = deal(6000, seed=1)["certify"]
    growth = growth_with(people, plan)[held_out]
    kept = (growth[:, 2035 - 2021 : 2051 - 2021] >= -1e-9).all(axis=1)
    assert plan.goals[0].held_out == pytest.approx(kept.mean(), abs=0.002)


def test_no_year_differs_from_the_last_by_more_than_the_stated_share(plan: Plan) -> None:
    admissions = plan.decision["admissions"].sel(category="workers").to_numpy()
    assert (admissions >= 0).all()
    change = np.diff(admissions) / admissions[:-1]
    assert np.abs(change).max() <= 0.10 + 1e-6
    assert any("10 %" in limit for limit in plan.binding)


def test_the_same_seed_gives_the_same_plan(problem: QuotaPlan, plan: Plan) -> None:
    again = problem.solve(seed=1)
    xr.testing.assert_identical(again.decision, plan.decision)
    assert again.goals == plan.goals


def test_fewer_admissions_do_not_keep_the_promise(people: Projection, plan: Plan) -> None:
    """The plan is no more than it has to be: four fifths of it fall short of nine in ten, on the same draws."""
    admissions = plan.decision["admissions"].to_numpy()[0]
    response = respond(people, [workers()], STEADY.functionals())
    whole, less = (float((STEADY.reached(response, share * admissions) >= -1e-9).mean()) for share in (1.0, 0.8))
    assert whole >= 0.9 - 0.015
    assert less < 0.9
    assert less < whole - 0.01


def test_each_year_by_itself_asks_for_less_than_all_years_together(people: Projection, plan: Plan) -> None:
    apart = GrowthRate(at_least=0.0, years=range(2035, 2051), probability=0.9, together=False)
    easier = QuotaPlan(people, levers=[workers(change_at_most=0.10)], goals=[apart]).solve(seed=1)
    assert easier.exists
    assert easier.objective < plan.objective
    growth = growth_with(people, easier)[:, 2035 - 2021 : 2051 - 2021]
    assert (growth >= 0.0).mean(axis=0).min() >= 0.9 - 0.02


def test_a_tighter_goal_costs_about_its_price(people: Projection, plan: Plan) -> None:
    tighter = GrowthRate(at_least=0.001, years=range(2035, 2051), probability=0.9)
    dearer = QuotaPlan(people, levers=[workers(change_at_most=0.10)], goals=[tighter]).solve(seed=1)
    paid = (dearer.objective - plan.objective) / len(YEARS)
    assert plan.prices["persons_a_year"].item() == pytest.approx(paid, rel=0.35)  # both are calibrated anew
    assert "more asked of: growth of at least 0.00 % a year" in plan.prices["in_words"].item()


def test_an_impossible_goal_says_which_by_how_much_and_how_surely(people: Projection) -> None:
    goal = GrowthRate(at_least=0.05, years=range(2035, 2051), probability=0.9)
    plan = QuotaPlan(people, levers=[workers(at_most=1_000)], goals=[goal]).solve(seed=1)
    assert not plan.exists
    assert plan.answer.startswith("No plan for MEX: growth of at least 5.00 % a year in 2035-2050 cannot be reached")
    assert "the highest probability found is 0.0 %" in plan.answer
    assert "with 90 % it can be growth of at least -0." in plan.answer
    with pytest.raises(NoPlanError, match="cannot be reached with 90 % probability"):
        _ = plan.decision
    with pytest.raises(NoPlanError):
        plan.to_frame()


def test_what_an_impossible_goal_is_relaxed_to_can_be_reached(people: Projection) -> None:
    asked = GrowthRate(at_least=0.05, years=range(2035, 2051), probability=0.9)
    refused = QuotaPlan(people, levers=[workers(at_most=200_000)], goals=[asked]).solve(seed=1)
    relaxed = float(refused.goals[0].relaxed.split("at least ")[1].split(" %")[0]) / 100
    assert -0.02 < relaxed < 0.01
    eased = GrowthRate(at_least=relaxed - 0.002, years=range(2035, 2051), probability=0.9)
    assert QuotaPlan(people, levers=[workers(at_most=200_000)], goals=[eased]).solve(seed=1).exists


def test_several_goals_hold_at_once(people: Projection) -> None:
    goals = [
        SupportRatio(at_least=3.9, years=range(2045, 2051), probability=0.8),
        PopulationSize(at_least=130e6, years=[2050], probability=0.9),
        DependencyRatio(at_most=0.60, years=range(2040, 2051), probability=0.9),
    ]
    plan = QuotaPlan(people, levers=[workers()], goals=goals).solve(seed=1)
    assert plan.exists
    for report in plan.goals:
        assert report.held_out >= report.requested - 0.03
    assert len(plan.certificate()) == len(plan.prices) == 3


def test_a_goal_that_holds_anyway_needs_nobody(people: Projection) -> None:
    plan = QuotaPlan(people, levers=[workers()], goals=[PopulationSize(at_least=1e6, years=[2040])]).solve(seed=1)
    assert plan.exists
    assert plan.objective == pytest.approx(0.0, abs=1.0)
    assert plan.goals[0].held_out == 1.0


def test_minimum_and_cap_are_kept(people: Projection) -> None:
    lever = workers(at_least=10_000, at_most=900_000)
    plan = QuotaPlan(people, levers=[lever], goals=[SupportRatio(at_least=4.0, years=[2045])]).solve(seed=1)
    admissions = plan.decision["admissions"].to_numpy()
    assert plan.exists
    assert admissions.min() >= 10_000 - 1
    assert admissions.max() <= 900_000 + 1


# Levers, limits and objectives.


@pytest.fixture(scope="module")
def mixed(people: Projection) -> QuotaPlan:
    """Three categories, some of whom leave again, with a share and a budget."""
    return QuotaPlan(
        people,
        levers=[
            Admissions("workers", profile="worker", years=YEARS, cost=1.0, step_at_most=60_000),
            Admissions("families", profile="family", years=YEARS, cost=3.0, at_most={2030: 50_000, 2031: 60_000}),
            Admissions("students", profile="worker", years=YEARS, cost=0.5, leaves=0.6, leaves_weight=30, stay=4),
        ],
        goals=[replace(STEADY, at_least=-0.004), SupportRatio(at_least=3.2, years=range(2045, 2051), probability=0.8)],
        objective="cheapest",
        limits=[
            Share(of="families", at_least=0.25),
            Budget(name="homes", per_person={"workers": 0.4, "families": 0.3, "students": 0.2}, at_most=250_000),
        ],
    )


@pytest.fixture(scope="module")
def admitted(mixed: QuotaPlan) -> xr.DataArray:
    plan = mixed.solve(seed=1)
    assert plan.exists
    for report in plan.goals:
        assert report.held_out >= report.requested - 0.015
    return plan.decision["admissions"]


def test_shares_budgets_ranges_and_ramps_are_kept(admitted: xr.DataArray) -> None:
    everyone, families = admitted.sum("category"), admitted.sel(category="families")
    assert bool((families >= 0.25 * everyone - 1.0).all())
    homes = (admitted * xr.DataArray([0.4, 0.3, 0.2], dims="category")).sum("category")
    assert float(homes.max()) <= 250_000 + 1
    assert float(families.sel(year=2030)) <= 50_000 + 1
    assert float(families.sel(year=2031)) <= 60_000 + 1
    assert float(np.abs(admitted.sel(category="workers").diff("year")).max()) <= 60_000 + 1


def test_the_cheapest_plan_costs_less_than_the_one_of_fewest_people(mixed: QuotaPlan, admitted: xr.DataArray) -> None:
    cost = xr.DataArray([1.0, 3.0, 0.5], dims="category")
    fewest = replace(mixed, objective="fewest").solve(seed=1).decision["admissions"]
    assert float(fewest.sum()) < float(admitted.sum())
    assert float((fewest * cost).sum()) > float((admitted * cost).sum())


def test_numbers_that_hold_for_three_years_keep_the_promise_and_save_nothing(problem: QuotaPlan, plan: Plan) -> None:
    held = replace(problem, levers=[workers(change_at_most=0.10, every=3)]).solve(seed=1)
    numbers = held.table["admissions"].to_numpy().reshape(-1, 3)
    assert np.ptp(numbers, axis=1).max() < 1e-3
    assert len(np.unique(numbers[:, 0].round())) > 3
    assert held.goals[0].held_out >= 0.9 - 0.015
    assert held.objective >= plan.objective - 1.0


def test_whole_thousands_cost_little_more(people: Projection) -> None:
    problem = QuotaPlan(people, levers=[workers()], goals=[replace(STEADY, at_least=-0.003)])
    plan, whole = problem.solve(seed=1), replace(problem, in_thousands=True).solve(seed=1)
    numbers = whole.decision["admissions"].to_numpy() / 1000
    np.testing.assert_allclose(numbers, np.round(numbers), atol=1e-6)
    assert plan.objective - 1.0 <= whole.objective <= 1.02 * plan.objective + 1000 * len(YEARS)
    assert whole.goals[0].held_out >= 0.9 - 0.015


def test_the_smoothest_plan_hardly_changes_and_the_closest_is_the_reference_where_that_is_enough(
    people: Projection,
) -> None:
    goal = replace(STEADY, at_least=-0.004)
    fewest = QuotaPlan(people, levers=[workers()], goals=[goal]).solve(seed=1).decision["admissions"]
    smoothest = QuotaPlan(people, levers=[workers()], goals=[goal], objective="smoothest").solve(seed=1)
    changes = [float((plan.diff("year") ** 2).sum()) for plan in (smoothest.decision["admissions"], fewest)]
    assert changes[0] < 0.01 * changes[1]
    plenty = {"workers": {year: 1.2 * float(smoothest.decision["admissions"].max()) for year in YEARS}}
    closest = QuotaPlan(people, levers=[workers()], goals=[goal], objective=Closest(reference=plenty)).solve(seed=1)
    np.testing.assert_allclose(closest.decision["admissions"], plenty["workers"][2027], rtol=1e-3)


def test_free_ages_need_no_more_people_than_any_profile(people: Projection, fresh: Projection) -> None:
    goal, years = SupportRatio(at_least=4.5, years=range(2045, 2051), probability=0.8), range(2027, 2045)
    profile = QuotaPlan(people, levers=[Admissions("workers", profile="worker", years=years)], goals=[goal])
    free = QuotaPlan(people, levers=[Admissions("anyone", profile="free", years=years, group=10)], goals=[goal])
    plan, best = profile.solve(seed=1), free.solve(seed=1)
    assert best.objective < 0.95 * plan.objective
    assert kept_in(fresh, free, best) >= 0.8 - 0.015
    by_age = best.decision["admissions_by_age"].sel(category="anyone")
    np.testing.assert_allclose(by_age.sum("ages"), best.decision["admissions"].sel(category="anyone"), rtol=1e-9)
    used = by_age.sum("year")
    old = used.sel(ages=[label for label in used["ages"].values if int(label.split()[1].split("-")[0]) >= 60])
    assert float(old.sum()) < 1.0  # nobody who is, or soon will be, of those supported


def test_a_soft_goal_gives_way_and_a_hard_one_does_not(people: Projection, plan: Plan) -> None:
    cheap, dear = (
        QuotaPlan(people, levers=[workers(change_at_most=0.10)], goals=[replace(STEADY, weight=weight)]).solve(seed=1)
        for weight in (1.0, 1e9)
    )
    assert cheap.exists
    assert cheap.objective < 1.0
    assert cheap.goals[0].held_out < 0.5
    assert dear.objective > plan.objective  # the tail itself is mended in full, which is more than the request


def test_the_best_target_is_the_one_beyond_which_there_is_no_plan(people: Projection, fresh: Projection) -> None:
    goal = SupportRatio(at_least=3.0, years=range(2045, 2051), probability=0.8)
    problem = QuotaPlan(people, levers=[workers(at_most=200_000)], goals=[goal])
    opened = problem.open(seed=1)
    best = opened.best()
    found = float(best.goals[0].goal.split()[2])
    assert found > 3.2
    asked = replace(problem, goals=[replace(goal, at_least=found)])
    assert kept_in(fresh, asked, best) >= 0.8 - 0.015
    assert not opened.solve([replace(goal, at_least=found + 0.02)]).exists
    assert best.binding  # everyone who may come does
    mean, tail = (float(opened.best(by=by).goals[0].goal.split()[2]) for by in ("mean", "tail"))
    assert tail < found < mean  # the worst fifth, four in five, the average
    with pytest.raises(GoalError, match="expected levers that bound the goal, found no end within 256 steps"):
        QuotaPlan(people, levers=[workers()], goals=[replace(STEADY, at_least=-0.01)]).open(seed=1).best()
    with pytest.raises(GoalError, match="expected by= probability, mean or tail of goal 0 to 0, found 'luck'"):
        opened.best(by="luck")


def test_a_frontier_rises_with_what_is_asked(problem: QuotaPlan) -> None:
    opened = problem.open(seed=1)
    surer = frontier(opened, over="probability", values=[0.5, 0.7, 0.9])
    more = frontier(opened, over="target", values=[-0.004, -0.002, 0.0])
    for frame in (surer, more):
        assert frame["exists"].all()
        assert (frame["objective"].diff().dropna() > 0.0).all()
        assert (frame["lower95"] <= frame["held_out"]).all()
    # A third of the 6,000 draws calibrates, with a margin of 1.645 standard errors, and a third certifies.
    error = np.sqrt(surer["value"] * (1.0 - surer["value"]) / 2000.0)
    assert (np.abs(surer["held_out"] - surer["value"] - 1.645 * error) < 3.0 * np.sqrt(2.0) * error).all()
    assert surer["objective"].iloc[-1] == pytest.approx(more["objective"].iloc[-1], rel=0.02)
    assert surer.attrs["units"] == "persons admitted"


# Other ways to hold a probability.


def test_a_robust_plan_asks_for_more_the_farther_off_the_world_may_be(problem: QuotaPlan) -> None:
    near, far = (replace(problem, method="robust", radius=radius).solve(seed=1) for radius in (1e-6, 1e-4))
    assert near.objective < far.objective
    assert near.goals[0].held_out > 0.9  # the tail at the request is conservative as it is
    assert far.goals[0].held_out >= near.goals[0].held_out


def test_an_exact_plan_keeps_in_sample_what_was_asked_and_less_on_draws_held_out(people: Projection) -> None:
    """A goal of one year and one quota, on 240 draws: no dearer than the mean of the worst tenth asks on the same."""
    some = people.isel(draw=slice(0, 600))
    goal = PopulationSize(at_least=140e6, years=[2050], probability=0.9)
    problem = QuotaPlan(some, levers=[workers(change_at_most=0.0)], goals=[goal], method="exact")
    exact, mean = (replace(problem, **change).solve(seed=1) for change in ({}, {"method": "robust", "radius": 1e-6}))
    assert exact.goals[0].in_sample == pytest.approx(0.9, abs=0.005)
    assert exact.objective <= mean.objective * 1.001
    assert len(exact.prices) == 0


def test_methods_that_cannot_be_meant_are_refused(problem: QuotaPlan) -> None:
    for change in ({"method": "guess"}, {"method": "robust"}, {"radius": 0.1}):
        with pytest.raises(GoalError, match="expected method tail, robust, exact, quantile, and a radius above zero"):
            replace(problem, **change).solve(seed=1)
    with pytest.raises(GoalError, match="same"):  # every draw answers in its own way
        replace(problem, method="quantile").solve(seed=1)


# Solving again.


def test_an_open_problem_solves_other_goals_as_a_new_one_would(problem: QuotaPlan, plan: Plan) -> None:
    opened = problem.open(seed=1)
    assert opened.solve().objective == pytest.approx(plan.objective, rel=1e-4)
    for goal in (replace(STEADY, at_least=-0.002), replace(STEADY, probability=0.8)):
        again, anew = opened.solve([goal]), replace(problem, goals=[goal]).solve(seed=1)
        assert again.objective == pytest.approx(anew.objective, rel=0.02)  # eased to the same exactness, not the same
        assert again.goals[0].held_out >= goal.probability - 0.015
    support = SupportRatio(at_least=3.0, years=range(2045, 2051), probability=0.8)
    both = opened.solve([STEADY, support])  # another functional: the response is made anew
    assert both.exists
    assert [report.requested for report in both.goals] == [0.9, 0.8]


def test_time_that_is_over_returns_the_best_plan_so_far_and_says_so(problem: QuotaPlan) -> None:
    opened = problem.open(seed=1)
    hurried = opened.solve(seconds=1e-9)
    if hurried.exists:
        assert hurried.record["stopped"].startswith("by the time allowed")
        assert hurried.goals[0].held_out >= 0.9 - 0.015


def test_where_two_goals_fight_the_first_priority_wins(people: Projection) -> None:
    """Growth wants people, a bound on the people of 2050 does not exist as a goal: two goals and one cap do it."""
    lever = workers(at_most=150_000)
    goals = [
        replace(STEADY, priority=1),
        SupportRatio(at_least=4.5, years=range(2045, 2051), probability=0.8, priority=2),
    ]
    plan = QuotaPlan(people, levers=[lever], goals=goals).solve(seed=1)
    assert not plan.exists
    assert plan.answer.count("cannot be reached") == 2
    for report in plan.goals:
        assert report.held_out <= report.highest <= report.requested
        assert report.relaxed


def test_the_plan_prints_its_answer_first(plan: Plan) -> None:
    text = str(plan)
    assert text.startswith("MEX: admitting ")
    assert "held out:" in text.split("\n")[0]
    assert "2050" in text
    assert "Assumed: migration without the plan goes on as forecast" in text


def test_what_cannot_be_meant_is_refused(people: Projection) -> None:
    with pytest.raises(GoalError, match="expected at least one lever and one goal, found 0 and 1"):
        QuotaPlan(people, levers=[], goals=[STEADY]).solve(seed=1)
    with pytest.raises(GoalError, match="expected levers with different names"):
        QuotaPlan(people, levers=[workers(), workers()], goals=[STEADY]).solve(seed=1)
    with pytest.raises(GoalError, match="expected objective fewest, cheapest, smoothest or Closest, found 'dearest'"):
        QuotaPlan(people, levers=[workers()], goals=[STEADY], objective="dearest").solve(seed=1)
    with pytest.raises(GoalError, match="expected objective fewest or cheapest for whole thousands, found squares"):
        QuotaPlan(people, levers=[workers()], goals=[STEADY], objective="smoothest", in_thousands=True).solve(seed=1)
    with pytest.raises(GoalError, match="expected limits on workers, found one on 'nurses'; name a lever"):
        QuotaPlan(people, levers=[workers()], goals=[STEADY], limits=[Share(of="nurses")]).solve(seed=1)
    late = GrowthRate(at_least=0.0, years=range(2065, 2075))
    with pytest.raises(GoalError, match="expected years within 2021-2071, the horizon of the projection, found 2072"):
        QuotaPlan(people, levers=[workers()], goals=[late]).solve(seed=1)
    with pytest.raises(GoalError, match=r"expected at least 200 draws .*, found 50"):
        QuotaPlan(people.isel(draw=slice(50)), levers=[workers()], goals=[STEADY]).solve(seed=1)
    several = project(reference.region(("MEX", "GTM")))
    with pytest.raises(GoalError, match="expected the projection of one country"):
        QuotaPlan(several, levers=[workers()], goals=[STEADY]).solve(seed=1)
