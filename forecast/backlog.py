"""Asylum backlogs: arrivals, productivity and withdrawal from an annual ledger, month by month into the future."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr
from numpy.typing import NDArray

from ..data import DataError, Panel
from .errors import DrawsError
from .fit import Model
from .priors import Beta, Gamma, HalfNormal, Normal
from .shocks import add_shocks

__all__ = ["Backlog"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Backlog(Model[xr.Dataset]):
    r"""Arrivals, officers' productivity and withdrawal of asylum ledgers.

    .. math::
        \log A_{c,t} - \mu_c &= \phi (\log A_{c,t-1} - \mu_c) + \sigma \varepsilon_{c,t}, \ \varepsilon \sim t_\nu \\
        \log (D_{c,t} / 12 S_{c,t}) &\sim N(p_c, \tau^2), \qquad
        \log (W_{c,t} / \bar N_{c,t}) \sim N(h_c, \upsilon^2) \\
        N_{c,t} - N_{c,t-1} - A_{c,t} + D_{c,t} + W_{c,t} &\sim N(0, (\alpha A_{c,t})^2)

    with applications A, decisions on substance D (protection and rejection), officers S, cases closed without one W
    (withdrawn, abandoned) and their rate on the mean waiting population :math:`\bar N`, and pending N. The last line
    is the administrative adjustment: real ledgers do not close, and what does not add up is estimated, not hidden.
    Arrivals return to the level of the last five years, give or take the prior of `level`; :math:`\phi` and
    :math:`\sigma` are shared by all ledgers.

    Parameters
    ----------
    level : Normal
        :math:`\mu_c` less the mean log arrivals of the last five years.
    persistence : Beta
        :math:`\phi`; 41 other countries' yearly claims 2000-2022 (UNHCR) give about 0.8, and weigh as much.
    scale : HalfNormal
        :math:`\sigma`; the same claims give about 0.5.
    tails : Gamma
        :math:`\nu`.
    productivity : Normal
        :math:`p_c`, log persons per officer-month: about 22 (260 a year; 15,118 decisions by COMAR's 48 officers in
        2019 are 26 a month), 13 to 36 with 80 % probability.
    productivity_scale : HalfNormal
        :math:`\tau`, between years.
    withdrawal : Normal
        :math:`h_c`, log of the yearly rate.
    withdrawal_scale : HalfNormal
        :math:`\upsilon`, between years.
    adjustment : HalfNormal
        :math:`\alpha`, share of the year's arrivals.
    since : int
        First year used for everything but arrivals; older ledgers are another system.
    month_scale : float
        Standard deviation of the log of a month's arrivals about the year's path.
    most : float
        No simulated year has more arrivals than this many times the most on record.

    Examples
    --------
    >>> from poblar.data import reference
    >>> model = Backlog().build(reference.region().asylum.sel(country="MEX"))
    >>> "persistence" in [variable.name for variable in model.free_RVs]
    True
    """

    level: Normal = Normal(0.0, 0.5)
    persistence: Beta = Beta(mean=0.8, weight=80.0)
    scale: HalfNormal = HalfNormal(0.5)
    tails: Gamma = Gamma(mean=6.0, sd=3.0)
    productivity: Normal = Normal(3.1, 0.4)
    productivity_scale: HalfNormal = HalfNormal(0.2)
    withdrawal: Normal = Normal(-1.9, 0.7)
    withdrawal_scale: HalfNormal = HalfNormal(0.4)
    adjustment: HalfNormal = HalfNormal(0.05)
    since: int = 2017
    month_scale: float = 0.15
    most: float = 10.0

    def build(self, panel: Panel) -> pm.Model:
        """Write the model of a ledger (country, year) down in PyMC; declared gaps are left out."""
        ledger = _Ledger.read(panel, self.since)
        with pm.Model(coords={"country": ledger.countries}) as model:
            level = ledger.recent + self.level.variable("level_offset", dims="country")
            pm.Deterministic("level", level, dims="country")
            persistence = self.persistence.variable("persistence")
            scale = self.scale.variable("scale")
            tails = self.tails.variable("tails")
            deviation = ledger.log_arrivals - level[:, None]
            shock = (deviation[:, 1:] - persistence * deviation[:, :-1])[ledger.consecutive]
            add_shocks("arrivals", shock, tails=tails, scale=scale)
            for name, (country, value) in {
                "productivity": ledger.log_productivity,
                "withdrawal": ledger.log_withdrawal,
            }.items():
                prior: Normal = getattr(self, name)
                spread: HalfNormal = getattr(self, f"{name}_scale")
                mean = prior.variable(f"log_{name}", dims="country")
                pm.Normal(name, mean[country], spread.variable(f"{name}_scale"), observed=value)
            pm.Normal("adjustment", 0.0, self.adjustment.variable("adjustment_scale"), observed=ledger.adjustment)
        return model

    def simulate(self, sample: xr.Dataset, panel: Panel, until: int | str, rng: np.random.Generator) -> xr.Dataset:
        """Simulate what drives the queue from the January after the ledger ends to month `until` ("2032-12").

        Returns ``arrivals`` (persons per month, with the administrative adjustment in them), ``productivity``
        (persons per officer-month), ``withdrawal`` (share of those waiting, per month), all (draw, country, month),
        and ``backlog`` (country), persons waiting at the start.
        """
        ledger = _Ledger.read(panel, self.since)
        first = pd.Timestamp(year=ledger.last_year + 1, month=1, day=1)
        months = _months(first, until)
        years = -(-len(months) // 12)
        level = sample["level"].transpose("draw", "country").to_numpy()
        persistence, scale, tails = (sample[name].to_numpy()[:, None] for name in ("persistence", "scale", "tails"))
        log_year = np.empty((*level.shape, years + 2))  # the last observed year, and one past the end
        log_year[..., 0] = ledger.log_arrivals[:, -1]
        highest = ledger.log_arrivals.max(1) + np.log(self.most)
        for year in range(1, years + 2):
            shock = scale * rng.standard_t(np.broadcast_to(tails, level.shape))
            moved = level + persistence * (log_year[..., year - 1] - level) + shock
            log_year[..., year] = np.minimum(moved, highest)
        arrivals = _by_month(log_year, self.month_scale, rng)
        adjustment = sample["adjustment_scale"].to_numpy()[:, None, None]
        arrivals *= np.maximum(1.0 + _yearly(adjustment * rng.standard_normal((*level.shape, years))), 0.0)
        drivers = {"arrivals": arrivals}
        for name in ("productivity", "withdrawal"):
            mean = sample[f"log_{name}"].transpose("draw", "country").to_numpy()[..., None]
            spread = sample[f"{name}_scale"].to_numpy()[:, None, None]
            drivers[name] = _yearly(np.exp(mean + spread * rng.standard_normal((*level.shape, years))))
        drivers["withdrawal"] = 1.0 - np.exp(-drivers["withdrawal"] / 12.0)
        units = {
            "arrivals": "persons per month",
            "productivity": "persons per officer-month",
            "withdrawal": "per month",
        }
        return xr.Dataset(
            {
                name: (("draw", "country", "month"), values[..., : len(months)], {"units": units[name]})
                for name, values in drivers.items()
            }
            | {"backlog": ("country", ledger.pending[:, -1], {"units": "persons"})},
            coords={"country": ledger.countries, "month": months},
        )


@dataclass(frozen=True)
class _Ledger:
    """A ledger as the model wants it: logs of what is observed, and where."""

    countries: list[str]
    last_year: int
    log_arrivals: Array
    consecutive: NDArray[np.bool_]
    recent: Array
    pending: Array
    log_productivity: tuple[NDArray[np.intp], Array]
    log_withdrawal: tuple[NDArray[np.intp], Array]
    adjustment: Array

    @classmethod
    def read(cls, panel: Panel, since: int) -> _Ledger:
        def values(name: str) -> Array:
            return panel[name].transpose("country", "year").to_numpy().astype(float)

        years = panel["year"].to_numpy()
        countries = [str(code) for code in panel["country"].to_numpy()]
        arrivals, pending = values("applications"), values("pending")
        for name, series in (("applications", arrivals), ("pending", pending)):
            for country, last in zip(countries, series[:, -1], strict=True):
                if not last > 0:
                    raise DataError(
                        expected=f"{name} above zero in {years[-1]}, the last year",
                        found=f"{last:g} for {country} ({panel[name].attrs.get('missing_reason', 'no reason given')})",
                        remedy=f"leave {country} out with panel.sel(country=…), or complete the ledger",
                    )
        decided, closed = values("recognized") + values("rejected"), values("closed")
        used = np.broadcast_to(years[1:] >= since, arrivals[:, 1:].shape)
        waiting = 0.5 * (pending[:, 1:] + pending[:, :-1])
        gap = np.diff(pending, axis=1) - arrivals[:, 1:] + decided[:, 1:] + closed[:, 1:]
        logs = np.log(np.where(arrivals > 0, arrivals, np.nan))
        return cls(
            countries=countries,
            last_year=int(years[-1]),
            log_arrivals=np.nan_to_num(logs),
            consecutive=np.isfinite(logs[:, 1:]) & np.isfinite(logs[:, :-1]),
            recent=np.nanmean(logs[:, -5:], axis=1),
            pending=pending,
            log_productivity=_logs(decided[:, 1:] / (12.0 * values("staff")[:, 1:]), used),
            log_withdrawal=_logs(closed[:, 1:] / waiting, used),
            adjustment=(gap / arrivals[:, 1:])[used & np.isfinite(gap)],
        )


def _logs(ratio: Array, used: NDArray[np.bool_]) -> tuple[NDArray[np.intp], Array]:
    """Logs of the observed, positive ratios, and the country of each."""
    seen = used & np.isfinite(ratio) & (ratio > 0)
    return np.nonzero(seen)[0], np.log(ratio[seen])


def _months(first: pd.Timestamp, until: int | str) -> NDArray[np.datetime64]:
    """First days of the months from `first` to the month `until`."""
    try:
        last = pd.Timestamp(str(until)) if len(str(until)) == 7 else None
    except ValueError:
        last = None
    if last is None or last < first:
        raise DrawsError(f"expected until= a month from {first:%Y-%m} on, written like '2032-12', found {until!r}.")
    return pd.date_range(first, last, freq="MS").to_numpy().astype("datetime64[s]")


def _yearly(values: Array) -> Array:
    """Each year's value for each of its months, along the last axis."""
    return np.repeat(values, 12, axis=-1)


def _by_month(log_year: Array, month_scale: float, rng: np.random.Generator) -> Array:
    """Months of each year but the first and last, on a smooth path that keeps the year's total."""
    years = log_year.shape[-1] - 2
    at = np.arange(12 * years) / 12 + 0.5 + 1 / 24  # in years after the middle of the first year
    left = np.floor(at).astype(int)
    path = log_year[..., left] + (at - left) * (log_year[..., left + 1] - log_year[..., left])
    path = np.exp(path + month_scale * rng.standard_normal(path.shape))
    by_year = path.reshape(*path.shape[:-1], years, 12)
    share = by_year / by_year.sum(-1, keepdims=True)
    return (share * np.exp(log_year[..., 1:-1, None])).reshape(path.shape)
