"""A labelled queue, and what acts on it, as the arrays that the kernel of queues takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ._queue import Array, Load
from .errors import DrawsError
from .orders import ORDERS, Priority, Removal, WaitResponse, check_order


def plain_load(opening: Array, arrivals: Array, capacity: Array, withdrawal: Array) -> Load:
    """Classes worked first in, first out, and nothing besides; `opening` (draw, class, 1) is of unknown age."""
    none = np.empty((0, 0))
    classes, months = arrivals.shape[1:]
    return Load(
        opening=opening,
        aged=False,
        arrivals=arrivals,
        capacity=capacity,
        withdrawal=withdrawal,
        orders=np.zeros(classes, dtype=np.int64),
        reserved=np.zeros(classes),
        removed_share=none,
        removed_number=none,
        removable=np.zeros((months, classes), dtype=bool),
        oldest_first=np.zeros(months, dtype=bool),
        elasticity=np.empty(0),
        waits=np.ones(2),
        factors=np.ones(2),
    )


def load_of(
    queue: xr.Dataset,
    capacity: xr.DataArray,
    order: str | Priority,
    ages: xr.DataArray | None,
    removals: Sequence[Removal],
    response: WaitResponse | None,
) -> Load:
    """The load of a queue with this capacity (draw, country, month); a draw of the load is one of a country."""
    names = list(order.classes) if isinstance(order, Priority) else [""]
    months = capacity["month"]
    cell = capacity.isel(month=0, drop=True)
    each = cell.expand_dims({"class": names}, axis=-1)
    if isinstance(order, str):  # a single class need not be named
        each = each.drop_vars("class")
    monthly = each.expand_dims(month=months, axis=-1)
    backlog = _spread("backlog", queue["backlog"], each)
    load = plain_load(
        _by_draw(backlog[..., None]),
        _by_draw(_spread("arrivals", queue["arrivals"], monthly)),
        np.ascontiguousarray(capacity, dtype=float).reshape(cell.size, -1),
        _by_draw(_spread("withdrawal", queue["withdrawal"], monthly)),
    )
    if isinstance(order, Priority):
        load = load._replace(
            orders=np.array([ORDERS.index(one) for one in order.orders]),
            reserved=np.array([float(order.reserved.get(name, 0.0)) for name in names]),
        )
    else:
        load = load._replace(orders=np.array([ORDERS.index(order)]))
    if ages is not None:
        load = load._replace(opening=_by_draw(_opening(ages, backlog, each)), aged=True)
    if removals:
        load = _with_removals(load, removals, months.to_numpy(), cell, names)
    if response is not None:
        load = load._replace(
            elasticity=_spread("elasticity", response.elasticity, cell).ravel(),
            waits=np.array(response.waits, dtype=float),
            factors=np.array(response.factors, dtype=float),
        )
    return load


def with_classes(queue: xr.Dataset, order: str | Priority) -> xr.Dataset:
    """The queue with its classes in their order of precedence, if it has any."""
    if "class" in queue["productivity"].dims:
        raise DrawsError(
            "productivity: expected one for all classes, found an axis class; reserve capacity in a Priority."
        )
    if isinstance(order, Priority):
        if "class" not in queue["arrivals"].dims or "class" not in queue["backlog"].dims:
            raise DrawsError(
                f"expected arrivals and backlog along class {order.classes}, found no such axis; split them."
            )
        if sorted(found := queue["class"].to_numpy().tolist()) != sorted(order.classes):
            raise DrawsError(f"expected the classes {order.classes} of the order, found {found} in the queue.")
        return queue.sel({"class": list(order.classes)})
    check_order(order)
    if any("class" in queue[name].dims for name in ("arrivals", "backlog", "withdrawal")):
        raise DrawsError(
            f"expected a Priority for a queue with classes, found {order!r}; say which class comes first, "
            "or add the cases up over class."
        )
    return queue


def _by_draw(array: Array) -> Array:
    """One axis for (draw, country, …)."""
    return array.reshape(-1, *array.shape[2:])


def _spread(name: str, value: float | xr.DataArray, like: xr.DataArray) -> Array:
    """`value` along all axes of `like`."""
    array = value if isinstance(value, xr.DataArray) else xr.DataArray(float(value))
    if not set(array.dims) <= set(like.dims):
        raise DrawsError(f"{name}: expected no other axes than {like.dims}, found {array.dims}.")
    try:
        if "class" in array.dims:
            array = array.sel({"class": like["class"]})  # in the order of precedence
        xr.align(array, like, join="exact")
    except (ValueError, KeyError) as error:
        raise DrawsError(f"{name}: expected the labels of the queue along {array.dims}, found others.") from error
    return np.ascontiguousarray(array.broadcast_like(like).transpose(*like.dims), dtype=float)


def _opening(ages: xr.DataArray, backlog: Array, each: xr.DataArray) -> Array:
    """The backlog by age, the youngest last."""
    if "age" not in ages.dims or not np.array_equal(ages["age"], np.arange(ages.sizes["age"])):
        raise DrawsError(f"ages: expected persons along age 0, 1, 2 … completed months, found {dict(ages.coords)}.")
    opening = _spread("ages", ages, each.expand_dims(age=ages["age"], axis=-1))
    if (wrong := opening[~(opening >= 0)]).size:
        raise DrawsError(f"ages: expected persons of zero or more, found {wrong[0]:g}; mend them.")
    off = np.abs(opening.sum(-1) - backlog)
    if (off > 1e-6 * np.maximum(backlog, 1.0)).any():
        at = np.unravel_index(np.argmax(off), off.shape)
        raise DrawsError(
            f"ages: expected a sum of {backlog[at]:,.6g}, the backlog, found {opening[at].sum():,.6g}; scale the ages."
        )
    return np.ascontiguousarray(opening[..., ::-1])


def _with_removals(
    load: Load, removals: Sequence[Removal], months: NDArray[np.datetime64], cell: xr.DataArray, names: list[str]
) -> Load:
    written = [str(month)[:7] for month in months]
    share, number = np.zeros((cell.size, len(written))), np.zeros((cell.size, len(written)))
    for removal in removals:
        if removal.month not in written:
            raise DrawsError(
                f"expected a removal in a month from {written[0]} to {written[-1]}, like '{written[0]}', "
                f"found {removal.month!r}."
            )
        of = names if removal.of is None else list(removal.of)
        if not set(of) <= set(names):
            raise DrawsError(f"removal of {removal.month}: expected classes of {names}, found {of}.")
        at = written.index(removal.month)
        if load.removable[at].any():
            raise DrawsError(f"expected one removal in a month, found two in {removal.month}; join them.")
        share[:, at] = _spread("share", removal.share, cell).ravel()
        number[:, at] = _spread("number", removal.number, cell).ravel()
        load.removable[at] = np.isin(names, of)
        load.oldest_first[at] = removal.oldest_first
    return load._replace(removed_share=share, removed_number=number)
