"""An early look: the total of a year, from its first months and a forecast of the others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import poisson

from ._flows_observed import Observed, recent
from .errors import DrawsError
from .fit import Posterior
from .flows import Flows

__all__ = ["nowcast"]

Array = NDArray[np.float64]


def nowcast(
    posterior: Posterior[xr.DataArray], year: int, *, ends: int = 12, draws: int = 2000, seed: int
) -> xr.DataArray:
    r"""Total of a year of every series, given what is known of it.

    .. math:: K_s = \sum_{t \text{ counted}} k_{s,t} + \sum_{t \text{ not yet}} \tilde k_{s,t}, \qquad
        \tilde k_{s,t} \sim \mathrm{Poisson}(e^{y_{s,t}})

    Counts of months, and of several months together, enter as they are; those known to lie in an interval are drawn
    within it; months without a count before the panel's end are drawn about their log-intensity, and those after it
    are forecast. A year that is wholly counted is its count in every draw.

    Parameters
    ----------
    posterior : Posterior
        Of `poblar.forecast.Flows`.
    year : int
        Year in which the last of the twelve months falls.
    ends : int
        Last month of the year: 12 for a calendar year, 9 for a fiscal year of the United States.
    draws : int
        Number of draws.
    seed : int
        Seed of the draws.

    Returns
    -------
    xarray.DataArray
        Persons, axes ``draw`` and that of the series; draw i has the same parameters as draw i of
        ``posterior.forecast`` with this seed.

    Raises
    ------
    DrawsError
        If the posterior is of another model, the year is not partly in the panel or `ends` is no month, or a count
        sums months of this year and of another.

    Examples
    --------
    >>> from poblar.data import reference
    >>> from poblar.forecast import Migration, Posterior
    >>> other = Posterior(model=Migration(), panel=reference.region().tfr, parameters=None, diagnostics=None, seed=1)
    >>> nowcast(other, 2021, seed=1)
    Traceback (most recent call last):
        ...
    poblar.forecast.errors.DrawsError: expected a posterior of Flows, found one of Migration; fit Flows to the counts.
    """
    model = posterior.model
    if not isinstance(model, Flows):
        raise DrawsError(
            f"expected a posterior of Flows, found one of {type(model).__name__}; fit Flows to the counts."
        )
    data = Observed.read(recent(posterior.panel, model.window))
    months = _months(year, ends, data.months)
    rng = np.random.default_rng(seed)
    sample = _sample(posterior, draws, rng)
    total = np.zeros((draws, len(data.names)))
    last = data.months[-1]
    if months[-1] > last:
        future = model.simulate(sample, posterior.panel, f"{months[-1]:%Y-%m}", rng).to_numpy()
        wanted = pd.date_range(last + pd.DateOffset(months=1), months[-1], freq="MS") >= months[0]
        total += future[..., wanted].sum(axis=-1)
    inside = np.isin(np.arange(len(data.months)), data.months.get_indexer(months))
    # Without open months there is nothing to draw: all of the year so far is counted.
    mean = np.exp(np.repeat(data.centre[None], draws, axis=0))
    if "log_intensity" in sample:
        mean[:, ~data.plain] = np.exp(sample["log_intensity"].transpose("draw", "open").to_numpy())
    covered = data.seen.copy()
    known = np.zeros(len(data.names))
    np.add.at(known, data.series[inside[data.month]], data.count[inside[data.month]])
    total += known
    for at, (series, span) in enumerate(zip(data.sum_series, data.span, strict=True)):
        held = data.sum_months[at, :span]
        covered[series, held] = True
        if inside[held].any() and not inside[held].all():
            raise DrawsError(
                f"expected counts inside the year to {months[-1]:%Y-%m}, found one of {data.names[series]} that also "
                "sums other months; choose the year that it counts, or leave it out of the panel."
            )
        if inside[held].all():
            total[:, series] += _within(data, at, mean[:, series, held], rng)
    unknown = inside & ~covered
    total += np.where(unknown, rng.poisson(mean), 0).sum(axis=-1)
    return xr.DataArray(
        total,
        dims=("draw", data.axis),
        coords={"draw": np.arange(draws), data.axis: posterior.panel[data.axis].to_numpy()},
        name="count",
        attrs={
            "units": posterior.panel["count"].attrs["units"],
            "year": f"{months[0]:%Y-%m} to {months[-1]:%Y-%m}",
            "seed": seed,
            "converged": int(posterior.diagnostics.converged),
        },
    )


def _months(year: int, ends: int, known: pd.DatetimeIndex) -> pd.DatetimeIndex:
    if not 1 <= ends <= 12:
        raise DrawsError(f"expected ends= a month from 1 to 12, found {ends}; 12 is a calendar year.")
    end = pd.Timestamp(year=year, month=ends, day=1)
    months = pd.date_range(end - pd.DateOffset(months=11), end, freq="MS")
    if months[0] < known[0] or months[0] > known[-1] + pd.DateOffset(months=1):
        raise DrawsError(
            f"expected a year that begins within {known[0]:%Y-%m} to {known[-1]:%Y-%m} or just after, found "
            f"{months[0]:%Y-%m} to {months[-1]:%Y-%m}; sum a forecast for later years."
        )
    return months


def _within(data: Observed, at: int, mean: Array, rng: np.random.Generator) -> Array:
    """Draws of a sum known to lie between two ends, by its mass at the counts that stand for the interval."""
    if data.low[at] == data.high[at]:
        return np.full(len(mean), data.low[at])
    odds = np.exp(data.log_weight[at]) > 0
    nodes, weights = data.nodes[at, odds], data.log_weight[at, odds]
    log_mass = poisson.logpmf(np.round(nodes), mean.sum(axis=1)[:, None]) + weights
    chosen = (log_mass + rng.gumbel(size=log_mass.shape)).argmax(axis=1)
    return np.round(nodes[chosen])


def _sample(posterior: Posterior[xr.DataArray], draws: int, rng: np.random.Generator) -> xr.Dataset:
    """Parameters of each draw, chosen as `Posterior.forecast` chooses them."""
    if draws < 1:
        raise DrawsError(f"expected at least one draw, found draws={draws}; ask for 1,000 or more.")
    parameters = posterior.parameters
    stacked = parameters.stack(sample=("chain", "draw")).reset_index("sample", drop=True)  # noqa: PD013
    size = stacked.sizes["sample"]
    chosen = np.concatenate([rng.permutation(size) for _ in range(-(-draws // size))])[:draws]
    return stacked.isel(sample=chosen).rename(sample="draw").transpose("draw", ...)
