r"""A queue of cases, month by month: first in, first out, or in another order of work.

Cases arrive in month s, and in each later month a share w of those still waiting withdraws before any is decided.
The capacity of a month decides cases in the order of work and is never used for more than there are.

First in, first out, with the same withdrawal for all who wait, the growth factor
:math:`G_k = \prod_{j \le k} (1 - w_j)^{-1}` makes of arrivals :math:`a_s G_s` and capacities :math:`c_k G_k` a queue
without withdrawal that decides the same cases in the same months. That is what makes waiting-time goals linear in the
capacity (`poblar.optimize.staffing`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ._load import load_of, plain_load, with_classes
from ._queue import Account, Load, work
from .errors import DrawsError
from .orders import ORDERS, Priority, Removal, WaitResponse

__all__ = ["QueueRun", "run_queue", "simulate_queue"]

Array = NDArray[np.float64]

_UNITS: Final = {
    "pending": "persons",
    "arrivals": "persons per month",
    "decided": "persons per month",
    "withdrawn": "persons per month",
    "removed": "persons per month",
    "waited": "person-months",
    "wait": "months",
    "arrivals_decided": "persons per month",
    "arrivals_waiting": "persons",
    "pending_decided": "persons per month",
    "pending_waiting": "persons",
    "pending_by_age": "persons",
}
_KEPT: Final = ("arrivals", "pending", "ages")


class QueueRun(NamedTuple):
    """What happens in a queue, draw by draw.

    Parameters
    ----------
    pending : array, shape (draw, month + 1)
        Cases waiting at the start of each month, and at the end of the last.
    decided, withdrawn : array, shape (draw, month)
        Cases decided and withdrawn in each month.
    wait : array, shape (draw, month)
        Months from the month of arrival to the month in which the last case that arrived in it is decided or
        withdrawn; infinite where that is not before the end.

    Examples
    --------
    >>> QueueRun._fields
    ('pending', 'decided', 'withdrawn', 'wait')
    """

    pending: Array
    decided: Array
    withdrawn: Array
    wait: Array


def run_queue(backlog: Array, arrivals: Array, capacity: Array, withdrawal: Array) -> QueueRun:
    """Run the queue of each draw.

    Parameters
    ----------
    backlog : array, shape (draw,)
        Cases waiting before the first month, older than all arrivals.
    arrivals, capacity : array, shape (draw, month)
        Cases arriving in each month, and cases that can be decided in it.
    withdrawal : array, shape (draw, month)
        Share of the cases waiting at the start of the month that withdraws in it, 0 to below 1.

    Returns
    -------
    QueueRun

    Raises
    ------
    DrawsError
        If shapes differ, a value is not finite or negative, or a withdrawal is not below one.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones((1, 4))
    >>> run = run_queue(np.array([20.0]), 10 * one, 15 * one, 0 * one)
    >>> run.pending
    array([[20., 15., 10.,  5.,  0.]])
    >>> run.wait
    array([[1., 1., 1., 0.]])
    """
    arrays = [np.ascontiguousarray(array, dtype=float) for array in (backlog, arrivals, capacity, withdrawal)]
    shapes = [array.shape for array in arrays]
    if len(shapes[1]) != 2 or shapes[1:] != [shapes[1]] * 3 or shapes[0] != shapes[1][:1]:
        raise DrawsError(
            f"expected backlog (draw,) and arrivals, capacity and withdrawal (draw, month), found shapes {shapes}."
        )
    run = _run(plain_load(arrays[0][:, None, None], arrays[1][:, None], arrays[2], arrays[3][:, None]))
    return QueueRun(run.pending[:, 0], run.decided[:, 0], run.withdrawn[:, 0], run.wait[:, 0])


def simulate_queue(
    queue: xr.Dataset,
    officers: float | xr.DataArray,
    *,
    order: str | Priority = ORDERS[0],
    ages: xr.DataArray | None = None,
    removals: Sequence[Removal] = (),
    response: WaitResponse | None = None,
    keep: Collection[str] = (),
    longest: int = 24,
) -> xr.Dataset:
    """Work the queue off with a number of officers.

    What does not act on single cases is arithmetic on what is given: ``1.5 * officers`` is a surge,
    ``officers.where(officers["month"] < np.datetime64("2029-01"), 0.0)`` closes the office, and
    ``queue.assign(productivity=0.8 * queue["productivity"])`` makes decisions slower. Claims by origin or office that
    `Flows` forecasts take the place of the ledger's arrivals in the same way, of the same months and number of draws:
    ``queue.assign(arrivals=claims.sum("category"))``.

    Parameters
    ----------
    queue : xarray.Dataset
        Draws from ``Backlog().fit(…).forecast(…)``. With a `Priority`, arrivals and backlog have an axis ``class``
        besides, and withdrawal may have it.
    officers : float or xarray.DataArray
        Officers at work; a number, or along ``month`` (and ``country`` or ``draw``). One, where productivity is that
        of the whole office.
    order : str or Priority
        "first in, first out", "last in, first out", "random", or classes of which one comes before the other.
    ages : xarray.DataArray, optional
        The backlog by how long its cases have waited, persons along ``age`` (0, 1, 2 … completed months; cases of the
        last count as exactly that old) and the axes of the backlog. Without it they are older than all arrivals, and
        how old is not known.
    removals : sequence of Removal
        Cases that leave the queue without a decision.
    response : WaitResponse, optional
        How arrivals answer to the wait; without it they do not.
    keep : collection of str
        Distributions to keep: "arrivals" (when those who arrive in a month are decided), "pending" (when those who
        wait at a date are decided), "ages" (how long those who wait at a date have waited).
    longest : int
        Months that the distributions go to. A thousand draws of 120 months take 25 MB by 25 months, in one array.

    Returns
    -------
    xarray.Dataset
        Along (draw, country, month), and class with a `Priority`: ``pending`` at the start of the month, persons;
        ``arrivals``, ``decided``, ``withdrawn`` and ``removed``, persons per month; ``waited`` by all who are
        decided in the month, person-months; ``wait`` until the last who applies in the month is decided or has left,
        in months, infinite where that is not before the end.

        Along ``after`` too, 0 to `longest` months: ``arrivals_decided`` and ``arrivals_waiting``, of the cases that
        arrive in the month those decided so many months later and those waiting at the end of that month;
        ``pending_decided`` and ``pending_waiting``, the same of the cases waiting at the month's start. Along
        ``age``: ``pending_by_age`` at the month's start, by completed months, the last open.

        NaN is what is not known: what comes after the last month; ages, and months waited, that cases of unknown age
        are among. `poblar.forecast.waits` makes indicators of these.

    Raises
    ------
    DrawsError
        If officers are negative or do not cover the months, the order is unknown or its classes are not the queue's,
        ages do not add up to the backlog, or removals are not in months of the queue, one in each.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> shape = ("draw", "country", "month"), np.ones((1, 1, 6))
    >>> queue = xr.Dataset({"arrivals": (shape[0], 10 * shape[1]), "productivity": (shape[0], 5 * shape[1]),
    ...     "withdrawal": (shape[0], 0 * shape[1]), "backlog": ("country", [0.0])},
    ...     coords={"country": ["MEX"], "month": np.arange("2027-01", "2027-07", dtype="datetime64[M]")
    ...     .astype("datetime64[s]")})
    >>> simulate_queue(queue, officers=1.0)["pending"].squeeze().to_numpy()
    array([ 0.,  5., 10., 15., 20., 25.])
    >>> run = simulate_queue(queue, officers=1.0, order="last in, first out", keep=["arrivals"], longest=2)
    >>> run["arrivals_decided"].isel(month=0).squeeze().to_numpy()
    array([5., 0., 0.])
    """
    queue = with_classes(queue, order)
    capacity = _capacity(queue, officers)
    run = _run(load_of(queue, capacity, order, ages, removals, response), keep, longest)
    coords = dict(capacity.coords)
    dims, shape = ["draw", "country", "month"], capacity.shape
    if isinstance(order, Priority):
        coords |= {"class": list(order.classes)}
        dims, shape = ["draw", "country", "class", "month"], (*shape[:2], len(order.classes), shape[2])
    variables = {}
    for name, units in _UNITS.items():
        values = run.pending[..., :-1] if name == "pending" else getattr(run, name)
        if not values.size:
            continue
        further = [] if values.ndim == 3 else ["age" if name.endswith("age") else "after"]
        coords |= {axis: np.arange(longest + 1) for axis in further}
        variables[name] = ([*dims, *further], values.reshape(*shape, *values.shape[3:]), {"units": units})
    return xr.Dataset(variables, coords=coords)


def _capacity(queue: xr.Dataset, officers: float | xr.DataArray) -> xr.DataArray:
    """Cases that can be decided (draw, country, month)."""
    staff = officers if isinstance(officers, xr.DataArray) else xr.DataArray(float(officers))
    try:
        productivity, staff = xr.align(queue["productivity"], staff, join="exact")
    except ValueError as error:
        months = queue["month"].to_numpy().astype("datetime64[M]")
        raise DrawsError(
            f"expected officers for every month {months[0]} to {months[-1]}, found other labels; "
            "reindex them along month."
        ) from error
    return (productivity * staff).transpose("draw", "country", "month")


def _run(load: Load, keep: Collection[str] = (), longest: int = 0) -> Account:
    """Check the figures of a load, and work it."""
    figures = (load.opening, load.arrivals, load.capacity, load.withdrawal)
    for name, array in zip(("backlog", "arrivals", "capacity", "withdrawal"), figures, strict=True):
        if (wrong := array[~(np.isfinite(array) & (array >= 0))]).size:
            raise DrawsError(f"{name}: expected finite numbers of zero or more, found {wrong[0]:g}; mend the draws.")
    if (load.withdrawal >= 1).any():
        raise DrawsError(f"withdrawal: expected shares below one, found {load.withdrawal.max():g}.")
    if isinstance(keep, str) or not set(keep) <= set(_KEPT) or longest < 0:
        raise DrawsError(f"expected keep= some of {_KEPT} and longest= months, found {keep!r} and {longest}.")
    draws, classes, months = load.arrivals.shape

    over = np.add.outer(np.arange(months), np.arange(longest + 1)) >= months

    def flow(value: float = 0.0) -> Array:
        return np.full((draws, classes, months), value)

    def later(name: str) -> Array:
        return np.tile(np.where(over, np.nan, 0.0), (draws if name in keep else 0, classes, 1, 1))

    account = Account(
        pending=np.empty((draws, classes, months + 1)),
        arrivals=flow(),
        decided=flow(),
        withdrawn=flow(),
        removed=flow(),
        waited=flow(),
        wait=flow(np.inf),
        arrivals_decided=later("arrivals"),
        arrivals_waiting=later("arrivals"),
        pending_decided=later("pending"),
        pending_waiting=later("pending"),
        pending_by_age=np.zeros((draws if "ages" in keep else 0, classes, months, longest + 1)),
    )
    work(load, account)
    return account
