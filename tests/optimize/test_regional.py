"""Regional plans: nobody is lost between two countries, and no country is promised what another pays for unseen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
import xarray as xr
from poblar.data import Panel, Region, reference
from poblar.forecast import Corridors, Migrants, Projection, project
from poblar.optimize import (
    Admissions,
    ForeignBorn,
    GoalError,
    GrowthRate,
    NoPlanError,
    Plan,
    PopulationGoal,
    SupportRatio,
)
from poblar.optimize.frontier import pareto
from poblar.optimize.regional import OpenRegionalPlan, RegionalPlan
from poblar.optimize.transfers import Transfer

Walks = Callable[[Region, int, int], dict[str, xr.DataArray]]
Surely = Callable[..., list[PopulationGoal]]

COUNTRIES = ("MEX", "USA", "GTM")
YEARS = range(2027, 2042)


def workers(origin: str, destination: str, **limits: float) -> Transfer:
    return Transfer(name="workers", origin=origin, destination=destination, profile="worker", years=YEARS, **limits)


def admissions(**limits: float) -> list[Admissions]:
    return [Admissions("workers", profile="worker", years=YEARS, **limits)]


@pytest.fixture(scope="module")
def fresh(three: Region, walks: Walks) -> Projection:
    """Futures that no plan has seen."""
    return project(three, **walks(three, 2000, 2))


@pytest.fixture(scope="module")
def problem(surely: Surely, peoples: Projection) -> RegionalPlan:
    """Mexico and Guatemala are not to lose, the United States are to gain; all can admit, and people can move."""
    return RegionalPlan(
        peoples,
        levers={country: admissions(at_most=most) for country, most in zip(COUNTRIES, (2e5, 4e5, 4e4), strict=True)},
        transfers=[workers("MEX", "USA", at_most=2e5), workers("GTM", "USA"), workers("GTM", "MEX")],
        goals={
            "MEX": surely("MEX"),
            "USA": surely("USA", 0.08),
            "GTM": surely("GTM", -0.1),
        },
    )


@pytest.fixture(scope="module")
def opened(problem: RegionalPlan) -> OpenRegionalPlan:
    return problem.open(seed=1)


@pytest.fixture(scope="module")
def plan(opened: OpenRegionalPlan) -> Plan:
    return opened.solve()


@pytest.fixture(scope="module")
def random(opened: OpenRegionalPlan) -> np.ndarray:
    """Some people in every column, fewer from and to Guatemala."""
    size = np.array([2e3 if "GTM" in column.lever else 1e5 for column in opened.columns])
    return np.random.default_rng(3).uniform(0.0, size)


def projected_again(peoples: Projection, opened: OpenRegionalPlan, moved: np.ndarray) -> Projection:
    """The realised migrants, those admitted as a flow, and those who move along corridors, projected."""
    countries = list(peoples.countries)
    counts = peoples.flows["net_migration"].sel(year=slice(2024, None)).assign_attrs(units="persons per year")
    extra = xr.zeros_like(counts).assign_attrs(units="persons per year")
    along = xr.DataArray(
        np.zeros((len(countries), len(countries), counts.sizes["year"])),
        coords={"origin": countries, "destination": countries, "year": counts["year"]},
        dims=("origin", "destination", "year"),
        attrs={"units": "persons per year"},
    )
    for persons, column in zip(moved, opened.columns, strict=True):
        _, origin, destination = opened.everything[column.lever]
        if origin in countries:
            along.loc[{"origin": origin, "destination": destination, "year": column.year}] += persons
        else:
            extra.loc[{"country": destination, "year": column.year}] += persons
    inputs = {
        name: xr.concat([peoples.inputs[country][name] for country in countries], "country")
        .assign_coords(country=countries)
        .sel(year=slice(2024, None))
        for name in ("tfr", "e0")
    }
    return project(
        reference.region(tuple(countries)),
        fertility=inputs["tfr"].assign_attrs(units="children per woman"),
        mortality=inputs["e0"].assign_attrs(units="years"),
        migration=[
            Migrants(name="net", total=counts),
            Migrants(name="workers", total=extra, direction="in", ages="worker"),
        ],
        corridors=Corridors(total=along, ages="worker"),
    )


@pytest.fixture(scope="module")
def both(peoples: Projection, opened: OpenRegionalPlan, random: np.ndarray) -> tuple[Projection, Projection]:
    """Some draws without and with the random plan, projected whole."""
    few = peoples.isel(draw=slice(0, 25))
    return projected_again(few, opened, 0.0 * random), projected_again(few, opened, random)


def test_a_random_plan_gives_the_people_that_projecting_it_gives(
    opened: OpenRegionalPlan, random: np.ndarray, both: tuple[Projection, Projection]
) -> None:
    without, with_plan = both
    assert float(with_plan.flows["emigration_limited"].max()) < 1e-6  # no limit binds
    draws = np.arange(25)
    for country, known in opened.countries.items():
        own = known.of(random)
        for name, low, high in (("aged 15-64", 15, 65), ("aged 65+", 65, 101)):
            expected, base = (
                one.population.sel(country=country, year=2042, age=slice(low, high - 1))
                .astype(float)  # kept in float32
                .sum(["sex", "age"])
                .to_numpy()
                for one in (with_plan, without)
            )
            found = known.response.values(name, own, draws)[:, -1]
            np.testing.assert_allclose(found, expected, rtol=1e-7)
            added = found - known.response.values(name, 0.0 * own, draws)[:, -1]
            np.testing.assert_allclose(added, expected - base, atol=1e-6 * np.abs(expected).max())


def test_what_one_country_gains_by_transfers_others_lose_when_they_move(
    opened: OpenRegionalPlan, random: np.ndarray, both: tuple[Projection, Projection]
) -> None:
    from_abroad = np.array([opened.everything[column.lever][1] not in COUNTRIES for column in opened.columns])
    transfers = np.where(from_abroad, 0.0, random)
    without, moved = both[0], projected_again(both[0], opened, transfers)
    gained = (moved.flows - without.flows)[["births", "deaths", "net_migration"]].sel(year=list(YEARS))
    people_gained = (moved.total - without.total).sum("country")
    np.testing.assert_allclose(gained["net_migration"].sum("country"), 0.0, atol=1e-3)
    for country in COUNTRIES:
        expected = [
            sum(
                persons * ((ends[1] == country) - (ends[0] == country))
                for persons, column in zip(transfers, opened.columns, strict=True)
                if column.year == year and (ends := opened.everything[column.lever][1:])
            )
            for year in YEARS
        ]
        net = gained["net_migration"].sel(country=country).transpose("draw", "year").to_numpy()
        np.testing.assert_allclose(net, np.broadcast_to(expected, net.shape), rtol=1e-6, atol=1e-2)
    natural = (gained["births"] - gained["deaths"]).sum(["country", "year"])
    np.testing.assert_allclose(people_gained.sel(year=2042), natural, atol=1.0)
    assert float(np.abs(natural).max()) > 10.0  # rates differ, so that the region's total does change


def test_between_countries_of_the_same_rates_a_transfer_changes_no_total(walks: Walks) -> None:
    one = reference.region(("MEX",))
    panels = {field.name: getattr(one, field.name) for field in fields(one) if field.name != "asylum"}
    twins = Region(
        **{
            name: Panel(panel.dataset.isel(country=[0, 0]).assign_coords(country=["MEX", "USA"]))
            for name, panel in panels.items()
        }
    )
    given = {
        name: path.isel(country=[0, 0]).assign_coords(country=["MEX", "USA"])
        for name, path in walks(one, 200, 1).items()
    }
    goal = [GrowthRate(at_least=-0.5, years=range(2027, 2042))]
    opened = RegionalPlan(project(twins, **given), {}, [workers("MEX", "USA")], {"MEX": goal, "USA": goal}).open(seed=1)
    moved = np.random.default_rng(1).uniform(0.0, 1e5, len(YEARS))
    values, base = (
        sum(known.response.values("everyone", known.of(x)) for known in opened.countries.values())
        for x in (moved, 0.0 * moved)
    )
    np.testing.assert_allclose(values, base, rtol=1e-12)
    loses = opened.countries["MEX"]
    assert (loses.response.values("everyone", loses.of(moved))[:, -1] < loses.response.base["everyone"][:, -1]).all()


def test_the_promise_is_kept_in_every_country_on_fresh_futures(
    problem: RegionalPlan, plan: Plan, fresh: Projection
) -> None:
    assert plan.exists
    assert [report.goal.split(":")[0] for report in plan.goals] == list(COUNTRIES)
    assert all(report.held_out >= 0.9 - 0.04 for report in plan.goals)
    judged = replace(problem, people=fresh).open(seed=9)
    for country, known in judged.countries.items():
        moved = known.sign * known.response.vector(plan.decision)
        (goal,) = problem.goals[country]
        assert goal.kept(known.response, moved).mean() >= 0.9 - 0.025, country


def test_fewer_moves_do_not_keep_the_promise(problem: RegionalPlan, plan: Plan, fresh: Projection) -> None:
    known = replace(problem, people=fresh).open(seed=9).countries["USA"]
    (goal,) = problem.goals["USA"]
    moved = known.sign * known.response.vector(plan.decision)
    assert goal.kept(known.response, 0.8 * moved).mean() < 0.9


def test_the_decision_says_who_moves_from_where_to_where(plan: Plan) -> None:
    frame = plan.to_frame()
    assert set(frame.columns) == {"category", "year", "admissions", "origin", "destination"}
    assert len(frame) == 6 * len(YEARS)
    away = plan.decision["admissions"].sel(category="workers from GTM to MEX")
    assert (str(away["origin"].item()), str(away["destination"].item())) == ("GTM", "MEX")
    assert str(plan.decision["origin"].sel(category="workers to GTM").item()) == "rest of the world"
    assert (plan.decision["admissions"] >= 0.0).all()
    assert plan.decision["admissions"].sel(category="workers from MEX to USA").max() <= 2e5 + 1e-3


def test_a_step_more_in_one_country_costs_about_its_price(problem: RegionalPlan, plan: Plan) -> None:
    prices = plan.prices.set_index("goal")["persons_a_year"]
    assert (prices > 0.0).all()
    for country, price in zip(COUNTRIES, prices, strict=True):
        (goal,) = problem.goals[country]
        assert isinstance(goal, SupportRatio)
        asked = dict(problem.goals) | {country: [replace(goal, at_least=goal.at_least + 0.01)]}
        dearer = replace(problem, goals=asked).solve(seed=1)
        paid = (dearer.objective - plan.objective) / len(YEARS)
        assert price == pytest.approx(paid, rel=0.35), country  # both are calibrated anew


def test_the_same_seed_gives_the_same_plan(problem: RegionalPlan, plan: Plan) -> None:
    again = problem.solve(seed=1)
    xr.testing.assert_identical(again.decision, plan.decision)
    assert again.goals == plan.goals


def test_where_there_is_no_plan_the_country_and_its_goal_are_named(surely: Surely, peoples: Projection) -> None:
    goals = {"USA": surely("USA", 0.1), "MEX": surely("MEX")}
    plan = RegionalPlan(peoples, {}, [workers("MEX", "USA", at_most=1e5)], goals).solve(seed=1)
    assert not plan.exists
    assert plan.answer.startswith("No plan for USA, MEX: USA: at least ")
    assert "persons aged 15-64 per person aged 65+ in 2042 cannot be reached with 90 % probability" in plan.answer
    usa = plan.goals[0]
    assert usa.relaxed.startswith("at least ")
    with pytest.raises(NoPlanError, match="No plan for USA, MEX"):
        _ = plan.decision


def test_the_fairest_plan_raises_every_country_as_far_as_the_one_that_can_be_raised_least(
    surely: Surely, problem: RegionalPlan
) -> None:
    goals = {country: surely(country) for country in COUNTRIES}
    opened = replace(problem, goals=goals, objective="fairest").open(seed=1)
    plan = opened.solve()
    steps = plan.objective
    assert plan.exists
    assert steps > 2.0
    assert plan.objective_units == "steps by which every goal is tightened"
    for country, report in zip(COUNTRIES, plan.goals, strict=True):
        raised = goals[country][0].target + 0.01 * steps
        assert report.goal.startswith(f"{country}: at least {raised:.2f} persons")
        assert report.held_out >= 0.9 - 0.04
    assert opened.reaching(dict.fromkeys(COUNTRIES, 1.1 * steps + 0.5)) is None
    fewest = replace(problem, goals=goals).solve(seed=1)
    assert plan.decision["admissions"].sum() > fewest.decision["admissions"].sum()


def test_goals_that_can_be_tightened_without_end_are_refused(peoples: Projection) -> None:
    endless = RegionalPlan(
        peoples,
        levers={"USA": admissions()},
        transfers=[],
        goals={"USA": [GrowthRate(at_least=0.0, years=[2041], probability=0.5)]},
        objective="fairest",
    )
    with pytest.raises(GoalError, match="found that they can be tightened without end; give each lever an at_most="):
        endless.solve(seed=1)


def test_on_the_frontier_one_country_gains_as_the_other_gives_way(surely: Surely, peoples: Projection) -> None:
    problem = RegionalPlan(
        peoples,
        levers={"MEX": admissions(at_most=2e5), "USA": admissions(at_most=1e5)},
        transfers=[workers("MEX", "USA", at_most=3e5)],
        goals={"MEX": surely("MEX"), "USA": surely("USA")},
    )
    table = pareto(problem, between=("MEX", "USA"), seed=1, points=3)
    steps = table.pivot_table(index="point", columns="country", values="steps")
    assert len(steps) >= 2
    assert steps["MEX"].is_monotonic_increasing
    assert (steps["USA"].diff().dropna() < 0.0).all()
    assert steps["USA"].iloc[0] > 1.0
    assert (table["held_out"] > 0.9 - 0.05).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"goals": {"PAN": []}}, "expected goals of countries that are projected, MEX, USA, GTM, found PAN"),
        (
            {"levers": {"PAN": admissions()}},
            "expected levers of countries that are projected, MEX, USA, GTM, found",
        ),
        ({"transfers": [workers("MEX", "PAN")]}, "expected transfers of countries that are projected"),
        ({"weights": {"PAN": 1.0}}, "expected weights of countries that are projected"),
        ({"weights": {"MEX": 0.0}}, "expected weights above zero"),
        ({"objective": "best"}, "expected objective fewest or fairest, found 'best'"),
        ({"levers": {}, "transfers": []}, "expected at least one lever or transfer and one goal"),
        ({"goals": {}}, "expected at least one lever or transfer and one goal"),
        ({"transfers": [workers("MEX", "USA")] * 2}, "expected levers with different names, found workers from MEX to"),
        ({"levers": {}, "transfers": [workers("MEX", "USA")]}, "GTM: expected a lever or transfer for each country"),
        (
            {"goals": {"MEX": [ForeignBorn(at_most=0.1, years=[2040])]}},
            "MEX: expected no goal on the foreign-born where transfers leave",
        ),
        (
            {"transfers": [replace(workers("MEX", "USA"), years=range(2040, 2050))]},
            "workers from MEX to USA: expected years within 2021-2041, the years projected, found 2042",
        ),
    ],
)
def test_a_problem_that_means_nothing_is_refused(
    problem: RegionalPlan, change: dict[str, object], message: str
) -> None:
    with pytest.raises(GoalError, match=message):
        replace(problem, **change).solve(seed=1)  # type: ignore[arg-type]


def test_a_frontier_wants_two_countries_with_goals_and_two_points(surely: Surely, problem: RegionalPlan) -> None:
    with pytest.raises(GoalError, match="expected two countries with goals, MEX, USA, GTM, found MEX and MEX"):
        pareto(problem, between=("MEX", "MEX"), seed=1)
    with pytest.raises(GoalError, match="expected two points or more, found 1"):
        pareto(problem, between=("MEX", "USA"), seed=1, points=1)
    hopeless = replace(problem, goals=dict(problem.goals) | {"USA": surely("USA", 9.0)})
    with pytest.raises(GoalError, match="expected goals that some plan reaches, found none"):
        pareto(hopeless, between=("MEX", "USA"), seed=1)
