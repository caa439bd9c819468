"""Ways of sharing staff: no staff is made or lost, one queue waits least, and what is worth what in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from poblar.optimize import GoalError
from poblar.optimize.sharing import WAYS, Sharing, _staff, instead_of_sharing, share_staff

OFFICES, MONTHS = 6, 24


def draws_of(cases: np.ndarray) -> xr.DataArray:
    kinds = ["border", "capital"] * (cases.shape[1] // 2)
    return xr.DataArray(
        cases,
        dims=("draw", "office", "month"),
        coords={"office": np.arange(cases.shape[1]), "kind": ("office", kinds)},
    )


@pytest.fixture(scope="module")
def cases() -> xr.DataArray:
    rng = np.random.default_rng(1)
    level = np.exp(np.cumsum(0.1 * rng.standard_normal((40, OFFICES, MONTHS)), axis=2))
    return draws_of(rng.poisson(100 * level).astype(float))


@pytest.fixture(scope="module")
def before() -> xr.DataArray:
    return xr.DataArray(np.linspace(800, 1600, OFFICES), coords={"office": np.arange(OFFICES)})


@pytest.mark.parametrize("name", WAYS)
def test_staff_is_neither_made_nor_lost(cases: xr.DataArray, before: xr.DataArray, name: str) -> None:
    staff = _staff(WAYS[name], cases.to_numpy(), before.to_numpy(), 600.0)
    np.testing.assert_allclose(staff.sum(axis=1), 600.0)
    assert (staff >= 0).all()


@pytest.mark.parametrize("way", [Sharing(mobile=0.5, lost=0.2), Sharing(one_queue=True, lost=0.1)])
def test_what_is_lost_is_the_part_that_moves(cases: xr.DataArray, before: xr.DataArray, way: Sharing) -> None:
    staff = _staff(way, cases.to_numpy(), before.to_numpy(), 600.0)
    np.testing.assert_allclose(staff.sum(axis=1), 540.0)


def test_nobody_knows_what_comes(cases: xr.DataArray, before: xr.DataArray) -> None:
    """Staff of a month does not depend on the cases of that month or later."""
    known = cases.to_numpy()
    other = known.copy()
    other[..., 13:] = known[:, ::-1, 13:]
    for way in WAYS.values():
        one, two = (_staff(way, array, before.to_numpy(), 600.0) for array in (known, other))
        upto = 13 // way.every * way.every + 1
        np.testing.assert_array_equal(one[..., :upto], two[..., :upto])


def test_one_queue_has_the_fewest_waiting(cases: xr.DataArray, before: xr.DataArray) -> None:
    found = share_staff(cases, before, capacity=620.0)
    assert (found["waiting"] >= found["waiting"].sel(way="one queue") - 1e-6).all()
    assert float(found["gap"].sel(way="one queue").max()) == 0
    assert float(found["moved"].sel(way=["fixed", "one queue"]).max()) == 0
    share = found[["within_month", "gap"]].to_dataarray()
    assert ((share >= 0) & (share <= 1)).all()


def test_right_shares_need_no_sharing() -> None:
    """Every office gets what it needs: nobody waits, nobody moves, nothing is gained."""
    steady = draws_of(np.broadcast_to(np.array([10.0, 20.0])[:, None], (3, 2, 24)).copy())
    before = xr.DataArray([120.0, 240.0], coords={"office": [0, 1]})
    found = share_staff(steady, before, capacity=30.0)
    for measure in ("waiting", "worst_wait", "gap", "moved"):
        np.testing.assert_allclose(found[measure], 0.0, atol=1e-9)
    np.testing.assert_allclose(found["within_month"], 1.0)
    instead = instead_of_sharing(steady, before, found, capacity=30.0)
    np.testing.assert_allclose(instead.to_dataarray(), 0.0, atol=1e-9)


def test_fixed_shares_that_are_wrong_have_a_closed_form() -> None:
    """An office of twice its share of the staff's cases falls behind by the same number each month."""
    cases = draws_of(np.full((1, 2, 12), 10.0))
    found = share_staff(cases, xr.DataArray([15.0, 5.0], coords={"office": [0, 1]}), capacity=20.0)
    fixed = found.sel(way="fixed", draw=0)
    assert fixed["waiting"].item() == pytest.approx(5 * np.mean(np.arange(1, 13)))
    assert fixed["worst_wait"].item() == pytest.approx(5 * np.sum(np.arange(1, 13)) / 120)
    # One office decides all at once; of the other's first 110, the ten of the first month and five of the second.
    assert fixed["gap"].item() == pytest.approx(1.0 - 15 / 110)


def test_yearly_moves_follow_last_year() -> None:
    level = np.repeat(np.array([[10.0, 30.0], [30.0, 10.0]]), 12, axis=1)[None]  # (1, office, 24)
    staff = _staff(Sharing(yearly=True), level, np.array([360.0, 120.0]), 40.0)
    assert staff[0, :, 0].tolist() == [30.0, 10.0]  # the year before
    assert staff[0, :, 12].tolist() == [10.0, 30.0]  # the first year, a year late
    found = share_staff(draws_of(level), xr.DataArray([360.0, 120.0], coords={"office": [0, 1]}), capacity=40.0)
    assert found["moved"].sel(way="yearly").item() == pytest.approx(0.25)  # half of the staff once in two years


def test_staff_in_place_of_sharing_does_as_well(cases: xr.DataArray, before: xr.DataArray) -> None:
    """With so much more staff, fixed shares reach what was asked, on average."""
    reached = share_staff(cases, before, capacity=620.0, ways={"one queue": Sharing(one_queue=True)})
    instead = instead_of_sharing(cases, before, reached, capacity=620.0)
    assert 0 < instead["worst_wait"].item() < 2
    more = share_staff(cases, before, capacity=620.0 * (1 + instead["worst_wait"].item()), ways={"fixed": Sharing()})
    assert more["worst_wait"].mean().item() == pytest.approx(reached["worst_wait"].mean().item() + 0.1, abs=0.05)


@pytest.mark.parametrize(
    "options",
    [{"mobile": 1.2}, {"lost": 1.0}, {"every": 5}, {"mobile": 0.2, "one_queue": True}],
)
def test_strange_ways_are_refused(options: dict) -> None:
    with pytest.raises(GoalError, match="expected"):
        Sharing(**options)


def test_what_does_not_fit_is_refused(cases: xr.DataArray, before: xr.DataArray) -> None:
    for given, known, capacity, message in (
        (cases, before, 0.0, "capacity= cases a month above zero"),
        (cases.isel(month=slice(18)), before, 600.0, "whole years"),
        (cases.drop_vars("kind"), before, 600.0, "coordinate kind"),
        (cases, before[::-1], 600.0, "in their order"),
        (cases, before.where(before > 900, 0.0), 600.0, "cases in every office"),
    ):
        with pytest.raises(GoalError, match=message):
            share_staff(given, known, capacity=capacity)
    with pytest.raises(GoalError, match="ways= of sharing by name"):
        share_staff(cases, before, capacity=600.0, ways={})
