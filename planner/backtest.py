"""Forecasts made without the last years, held against what came: how much to trust the bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from ..data import Panel, Region
from ..forecast import Fertility, Migration, Mortality, Sampling
from ..forecast.scores import continuous_ranked_probability, covered
from .errors import PlannerError

__all__ = ["Backtest", "backtest"]

LEVELS = (50, 80, 95)


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """What a forecast made earlier is worth.

    Parameters
    ----------
    scores : pandas.DataFrame
        A row a country: ``cases``, mean absolute error of the median, that of a figure that stays as it was
        (``persistence``), ``crps``, and the shares of figures within 50, 80 and 95 % bands; the last row is of all.
    coverage : pandas.DataFrame
        Columns horizon (years ahead), level, covered (share), cases.
    pit : pandas.DataFrame
        Column value: for each figure, the share of draws below it. Even between 0 and 1 if the forecast is honest.
    note : str
        What the forecast knew.

    Examples
    --------
    >>> nothing = pd.DataFrame()
    >>> Backtest(scores=nothing, coverage=nothing, pit=nothing, note="figures up to 2005").note
    'figures up to 2005'
    """

    scores: pd.DataFrame
    coverage: pd.DataFrame
    pit: pd.DataFrame
    note: str


def backtest(
    region: Region, what: str, *, origin: int, draws: int = 2000, seed: int, sampling: Sampling | None = None
) -> Backtest:
    """Fit a model to the figures up to a year, forecast the years since, and score them.

    The bundled knowledge of the world has seen the years since, so it is not used: fertility and mortality are fitted
    with vague priors to the region alone, and know less than a forecast of today does.

    Parameters
    ----------
    region : Region
        Figures.
    what : str
        "fertility", "mortality" or "migration".
    origin : int
        Last year that the forecast knows.
    draws, seed : int
        Of fit and forecast.
    sampling : Sampling, optional
        Numbers of draws and chains.

    Returns
    -------
    Backtest

    Raises
    ------
    PlannerError
        If there is no such model, or the year leaves too little before or after it.

    Examples
    --------
    >>> from poblar.data import reference
    >>> backtest(reference.region(), "weather", origin=2005, seed=1)
    Traceback (most recent call last):
    ...
    poblar.planner.errors.PlannerError: expected fertility, mortality or migration, found 'weather'; ...
    """
    known = {
        "fertility": (Fertility(prior="vague"), region.tfr, "tfr"),
        "mortality": (Mortality(prior="vague"), region.e0, "e0"),
        "migration": (Migration(), region.net_migration, "net_migration_rate"),
    }
    if what not in known:
        raise PlannerError(f"expected fertility, mortality or migration, found {what!r}; name one of them.")
    model, panel, name = known[what]
    years = panel["year"].to_numpy()
    if not years[0] + 20 <= origin <= years[-1] - 3:
        raise PlannerError(
            f"expected a year of origin from {years[0] + 20} to {years[-1] - 3}, found {origin}: a forecast needs "
            "years before it, and the score years after it; choose another with --origin."
        )
    before = Panel(panel.dataset.sel(year=slice(None, origin)))
    fit = model.fit(before, seed=seed) if sampling is None else model.fit(before, seed=seed, sampling=sampling)
    forecast = fit.forecast(until=int(years[-1]), draws=draws, seed=seed)
    truth = panel[name].sel(year=slice(origin + 1, None)).transpose(*(dim for dim in forecast.dims if dim != "draw"))
    note = f"figures of {', '.join(region.countries)} up to {origin}, and nothing of the rest of the world"
    return _scored(forecast, truth, panel[name].sel(year=origin, drop=True), origin, note)


def _scored(forecast: xr.DataArray, truth: xr.DataArray, last: xr.DataArray, origin: int, note: str) -> Backtest:
    inside = {level: covered(forecast, truth, level) for level in LEVELS}
    parts = xr.Dataset(
        {
            "error": abs(forecast.median("draw") - truth),
            "persistence": abs(last - truth),
            "crps": continuous_ranked_probability(forecast, truth),
            **{f"within {level} %": inside[level].astype(float) for level in LEVELS},
        }
    )
    over = [dim for dim in truth.dims if dim != "country"]
    by_country = parts.mean(over).to_dataframe().reset_index()
    everywhere = parts.mean().to_array().to_series().to_frame().T.assign(country="all")
    scores = pd.concat([by_country, everywhere], ignore_index=True)
    cases = int(truth.size / truth.sizes["country"])
    scores.insert(1, "cases", [cases] * truth.sizes["country"] + [int(truth.size)])
    others = [dim for dim in truth.dims if dim != "year"]
    coverage = pd.concat(
        [
            inside[level]
            .mean(others)
            .to_dataframe("covered")
            .reset_index()
            .assign(
                horizon=lambda frame: frame["year"] - origin, level=level, cases=int(truth.size / truth.sizes["year"])
            )
            for level in LEVELS
        ],
        ignore_index=True,
    )[["horizon", "level", "covered", "cases"]]
    pit = ((forecast < truth).mean("draw") + 0.5 * (forecast == truth).mean("draw")).to_numpy().ravel()
    return Backtest(scores=scores, coverage=coverage, pit=pd.DataFrame({"value": np.sort(pit)}), note=note)
