"""Placement plans fill the places where most find work, and keep their room as often as was asked."""

from __future__ import annotations

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest
import xarray as xr
from poblar.optimize import GoalError, NoPlanError, Plan
from poblar.optimize._offers import Offers
from poblar.optimize.chance import deal
from poblar.optimize.placement import PlacementPlan, _open

NORTH, SOUTH = "Saltillo", "Puebla"
DRAWS = 2000


def shares(values: list[list[float]], groups: tuple[str, ...] = ("single",)) -> xr.DataArray:
    """Employment of groups in two places."""
    return xr.DataArray(values, coords={"group": list(groups), "locality": [NORTH, SOUTH]})


def rooms(spread: float = 0.2, kinds: tuple[str, ...] = ("jobs",), *, draws: int = DRAWS, seed: int = 1) -> xr.Dataset:
    """Lognormal room about 300 and 200."""
    rng = np.random.default_rng(seed)
    return xr.Dataset(
        {
            kind: (("draw", "locality"), np.array([300.0, 200.0]) * np.exp(rng.normal(0.0, spread, (draws, 2))))
            for kind in kinds
        },
        coords={"locality": [NORTH, SOUTH]},
    )


def problem(**more: object) -> PlacementPlan:
    """A thousand people, two places."""
    given: dict[str, object] = {"people": {"single": 1000}, "employment": shares([[0.6, 0.4]]), "room": rooms()}
    return PlacementPlan(**(given | more))


def large(**more: object) -> PlacementPlan:
    """Three groups, twelve places, three kinds of room, of which groups take different amounts; some refuse."""
    rng = np.random.default_rng(3)
    places, groups = [f"place {number}" for number in range(12)], ["single", "couple", "family"]
    middle = rng.uniform(50.0, 200.0, 12)
    labels = {"locality": places}
    given: dict[str, object] = {
        "people": {"family": 700, "single": 500, "couple": 400},
        "employment": xr.DataArray(rng.uniform(0.1, 0.7, (3, 12)), coords={"group": groups} | labels),
        "room": xr.Dataset(
            {
                kind: (("draw", "locality"), middle * np.exp(rng.normal(0.0, 0.3, (4000, 12))))
                for kind in ("jobs", "housing", "schools")
            },
            coords=labels,
        ),
        "use": {
            "jobs": {"single": 1.0, "couple": 0.8, "family": 0.4},
            "schools": {"single": 0, "couple": 0, "family": 0.5},
        },
        "acceptance": xr.DataArray(rng.beta(24, 6, (4000, 12)), dims=("draw", "locality"), coords=labels),
    }
    return PlacementPlan(**(given | more))


def has_room(task: PlacementPlan, offered: xr.DataArray) -> xr.DataArray:
    """Counted by hand: whether those who go have room (draw, locality)."""
    went = offered * task.acceptance
    kept = []
    for kind, room in task.room.data_vars.items():
        use = (task.use or {}).get(str(kind), 1.0)
        if isinstance(use, dict):
            use = xr.DataArray(list(use.values()), coords={"group": list(use)}, dims="group")
        kept.append((went * use).sum("group") <= room + 1e-6)
    return xr.concat(kept, "kind").all("kind")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return large().solve(seed=1)


def test_a_known_room_is_filled_where_most_find_work() -> None:
    room = xr.Dataset({"jobs": ("locality", [300.0, 200.5])}, coords={"locality": [NORTH, SOUTH]})
    plan = problem(people={"single": 400}, room=room).solve(seed=1)
    assert plan.decision["offered"].sel(group="single").values.tolist() == [300.0, 100.0]
    assert plan.objective == pytest.approx(300 * 0.6 + 100 * 0.4)
    assert plan.goals[0].held_out == 1.0


def test_groups_go_where_they_have_the_advantage() -> None:
    """Both do better in the north, but the second loses more in the south."""
    room = xr.Dataset({"jobs": ("locality", [100.0, 100.0])}, coords={"locality": [NORTH, SOUTH]})
    employment = shares([[0.6, 0.5], [0.5, 0.1]], ("a", "b"))
    plan = problem(people={"a": 100, "b": 100}, employment=employment, room=room).solve(seed=1)
    np.testing.assert_array_equal(plan.decision["offered"], [[0.0, 100.0], [100.0, 0.0]])


def test_each_locality_by_itself_gets_the_quantile_of_its_room() -> None:
    task = problem(together=False)
    plan = task.solve(seed=1)
    sets = deal(DRAWS, seed=1)
    seen = np.sort(task.room["jobs"].values[np.r_[sets["solve"], sets["calibrate"]]], axis=0)
    expected = np.floor(seen[int(0.1 * (len(seen) + 1)) - 1])
    np.testing.assert_array_equal(plan.decision["offered"].sel(group="single"), expected)


