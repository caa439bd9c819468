"""Months that no plain count gives: where their log-intensities lie, between their neighbours and within their sums."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from scipy.linalg import null_space

from ._flows_observed import Observed
from ._flows_pilots import Pilots
from ._informed import stretched

Array = NDArray[np.float64]


def place(data: Observed, about: Pilots, deviate: Any, expected: Any, scale: Any, loading: Any) -> tuple[Any, Any]:
    r"""Log-intensities, of the standardised deviates z of those months that no plain count gives, and their log volume.

    .. math:: y_t = c_t + x_t - \bar x_t + (A z)_t + \sigma_t (B G z)_t, \qquad
        \text{and where m months are counted together} \qquad
        y_t = c_t + n \sqrt{m} \bar z + d_t - \log \tfrac{1}{m} \sum_u e^{d_u}, \quad
        d_t = x_t + (A z)_t + \sigma_t (B G z)_t

    with x what is expected of a month and :math:`\bar x` the same between its neighbours. A small count or an interval
    says about where its month lies, and the months beside it go along (A). A month that has none is off its neighbours,
    and the months of a sum are off their mean, by a walk with the errors of the model: of their scale :math:`\sigma`
    and, in the same month, along what the series have in common (G). So :math:`\bar z` alone moves a sum, which is
    known well (n).

    Parameters
    ----------
    data : Observed
        The counts.
    about : Pilots
        Of these counts.
    deviate : tensor, shape (open,)
        Standardised deviates of the months that are not ``data.plain``, in their order.
    expected : tensor, shape (series, month)
        Seasons and effects.
    scale : tensor, shape (series, month - 1)
        :math:`\sigma` of every month but the first.
    loading : tensor, shape (series,)
        How much of an error is common, over how much is a series' own.

    Returns
    -------
    path : tensor, shape (series, month)
        y.
    volume : tensor, scalar
        Log of the determinant of its derivative by z, but for a constant.
    """
    at = np.zeros(data.plain.shape, dtype=np.intp)
    at[~data.plain] = np.arange(1, (~data.plain).sum() + 1)

    def of_months(values: Any) -> Any:
        padded: Any = pt.concatenate([np.zeros(1), values])
        return padded[at]

    single, walk, centre = _spread(data, about)
    apart, volume = of_months(pt.dot(walk, deviate)), 0.0
    for together, freedom in _alike(data):
        apart, gained = stretched(apart, loading[:, None] * together)
        volume = volume + freedom * gained
    log_scale: Any = pt.log(pt.concatenate([scale[:, :1], scale, scale[:, -1:]], axis=1))
    log_scale = 0.5 * (log_scale[:, 1:] + log_scale[:, :-1])
    volume = volume + (log_scale * ~data.alone).sum()
    which, root, number, inside = data.blocks
    expected = expected - _between(data.alone | (inside > 0), expected) * (1 - inside)
    path = centre + of_months(pt.dot(single, deviate)) + pt.exp(log_scale) * apart + expected
    if not len(which):
        return path, volume
    rows, months, weight = data.sum_series[which], data.sum_months[which], data.sum_weight[which]

    def mean(values: Any) -> Any:
        return (values[rows[:, None], months] * weight).sum(axis=-1) / root**2

    uneven: Any = pt.log(mean(pt.exp(-log_scale)))
    volume = volume + uneven.sum()
    middle, half = 0.5 * (data.low + data.high)[which] + 0.5, 0.5 * (data.high - data.low)[which]
    narrow = np.sqrt(1.0 / middle + (0.5 * half / middle) ** 2)
    shift: Any = narrow * root * mean(of_months(deviate)) - pt.log(mean(pt.exp(path - data.centre)))
    return path + shift[number] * inside, volume


def _between(known: NDArray[np.bool_], values: Any) -> Any:
    """Values of known months, and straight lines between them."""
    size = known.shape[1]
    at = np.arange(size)
    left = np.maximum.accumulate(np.where(known, at, -1), axis=1)
    right = np.minimum.accumulate(np.where(known, at, size)[:, ::-1], axis=1)[:, ::-1]
    left, right = np.where(left < 0, right, left), np.where(right == size, left, right)
    share = (at - left) / np.maximum(right - left, 1)
    row = np.arange(len(known))[:, None]
    return (1.0 - share) * values[row, left] + share * values[row, right]


def _alike(data: Observed) -> Iterator[tuple[Array, float]]:
    """Cells (series, month) whose errors may be in common, and the share of them that is free to move.

    They are the months that have no count at all, and those of series with the same sums, which leave one mean each.
    """
    which, _, number, inside = data.blocks
    yield (~data.alone & (inside == 0)).astype(float), 1.0
    if len(which):
        last = np.where(inside > 0, data.sum_months[which, 0][number], -1)
        for sums in np.unique(last[inside.any(axis=1)], axis=0):
            months = sums >= 0
            same = (last == sums).all(axis=1)
            yield same[:, None] * months.astype(float), 1.0 - len(np.unique(sums[months])) / months.sum()


def _spread(data: Observed, about: Pilots) -> tuple[Array, Array, Array]:
    """Matrices (open, open) from deviates to where months lie by their own counts, and to walks, and their centre.

    The first is about what small counts and intervals say together with the walk that ties them to their neighbours.
    Months without such counts follow: with steps of one, they are at the walk's mean given all others and the means of
    the sums, and spread about it as the walk is.
    """
    rows, months = np.nonzero(~data.plain)
    alone = data.alone[rows, months]
    _, _, number, inside = data.blocks
    single, walk, centre = np.zeros((len(rows), len(rows))), np.zeros((len(rows), len(rows))), data.centre.copy()
    steps = np.diff(np.eye(len(data.months)), axis=0)
    even = steps.T @ steps
    for row in np.unique(rows):
        here = rows == row
        counted, rest = np.flatnonzero(here & alone), np.flatnonzero(here & ~alone)
        if len(counted):
            fixed = np.where(data.alone[row], 1.0 / data.variance[row], 0.0)
            tied = steps.T @ (steps / about.step[row][:, None] ** 2) + np.diag(fixed)
            moving = np.concatenate([months[counted], months[rest][inside[row, months[rest]] == 0]])
            variance = np.linalg.inv(tied[np.ix_(moving, moving)])[: len(counted), : len(counted)]
            single[np.ix_(counted, counted)] = np.linalg.cholesky(variance)
        if len(rest):
            at = months[rest]
            member = (number[row, at][:, None] == np.unique(number[row, at])) * inside[row, at][:, None]
            free = null_space(member.T)
            inverse = free.T @ even[np.ix_(at, at)] @ free
            root = np.linalg.inv(np.linalg.cholesky(inverse)).T
            follow = -free @ root @ root.T @ free.T @ even[at]
            walk[np.ix_(rest, rest)] = free @ root @ free.T
            centre[row, at] += follow @ data.centre[row]
            single[np.ix_(rest, counted)] = follow[:, months[counted]] @ single[np.ix_(counted, counted)]
    return single, walk, centre
