"""Families are placed whole, at once or one by one, within every room."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from poblar.optimize import GoalError
from poblar.optimize.families import online_placement, place_families

PLACES = ["Saltillo", "Puebla", "Guadalajara"]
Case = tuple[xr.Dataset, xr.DataArray, xr.Dataset]


def case(count: int, seed: int, *, tight: float = 1.0, places: int = 3) -> Case:
    """Families of one to five with children at school, and places for a share of them."""
    rng = np.random.default_rng(seed)
    labels = {"family": [f"family {number}" for number in range(count)]}
    names = {"locality": [*PLACES, *(f"place {number}" for number in range(places))][:places]}
    adults, children = rng.integers(1, 3, count), rng.integers(0, 4, count)
    families = xr.Dataset(
        {"homes": ("family", adults + children), "schools": ("family", children)},
        coords=labels | {"group": ("family", rng.choice(["a", "b"], count)), "adults": ("family", adults)},
    )
    employment = xr.DataArray(adults[:, None] * rng.uniform(0.0, 1.0, (count, places)), coords=labels | names)
    size = rng.dirichlet(np.full(places, 5.0))
    room = xr.Dataset(
        {kind: ("locality", np.floor(tight * float(families[kind].sum()) * size) + 1) for kind in ("homes", "schools")},
        coords=names,
    )
    return families, employment, room


def assert_fits(placed: xr.Dataset, families: xr.Dataset, employment: xr.DataArray, room: xr.Dataset) -> None:
    """Counted by hand: no kind of room is broken, and what is said to be employed is."""
    for place in employment["locality"].values:
        here = families.sel(family=placed["family"].values[placed["place"].values == place])
        for kind in room.data_vars:
            assert here[kind].sum() <= room[kind].sel(locality=place)
    for family in placed["family"].values:
        place, employed = str(placed["place"].sel(family=family).item()), float(placed["employed"].sel(family=family))
        assert employed == (0.0 if place == "none" else float(employment.sel(family=family, locality=place)))


def best(families: xr.Dataset, employment: xr.DataArray, room: xr.Dataset, refused: np.ndarray) -> float:
    """The optimum, by looking at every placement."""
    found = 0.0
    taken = np.stack([families[kind].values for kind in room.data_vars], axis=1)
    places = np.stack([room[kind].values for kind in room.data_vars], axis=1)
    for choice in product(range(-1, len(places)), repeat=len(taken)):
        left, worth = places.astype(float), 0.0
        for family, place in enumerate(choice):
            if place >= 0:
                left[place] -= taken[family]
                worth += -np.inf if refused[family, place] else float(employment.values[family, place])
        if (left >= 0).all():
            found = max(found, worth)
    return found


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 5), seed=st.integers(0, 10_000), tight=st.floats(0.2, 1.2))
def test_small_cases_are_solved_to_the_optimum(count: int, seed: int, tight: float) -> None:
    families, employment, room = case(count, seed, tight=tight)
    refused = np.random.default_rng(seed).random(employment.shape) < 0.2
    refused[0, 0] = False
    mask = employment.copy(data=refused)
    placed = place_families(families, employment, room, refused=mask, gap=1e-9)
    assert placed.attrs["employed"] == pytest.approx(best(families, employment, room, refused), abs=1e-6)
    assert placed.attrs["bound"] >= placed.attrs["employed"] - 1e-6
    assert_fits(placed, families, employment, room)


def test_many_families_come_near_the_bound() -> None:
    families, employment, room = case(200, seed=1, tight=0.9, places=12)
    placed = place_families(families, employment, room, gap=0.005)
    assert_fits(placed, families, employment, room)
    assert placed.attrs["gap"] <= 0.005
    assert placed.attrs["bound"] == pytest.approx(placed.attrs["employed"] / (1.0 - placed.attrs["gap"]))
    assert not placed.attrs["stopped"]


def test_nobody_is_placed_where_it_is_refused() -> None:
    families, employment, room = case(30, seed=2)
    refused = employment.copy(data=np.zeros(employment.shape, dtype=bool))
    refused.loc[{"locality": "Saltillo"}] = True
    placed = place_families(families, employment, room, refused=refused)
    assert "Saltillo" not in placed["place"].values
    for rule in ("greedy", "potentials"):
        past = families.assign(employment=employment)
        online = online_placement(families, employment, room, rule=rule, past=past, refused=refused)
        assert "Saltillo" not in online["place"].values


def test_floors_of_groups_hold() -> None:
    families, employment, room = case(40, seed=3, tight=0.5)
    employment = employment * xr.where(families["group"] == "a", 0.3, 1.0)
    free = place_families(families, employment, room)
    fair = place_families(families, employment, room, floors={"a": 0.18})
    group, adults = families["group"] == "a", float(families["adults"].where(families["group"] == "a").sum())
    assert float(free["employed"].where(group).sum()) < 0.18 * adults
    assert float(fair["employed"].where(group).sum()) >= 0.18 * adults - 1e-6
    assert fair.attrs["employed"] < free.attrs["employed"]
    assert_fits(fair, families, employment, room)


def test_floors_that_no_placement_reaches_are_refused() -> None:
    families, employment, room = case(20, seed=4)
    with pytest.raises(GoalError, match=r"expected floors that some placement reaches, found none for {'a': 1.0}"):
        place_families(families, employment, room, floors={"a": 1.0})


@pytest.mark.parametrize("rule", ["potentials", "greedy"])
@pytest.mark.parametrize("tight", [0.4, 1.1])
def test_one_by_one_no_room_is_broken(rule: str, tight: float) -> None:
    families, employment, room = case(80, seed=5, tight=tight)
    past, worked, _ = case(200, seed=6)
    placed = online_placement(
        families, employment, room, rule=rule, past=past.assign(employment=worked), every=20, sample=50
    )
    assert_fits(placed, families, employment, room)
    assert placed.attrs["employed"] == pytest.approx(float(placed["employed"].sum()))


def test_potentials_do_better_than_greed_on_average_and_never_better_than_hindsight() -> None:
    shares: dict[str, list[float]] = {"potentials": [], "greedy": []}
    for seed in range(8):
        families, employment, room = case(120, seed=10 + seed, tight=1.0, places=6)
        past, worked, _ = case(300, seed=100 + seed, places=6)
        bound = place_families(families, employment, room, gap=0.02).attrs["bound"]
        for rule, found in shares.items():
            known = past.assign(employment=worked)
            placed = online_placement(
                families, employment, room, rule=rule, past=known, every=20, sample=100, seed=seed
            )
            found.append(placed.attrs["employed"] / bound)
    assert max(max(found) for found in shares.values()) <= 1.0 + 1e-9
    assert np.mean(shares["potentials"]) > np.mean(shares["greedy"]) + 0.01


def test_who_comes_first_is_placed_without_knowing_the_rest() -> None:
    families, employment, room = case(60, seed=7)
    past = families.assign(employment=employment)
    first = {"family": slice(20)}
    whole = online_placement(families, employment, room, past=past, total=60, every=10, sample=40)
    some = online_placement(
        families.isel(first), employment.isel(first), room, past=past, total=60, every=10, sample=40
    )
    np.testing.assert_array_equal(whole["place"].isel(first), some["place"])


def test_nobody_is_left_without_a_place_while_there_is_room() -> None:
    families, employment, room = case(30, seed=8, tight=3.0)
    past = families.assign(employment=employment)
    placed = online_placement(families, 0.0 * employment, room, past=past, total=500)
    assert "none" not in placed["place"].values


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f, e, r: (f, -e, r), "expected employment of zero or more"),
        (lambda f, e, r: (f, e, r - 100), "expected room for homes of zero or more"),
        (lambda f, e, r: (f.drop_vars("schools"), e, r), "expected families and room with the same kinds of room"),
        (lambda f, e, r: (f.isel(family=slice(3)), e, r), "expected employment for each of the 3 labels of 'family'"),
        (lambda f, e, r: (f.drop_vars("family"), e, r), "expected families with labels along 'family'"),
    ],
)
def test_what_cannot_be_meant_is_refused(change, message: str) -> None:
    families, employment, room = change(*case(5, seed=9))
    with pytest.raises(GoalError, match=message):
        place_families(families, employment, room)
    with pytest.raises(GoalError, match=message):
        online_placement(families, employment, room, rule="greedy")


def test_rules_and_floors_that_are_not_known_are_refused() -> None:
    families, employment, room = case(5, seed=9)
    with pytest.raises(GoalError, match="expected rule 'potentials' or 'greedy', found 'best'"):
        online_placement(families, employment, room, rule="best")
    with pytest.raises(GoalError, match="expected past families to compute potentials from"):
        online_placement(families, employment, room)
    with pytest.raises(GoalError, match="expected floors of groups of the families"):
        place_families(families, employment, room, floors={"c": 0.1})
    with pytest.raises(GoalError, match="expected floors between 0 and 1"):
        place_families(families, employment, room, floors={"b": 1.5})
    with pytest.raises(GoalError, match="expected families with the coordinate 'adults'"):
        place_families(families.drop_vars("adults"), employment, room, floors={"b": 0.1})
    with pytest.raises(GoalError, match="all are refused"):
        place_families(families, employment, room, refused=employment.copy(data=np.ones(employment.shape)))
