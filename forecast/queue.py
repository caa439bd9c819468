r"""A queue of cases worked first in, first out, month by month.

Cases arrive in month s, and in each later month a share w of those still waiting withdraws before any is decided.
The capacity of a month decides the oldest cases first and is never used for more than there are. Withdrawal is
the same for all who wait, so that with the growth factor :math:`G_k = \prod_{j \le k} (1 - w_j)^{-1}` arrivals
:math:`a_s G_s` and capacities :math:`c_k G_k` form a queue without withdrawal that decides the same cases in the same
months. That is what makes waiting-time goals linear in the capacity (`poblar.optimize.staffing`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numba import njit
from numpy.typing import NDArray

from .errors import DrawsError

__all__ = ["QueueRun", "run_queue", "simulate_queue"]

Array = NDArray[np.float64]


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
    for name, array in zip(("backlog", "arrivals", "capacity", "withdrawal"), arrays, strict=True):
        if (wrong := array[~(np.isfinite(array) & (array >= 0))]).size:
            raise DrawsError(f"{name}: expected finite numbers of zero or more, found {wrong[0]:g}; mend the draws.")
    if (arrays[3] >= 1).any():
        raise DrawsError(f"withdrawal: expected shares below one, found {arrays[3].max():g}.")
    draws, months = shapes[1]
    run = QueueRun(np.empty((draws, months + 1)), *(np.empty((draws, months)) for _ in range(3)))
    _run(arrays[0], arrays[1], arrays[2], arrays[3], run.pending, run.decided, run.withdrawn, run.wait)
    return run


def simulate_queue(queue: xr.Dataset, officers: float | xr.DataArray) -> xr.Dataset:
    """Work the queue off, first in, first out, with a number of officers.

    Parameters
    ----------
    queue : xarray.Dataset
        Draws from ``Backlog().fit(…).forecast(…)``.
    officers : float or xarray.DataArray
        Officers at work; a number, or along ``month`` (and ``country`` or ``draw``).

    Returns
    -------
    xarray.Dataset
        Along (draw, country, month): ``pending`` at the start of the month, persons; ``decided`` and ``withdrawn``,
        persons per month; ``wait`` of those who apply in the month, in months, infinite where they are still
        waiting at the end.

    Raises
    ------
    DrawsError
        If officers are negative or do not cover the months.

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
    """
    axes = ("draw", "country", "month")
    staff = officers if isinstance(officers, xr.DataArray) else xr.DataArray(float(officers))
    try:
        productivity, staff = xr.align(queue["productivity"], staff, join="exact")
    except ValueError as error:
        raise DrawsError(
            f"expected officers for every month {_span(queue)}, found other labels; reindex them along month."
        ) from error
    capacity = (productivity * staff).transpose(*axes)
    shape = (capacity.shape[0] * capacity.shape[1], capacity.shape[2])
    backlog = queue["backlog"].broadcast_like(capacity.isel(month=0)).transpose("draw", "country")
    run = run_queue(
        backlog.to_numpy().reshape(shape[0]),
        queue["arrivals"].transpose(*axes).to_numpy().reshape(shape),
        capacity.to_numpy().reshape(shape),
        queue["withdrawal"].transpose(*axes).to_numpy().reshape(shape),
    )
    units = {
        "pending": "persons",
        "decided": "persons per month",
        "withdrawn": "persons per month",
        "wait": "months",
    }
    values = {
        "pending": run.pending[:, :-1],
        "decided": run.decided,
        "withdrawn": run.withdrawn,
        "wait": run.wait,
    }
    return xr.Dataset(
        {name: (axes, array.reshape(capacity.shape), {"units": units[name]}) for name, array in values.items()},
        coords=capacity.coords,
    )


@njit(cache=True, nogil=True)
def _run(
    backlog: Array,
    arrivals: Array,
    capacity: Array,
    withdrawal: Array,
    pending: Array,
    decided: Array,
    withdrawn: Array,
    wait: Array,
) -> None:
    draws, months = arrivals.shape
    left = np.empty(months + 1)  # cases of each month of arrival still waiting; 0 is the backlog
    for draw in range(draws):
        left[:] = 0.0
        left[0] = backlog[draw]
        oldest = 0
        wait[draw, :] = np.inf
        pending[draw, 0] = backlog[draw]
        for month in range(months):
            gone = 0.0
            for cohort in range(oldest, month + 1):
                gone += withdrawal[draw, month] * left[cohort]
                left[cohort] *= 1.0 - withdrawal[draw, month]
            left[month + 1] = arrivals[draw, month]
            room = capacity[draw, month]
            done = 0.0
            while oldest <= month + 1 and room >= left[oldest]:
                room -= left[oldest]
                done += left[oldest]
                left[oldest] = 0.0
                if oldest > 0:
                    wait[draw, oldest - 1] = month - (oldest - 1)
                oldest += 1
            if oldest <= month + 1:
                left[oldest] -= room
                done += room
            decided[draw, month] = done
            withdrawn[draw, month] = gone
            waiting = 0.0
            for cohort in range(oldest, month + 2):
                waiting += left[cohort]
            pending[draw, month + 1] = waiting


def _span(queue: xr.Dataset) -> str:
    months = queue["month"].to_numpy().astype("datetime64[M]")
    return f"{months[0]} to {months[-1]}"
