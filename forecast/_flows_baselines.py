"""What a forecast of counts must beat: persistence, seasonal persistence and drift, with their own past errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .errors import DrawsError

Array = NDArray[np.float64]

KINDS = ("persistence", "seasonal", "drift")
ENOUGH = 12  # with fewer past errors at a horizon, those of a shorter one are widened
MOST = 10.0  # no draw exceeds this many times the highest count on record, as in the model


def baseline(
    kind: str,
    counts: Array,
    horizons: Sequence[int],
    draws: int,
    rng: np.random.Generator,
    *,
    centred: bool = True,
) -> Array:
    r"""Draws of a naive forecast, made with the errors it has made at the same horizon so far.

    With y the log of the counts plus a half, :math:`y_{T+h} = c_h + e`, where c is the last value (persistence), the
    last of the same month of the year (seasonal), or the last and h times the mean monthly change (drift), and e one of
    the past errors of that rule at h months.

    Parameters
    ----------
    kind : str
        One of "persistence", "seasonal", "drift".
    counts : array, shape (series, month)
        Counts so far; NaN where there are none.
    horizons : sequence of int
        Months ahead.
    draws : int
        Draws of each.
    rng : numpy.random.Generator
        Source of the draws.
    centred : bool
        Whether an error and its opposite are as likely, so that the median is the rule's own forecast; otherwise the
        errors are taken as they were, with the mean that they had.

    Returns
    -------
    array, shape (draw, series, horizon)

    Raises
    ------
    DrawsError
        If the kind is unknown, or a series has less than two years.

    Examples
    --------
    >>> import numpy as np
    >>> counts = np.tile(np.arange(100.0, 112.0), 3)[None]
    >>> baseline("seasonal", counts, [1, 3], 5, np.random.default_rng(1))[0]
    array([[100., 102.]])
    """
    if kind not in KINDS or counts.shape[1] < 2 * ENOUGH:
        raise DrawsError(
            f"expected one of {', '.join(KINDS)} and 24 months or more, found {kind!r} and {counts.shape[1]}."
        )
    logs = np.log(counts + 0.5)
    result = np.empty((draws, len(logs), len(horizons)))
    for row, values in enumerate(logs):
        known = np.flatnonzero(np.isfinite(values))
        filled = values[known[np.maximum(np.searchsorted(known, np.arange(len(values)), side="right") - 1, 0)]]
        slope = (filled[-1] - filled[0]) / (len(filled) - 1) if kind == "drift" else 0.0
        for at, horizon in enumerate(horizons):
            lag = 12 * -(-horizon // 12) if kind == "seasonal" else horizon
            errors = _errors(values, lag, slope)
            start = filled[len(filled) - 1 + horizon - lag] if kind == "seasonal" else filled[-1]
            errors = np.r_[errors, -errors] if centred else errors
            result[:, row, at] = start + slope * horizon + rng.choice(errors, draws)
    highest = np.log(MOST) + np.nanmax(logs, axis=1)[:, None]
    return np.maximum(np.exp(np.minimum(result, highest)) - 0.5, 0.0)


def _errors(values: Array, lag: int, slope: float) -> Array:
    """Past errors of the value `lag` months ago; of a shorter lag, widened, where they are too few."""
    step = 12 if lag % 12 == 0 else 1
    shorter = lag

    def of(months: int) -> Array:
        errors = values[months:] - values[:-months] - slope * months
        return errors[np.isfinite(errors)]

    while shorter > step and len(of(shorter)) < ENOUGH:
        shorter -= step
    return of(shorter) * np.sqrt(lag / shorter)
