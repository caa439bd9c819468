"""Caseloads: what an asylum office receives, decides and leaves waiting, from its ledger alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray
from pytensor.tensor.variable import TensorVariable
from scipy.special import expit, logit

from ..data import Panel
from ._caseload_past import FLOOR, Past, logit_share
from .fit import Model
from .priors import Beta, HalfNormal, LogNormal, Normal
from .shocks import add_shocks

__all__ = ["Caseload"]

type Array = NDArray[np.float64]

_SERIES = ("received", "share_decided", "decided", "adjustment")
_HIGHEST = 25.0  # log of more decisions than there are people
_LARGEST = 3.0  # no adjustment changes pending by more than a factor of twenty


@dataclass(frozen=True, kw_only=True)
class Caseload(Model[xr.Dataset]):
    r"""Received, decided and pending of offices that go on as they have, with the share that waits over six months.

    .. math::
        y_t - y_{t-1} &= s_t - s_{t-1} + g + \rho (\bar y_{t-1} - y_{t-1} + s_{t-1}) + \sigma \varepsilon_t,
            \qquad y = \log (A + 3) \\
        q_t &= w_1 q_{t-1} + w_2 \bar q_{t-1} + w_3 \ell(D_{t-1} / W_t) + w_4 \ell(A_t / W_t) + c + \tau \varepsilon_t,
            \qquad q_t = \ell(D_t / W_t), \ W_t = P_{t-1} + A_t, \quad \text{or} \\
        d_t - d_{t-1} &= a (\log (A_t + 3) - d_{t-1}) + b (\bar d_{t-1} - d_{t-1}) + \tau' \varepsilon_t,
            \qquad d = \log (D + 3) \\
        \log P_t &= \lambda \log (W_t - D_t) + (1 - \lambda) \log P_{t-1} + \upsilon \varepsilon_t \\
        u_t &= \bar u + \phi (u_{t-1} - \bar u) + \omega \varepsilon_t, \qquad u_t = \ell(Y_t / (A_t + \dots))

    for each office, with received A, decided D, pending P and those Y of them who came in the last six months; W is the
    work that there is, so that no more is decided than that, :math:`\ell` the logit, :math:`\bar y, \bar q, \bar d`
    means of a past that fades, and :math:`\varepsilon` Student t. :math:`\rho` is small while arrivals lie below their
    mean, and an office's own above it: its ledger says whether surges fade there or last. An office that always decides
    the same share of its work has :math:`w_1 + w_2 = 1`; one whose capacity is fixed :math:`w_3 = 1`; one that keeps up
    with what comes :math:`w_4 = 1`. The line of d is an office whose decisions move slowly towards what comes; its
    ledger says which of the two an office is. :math:`\upsilon` is the administrative adjustment: what published figures
    leave open. Where :math:`\lambda` is below one the stock does not follow the published flows: decisions of another
    stage are among them, or files are closed without one. Scales are exchangeable between offices. No staff are needed;
    with staff and a plan to change them use `Backlog`.

    Parameters
    ----------
    reversion : (float, float)
        :math:`\rho` of a year for arrivals above their mean, in an office where surges last and in one where they
        fade. It was chosen, as the next three, by the scores of forecasts: the yearly changes by themselves ask for
        less, and forecast less well. A quarter has :math:`1 - (1 - \rho)^{1/4}`, and so for a month.
    fading : float
        How likely an office's surges are to fade, before its ledger is seen.
    revival : float
        :math:`\rho` of a year for arrivals below their mean: those who no longer come seldom come back.
    growth : float
        g, on the log, a year.
    weights, weight_spread : tuple of float, float
        Means and standard deviation of the normal priors of :math:`w`, for years. For parts of a year the pull
        :math:`1 - w_1` is that of the year to that part, as for `reversion`, in the same proportions.
    constant : Normal
        :math:`c` of a year.
    pace : (float, float)
        a and b of a year; for parts of it as for `weights`.
    slow : float
        How likely an office's decisions are to move slowly, before its ledger is seen. Both lines are fitted, and the
        odds of an office are those of its densities under the two.
    log_scale : tuple of Normal
        Means of the logs of :math:`\sigma, \tau, \tau', \upsilon` of a year; for a part f of it, less
        :math:`-\tfrac12 \log f`.
    scale_spread : tuple of LogNormal
        Standard deviations of these logs between offices.
    season : HalfNormal
        Standard deviation of the seasons of :math:`y`, where periods are parts of a year.
    young_persistence : Beta
        :math:`\phi` of a quarter.
    young_scale : LogNormal
        :math:`\omega` of a quarter.
    closing : tuple of float
        Values that :math:`\lambda` may have, each as likely as the others before an office's ledger is seen.
    quietest : float
        Least scale of the adjustment, on the log: ledgers that close to the last case would ask for none.
    tails, adjustment_tails : float
        Degrees of freedom of the errors, and of those of the adjustment.
    discount : float
        What an error of received or of the adjustment still counts for when it is a year older: offices have calm and
        wild years.
    memory : float
        Half-life of the past in the means :math:`\bar y, \bar q, \bar d`, years.
    widening : float
        Standard deviation, between draws, of what is added to the log scales of received and decided in simulation.
    most, most_decided : float
        No simulated period has more arrivals, and none more decisions, than this many times the most on record: in one
        year of two hundred an office has decided more than twelve times what it ever had.

    Notes
    -----
    The priors are near a fit to the 60 UNHCR ledgers that are next in size to the 40 largest; what is a number was
    chosen by the scores of forecasts of theirs.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from poblar.data.cases import case_ledger, case_panel
    >>> years = pd.date_range("2010-01-01", periods=8, freq="YS")
    >>> frame = pd.DataFrame({"office": "A", "period": years, "received": 100, "rejected": 90,
    ...                       "pending": 50 + 10 * np.arange(8)})
    >>> about = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-28"}
    >>> model = Caseload().build(case_panel(case_ledger(frame, months=12, unit="persons"), about))
    >>> [variable.name for variable in model.free_RVs][:3]
    ['coefficients', 'log_scale_received_mean', 'scale_spread_received']
    """

    reversion: tuple[float, float] = (0.2, 0.7)
    fading: float = 0.7
    revival: float = 0.1
    growth: float = 0.03
    weights: tuple[float, float, float, float] = (0.28, 0.18, 0.06, 0.39)
    weight_spread: float = 0.1
    constant: Normal = Normal(-0.2, 0.15)
    pace: tuple[float, float] = (0.4, 0.3)
    slow: float = 0.2
    log_scale: tuple[Normal, ...] = (Normal(-0.7, 0.4), Normal(-0.3, 0.4), Normal(-0.9, 0.4), Normal(-3.8, 0.7))
    scale_spread: tuple[LogNormal, ...] = (
        LogNormal(0.42, 0.2),
        LogNormal(0.35, 0.2),
        LogNormal(0.35, 0.2),
        LogNormal(1.8, 0.2),
    )
    season: HalfNormal = HalfNormal(0.1)
    young_persistence: Beta = Beta(mean=0.9, weight=20.0)
    young_scale: LogNormal = LogNormal(0.2, 0.5)
    closing: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    quietest: float = 1e-3
    tails: float = 3.0
    adjustment_tails: float = 2.0
    discount: float = 0.8
    memory: float = 4.0
    widening: float = 0.25
    most: float = 5.0
    most_decided: float = 10.0

    def build(self, panel: Panel) -> pm.Model:
        """Write the model of ``received``, ``decided`` and ``pending`` (office, month) down in PyMC."""
        past = Past.read(panel, self.memory)
        part = 1.0 / past.per_year
        coords: dict[str, object] = {"office": past.offices, "reversion": self.reversion, "closing": self.closing}
        coords["weight"] = ["share", "mean share", "capacity", "received"]
        seasonal = past.per_year > 1
        if seasonal:
            coords["part_of_year"] = [str(season) for season in range(past.per_year)]
        with pm.Model(coords=coords) as model:
            predictors = np.nan_to_num(past.predictors)
            coefficients = self._coefficients(predictors[past.seen["share_decided"]], part)
            scales: dict[str, Any] = {}
            for name, log_scale, unlike in zip(_SERIES, self.log_scale, self.scale_spread, strict=True):
                typical = log_scale.variable(f"log_scale_{name}_mean") + 0.5 * np.log(part)
                spread = unlike.variable(f"scale_spread_{name}")
                scales[name] = pt.exp(pm.Normal(f"log_scale_{name}", typical, spread, dims="office"))
            adjustment: Any = pt.sqrt(scales["adjustment"] ** 2 + self.quietest**2)
            level, mean = np.nan_to_num(past.log_received), np.nan_to_num(past.mean_log_received)
            if seasonal:
                deviate = pm.ZeroSumNormal("season_z", dims=("office", "part_of_year"), n_zerosum_axes=1)
                season = self.season.variable("season_spread") * deviate
                pm.Deterministic("season", season, dims=("office", "part_of_year"))
                level = level - season[:, past.season]
            predicted = pt.tensordot(predictors, coefficients[:-1], 1) + coefficients[-1]
            weight = self.discount ** (np.arange(len(past.season) - 1)[::-1] * part)
            gap = (mean[:, :-1] - level[:, :-1])[:, None]
            expected = self._expected_change(gap, np.array(self.reversion)[:, None], part)
            errors = (level[:, 1:] - level[:, :-1])[:, None] - expected
            seen = np.where(past.seen["received"], weight, 0.0)[:, None]
            of_reversion = _density(errors, scales["received"][:, None, None], self.tails, seen)
            of_reversion += np.log([1.0 - self.fading, self.fading])
            pm.Potential("received", pt.as_tensor(pm.math.logsumexp(of_reversion, axis=-1)).sum())
            pm.Deterministic("log_density_reversion", of_reversion, dims=("office", "reversion"))
            last, came = past.log_decided[:, :-1], past.log_received[:, 1:]
            moved = self._moved(last, past.mean_log_decided[:, :-1], came, part)
            densities = {}
            for name, errors, slope in (
                ("share_decided", np.nan_to_num(past.share[:, 1:]) - predicted, past.log_slope),
                ("decided", np.nan_to_num(past.log_decided[:, 1:] - moved), 0.0),
            ):
                seen = past.seen["share_decided"].astype(float)
                densities[name] = _density(errors, scales[name][:, None], self.tails, seen, slope)
                pm.Potential(name, densities[name].sum())
            odds = densities["decided"] - densities["share_decided"] + logit(self.slow)
            pm.Deterministic("log_odds_slow", odds, dims="office")
            closing = np.array(self.closing)[:, None]
            expected = closing * past.log_left[:, None, 1:] + (1.0 - closing) * past.log_pending[:, None, :-1]
            errors = np.nan_to_num(past.log_pending[:, None, 1:] - expected)
            seen = np.where(past.seen["adjustment"], weight, 0.0)[:, None]
            of_closing = _density(errors, adjustment[:, None, None], self.adjustment_tails, seen)
            pm.Potential("adjustment", pt.as_tensor(pm.math.logsumexp(of_closing, axis=-1)).sum())
            pm.Deterministic("log_density_closing", of_closing, dims=("office", "closing"))
            if past.young is not None:
                centre = pm.Normal("young_mean", 1.0, 1.0, dims="office")[:, None]
                keep = self.young_persistence.variable("young_persistence")
                scale = self.young_scale.variable("young_scale")
                young = np.nan_to_num(past.young)
                error = young[:, 1:] - centre - keep * (young[:, :-1] - centre)
                add_shocks("young", error[past.seen["young"]], tails=pt.as_tensor(self.tails), scale=scale)
        return model

    def simulate(self, sample: xr.Dataset, panel: Panel, until: int | str, rng: np.random.Generator) -> xr.Dataset:
        """Simulate the ledger from the period after its last to the month `until` ("2032-12") or a year's end.

        Returns ``received``, ``decided`` (in the period that ends with the month) and ``pending`` (at its end), in the
        ledger's unit, and ``share_over_6_months`` where the ledger says who waits less, all (draw, office, month).
        """
        past = Past.read(panel, self.memory)
        months = past.ahead(until)
        part, periods = 1.0 / past.per_year, len(months)

        def value(name: str, *dims: str) -> Array:
            return sample[name].transpose("draw", *dims).to_numpy()

        def drawn(name: str, values: tuple[float, ...]) -> Array:
            odds = value(f"log_density_{name}", "office", name)
            return np.array(values)[(odds + rng.gumbel(size=odds.shape)).argmax(axis=-1)]

        weight = value("weights", "weight")[..., None]
        constant = value("constant")[:, None]
        shape = (len(weight), len(past.offices))
        scale = {name: np.exp(value(f"log_scale_{name}", "office")) for name in _SERIES}
        for name in _SERIES[:3]:
            scale[name] = scale[name] * np.exp(self.widening * rng.standard_normal(shape))
        season = value("season", "office", "part_of_year") if past.per_year > 1 else np.zeros((*shape, 1))
        scale["adjustment"] = np.hypot(scale["adjustment"], self.quietest)
        reversion, closing = drawn("reversion", self.reversion), drawn("closing", self.closing)
        slow = rng.random(shape) < expit(value("log_odds_slow", "office"))
        first = len(past.season)
        level = past.log_received[:, -1] - season[..., past.season[-1]]
        share, pending, decided = (np.broadcast_to(x[:, -1], shape) for x in (past.share, past.pending, past.decided))
        mean, mean_share = past.mean_log_received[:, -1], past.mean_share[:, -1]
        mean_decided = past.mean_log_decided[:, -1]
        highest = np.nanmax(past.log_received, axis=1) + np.log(self.most)
        capacity = self.most_decided * (np.nanmax(past.decided, axis=1) + FLOOR)
        recent = [np.broadcast_to(past.received[:, -1 - back], shape) for back in range(min(past.half_year, first))]
        young = None if past.young is None else np.broadcast_to(past.young[:, -1], shape)
        rate = 1.0 - 0.5 ** (part / self.memory)
        result = {name: np.empty((*shape, periods)) for name in ("received", "decided", "pending")}
        over = np.empty((*shape, periods))
        for period in range(periods):
            error = scale["received"] * rng.standard_t(self.tails, shape)
            level = np.minimum(level + self._expected_change(mean - level, reversion, part) + error, highest)
            received = np.maximum(np.exp(level + season[..., (first + period) % past.per_year]) - FLOOR, 0.0)
            work = pending + received
            predictors = (share, mean_share, logit_share(decided, work), logit_share(received, work))
            share = sum(weight[:, i] * predictor for i, predictor in enumerate(predictors)) + constant
            error = rng.standard_t(self.tails, shape)
            moved = self._moved(np.log(decided + FLOOR), mean_decided, np.log(received + FLOOR), part)
            slowly = np.maximum(np.exp(np.minimum(moved + scale["decided"] * error, _HIGHEST)) - FLOOR, 0.0)
            by_share = expit(share + scale["share_decided"] * error) * work
            decided = np.minimum(np.where(slow, slowly, by_share), np.minimum(capacity, work))
            share = logit_share(decided, work)
            error = scale["adjustment"] * rng.standard_t(self.adjustment_tails, shape)
            expected = closing * np.log(work - decided + FLOOR) + (1.0 - closing) * np.log(pending + FLOOR)
            pending = np.maximum(np.exp(expected + np.clip(error, -_LARGEST, _LARGEST)) - FLOOR, 0.0)
            mean, mean_share = mean + rate * (level - mean), mean_share + rate * (share - mean_share)
            mean_decided = mean_decided + rate * (np.log(decided + FLOOR) - mean_decided)
            for name, values in (("received", received), ("decided", decided), ("pending", pending)):
                result[name][..., period] = values
            if young is not None:
                recent = [received, *recent[: past.half_year - 1]]
                centre, keep = value("young_mean", "office"), value("young_persistence")[:, None]
                error = value("young_scale")[:, None] * rng.standard_t(self.tails, shape)
                young = centre + keep * (young - centre) + error
                least = np.minimum(expit(young) * sum(recent), pending)
                over[..., period] = 1.0 - np.divide(least, pending, out=np.ones(shape), where=pending > 0)
        units = {"received": past.unit, "decided": past.unit, "pending": past.unit}
        if young is not None:
            result["share_over_6_months"], units["share_over_6_months"] = over, "share"
        return xr.Dataset(
            {name: (("draw", "office", "month"), values, {"units": units[name]}) for name, values in result.items()},
            coords={"office": past.offices, "month": months},
            attrs={"period": f"{past.span} months, ending with the month"},
        )

    def _expected_change(self, gap: Any, reversion: Array, part: float) -> Any:
        """Change of the log of arrivals to expect in a part of a year, from how far their mean lies above them."""
        back, up = (1.0 - (1.0 - rate) ** part for rate in (reversion, self.revival))
        below, above = (gap + abs(gap)) / 2.0, (gap - abs(gap)) / 2.0
        return part * self.growth + up * below + back * above

    def _moved(self, last: Array, mean: Array, come: Array, part: float) -> Array:
        """Log of decisions that move slowly, from those before, their mean and what came in a part of a year."""
        total = sum(self.pace)
        towards, back = np.array(self.pace) * (1.0 - (1.0 - total) ** part) / total
        return last + towards * (come - last) + back * (mean - last)

    def _coefficients(self, predictors: Array, part: float) -> TensorVariable:
        """Weights and constant with their normal priors, along the axes that the predictors tell apart."""
        mean, sd = (self._pull(part) * np.asarray(value) for value in (self.constant.mean, self.constant.sd))
        centre = np.append(self._weights(part), mean)
        spread = np.append(np.full(len(self.weights), self.weight_spread), sd)
        design = np.column_stack([predictors, np.ones(len(predictors))]) * spread
        axes = np.linalg.eigh(design.T @ design).eigenvectors
        coefficients = pt.as_tensor(centre) + spread * pt.dot(axes, pm.Normal("coefficients", shape=len(centre)))
        pm.Deterministic("weights", coefficients[:-1], dims="weight")
        pm.Deterministic("constant", coefficients[-1])
        return coefficients

    def _pull(self, part: float) -> float:
        """Pull of the share decided in a part of a year, relative to that of a year."""
        kept = self.weights[0]
        return (1.0 - kept**part) / (1.0 - kept)

    def _weights(self, part: float) -> Array:
        kept = self.weights[0]
        return np.array([kept**part, *(weight * self._pull(part) for weight in self.weights[1:])])


def _density(
    errors: TensorVariable | Array, scale: TensorVariable, tails: float, weight: Array, slope: Array | float = 0.0
) -> TensorVariable:
    """Log density of Student t errors, times the slope of what they are errors of, summed over periods."""
    density = pm.logp(pm.StudentT.dist(nu=tails, mu=0, sigma=scale), errors)
    return ((pt.as_tensor(density) + slope) * weight).sum(axis=-1)
