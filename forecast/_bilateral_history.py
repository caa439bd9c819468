"""What is known of each corridor before a period: what the bilateral model is fitted to and simulates from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..data import DataError, Panel
from ..data._checks import shown
from ..data.corridors import METHODS

Array = NDArray[np.float64]

UNLIKE = 1.0  # spread of the effects of origins and destinations on gravity, in units of its residuals
LARGEST_CHANGE = 4.0  # size of the log flow back over the log flow, beyond which it says no more


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of corridors before a period; arrays of one shape, logarithms of one plus persons.

    Parameters
    ----------
    before, mean : array
        Log flow of the period before, and its mean over all periods before.
    count : array
        Periods in that mean.
    spread : array
        Standard deviation between the methods of the log flow of the period before.
    gravity : array
        Log flow that origin, destination, populations and stocks expect.
    back : array
        Log flow in the other direction over the log flow, within `LARGEST_CHANGE`.
    """

    before: Array
    mean: Array
    count: Array
    spread: Array
    gravity: Array
    back: Array

    def at(self, chosen: tuple[NDArray[np.int64], ...]) -> Known:
        """The same of some corridors."""
        return Known(
            before=self.before[chosen],
            mean=self.mean[chosen],
            count=self.count[chosen],
            spread=self.spread[chosen],
            gravity=self.gravity[chosen],
            back=self.back[chosen],
        )

    @property
    def size(self) -> Array:
        """Usual log flow, which scale and tails depend on: mostly that of the period before."""
        return 0.7 * self.before + 0.3 * self.mean


