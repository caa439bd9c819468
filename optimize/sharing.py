"""Ways in which offices share their staff as demand moves between them, compared on the same draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..forecast.queue import run_queue
from .errors import GoalError

__all__ = ["WAYS", "Sharing", "instead_of_sharing", "share_staff"]

Array = NDArray[np.float64]

YEAR: Final = 12
_TIMES: Final = np.array([1.0, 1.05, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2.0, 2.2, 2.5, 3.0])
_NEAR: Final = {"within_month": -0.01, "worst_wait": 0.1}
_UNITS: Final = {
    "waiting": "cases",
    "within_month": "share",
    "worst_wait": "months",
    "gap": "share",
    "moved": "share per year",
}


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """A way in which offices share their staff.

    Parameters
    ----------
    mobile : float
        Part of the staff that goes, every so many months, where more cases wait, and came last time, than those who
        stay will decide; 0: nobody moves, 1: all do.
    every : int
        Months between its moves, a divisor of twelve.
    yearly : bool
        Whether those who stay move once a year all the same, after last year's cases; else they keep the shares of the
        year before the first.
    lost : float
        Part of their time that mobile staff, or those of one queue, lose by moving or by deciding from afar.
    one_queue : bool
        Cases move instead of people: any office's staff take the oldest case of all.

    Raises
    ------
    GoalError
        If a part is not from 0 to 1, `every` is no divisor of twelve, or one queue has mobile staff besides.

    Examples
    --------
    >>> Sharing(mobile=0.2, yearly=True)
    Sharing(mobile=0.2, every=1, yearly=True, lost=0.0, one_queue=False)
    """

    mobile: float = 0.0
    every: int = 1
    yearly: bool = False
    lost: float = 0.0
    one_queue: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.mobile <= 1 and 0 <= self.lost < 1 and self.every >= 1 and YEAR % self.every == 0):
            raise GoalError(
                f"expected mobile= from 0 to 1, lost= from 0 to below 1 and every= 1, 2, 3, 4, 6 or 12 months, found "
                f"{self.mobile:g}, {self.lost:g} and {self.every}; change them."
            )
        if self.one_queue and (self.mobile or self.yearly):
            raise GoalError("expected one queue, or staff who move, found both; leave one of them out.")


WAYS: Final[Mapping[str, Sharing]] = MappingProxyType(
    {
        "fixed": Sharing(),
        "yearly": Sharing(yearly=True),
        "quarterly": Sharing(mobile=1.0, every=3),
        "10 % mobile": Sharing(mobile=0.1),
        "20 % mobile": Sharing(mobile=0.2),
        "30 % mobile": Sharing(mobile=0.3),
        "20 % mobile, rest yearly": Sharing(mobile=0.2, yearly=True),
        "one queue": Sharing(one_queue=True),
    }
)
"""Ways of sharing that are worth comparing, by name; the first moves nobody."""


def share_staff(
    cases: xr.DataArray,
    before: xr.DataArray,
    *,
    capacity: float,
    ways: Mapping[str, Sharing] = WAYS,
) -> xr.Dataset:
    r"""What becomes of the cases of each draw under each way of sharing the same staff.

    Offices work first in, first out. Nobody waits at the start, and nobody withdraws. Each month the staff of an office
    decides at most the cases that its part of `capacity` can.

    Parameters
    ----------
    cases : xarray.DataArray
        Cases per month over draw, office and month (whole years) with the coordinate ``kind``, from
        `poblar.forecast.office_cases.OfficeCases`.
    before : xarray.DataArray
        Cases of each office in the year before the first month: what shares go by at the start.
    capacity : float
        Cases that all staff together decide in a month.
    ways : mapping of str to Sharing
        By name.

    Returns
    -------
    xarray.Dataset
        Over way and draw: ``waiting``, the mean over the months, cases; ``within_month``, share of the cases decided in
        the month they come or the next; ``worst_wait``, mean wait of the cases of the office where it is longest,
        months, in which those still waiting at the end count with their wait so far; ``gap``, between the kinds of
        offices with the most and the least decided within a month; ``moved``, staff that changes place, share per year
        (who moves each month counts twelve times).

    Raises
    ------
    GoalError
        If the capacity is not above zero, months are no whole years, offices differ, there is no way, or an office had
        no case in a draw.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> cases = xr.DataArray(np.full((1, 2, 12), 10.0), dims=("draw", "office", "month"),
    ...                      coords={"office": ["A", "B"], "kind": ("office", ["x", "x"])})
    >>> before = xr.DataArray([180.0, 60.0], coords={"office": ["A", "B"]})  # shares are out of date
    >>> found = share_staff(cases, before, capacity=20.0)
    >>> found["waiting"].sel(way=["fixed", "quarterly", "one queue"]).squeeze().round().to_series().to_dict()
    {'fixed': 32.0, 'quarterly': 14.0, 'one queue': 0.0}
    """
    come, known, kinds = _given(cases, before, capacity)
    if not ways:
        raise GoalError("expected ways= of sharing by name, found none; leave it out for those of WAYS.")
    found = [_service(come, kinds, _staff(way, come, known, capacity)) for way in ways.values()]
    return xr.Dataset(
        {name: (("way", "draw"), np.stack([one[name] for one in found]), {"units": _UNITS[name]}) for name in _UNITS},
        coords={"way": list(ways), "draw": np.arange(len(come))},
    )


def instead_of_sharing(
    cases: xr.DataArray,
    before: xr.DataArray,
    reached: xr.Dataset,
    *,
    capacity: float,
) -> xr.Dataset:
    """How much more staff fixed shares need for what another way of sharing reaches.

    Near it is near enough: one point of those decided within a month, a tenth of a month of the worst wait.

    Parameters
    ----------
    cases, before
        As `share_staff` takes them.
    reached : xarray.Dataset
        What `share_staff` found with them, some ways or all.
    capacity : float
        The staff with which it did, cases a month.

    Returns
    -------
    xarray.Dataset
        ``within_month`` and ``worst_wait``, by goal: share more staff over way, for the same on average over all draws,
        which is what can be decided beforehand; and ``within_month_draw``, ``worst_wait_draw`` over way and draw, what
        each draw would have needed, looking back. Interpolated between thirteen sizes up to three times the staff: 2.0
        is that or more.

    Raises
    ------
    GoalError
        As `share_staff`.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> cases = xr.DataArray(np.full((1, 2, 12), 10.0), dims=("draw", "office", "month"),
    ...                      coords={"office": ["A", "B"], "kind": ("office", ["x", "x"])})
    >>> before = xr.DataArray([150.0, 90.0], coords={"office": ["A", "B"]})  # A: 62 % of the staff
    >>> reached = share_staff(cases, before, capacity=20.0, ways={"one queue": Sharing(one_queue=True)})
    >>> round(instead_of_sharing(cases, before, reached, capacity=20.0)["within_month"].item(), 2)
    0.23
    """
    come, known, kinds = _given(cases, before, capacity)
    sizes = [_service(come, kinds, _staff(Sharing(), come, known, capacity * by)) for by in _TIMES]
    variables = {}
    for name, near in _NEAR.items():
        up, curve = -np.sign(near), np.stack([size[name] for size in sizes])
        goal = reached[name].to_numpy() + near
        mean = np.interp(up * goal.mean(axis=1), up * curve.mean(axis=1), _TIMES)
        each = [[np.interp(up * at, up * curve[:, draw], _TIMES) for draw, at in enumerate(row)] for row in goal]
        variables |= {name: ("way", mean - 1.0), f"{name}_draw": (("way", "draw"), np.array(each) - 1.0)}
    found = xr.Dataset(variables, coords={"way": reached["way"].to_numpy(), "draw": np.arange(len(come))})
    return found.map(lambda array: array.assign_attrs(units="share"))


def _given(cases: xr.DataArray, before: xr.DataArray, capacity: float) -> tuple[Array, Array, NDArray[np.intp]]:
    """Cases (draw, office, month), those of the year before, and the kind of each office."""
    if not (np.isfinite(capacity) and capacity > 0):
        raise GoalError(f"expected capacity= cases a month above zero, found {capacity}; change it.")
    if set(cases.dims) != {"draw", "office", "month"} or "kind" not in cases.coords or cases.sizes["month"] % YEAR:
        raise GoalError(
            f"expected cases over draw, office and month (whole years) with the coordinate kind, found "
            f"{dict(cases.sizes)}; forecast them with OfficeCases."
        )
    if before.dims != ("office",) or cases["office"].to_numpy().tolist() != before["office"].to_numpy().tolist():
        raise GoalError("expected before= over the offices of the cases, in their order, found others; select them.")
    come = cases.transpose("draw", "office", "month").to_numpy().astype(float)
    known = before.to_numpy().astype(float)
    if not (known > 0).all() or not (come.sum(axis=2) > 0).all():
        raise GoalError("expected cases in every office, found one without; leave it out, or join it to another.")
    _, kinds = np.unique(cases["kind"].to_numpy().astype(str), return_inverse=True)
    return come, known, kinds


def _staff(way: Sharing, cases: Array, before: Array, capacity: float) -> Array:
    """Cases that each office can decide (draw, office, month); of one queue (draw, 1, month)."""
    draws, offices, months = cases.shape
    if way.one_queue:
        return np.full((draws, 1, months), capacity * (1.0 - way.lost))
    if way.yearly:
        years = cases.reshape(draws, offices, -1, YEAR).sum(axis=3)
        known = np.concatenate([np.broadcast_to(before[:, None], (draws, offices, 1)), years[..., :-1]], axis=2)
        staff = np.repeat(capacity * known / known.sum(axis=1, keepdims=True), YEAR, axis=2)
    else:
        staff = np.broadcast_to(capacity * before[:, None] / before.sum(), cases.shape).copy()
    if not way.mobile:
        return staff
    staff *= 1.0 - way.mobile
    go, waiting = way.mobile * (1.0 - way.lost) * capacity, np.zeros((draws, offices))
    usual = way.every / YEAR * before
    for start in range(0, months, way.every):
        these = slice(start, start + way.every)
        last = cases[..., start - way.every : start].sum(axis=2) if start else usual
        need = np.maximum(waiting + last - staff[..., these].sum(axis=2), 1e-9 * before)
        staff[..., these] += (go * need / need.sum(axis=1, keepdims=True))[..., None]
        for month in range(start, start + way.every):
            waiting = np.maximum(waiting + cases[..., month] - staff[..., month], 0.0)
    return staff


def _service(cases: Array, kinds: NDArray[np.intp], staff: Array) -> dict[str, Array]:
    """What becomes of the cases, by draw."""
    if staff.shape[1] == 1:
        cases, kinds = cases.sum(axis=1, keepdims=True), np.zeros(1, dtype=np.intp)
    months = cases.shape[2]
    arrivals, capacity = cases.reshape(-1, months), staff.reshape(-1, months)
    run = run_queue(np.zeros(len(arrivals)), arrivals, capacity, np.zeros_like(arrivals))
    pending = run.pending.reshape(*cases.shape[:2], months + 1)
    # First in, first out: two months' work by the end of the next month, on those who waited before first.
    come = cases[..., :-1]
    soon = np.clip(staff[..., :-1] + staff[..., 1:] - pending[..., :-2], 0.0, come)
    of_kind = np.stack(
        [soon[:, kinds == k].sum(axis=(1, 2)) / come[:, kinds == k].sum(axis=(1, 2)) for k in np.unique(kinds)]
    )
    return {
        "waiting": pending[..., 1:].sum(axis=1).mean(axis=1),
        "within_month": soon.sum(axis=(1, 2)) / come.sum(axis=(1, 2)),
        "worst_wait": (pending[..., 1:].sum(axis=2) / cases.sum(axis=2)).max(axis=1),
        "gap": of_kind.max(axis=0) - of_kind.min(axis=0),
        "moved": 0.5 * np.abs(np.diff(staff)).sum(axis=(1, 2)) / staff[:, :, 0].sum(axis=1) / (months / YEAR),
    }
