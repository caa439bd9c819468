"""A quota solved again and again: one response serves all years that a lever may have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..optimize import Admissions, OpenQuotaPlan, Plan, QuotaPlan
from ..optimize.response import Response

__all__ = ["narrowed", "solved"]


def narrowed(wide: Response, lever: Admissions) -> Response:
    """The response to some of a lever's years, which share the memory of that to all of them."""
    first = next(place for place, column in enumerate(wide.columns) if column.year == lever.years[0])
    columns = list(wide.columns[first : first + len(lever.years)])

    def place(old: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.stack([old[:, 0] + first, np.clip(old[:, 1] - first, 0, len(columns))], axis=1)

    return replace(wide, columns=columns, place={name: place(old) for name, old in wide.place.items()})


def solved(problem: QuotaPlan, response: Response, seed: int) -> Plan:
    """The plan, from the response at hand."""
    opened = OpenQuotaPlan(problem, seed)
    opened.response = response
    return opened.solve()
