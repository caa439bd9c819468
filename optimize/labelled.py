"""Labelled values as arrays: in the order of the labels asked for, or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .errors import GoalError

__all__ = ["Given", "matched"]

Array = NDArray[np.float64]
Given = float | Mapping[str, float] | xr.DataArray


def matched(what: str, given: Given, axes: Mapping[str, Sequence[Any]], most: float = np.inf) -> Array:
    """Values along these axes, in the order of their labels; what has no such axis is the same all along it.

    Parameters
    ----------
    what : str
        What it is called in an error.
    given : float, mapping of str to float (by group), or xarray.DataArray
    axes : mapping of str to sequence
        Labels by axis; draws are told apart by their position.
    most : float
        Largest value allowed; the smallest is zero.

    Returns
    -------
    array, with the shape of the axes

    Raises
    ------
    GoalError
        If an axis is not known, labels differ, or a value is out of range or missing.

    Examples
    --------
    >>> matched("people", {"b": 2.0, "a": 1.0}, {"group": ["a", "b"]}).tolist()
    [1.0, 2.0]
    """
    if isinstance(given, Mapping):
        given = xr.DataArray(list(given.values()), coords={"group": list(given)}, dims="group")
    array = xr.DataArray(given).astype(float)
    for axis in map(str, array.dims):
        if axis not in axes:
            raise GoalError(f"expected {what} along {', '.join(axes)}, found the axis {axis!r}; rename or reduce it.")
        if axis == "draw":
            array = array.assign_coords(draw=np.arange(array.sizes["draw"]))
        found = array[axis].to_numpy().tolist() if axis in array.coords else []
        if len(found) != len(axes[axis]) or set(found) != set(axes[axis]):
            differ = sorted({*map(str, found)} ^ {*map(str, axes[axis])})[:3] or f"{len(found)} labels"
            raise GoalError(
                f"expected {what} for each of the {len(axes[axis])} labels of {axis!r} once, found a difference in "
                f"{differ}; give all of them the same labels."
            )
        array = array.sel({axis: list(axes[axis])})
    values = array.to_numpy()
    if not (values >= 0.0).all() or not (values <= most).all():
        wrong = values[~((values >= 0.0) & (values <= most))][0]
        span = "of zero or more" if most == np.inf else f"between 0 and {most:g}"
        raise GoalError(f"expected {what} {span}, found {wrong:g}; correct it.")
    missing = {axis: list(labels) for axis, labels in axes.items() if axis not in array.dims}
    return array.expand_dims(missing).transpose(*axes).to_numpy()