def test_the_quantile_is_of_the_room_for_those_who_go() -> None:
    half = problem(together=False, acceptance=0.5).solve(seed=1)
    whole = problem(together=False).solve(seed=1)
    assert abs(half.decision["offered"] - 2.0 * whole.decision["offered"]).max() <= 2.0
    assert half.decision["moved"].sum() == pytest.approx(half.decision["offered"].sum() / 2)


def test_no_place_is_over_its_room_as_often_as_asked(plan: Plan) -> None:
    """On draws that had no part in the plan, counted apart from it."""
    task = large()
    kept = has_room(task, plan.decision["offered"]).all("locality")
    held = float(kept.isel(draw=deal(4000, seed=1)["certify"]).mean())
    assert held == plan.goals[0].held_out
    assert 0.9 - 2.0 * np.sqrt(0.09 / 1200) <= held <= 0.9 + 4.0 * np.sqrt(0.09 / 1200)


def test_offers_are_whole_and_nobody_has_two(plan: Plan) -> None:
    offered = plan.decision["offered"]
    np.testing.assert_array_equal(offered, np.round(offered))
    assert offered.min() >= 0
    for group, people in large().people.items():
        assert offered.sel(group=group).sum() <= people


def test_all_at_once_asks_for_more_room_than_each_by_itself(plan: Plan) -> None:
    task = large(together=False)
    each = task.solve(seed=1)
    assert each.objective > 1.05 * plan.objective
    kept = has_room(task, each.decision["offered"]).isel(draw=deal(4000, seed=1)["certify"])
    assert kept.mean("draw").min() >= 0.9 - 3.0 * np.sqrt(0.09 / 1200)
    assert kept.all("locality").mean() < 0.8


def test_more_certainty_costs_employment(plan: Plan) -> None:
    assert large(probability=0.98).solve(seed=1).objective < plan.objective


def test_few_extreme_draws_are_let_go() -> None:
    """In one draw of twenty nobody can be received; at 90 % that is not planned for."""
    room = rooms(spread=0.0)
    room["jobs"] = room["jobs"] * xr.DataArray(np.arange(DRAWS) % 20 > 0, dims="draw")
    plan = problem(room=room).solve(seed=1)
    np.testing.assert_allclose(plan.decision["offered"].sel(group="single"), [300.0, 200.0], rtol=0.01)


def test_a_tail_is_what_the_whole_linear_program_says() -> None:
    """Against the program written out with a row for every draw and room."""
    task = large()
    places, sets = _open(task), deal(4000, seed=1)
    few = sets | {"solve": sets["solve"][:150]}
    offers = Offers(places, few, probability=task.probability, together=True)
    found = offers._solve(float(np.log(0.2)))
    assert found is not None
    plan, level, below = cp.Variable(36, nonneg=True), cp.Variable(), cp.Variable(150, nonneg=True)
    limits = [cp.sum(cp.reshape(plan, (3, 12), order="C"), axis=1) <= places.people]
    limits += [0.2 * 150 * level >= cp.sum(below)]
    limits += [
        offers.room[d] - cp.multiply(offers.going[d], offers.taken @ plan) >= level - below[d] for d in range(150)
    ]
    whole = cp.Problem(cp.Maximize(offers.value.ravel() @ plan), limits)
    whole.solve(solver=cp.HIGHS)
    assert (offers.value * found).sum() == pytest.approx(whole.value, rel=1e-3)


def test_those_who_refuse_take_no_room() -> None:
    """Where four in five go, more are offered a place and about as many come."""
    some = problem(acceptance=0.8).solve(seed=1)
    everybody = problem().solve(seed=1)
    assert some.decision["offered"].sum() > 1.2 * everybody.decision["offered"].sum()
    assert some.objective == pytest.approx(everybody.objective, rel=0.02)
    assert "all who are offered a place go" not in some.assumptions


def test_children_are_not_employed() -> None:
    assert problem(adults=0.5).solve(seed=1).objective == pytest.approx(problem().solve(seed=1).objective / 2)


def test_families_are_offered_their_place_first() -> None:
    ties = shares([[0.0, 0.0], [20.0, 110.0]], ("a", "b"))
    task = problem(people={"a": 1000, "b": 200}, employment=shares([[0.6, 0.5], [0.2, 0.1]], ("a", "b")), ties=ties)
    plan = task.solve(seed=1)
    assert plan.decision["offered"].sel(group="b").values.tolist() == [20.0, 110.0]
    assert plan.goals[0].held_out >= 0.87


def test_floors_hold_in_whole_people() -> None:
    employment = shares([[0.6, 0.5], [0.31, 0.23]], ("a", "b"))
    free = problem(people={"a": 1000, "b": 500}, employment=employment)
    assert free.solve(seed=1).decision["employed"].sel(group="b").sum() == 0
    plan = replace(free, floors={"b": 0.1}).solve(seed=1)
    assert plan.decision["employed"].sel(group="b").sum() >= 50.0 - 1e-6
    assert plan.decision["employed"].sel(group="b").sum() <= 51.0
    assert plan.objective < free.solve(seed=1).objective
    assert any("the floor of b" in limit for limit in plan.binding)


