"""Futures of monthly counts, one for each draw of the parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from .closures import Closures
from .errors import DrawsError

Array = NDArray[np.float64]

LARGEST = 1e12  # persons in a month: what the generator of Poisson numbers can take


@dataclass(frozen=True, kw_only=True)
class Paths:
    """What of a simulation is not in the draws.

    Parameters
    ----------
    calming : float
        Share of the volatility that is left a month later.
    memory : float
        Half-life of the past in the mean that levels return to, months.
    fading : float
        Share of the trend that is left a month later.
    weight : float
        Sum of the weights of the past at the last month observed.
    most : array, shape (series,)
        Log of the highest level allowed.
    closures : Closures
        That may come.
    """

    calming: float
    memory: float
    fading: float
    weight: float
    most: Array
    closures: Closures

    def run(
        self, sample: xr.Dataset, axis: str, calendar: NDArray[np.intp], regressors: Array, rng: np.random.Generator
    ) -> Array:
        """Counts, shape (draw, series, month), of the months whose calendar months and regressors are given."""

        def of_series(name: str) -> Array:
            return sample[name].transpose("draw", axis, ...).to_numpy()

        def shared(name: str) -> Array:
            return sample[name].to_numpy()[:, None]

        level, average, trend, scale, season = map(of_series, ("level", "average", "trend", "scale", "season"))
        loading = of_series("loading") if "loading" in sample else np.zeros_like(level)
        tails, persistence, news = map(shared, ("tails", "persistence", "volatility_scale"))
        gain, momentum, volatility = map(shared, ("gain", "momentum", "volatility_last"))
        effect = np.zeros((*level.shape, regressors.shape[-1]))
        if len(regressors):
            effect = np.einsum(
                "dex,exm->dxm", sample["effects"].transpose("draw", "effect", axis).to_numpy(), regressors
            )
        kept, weight = 0.5 ** (1.0 / self.memory), self.weight
        counts = np.empty(effect.shape)
        everywhere = np.broadcast_to(tails, level.shape)
        # How many random numbers a Poisson draw takes depends on its mean. It has a stream of its own, so that levels
        # are those of the same world in every forecast of a seed, whatever its covariates become. So have closures.
        counting, closing = rng.spawn(2)
        draws, series, months = counts.shape
        missing = self.closures.missing(draws, series, months, closing)
        for month in range(months):
            volatility = self.calming * volatility + news * rng.standard_normal(volatility.shape)
            shock = loading * rng.standard_t(tails) + rng.standard_t(everywhere)
            error = np.minimum(scale * np.exp(volatility) * shock, self.most - level)
            mean = np.exp(level + error + season[:, :, calendar[month]] + effect[..., month] - missing[..., month])
            counts[..., month] = counting.poisson(np.minimum(mean, LARGEST))
            weight = kept * weight + 1.0
            average = average + (level - average) / weight
            level = persistence * level + (1.0 - persistence) * average + trend + gain * error
            level = np.minimum(level, self.most)
            trend = self.fading * (trend + momentum * error)
        return counts


def months_after(last: pd.Timestamp, until: int | str) -> pd.DatetimeIndex:
    """Months from the one after `last` to `until`, e.g. "2025-12"; a year means its December."""
    try:
        end = pd.Timestamp(f"{until}-12-01" if isinstance(until, int) else until).to_period("M").to_timestamp()
    except ValueError:
        end = last
    if end <= last:
        raise DrawsError(
            f"expected until= a month after the last observation {last:%Y-%m}, found {until!r}; ask for a later month "
            f'such as "{last + pd.DateOffset(months=12):%Y-%m}".'
        )
    return pd.date_range(last + pd.DateOffset(months=1), end, freq="MS")
