"""The arithmetic of a passage: labelled figures as arrays, queues that feed one another, shares from counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .errors import DrawsError

type Array = NDArray[np.float64]
type Value = float | xr.DataArray

DIMS: Final = ("draw", "country", "month")


class Branch(NamedTuple):
    """Cases that go from one stage to another: a share (…, month) of the decided, with a lag (…, after)."""

    source: str
    target: str
    kind: Literal["remitted", "onward"]
    share: Array
    lag: Array


def check_shares(what: str, values: Iterable[Value]) -> None:
    """Refuse shares that are not from 0 to 1, or more than one in all."""
    total = xr.DataArray(0.0)
    for value in values:
        share = xr.DataArray(value).astype(float)
        if not bool(((share >= 0) & (share <= 1)).all()):
            raise DrawsError(f"{what}: expected shares from 0 to 1, found {float(share.min()):g}; write 0.3 for 30 %.")
        total = total + share
    if float(total.max()) > 1.0 + 1e-9:
        raise DrawsError(f"{what}: expected shares of one in all at most, found {float(total.max()):g}; lower one.")


def check_lag(what: str, lag: xr.DataArray) -> None:
    """Refuse what are no shares along after that add up to one."""
    if not set(lag.dims) <= {"draw", "country", "after"} or not lag.sizes.get("after"):
        raise DrawsError(f"{what}: expected a lag along after (and draw, country), found {dict(lag.sizes)}.")
    total = lag.sum("after", skipna=False)
    if not bool((lag >= 0).all() & (abs(total - 1.0) <= 1e-9).all()):
        raise DrawsError(
            f"{what}: expected a lag with shares of zero or more, one in all, found a least of {float(lag.min()):g} "
            f"and a sum of {float(total.max()):g}; divide the shares by their sum."
        )


def common_axes(arrays: Sequence[xr.DataArray]) -> xr.DataArray:
    """Zeros along draw, country and month of all arrays; without a label where none has the axis."""
    like = xr.DataArray(0.0)
    for array in (one.reset_coords(drop=True) for one in arrays):
        if not set(array.dims) <= set(DIMS) or any(dim not in array.coords for dim in array.dims if dim != "draw"):
            raise DrawsError(
                f"expected figures along labelled {DIMS}, found axes {array.dims} with labels {list(array.coords)}."
            )
        try:
            _, like = xr.align(array, like, join="exact")
        except ValueError as error:
            raise DrawsError("expected the same draws, countries and months everywhere, found others.") from error
        like = like + xr.zeros_like(array, dtype=float)
    if "month" not in like.dims:
        raise DrawsError(f"arrivals: expected persons along month, found axes {like.dims}.")
    return like.expand_dims([dim for dim in DIMS[:2] if dim not in like.dims]).transpose(*DIMS)


def along(value: Value, like: xr.DataArray) -> xr.DataArray:
    """`value` along all axes of `like`."""
    return (xr.DataArray(value).reset_coords(drop=True) + xr.zeros_like(like)).transpose(*like.dims)


def arrivals_of(arrivals: xr.DataArray, names: Sequence[str], like: xr.DataArray) -> dict[str, Array]:
    """Arrivals from outside at each stage, along all axes of `like`."""
    at = arrivals if "stage" in arrivals.dims else arrivals.expand_dims(stage=list(names[:1]))
    found = at["stage"].to_numpy().tolist() if "stage" in at.coords else []
    if not found or not set(found) <= set(names):
        raise DrawsError(f"arrivals: expected labelled stages of {list(names)}, found {found}; rename or drop them.")
    return {name: along(at.sel(stage=name, drop=True) if name in found else 0.0, like).to_numpy() for name in names}


def later(cases: Array, lag: Array) -> Array:
    """Cases by month of arrival, of those sent on their way in each month (…, month); none after the last month."""
    months = cases.shape[-1]
    arrived = np.zeros((*np.broadcast_shapes(cases.shape[:-1], lag.shape[:-1]), months))
    for after in range(min(months, lag.shape[-1])):
        arrived[..., after:] += lag[..., after, None] * cases[..., : months - after]
    return arrived


def settle(
    outside: Mapping[str, Array], branches: Sequence[Branch], decide: Callable[[str, Array], Array]
) -> dict[str, Array]:
    """Arrivals at each stage, when what is decided of them arrives at others.

    Stages are run in their order, again and again, until what arrives is what was run. As all ways back take a month,
    a sweep settles at least one more month; without ways back the first settles all.
    """
    arrivals: dict[str, Array] = {}
    moved = [np.zeros(1) for _ in branches]
    changed = True
    while changed:
        changed = False
        for name, first in outside.items():
            came = sum((moved[at] for at, branch in enumerate(branches) if branch.target == name), first)
            if name in arrivals and np.allclose(came, arrivals[name], rtol=1e-12, atol=1e-12):
                continue
            changed, arrivals[name] = True, came
            decided = decide(name, came)
            for at, branch in enumerate(branches):
                if branch.source == name:
                    moved[at] = later(branch.share * decided, branch.lag)
    return arrivals