@dataclass(frozen=True, kw_only=True)
class History:
    """Flows by one method, and what goes with them, as arrays (origin, destination, period).

    Parameters
    ----------
    countries : list of str
        Labels of origins and of destinations.
    years : list of int
        Starts of the periods of which flows are known.
    step : int
        Years in a period.
    flow : array, shape (origin, destination, period)
        Persons; NaN where a country is not there, and on the diagonal.
    spread : array, same shape
        Standard deviation between methods of the log flow; zero with one method.
    seen : array of bool, same shape
        Whether any method has seen a flow in this period or an earlier one.
    there : array of bool, shape (country, period)
        Whether a country is in the figures.
    gravity : array, shape (origin, destination, period + 1)
        Log flow that populations and stocks at the start of each period, and of the one to come, expect.
    population : array, shape (country, period + 1)
        Persons at the start of each.
    """

    countries: list[str]
    years: list[int]
    step: int
    flow: Array
    spread: Array
    seen: NDArray[np.bool_]
    there: NDArray[np.bool_]
    gravity: Array
    population: Array

    @classmethod
    def read(cls, panel: Panel, method: str) -> History:
        """Take the figures of a panel, and refuse those that no model can use."""
        if method not in panel.names or method not in METHODS:
            raise DataError(
                expected=f"a method among {shown([name for name in METHODS if name in panel.names])}",
                found=repr(method),
                remedy="choose one that the panel has, or read the panel with poblar.data.corridors.read_corridors",
            )
        origins, destinations = (panel.dataset.indexes[name].tolist() for name in ("origin", "destination"))
        if origins != destinations:
            raise DataError(
                expected="the same countries, in the same order, as origins and as destinations",
                found=f"{shown(origins)} and {shown(destinations)}",
                remedy="select the same labels on both axes",
            )
        order = ("origin", "destination", "year")
        flow = panel[method].transpose(*order).to_numpy()
        everything = np.stack([panel[name].transpose(*order).to_numpy() for name in METHODS if name in panel.names])
        years = panel.dataset.indexes["year"].tolist()
        periods = _periods(flow, years)
        flow, everything = flow[:, :, :periods], everything[..., :periods]
        there = _presence(flow, origins, years)
        _refuse_negative(everything, origins, years)
        with np.errstate(invalid="ignore"):
            logs = np.log1p(everything)
            seen = np.logical_or.accumulate((everything > 0).any(0), axis=2)
        stock = np.log1p(panel["stock"].transpose(*order).to_numpy())[:, :, : periods + 1]
        population = panel["population"].transpose("origin", "year").to_numpy()[:, : periods + 1]
        terms = _terms(stock, population)
        return cls(
            countries=origins,
            years=years[:periods],
            step=int(panel.dataset.attrs["year_step"]),
            flow=flow,
            spread=np.where(np.isnan(flow), 0.0, logs.std(0)),
            seen=seen,
            there=there,
            gravity=_gravity(np.log1p(flow), terms, seen),
            population=population,
        )

    def known(self, period: int) -> Known:
        """What is known before a period, from the second to the one after the last, of all pairs of countries."""
        logs = np.log1p(self.flow[:, :, :period])
        given = np.isfinite(logs)
        count = given.sum(2)
        before = np.nan_to_num(logs[:, :, -1])
        return Known(
            before=before,
            mean=np.where(given, logs, 0.0).sum(2) / np.maximum(count, 1),
            count=count.astype(float),
            spread=self.spread[:, :, period - 1],
            gravity=self.gravity[:, :, period],
            back=flow_back(before),
        )

    def pairs(self, period: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Origin and destination of the corridors that a period tells of: seen before, both countries there."""
        there = self.there[:, period] & self.there[:, period - 1]
        origin, destination = np.nonzero(self.seen[:, :, period - 1] & there[:, None] & there)
        return origin, destination

    def wakened(self) -> tuple[int, Array]:
        """How many corridors that no method had seen could wake, and the flows of those that did, over all periods."""
        dormant, flows = 0, []
        for period in range(1, len(self.years)):
            there = self.there[:, period] & self.there[:, period - 1]
            before = ~self.seen[:, :, period - 1] & there[:, None] & there & ~np.eye(len(there), dtype=bool)
            dormant += int(before.sum())
            flows.append(self.flow[:, :, period][before & self.seen[:, :, period]])
        return dormant, np.concatenate(flows)


def flow_back(logs: Array) -> Array:
    """Log flow in the other direction over the log flow, within limits; axes (origin, destination)."""
    return np.clip(logs.T - logs, -LARGEST_CHANGE, LARGEST_CHANGE)


def _periods(flow: Array, years: list[int]) -> int:
    """Number of periods with flows: all but the last of the axis, and none empty between."""
    some = np.isfinite(flow).any((0, 1))
    periods, found = int(some.sum()), [year for year, there in zip(years, some, strict=True) if there]
    if periods < 3 or not some[:periods].all() or periods != len(years) - 1:
        raise DataError(
            expected="flows of three or more periods without a gap, then the start of the period to come on the axis",
            found=f"flows of {shown(found)} on an axis of {shown(years)}",
            remedy="read the panel with read_corridors and cut it with known_before",
        )
    return periods


def _presence(flow: Array, countries: list[str], years: list[int]) -> NDArray[np.bool_]:
    """Which countries are there in which period; a corridor that is missing between two that are is refused."""
    given = np.isfinite(flow)
    there = given.any(1) | given.any(0)
    own = np.argwhere(np.diagonal(np.nan_to_num(flow)).T > 0)
    if len(own):
        raise DataError(
            expected="another destination than the origin",
            found=f"a flow from {countries[own[0][0]]} to itself",
            remedy="set the diagonal to NaN: moves within a country are not migration between countries",
        )
    gap = np.argwhere(there[:, None] & there & ~given & ~np.eye(len(countries), dtype=bool)[:, :, None])
    if len(gap):
        origin, destination, period = gap[0]
        raise DataError(
            expected="a flow, which may be zero, of every corridor between countries that are there",
            found=f"none of {countries[origin]} to {countries[destination]}, {years[period]}",
            remedy="fill in, or leave one of the two countries out",
        )
    return there


def _refuse_negative(everything: Array, countries: list[str], years: list[int]) -> None:
    negative = np.argwhere(everything < 0)
    if len(negative):
        at, origin, destination, period = negative[0]
        raise DataError(
            expected="counts of 0 or more",
            found=f"{everything[at, origin, destination, period]:g} from {countries[origin]} to "
            f"{countries[destination]}, {years[period]}",
            remedy="correct the figure: a flow back belongs to the corridor in the other direction",
        )


def _terms(stock: Array, population: Array) -> Array:
    """Terms of gravity (origin, destination, period, term): one, log populations, log stocks both ways."""
    people = np.log(np.maximum(population, 1.0))
    shape = stock.shape
    parts = [np.ones(shape), people[:, None], people[None], stock, stock.swapaxes(0, 1)]
    return np.stack([np.broadcast_to(part, shape) for part in parts], axis=-1)


def _gravity(logs: Array, terms: Array, seen: NDArray[np.bool_]) -> Array:
    r"""Log flow that gravity expects, :math:`x_{odt}'\beta + u_o + v_d`, by least squares over all periods.

    The effects of origins and destinations are drawn towards zero as normal effects are, by the ridge that their
    spread says.
    """
    countries, periods, count = logs.shape[0], logs.shape[2], terms.shape[-1]
    origin, destination, period = np.nonzero(seen & np.isfinite(logs))
    row = np.arange(len(origin))
    effects = sp.csr_matrix(
        (np.ones(2 * len(row)), (np.r_[row, row], np.r_[origin, countries + destination])),
        shape=(len(row), 2 * countries),
    )
    design = sp.hstack([sp.csr_matrix(terms[origin, destination, period]), effects]).tocsr()
    ridge = np.r_[np.full(count, 1e-6), np.full(2 * countries, UNLIKE**-2.0)]
    found = np.linalg.solve(
        (design.T @ design).toarray() + np.diag(ridge), design.T @ logs[origin, destination, period]
    )
    beta, out, into = found[:count], found[count : count + countries], found[count + countries :]
    assumed = terms[:, :, : periods + 1] @ beta
    return assumed + out[:, None, None] + into[None, :, None]
