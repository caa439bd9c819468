"""What a panel of counts says, as arrays: which months each count sums, and about where the log-intensity lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..data import DataError, Panel

Array = NDArray[np.float64]
Index = NDArray[np.intp]

NODES = 25  # an interval of more whole numbers than this is represented by so many of them
UNSEEN = 0.2  # pilot standard deviation of a month that nothing is known of, times the root of its distance
PLAIN = 50.0  # from this count on a month's log-intensity is taken as that of the count, with its variance added


@dataclass(frozen=True, kw_only=True)
class Observed:
    """Counts of several series, as the likelihood takes them.

    Parameters
    ----------
    axis : str
        Name of the axis of the series.
    names : array of str, shape (series,)
        Their labels.
    months : pandas.DatetimeIndex
        All months from the first to the last.
    series, month : array of int, shape (count,)
        Where the exact counts of single months stand.
    count : array, shape (count,)
        These counts, persons.
    sum_series, sum_months : array of int, shape (sum,) and (sum, longest)
        Series and months of what is no exact count of one month: sums over months, and intervals.
    sum_weight : array, shape (sum, longest)
        One for the months that are summed, zero for those that only fill the row.
    nodes, log_weight : array, shape (sum, node)
        Counts that stand for the interval, and the logs of how many each stands for.
    low, high : array, shape (sum,)
        Ends of the interval, persons.
    span : array of int, shape (sum,)
        Months in the sum.
    centre : array, shape (series, month)
        The pilot: log of the counts, interpolated where there are none.
    variance : array, shape (series, month)
        About how far the log-intensity is from `centre`, squared.
    seen : array of bool, shape (series, month)
        Months that an exact count of their own pins down.
    """

    axis: str
    names: NDArray[np.str_]
    months: pd.DatetimeIndex
    series: Index
    month: Index
    count: Array
    sum_series: Index
    sum_months: Index
    sum_weight: Array
    nodes: Array
    log_weight: Array
    low: Array
    high: Array
    span: Index
    centre: Array
    variance: Array
    seen: NDArray[np.bool_]

    @property
    def calendar(self) -> Index:
        """Month of the year of each month, 0 for January."""
        return np.asarray(self.months.month - 1, dtype=np.intp)

    @property
    def record(self) -> Array:
        """Log of the most that each series has had in a month, by its pilot."""
        return self.centre.max(axis=1)

    @property
    def plain(self) -> NDArray[np.bool_]:
        """Months whose log-intensity is taken as `centre`: they have a count of their own, and no small one."""
        return self.seen & (self.centre >= np.log(PLAIN))

    @property
    def alone(self) -> NDArray[np.bool_]:
        """Months with a count of their own, be it an interval."""
        single = self.seen.copy()
        single[self.sum_series[self.span == 1], self.sum_months[self.span == 1, 0]] = True
        return single

    @property
    def blocks(self) -> tuple[Index, Array, Index, Index]:
        """Sums of several months: which of the sums they are, root of their lengths, and the block of every month.

        The last two have the shape (series, month): the number of the month's block, and whether it is in one.
        """
        which = np.flatnonzero(self.span > 1)
        number, inside = np.zeros(self.seen.shape, dtype=np.intp), np.zeros(self.seen.shape, dtype=np.intp)
        for block, at in enumerate(which):
            months = self.sum_months[at, : self.span[at]]
            number[self.sum_series[at], months], inside[self.sum_series[at], months] = block, 1
        return which, np.sqrt(self.span[which]), number, inside

    @classmethod
    def read(cls, panel: Panel) -> Observed:
        """Take ``count``, and where the panel has them ``low``, ``high`` and ``span``, apart."""
        count = panel["count"]
        others = [str(dim) for dim in count.dims if dim != "month"]
        if "month" not in count.dims or len(others) != 1:
            raise DataError(
                expected="count over month and one axis of series",
                found=f"axes {', '.join(map(str, count.dims))}",
                remedy="join the labels of several axes into one, e.g. category",
                column="count",
            )
        axis = others[0]

        def values(name: str, default: Array) -> Array:
            if name not in panel.names:
                return default
            return panel[name].transpose(axis, "month").to_numpy().astype(float)

        exact = count.transpose(axis, "month").to_numpy().astype(float)
        low, high = values("low", exact), values("high", exact)
        span = np.nan_to_num(values("span", np.ones_like(exact)), nan=1.0).astype(int)
        names = count[axis].to_numpy().astype(str)
        months = pd.DatetimeIndex(panel["month"].to_numpy())
        low, high = np.where(np.isnan(low), exact, low), np.where(np.isnan(high), exact, high)
        _check(names, months, low, high, span)
        alone = np.isfinite(low) & (low == high) & (span == 1)
        rest = np.isfinite(low) & ~alone
        rows, at = np.nonzero(rest)
        back = np.arange(span[rest].max(initial=1))
        inside = back < span[rest][:, None]
        nodes, log_weight = _nodes(low[rest], high[rest])
        centre, variance = _pilot(low, high, span)
        return cls(
            axis=axis,
            names=names,
            months=months,
            series=np.nonzero(alone)[0],
            month=np.nonzero(alone)[1],
            count=low[alone],
            sum_series=rows,
            sum_months=np.where(inside, at[:, None] - back, at[:, None]),
            sum_weight=inside.astype(float),
            nodes=nodes,
            log_weight=log_weight,
            low=low[rest],
            high=high[rest],
            span=span[rest],
            centre=centre,
            variance=variance,
            seen=alone,
        )


def recent(panel: Panel, window: int) -> Panel:
    """The last `window` months of a panel, and those before them that a sum begun before them counts."""
    months = pd.DatetimeIndex(panel["month"].to_numpy())
    first = max(len(months) - window, 0)
    if "span" in panel.names and first:
        at = xr.DataArray(np.arange(len(months)), dims="month", coords={"month": panel["month"]})
        starts = at - panel["span"].fillna(1.0) + 1.0
        first = int(min(first, starts.where(at >= first, first).min()))
    return panel.sel(month=slice(months[first], None)) if first > 0 else panel


def _check(names: NDArray[np.str_], months: pd.DatetimeIndex, low: Array, high: Array, span: NDArray[np.int_]) -> None:
    """Refuse what is no count, and a month that is counted twice."""

    def refuse(wrong: NDArray[np.bool_], expected: str, found: str, remedy: str) -> None:
        if wrong.any():
            row, at = np.argwhere(wrong)[0]
            raise DataError(expected=expected, found=found, remedy=remedy, row=f"{names[row]}, {months[at]:%Y-%m}")

    seen = np.isfinite(low) & np.isfinite(high)
    short = np.full(low.shape, low.shape[1] < 2)
    refuse(short, "counts of two months at least", "a single month", "give the months before it")
    refuse(np.isfinite(low) != np.isfinite(high), "both ends of an interval", "one of them", "give low and high")
    refuse(seen & (low < 0), "counts of zero or more", "a negative count", "correct the figure")
    refuse(
        seen & ((low % 1 != 0) | (high % 1 != 0)), "whole numbers of persons", "a fraction", "give counts, not rates"
    )
    refuse(seen & (high < low), "low at most high", "low above high", "exchange the two")
    at = np.arange(len(months))
    refuse(
        seen & ((span < 1) | (span > at + 1)),
        "a span of at least one month, inside the panel",
        "a sum over months that the panel does not have",
        "let the panel begin with the first month of the sum",
    )
    covered = np.zeros(low.shape, dtype=int)
    for row, last in np.argwhere(seen):
        covered[row, last - span[row, last] + 1 : last + 1] += 1
    refuse(
        covered > 1,
        "each month in one count",
        "a sum beside the months or another sum that it holds",
        "keep the months, and leave the sum out",
    )
    unseen = ~covered.any(axis=1)
    refuse(np.broadcast_to(unseen[:, None], low.shape), "a count in every series", "none", "leave the series out")


def _nodes(low: Array, high: Array) -> tuple[Array, Array]:
    """Whole numbers in each interval, or some that stand for all of them, and the log of how many each stands for."""
    width = high - low + 1.0
    used = np.minimum(width, NODES)
    step = np.arange(int(used.max(initial=1.0)))
    weight = np.where(step < used[:, None], (width / used)[:, None], 0.0)
    middle = low[:, None] + (np.minimum(step, used[:, None] - 1.0) + 0.5) * (width / used)[:, None] - 0.5
    with np.errstate(divide="ignore"):
        return middle, np.log(weight)


def _pilot(low: Array, high: Array, span: NDArray[np.int_]) -> tuple[Array, Array]:
    """Centre and variance of the log-intensity of every month, from its own count or its neighbours'."""
    seen = np.isfinite(low)
    centre, variance = np.full(low.shape, np.nan), np.full(low.shape, np.nan)
    for row, last in np.argwhere(seen):
        months = span[row, last]
        middle = 0.5 * (low[row, last] + high[row, last]) / months
        wide = np.log((high[row, last] + 1.0) / (low[row, last] + 0.5)) - np.log1p(0.5 / (low[row, last] + 0.5))
        window = slice(last - months + 1, last + 1)
        centre[row, window] = np.log(middle + 0.5)
        variance[row, window] = 1.0 / (middle + 0.5) + (wide / 4.0) ** 2 + UNSEEN**2 * (months - 1) / 4.0
    at = np.arange(low.shape[1])
    for row in range(len(low)):
        known = np.flatnonzero(np.isfinite(centre[row]))
        distance = np.abs(at[:, None] - known).min(axis=1)
        variance[row] = np.interp(at, known, variance[row, known]) + UNSEEN**2 * distance
        centre[row] = np.interp(at, known, centre[row, known])
    return centre, variance
