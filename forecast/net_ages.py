"""Ages of net migration as a difference of two model schedules: those who arrive, and those who leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .migrant_ages import PRIORS, SchedulePriors, check_groups, form_names, grouped_curve, lowest
from .rogers_castro import AGES, OLDEST, MigrantAges, ModelSchedule, schedule_of

__all__ = ["NetAges", "fit_net_ages"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class NetAges:
    """Net migrants by age and sex as arrivals less departures.

    Parameters
    ----------
    arriving, leaving : MigrantAges
        Who comes and who goes.
    arrivals, departures : float
        How many, in the units of the net counts. Their difference is known from the figures; how large both are is
        mostly the prior's word, since as many of the same ages could come and go unseen.

    Examples
    --------
    >>> from poblar.forecast.rogers_castro import PUBLISHED
    >>> young, old = (PUBLISHED[f"{word} workers male"] for word in ("young", "old"))
    >>> students = MigrantAges(female=young, male=young, female_share=0.5)
    >>> workers = MigrantAges(female=old, male=old, female_share=0.5)
    >>> net = NetAges(arriving=students, leaving=workers, arrivals=120.0, departures=100.0).net([0, 15, 25])
    >>> net.sum("sex").round(1).to_numpy()
    array([  5.6,  30.1, -15.7])
    """

    arriving: MigrantAges
    leaving: MigrantAges
    arrivals: float
    departures: float

    def net(self, ages: Sequence[int] | NDArray[np.int64] = AGES) -> xr.DataArray:
        """Arrivals less departures by ``sex`` and group of ``age``, the last group open."""
        here, there = self.arriving.grouped(ages), self.leaving.grouped(ages)
        return self.arrivals * here - self.departures * there


def fit_net_ages(
    net: xr.DataArray, *, parameters: int = 7, oldest: int = OLDEST, priors: SchedulePriors = PRIORS
) -> NetAges:
    r"""Most probable arrivals and departures by age given net migration, which may change sign.

    :math:`d_g = I p_g - O q_g + \epsilon_g`, for each sex, with two schedules p and q of the same priors and normal
    errors of one size. :math:`I - O` is the sum of the figures. :math:`I + O`, which they hardly tell, is by its prior
    (`SchedulePriors.turnover`) twice the sum of their sizes, give or take.

    Parameters
    ----------
    net : xarray.DataArray
        Net migrants over ``sex`` ("female", "male") and ``age``, of either sign.
    parameters, oldest, priors : optional
        As in `fit_schedule`.

    Returns
    -------
    NetAges

    Raises
    ------
    DataError
        If counts are not finite or all zero, ages are not in order, or the sexes are others.

    Examples
    --------
    Students come at 18, more than those who leave again later:

    >>> from poblar.forecast.rogers_castro import PUBLISHED
    >>> young, old = (PUBLISHED[f"{word} workers male"] for word in ("young", "old"))
    >>> students = MigrantAges(female=young, male=young, female_share=0.5)
    >>> workers = MigrantAges(female=old, male=old, female_share=0.5)
    >>> net = NetAges(arriving=students, leaving=workers, arrivals=120.0, departures=100.0).net(range(0, 85, 5))
    >>> found = fit_net_ages(net)
    >>> bool(abs(found.net(range(0, 85, 5)) - net).max() < 0.1)
    True
    """
    names = form_names(parameters)
    bounds = check_groups(net, oldest, "sex", "age", signed=True)
    sides = [_net_of_sex(row, bounds, oldest, names, priors) for row in net.transpose("sex", "age").to_numpy()]
    found = []
    for arriving in (0, 1):
        women, men = (side[arriving] for side in sides)
        total = women[1] + men[1]
        ages = MigrantAges(
            female=women[0],
            male=men[0],
            female_share=women[1] / total,
            youngest=int(bounds[0]),
            oldest=oldest,
        )
        found.append((ages, total))
    (here, arrivals), (there, departures) = found
    return NetAges(arriving=here, leaving=there, arrivals=arrivals, departures=departures)


def _net_of_sex(
    net: Array, bounds: NDArray[np.int64], oldest: int, names: Sequence[str], priors: SchedulePriors
) -> tuple[tuple[ModelSchedule, float], tuple[ModelSchedule, float]]:
    """Arriving and leaving schedules, and how many."""
    mean, sd = priors.normal([*names, *names, "turnover", "error"])
    gross, half = np.abs(net).sum(), len(names)
    surplus, scaled = net.sum() / gross, net / gross

    def cost(theta: Array) -> tuple[float, Array]:
        (coming, by_in), (going, by_out) = (
            grouped_curve(part, names, bounds, oldest) for part in (theta[:half], theta[half : 2 * half])
        )
        turnover, error = np.exp(theta[-2:])
        arrivals, departures = (1.0 + turnover + surplus) / 2.0, (1.0 + turnover - surplus) / 2.0
        miss = (arrivals * coming - departures * going - scaled) / error
        away = (theta - mean) / sd
        pull = miss / error
        slope = np.r_[
            by_in @ pull * arrivals,
            -(by_out @ pull) * departures,
            turnover / 2.0 * (coming - going) @ pull,
            len(net) - miss @ miss,
        ]
        return float(0.5 * (away @ away + miss @ miss) + len(net) * theta[-1]), away / sd + slope

    theta = lowest(cost, mean, sd, (*names, *names))
    arrivals, departures = (gross * (1.0 + np.exp(theta[-2]) + sign * surplus) / 2.0 for sign in (1.0, -1.0))
    return (
        (schedule_of(theta[:half], names), float(arrivals)),
        (schedule_of(theta[half : 2 * half], names), float(departures)),
    )
