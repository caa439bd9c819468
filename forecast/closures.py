"""Wars, laws and epidemics that close the doors on everybody at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import DrawsError
from .priors import LogNormal

__all__ = ["Closures"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Closures:
    r"""Months to come in which the doors are closed: a part of every series is missing, until they open again.

    .. math::
        k_{s,t} \sim \mathrm{Poisson}(e^{y_{s,t} - c_t d_s}), \qquad d_s = d\, e^{\varsigma \eta_s}

    with c one while the doors are closed. In a month with open doors they close with the yearly `rate`; closed ones
    open again after `lasts` years on average. A window of a few calm years says nothing of closures, so that a
    forecast has them from longer records. Those of the past are in the counts: its errors have heavy tails. Moves
    within a country have no doors: a rate of zero keeps them open.

    Parameters
    ----------
    rate : float
        Closures a year. Nine times a year brought less than half of the one before, in three records of 274 years
        together: immigrants of the United States 1901-2018 (1915, 1922, 1925, 1931) and of Canada (1914, 1931, 1958),
        and refugees admitted to the United States 1981-2018 (2002, 2018). Years that fell again while doors were
        closed are not counted. 2020 is not among them: benchmarks score it.
    depth : LogNormal
        d, log of what flows were over what they became: 1.4 is a quarter left. In those nine the lowest year had
        between 7 and 42 % of the last open one, in the median 25 %.
    spread : float
        :math:`\varsigma`, standard deviation between series of the log of the depth; assumed.
    lasts : float
        Years. In the nine it took from one year to more than thirty till half of the flow was back, in the median 8.

    Raises
    ------
    DrawsError
        If a rate or a spread is negative, or a duration not positive.

    References
    ----------
    US Department of Homeland Security, Yearbook of Immigration Statistics, tables 1 and 13; Canada Year Book 1963-64,
    immigrant arrivals; Citizenship and Immigration Canada, Facts and Figures, permanent residents since 1860.

    Examples
    --------
    >>> Closures(rate=0.0).missing(1, 2, 12, np.random.default_rng(1)).any()  # doors stay open
    np.False_
    """

    rate: float = 1 / 30
    depth: LogNormal = LogNormal(median=1.4, sd=0.5)
    spread: float = 0.3
    lasts: float = 8.0

    def __post_init__(self) -> None:
        if not (0.0 <= self.rate < np.inf and 0.0 <= self.spread < np.inf and self.lasts > 0.0):
            raise DrawsError(
                "expected closures with a yearly rate and a spread of zero or more and a duration above zero, found "
                f"rate={self.rate:g}, spread={self.spread:g}, lasts={self.lasts:g}; rate=0 leaves doors open."
            )

    def missing(self, draws: int, series: int, months: int, rng: np.random.Generator) -> Array:
        """Simulate the log of what is missing of each month's mean (draw, series, month), zero with open doors.

        Examples
        --------
        >>> path = Closures(rate=1.0).missing(4000, 1, 12, np.random.default_rng(1))[:, 0]
        >>> (path > 0).mean(axis=0)[[0, 5, 11]].round(1).tolist()
        [0.1, 0.4, 0.6]
        """
        closing, opening = -np.expm1(-self.rate / 12.0), -np.expm1(-1.0 / (12.0 * self.lasts))
        path = np.zeros((draws, series, months))
        closed, deep = np.zeros(draws, dtype=bool), np.zeros((draws, series))
        for month in range(months):
            turns = rng.random(draws) < np.where(closed, opening, closing)
            begins = np.flatnonzero(turns & ~closed)
            closed ^= turns
            deep[begins] = self._depth(len(begins), series, rng)
            path[..., month] = np.where(closed[:, None], deep, 0.0)
        return path

    def _depth(self, closures: int, series: int, rng: np.random.Generator) -> Array:
        """Depth of each closure for each series."""
        shared = np.log(self.depth.median) + self.depth.sd * rng.standard_normal((closures, 1))
        return np.exp(shared + self.spread * rng.standard_normal((closures, series)))
