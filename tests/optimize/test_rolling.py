"""Plans that are revised: what was fixed stays, limits hold, and what can be seen coming is worth waiting for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from poblar.data import reference
from poblar.forecast import Projection, project
from poblar.forecast.scenarios import Multiply, Scenario
from poblar.optimize import Admissions, GoalError, GrowthRate, QuotaPlan, RollingPlan, RollingResult, SupportRatio
from poblar.optimize.rolling_result import POLICIES

YEARS = range(2027, 2039)
MOST, CHANGE = 2_000_000, 0.3
GOAL = GrowthRate(at_least=0.006, years=range(2030, 2039), probability=0.9)
REGION = reference.region(("MEX",))


def futures(draws: int, *, level: float, yearly: float = 0.0, scenario: Scenario | None = None) -> Projection:
    """Net migration of -0.4 % a year, off by a persistent level in each draw, as is fertility, and anew every year."""
    rng, years = np.random.default_rng(7), np.arange(2024, 2039)

    def path(values: float | np.ndarray, units: str, **more: list[str]) -> xr.DataArray:
        coords = {"draw": np.arange(draws), "country": ["MEX"], "year": years, **more}
        shape = [len(labels) for labels in coords.values()]
        return xr.DataArray(np.broadcast_to(values, shape), dims=list(coords), coords=coords, attrs={"units": units})

    births = 1.8 + 0.1 * rng.normal(size=(draws, 1, 1)) * (level > 0.0)
    rate = -0.004 + level * rng.normal(size=(draws, 1, 1)) + yearly * rng.normal(size=(draws, 1, len(years)))
    return project(
        REGION,
        fertility=path(births, "children per woman"),
        mortality=path(77.0, "years", sex=["female", "male"]),
        migration=path(rate, "per person-year"),
        scenario=scenario,
    )


def problem(people: Projection, *goals: GrowthRate | SupportRatio, **limits: float) -> QuotaPlan:
    lever = Admissions("workers", profile="worker", years=YEARS, **limits)
    return QuotaPlan(people, levers=[lever], goals=list(goals) or [GOAL])


@pytest.fixture(scope="module")
def people() -> Projection:
    return futures(500, level=0.0015, yearly=0.0003)


@pytest.fixture(scope="module")
def limited(people: Projection) -> RollingResult:
    limits = {"at_most": MOST, "change_at_most": CHANGE}
    plan = RollingPlan(problem(people, **limits), revise_every=1, fixed=3, neighbours=100, risk=0.5)
    return plan.simulate(seed=1, worlds=30)


@pytest.fixture(scope="module")
def waited(people: Projection) -> RollingResult:
    return RollingPlan(problem(people), neighbours=100, pilots=40).simulate(seed=1, worlds=100)


def by_policy(found: RollingResult) -> pd.DataFrame:
    return found.table.set_index("policy")


def test_what_a_plan_has_fixed_no_revision_changes(limited: RollingResult) -> None:
    announced, last = limited.announced, limited.admissions.sel(policy="rolling")
    assert announced["revision"].to_numpy().tolist()[:2] == [2027, 2028]
    for plan in announced.transpose("revision", ...):
        fixed = announced["year"] <= plan["fixed_until"]
        np.testing.assert_allclose(plan.to_numpy()[:, fixed], last.to_numpy()[:, fixed], atol=0.01)
    # And what was not fixed is changed: revisions do answer to what is seen.
    assert float(np.abs(announced[:, 0] - last).max()) > 10_000


def test_limits_hold_across_revisions_under_every_policy(limited: RollingResult) -> None:
    admitted = limited.admissions.to_numpy()
    assert admitted.min() >= 0.0
    assert admitted.max() <= MOST + 1.0
    change = np.diff(admitted, axis=-1)
    assert (np.abs(change) <= CHANGE * admitted[..., :-1] + 20.0).all()  # persons
    assert (np.abs(change).max((1, 2)) > 1_000.0).all()  # in no policy for want of any change


def test_where_every_draw_is_the_same_nothing_is_gained_by_waiting_or_knowing() -> None:
    plan = RollingPlan(problem(futures(260, level=0.0)), neighbours=50, pilots=20)
    found = by_policy(plan.simulate(seed=1, worlds=4))
    assert (found["kept"] == 1.0).all()
    assert found["persons"].min() > 1_000_000
    np.testing.assert_allclose(found["persons"], found["persons"]["open loop"], rtol=1e-3)


def test_nothing_is_cheaper_than_perfect_information_where_both_keep_the_goal(waited: RollingResult) -> None:
    table = dict(iter(waited.by_world.set_index("world").groupby("policy")))
    known = table["perfect information"]
    for policy in POLICIES[:3]:
        both = (table[policy]["kept"] & known["kept"]).to_numpy()
        assert both.sum() > 60
        more = (table[policy]["persons"] - known["persons"])[both]
        assert more.min() >= -100.0  # persons of some ten million


def test_waiting_saves_what_can_be_seen_coming_at_the_same_probability(waited: RollingResult) -> None:
    found = by_policy(waited)
    assert found["kept"]["rolling"] >= GOAL.probability - 0.09  # three standard errors of 100 worlds
    assert found["kept"]["rolling"] >= found["kept"]["open loop"] - 0.09
    assert found["saved_lower95"]["rolling"] > 0.1 * found["persons"]["open loop"]
    assert found["persons"]["perfect information"] < found["persons"]["rolling"]
    # Made to keep the goal in as many worlds, a plan that is never revised admits more too.
    assert waited.record["open_as_sure"] > 1.1 * found["persons"]["rolling"]


def test_an_affine_rule_saves_part_of_it(waited: RollingResult) -> None:
    found = by_policy(waited)
    assert found["kept"]["affine rule"] >= GOAL.probability - 0.09
    assert found["saved_lower95"]["affine rule"] > 0.0


def test_a_plan_that_was_wrong_fails_more_and_revision_recovers_part() -> None:
    """Fertility is an eighth lower than planned on: rarer than one in fifty of the planning draws has it."""
    fewer = Scenario(name="fewer births", levers=[Multiply(by=0.87, on="fertility", years=range(2028, 2039))])
    people, wrong = (futures(500, level=0.0005, yearly=0.0001, scenario=scenario) for scenario in (None, fewer))
    plan = RollingPlan(problem(people), neighbours=100, risk=0.2)
    right, off = (by_policy(plan.simulate(seed=1, worlds=60, worlds_from=source)) for source in (None, wrong))
    assert off["kept"]["open loop"] < right["kept"]["open loop"] - 0.2
    assert off["kept"]["rolling"] > off["kept"]["open loop"] + 0.1
    assert off["kept"]["perfect information"] == 1.0
    assert off["persons"]["rolling"] > right["persons"]["rolling"]


def test_a_world_is_never_planned_on(people: Projection, limited: RollingResult) -> None:
    """Whatever becomes of the worlds, the plans made today stay the same; and the worlds are worlds of the forecast."""
    draws = limited.admissions["draw"].to_numpy()
    assert len(set(draws)) == 30
    assert limited.record["planned_on"] == 500 - 30
    plan = RollingPlan(problem(people), neighbours=100, risk=0.5)
    fine, spoilt = (plan.simulate(seed=3, worlds=20, worlds_from=source) for source in (None, futures(500, level=0.01)))
    np.testing.assert_array_equal(
        fine.admissions.sel(policy="open loop").to_numpy(), spoilt.admissions.sel(policy="open loop").to_numpy()
    )
    np.testing.assert_array_equal(fine.announced[:, 0].to_numpy(), spoilt.announced[:, 0].to_numpy())


def test_the_same_seed_gives_the_same_result(people: Projection) -> None:
    plan = RollingPlan(problem(people), neighbours=100, pilots=10)
    first, again = (plan.simulate(seed=2, worlds=5) for _ in range(2))
    pd.testing.assert_frame_equal(first.table, again.table)
    xr.testing.assert_identical(first.announced, again.announced)
    other = plan.simulate(seed=3, worlds=5)
    assert set(other.by_world["draw"]) != set(first.by_world["draw"])


def test_goals_on_ratios_by_years_and_several_at_once_are_counted_apart(people: Projection) -> None:
    ratio = SupportRatio(at_least=5.6, years=range(2035, 2038), probability=0.8, together=False)
    plan = RollingPlan(problem(people, GOAL, ratio), neighbours=100, risk=0.5)
    found = plan.simulate(seed=1, worlds=40).table
    assert len(found) == 2 * len(POLICIES)
    assert set(found["requested"]) == {0.9, 0.8}
    assert (found["lower95"] <= found["kept"]).all()
    assert (found["kept"] <= found["upper95"]).all()
    assert (found.loc[found["policy"] == "perfect information", "kept"] == 1.0).all()


def test_the_result_reads_as_sentences(waited: RollingResult) -> None:
    lines = str(waited).splitlines()
    assert lines[0] == "MEX, 100 worlds that no plan has seen:"
    assert lines[2].startswith("rolling: growth of at least 0.60 % a year in 2030-2038 kept in ")
    assert "95 % interval" in lines[2]


def test_what_cannot_be_meant_is_refused_with_the_remedy(people: Projection) -> None:
    asked = problem(people)
    with pytest.raises(GoalError, match="1 <= revise_every <= fixed, found 4 and 3"):
        RollingPlan(asked, revise_every=4, fixed=3)
    with pytest.raises(GoalError, match="20 neighbours or more, found 5"):
        RollingPlan(asked, neighbours=5)
    with pytest.raises(GoalError, match="risk above 0, found 0"):
        RollingPlan(asked, risk=0.0)
    with pytest.raises(GoalError, match="pilot worlds"):
        RollingPlan(asked, pilots=1)
    soft = problem(people, GrowthRate(at_least=0.0, years=[2035], weight=1.0))
    with pytest.raises(GoalError, match="expected hard goals"):
        RollingPlan(soft)
    with pytest.raises(GoalError, match="draws left to plan on, found 600"):
        RollingPlan(asked).simulate(seed=1, worlds=600)
    with pytest.raises(GoalError, match="no more neighbours than the 490 draws"):
        RollingPlan(asked, neighbours=691).simulate(seed=1, worlds=10)
    with pytest.raises(GoalError, match="expected worlds of MEX, found GTM"):
        RollingPlan(asked).simulate(seed=1, worlds=10, worlds_from=project(reference.region(("GTM",))))
    with pytest.raises(GoalError, match="forecast both until the same year"):
        RollingPlan(asked).simulate(seed=1, worlds=10, worlds_from=project(REGION))
