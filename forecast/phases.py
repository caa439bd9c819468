"""The three phases of a country's fertility: before, during and after its transition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Phases", "find_phases", "recovered"]

Array = NDArray[np.float64]

HIGH = 5.5  # a transition that starts lower began before the record
NEAR = 0.5  # how far below the highest level the last peak may lie
REPLACEMENT = 2.0
SPAN = 5  # years that are averaged


@dataclass(frozen=True, kw_only=True)
class Phases:
    """Where each country stands.

    Parameters
    ----------
    decline : array of int, shape (country,)
        Position of the year in which phase II, the transition, starts; 0 if it began before the record.
    early : array of bool, shape (country,)
        The transition began before the record.
    recovery : array of int, shape (country,)
        Position of the year in which phase III, after the transition, starts; the last position if it has not.
    settled : array of bool, shape (country,)
        Phase III has started.

    Examples
    --------
    >>> import numpy as np
    >>> find_phases(np.array([[6.0, 6.1, 5.9, 5.5]])).decline.tolist()
    [1]
    """

    decline: NDArray[np.int64]
    early: NDArray[np.bool_]
    recovery: NDArray[np.int64]
    settled: NDArray[np.bool_]


def find_phases(levels: Array) -> Phases:
    """Split each country's record into phases by the published rules, put in single years.

    Phase II starts at the latest local maximum of at least 5.5 children that is within half a child of the highest
    level; a country without one was in transition when its record began. Phase III starts when three successive
    five-year means, all below two children, have risen twice: in the middle year of the second. The means are taken
    over any five years in a row, where the publication has fixed five-year periods.

    Parameters
    ----------
    levels : array, shape (country, year)
        Total fertility rate, children per woman.

    Returns
    -------
    Phases

    References
    ----------
    Alkema L. et al. (2011), Probabilistic projections of the total fertility rate for all countries, Demography 48.

    Examples
    --------
    >>> import numpy as np
    >>> fall = np.concatenate([[6.0, 6.2, 6.1], np.linspace(6.0, 1.5, 30), np.linspace(1.5, 1.9, 15)])
    >>> phases = find_phases(fall[None])
    >>> phases.decline.tolist(), phases.early.tolist(), phases.settled.tolist()
    ([1], [False], [True])
    """
    walls = np.full((len(levels), 1), -np.inf)
    padded = np.concatenate([walls, levels, walls], axis=1)
    peak = (
        (padded[:, 1:-1] >= padded[:, :-2])
        & (padded[:, 1:-1] > padded[:, 2:])
        & (levels >= np.maximum(levels.max(1, keepdims=True) - NEAR, HIGH))
    )
    years = levels.shape[1]
    early = ~peak.any(1)
    decline = np.where(early, 0, years - 1 - np.argmax(peak[:, ::-1], axis=1))
    recovery = np.full(len(levels), years - 1)
    settled = np.zeros(len(levels), bool)
    for last in range(3 * SPAN - 1, years):
        now = recovered(levels[:, : last + 1]) & ~settled
        recovery[now] = last - SPAN - SPAN // 2
        settled |= now
    return Phases(decline=decline, early=early, recovery=recovery, settled=settled)


def recovered(levels: Array) -> NDArray[np.bool_]:
    """Whether the last three five-year means are below two children and have risen twice.

    Parameters
    ----------
    levels : array, shape (..., year)
        Total fertility rate, children per woman; false with fewer than 15 years.

    Returns
    -------
    array of bool, shape (...)

    Examples
    --------
    >>> import numpy as np
    >>> bool(recovered(np.repeat([1.5, 1.6, 1.7], 5))), bool(recovered(np.repeat([1.8, 1.9, 2.0], 5)))
    (True, False)
    """
    if levels.shape[-1] < 3 * SPAN:
        return np.zeros(levels.shape[:-1], bool)
    first, second, third = (
        levels[..., -3 * SPAN :].reshape(*levels.shape[:-1], 3, SPAN)[..., i, :].mean(-1) for i in range(3)
    )
    return (first < second) & (second < third) & (third < REPLACEMENT)