def test_floors_out_of_reach_say_what_can_be_reached() -> None:
    plan = problem(floors={"single": 0.5}).solve(seed=1)
    assert not plan.exists
    assert plan.answer.startswith("No plan reaches the floors with no locality over its room (jobs)")
    reached = problem().solve(seed=1).objective / 1000
    assert f"{100 * reached:.1f} % of single, where 50.0 % are asked for" in plan.answer
    assert plan.goals[0].held_out >= 0.87
    with pytest.raises(NoPlanError, match="No plan reaches the floors"):
        _ = plan.decision


def test_a_floor_above_what_work_there_is_is_an_answer_too() -> None:
    assert not problem(floors={"single": 0.9}, together=False).solve(seed=1).exists


@pytest.mark.parametrize("together", [True, False])
def test_ties_that_do_not_fit_are_an_answer(together: bool) -> None:
    plan = problem(ties=shares([[0.0, 300.0]]), together=together).solve(seed=1)
    assert not plan.exists
    assert "cannot be reached with 90 % probability under these limits" in plan.answer
    assert "it can be no locality over" in plan.answer
    assert plan.goals[0].held_out < 0.1
    assert plan.goals[0].binding.startswith(SOUTH)


@pytest.mark.parametrize("together", [True, False])
def test_ties_to_a_place_without_room_are_an_answer(together: bool) -> None:
    room = rooms() * xr.DataArray([1.0, 0.0], coords={"locality": [NORTH, SOUTH]})
    task = problem(room=room, ties=shares([[0.0, 5.0]]), together=together)
    assert not task.solve(seed=1).exists
    assert replace(task, ties=None).solve(seed=1).decision["offered"].sel(locality=SOUTH).sum() == 0


def test_who_goes_and_who_works_are_of_the_same_draw() -> None:
    """Where people go only in the draws in which they find work, all who go do."""
    draw = np.arange(DRAWS)
    goes = xr.DataArray(draw % 2.0, dims="draw") * xr.ones_like(shares([[1.0, 1.0]]).sel(group="single", drop=True))
    plan = problem(people={"single": 100}, employment=goes * shares([[1.0, 1.0]]), acceptance=goes).solve(seed=1)
    assert plan.decision["offered"].sum() == 100
    assert plan.objective == pytest.approx(100 * float(goes.isel(draw=deal(DRAWS, seed=1)["solve"]).mean()))
    assert plan.objective == pytest.approx(float(plan.decision["moved"].sum()))


@pytest.mark.parametrize("together", [True, False])
def test_a_price_is_what_ten_more_places_bring(together: bool) -> None:
    task = problem(together=together)
    plan = task.solve(seed=1)
    more = task.room.copy(deep=True)
    more["jobs"] = more["jobs"] + 10.0 * (more["locality"] == NORTH)
    again = replace(task, room=more).solve(seed=1)
    price = plan.prices.set_index("locality")["employed"][NORTH]
    assert price == pytest.approx(again.objective - plan.objective, abs=1.3)
    assert f"10 more places of jobs in {NORTH}" in plan.prices["in_words"].iloc[0]


def test_the_same_seed_gives_the_same_plan(plan: Plan) -> None:
    xr.testing.assert_identical(large().solve(seed=1).decision, plan.decision)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"room": rooms() - 400.0}, "expected room for jobs of zero or more, found -"),
        ({"employment": shares([[0.6, 1.2]])}, "expected employment between 0 and 1, found 1.2"),
        ({"employment": shares([[0.6, np.nan]])}, "expected employment between 0 and 1, found nan"),
        (
            {"people": {"single": 10, "family": 5}},
            "expected people for each of the 1 labels of 'group' once, found .*family",
        ),
        ({"people": {}}, "expected people for each of the 1 labels of 'group'"),
        ({"room": rooms().assign_coords(locality=[NORTH, "Tuxtla"])}, "expected room for jobs for each .*Puebla"),
        ({"floors": {"single": 1.1}}, "expected floors between 0 and 1, found 1.1"),
        ({"floors": {"family": 0.1}}, "expected floors for each .*family"),
        ({"room": rooms(draws=150)}, "expected at least 200 draws"),
        ({"ties": shares([[900.0, 200.0]])}, "expected ties of at most single's 1,000 people, found 1,100"),
        ({"acceptance": 1.5}, "expected acceptance between 0 and 1"),
        ({"use": {"homes": 2.0}}, "expected use of the kinds of room, jobs, found 'homes'"),
        ({"probability": 1.0}, "expected a probability between 0 and 1"),
        ({"employment": shares([[0.6, 0.4]]).rename(group="kind")}, "expected employment with labels along group"),
        ({"room": xr.Dataset(coords={"locality": [NORTH, SOUTH]})}, "expected room of at least one kind"),
    ],
)
def test_what_cannot_be_meant_is_refused(more: dict[str, object], message: str) -> None:
    with pytest.raises(GoalError, match=message):
        problem(**more).solve(seed=1)
