"""Caseloads: what an asylum office receives, decides and leaves waiting, from its ledger alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray
from pytensor.tensor.variable import TensorVariable
from scipy.special import expit, logit

from ..data import DataError, Panel
from .errors import DrawsError
from .fit import Model
from .priors import Beta, HalfNormal, LogNormal, Normal
from .shocks import add_shocks

__all__ = ["Caseload"]

type Array = NDArray[np.float64]

_SERIES = ("received", "share_decided", "adjustment")
_YOUNG = "pending_under_6_months"
_FLOOR = 3.0  # added before logs: one case more or less is nothing in an office that has few
_LARGEST = 3.0  # no adjustment changes pending by more than a factor of twenty


@dataclass(frozen=True, kw_only=True)
class Caseload(Model[xr.Dataset]):
    r"""Received, decided and pending of offices that go on as they have, with the share that waits over six months.

    .. math::
        y_t - y_{t-1} &= s_t - s_{t-1} + \rho (\bar y_{t-1} - y_{t-1} + s_{t-1}) + \sigma \varepsilon_t,
            \qquad y = \log (A + 3) \\
        q_t &= w_1 q_{t-1} + w_2 \bar q_{t-1} + w_3 \ell(D_{t-1} / W_t) + w_4 \ell(A_t / W_t) + c + \tau \varepsilon_t,
            \qquad q_t = \ell(D_t / W_t), \ W_t = P_{t-1} + A_t \\
        \log P_t &= \log (W_t - D_t) + \upsilon \varepsilon_t \\
        u_t &= \bar u + \phi (u_{t-1} - \bar u) + \omega \varepsilon_t, \qquad u_t = \ell(Y_t / (A_t + \dots))

    for each office, with received A, decided D, pending P and those Y of them who came in the last six months; W is the
    work that there is, so that no more is decided than that, :math:`\ell` the logit, :math:`\bar y, \bar q` means over
    the last years and :math:`\varepsilon` Student t. An office that always decides the same share of its work has
    :math:`w_1 + w_2 = 1`; one whose capacity is fixed :math:`w_3 = 1`; one that keeps up with what comes
    :math:`w_4 = 1`. :math:`\upsilon` is the administrative adjustment: what published figures leave open. Scales are
    exchangeable between offices. No staff are needed; with staff and a plan to change them use `Backlog`.

    Parameters
    ----------
    reversion : float
        :math:`\rho` of a year, by the scores of forecasts (the yearly changes by themselves ask for 0.11, and forecast
        less well); a quarter has :math:`1 - (1 - \rho)^{1/4}`, and so for a month.
    weights, weight_spread : tuple of float, float
        Means and standard deviation of the normal priors of :math:`w`, for years. For parts of a year the pull
        :math:`1 - w_1` is that of the year to that part, as for `reversion`, in the same proportions.
    constant : Normal
        :math:`c` of a year.
    log_scale : tuple of Normal
        Means of the logs of :math:`\sigma, \tau, \upsilon` of a year; for a part f of it, less
        :math:`-\tfrac12 \log f`.
    scale_spread : tuple of LogNormal
        Standard deviations of these logs between offices.
    season : HalfNormal
        Standard deviation of the seasons of :math:`y`, where periods are parts of a year.
    young_persistence : Beta
        :math:`\phi` of a quarter.
    young_scale : LogNormal
        :math:`\omega` of a quarter.
    quietest : float
        Least scale of the adjustment, on the log: ledgers that close to the last case would ask for none.
    tails, adjustment_tails : float
        Degrees of freedom of the errors, and of those of the adjustment.
    memory : float
        Years that the means :math:`\bar y, \bar q` remember.
    widening : float
        Standard deviation, between draws, of what is added to the log scales of received and decided in simulation.
    most : float
        No simulated period has more arrivals than this many times the most on record.

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

    reversion: float = 0.3
    weights: tuple[float, float, float, float] = (0.28, 0.18, 0.06, 0.39)
    weight_spread: float = 0.1
    constant: Normal = Normal(-0.2, 0.15)
    log_scale: tuple[Normal, Normal, Normal] = (Normal(-0.7, 0.4), Normal(-0.3, 0.4), Normal(-3.8, 0.7))
    scale_spread: tuple[LogNormal, LogNormal, LogNormal] = (
        LogNormal(0.42, 0.2),
        LogNormal(0.35, 0.2),
        LogNormal(1.8, 0.2),
    )
    season: HalfNormal = HalfNormal(0.1)
    young_persistence: Beta = Beta(mean=0.9, weight=20.0)
    young_scale: LogNormal = LogNormal(0.2, 0.5)
    quietest: float = 1e-3
    tails: float = 3.0
    adjustment_tails: float = 2.0
    memory: float = 5.0
    widening: float = 0.25
    most: float = 5.0

    def build(self, panel: Panel) -> pm.Model:
        """Write the model of ``received``, ``decided`` and ``pending`` (office, month) down in PyMC."""
        past = _Past.read(panel, self.memory)
        part = 1.0 / past.per_year
        coords = {"office": past.offices, "weight": ["share", "mean share", "capacity", "received"]}
        seasonal = past.per_year > 1
        if seasonal:
            coords["part_of_year"] = [str(season) for season in range(past.per_year)]
        with pm.Model(coords=coords) as model:
            reversion = 1.0 - (1.0 - self.reversion) ** part
            predictors = np.nan_to_num(past.predictors)
            coefficients = self._coefficients(predictors[past.seen["share_decided"]], part)
            scales = {}
            for name, log_scale, unlike in zip(_SERIES, self.log_scale, self.scale_spread, strict=True):
                typical = log_scale.variable(f"log_scale_{name}_mean") + 0.5 * np.log(part)
                spread = unlike.variable(f"scale_spread_{name}")
                scales[name] = pt.exp(pm.Normal(f"log_scale_{name}", typical, spread, dims="office"))
            scales["adjustment"] = pt.sqrt(scales["adjustment"] ** 2 + self.quietest**2)
            level, mean = np.nan_to_num(past.log_received), np.nan_to_num(past.mean_log_received)
            if seasonal:
                season = pm.ZeroSumNormal(
                    "season", self.season.variable("season_spread"), dims=("office", "part_of_year"), n_zerosum_axes=1
                )
                level = level - season[:, past.season]
            pull = reversion * (mean[:, :-1] - level[:, :-1])
            predicted = pt.tensordot(predictors, coefficients[:-1], 1) + coefficients[-1]
            for name, errors, tails in (
                ("received", level[:, 1:] - level[:, :-1] - pull, self.tails),
                ("share_decided", np.nan_to_num(past.share[:, 1:]) - predicted, self.tails),
                ("adjustment", np.nan_to_num(past.log_adjustment[:, 1:]), self.adjustment_tails),
            ):
                seen = past.seen[name]
                scale = scales[name][np.nonzero(seen)[0]]
                add_shocks(name, pt.as_tensor(errors)[seen], tails=pt.as_tensor(tails), scale=scale)
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
        past = _Past.read(panel, self.memory)
        months = past.ahead(until)
        part, periods = 1.0 / past.per_year, len(months)

        def value(name: str, *dims: str) -> Array:
            return sample[name].transpose("draw", *dims).to_numpy()

        reversion = 1.0 - (1.0 - self.reversion) ** part
        weight = value("weights", "weight")[..., None]
        constant = value("constant")[:, None]
        shape = (len(weight), len(past.offices))
        scale = {name: np.exp(value(f"log_scale_{name}", "office")) for name in _SERIES}
        for name in _SERIES[:2]:
            scale[name] = scale[name] * np.exp(self.widening * rng.standard_normal(shape))
        season = value("season", "office", "part_of_year") if past.per_year > 1 else np.zeros((*shape, 1))
        first = len(past.season)
        level = past.log_received[:, -1] - season[..., past.season[-1]]
        share, pending, decided = (np.broadcast_to(x[:, -1], shape) for x in (past.share, past.pending, past.decided))
        mean, mean_share = past.mean_log_received[:, -1], past.mean_share[:, -1]
        highest = np.nanmax(past.log_received, axis=1) + np.log(self.most)
        recent = [np.broadcast_to(past.received[:, -1 - back], shape) for back in range(min(past.half_year, first))]
        young = None if past.young is None else np.broadcast_to(past.young[:, -1], shape)
        rate = 1.0 / (self.memory * past.per_year)
        result = {name: np.empty((*shape, periods)) for name in ("received", "decided", "pending")}
        over = np.empty((*shape, periods))
        for period in range(periods):
            error = scale["received"] * rng.standard_t(self.tails, shape)
            level = np.minimum(level + reversion * (mean - level) + error, highest)
            received = np.maximum(np.exp(level + season[..., (first + period) % past.per_year]) - _FLOOR, 0.0)
            work = pending + received
            predictors = (share, mean_share, _logit_share(decided, work), _logit_share(received, work))
            share = sum(weight[:, i] * predictor for i, predictor in enumerate(predictors)) + constant
            share = share + scale["share_decided"] * rng.standard_t(self.tails, shape)
            decided = expit(share) * work
            error = np.hypot(scale["adjustment"], self.quietest) * rng.standard_t(self.adjustment_tails, shape)
            pending = (work - decided + _FLOOR) * np.exp(np.clip(error, -_LARGEST, _LARGEST)) - _FLOOR
            pending = np.maximum(pending, 0.0)
            mean, mean_share = mean + rate * (level - mean), mean_share + rate * (share - mean_share)
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


def _logit_share(part: Array, work: Array) -> Array:
    """Logit of a share of the work, away from none and all."""
    return logit(np.clip((part + 1.0) / (np.maximum(part, work) + 2.0), 0.003, 0.997))


@dataclass(frozen=True)
class _Past:
    """A ledger as the model wants it: (office, period)."""

    offices: list[str]
    span: int
    last: pd.Timestamp
    unit: str
    received: Array
    decided: Array
    pending: Array
    log_received: Array
    mean_log_received: Array
    share: Array
    mean_share: Array
    predictors: Array
    log_adjustment: Array
    young: Array | None
    season: NDArray[np.intp]
    seen: dict[str, NDArray[np.bool_]]

    @property
    def per_year(self) -> int:
        return 12 // self.span

    @property
    def half_year(self) -> int:
        return max(6 // self.span, 1)

    @classmethod
    def read(cls, panel: Panel, memory: float) -> _Past:
        spans = np.unique(panel["span"].to_numpy())
        if len(spans) != 1 or 12 % spans[0]:
            raise DataError(
                expected="periods of one length, 1, 3 or 12 months, in `span`",
                found=f"{', '.join(f'{span:g}' for span in spans)}",
                remedy="fit ledgers by year and by quarter apart",
            )
        span = int(spans[0])
        months = panel.dataset.indexes["month"]
        ends = months[span - 1 :: span]

        def values(name: str) -> Array:
            return panel[name].sel(month=ends).transpose("office", "month").to_numpy().astype(float)

        received, decided, pending = values("received"), values("decided"), values("pending")
        offices = [str(office) for office in panel["office"].to_numpy()]
        for name, series in (("received", received), ("decided", decided), ("pending", pending)):
            lost = ~np.isfinite(series[:, -1])
            if lost.any() or series.shape[1] < 4:
                raise DataError(
                    expected=f"four periods or more, and {name} in the last, {ends[-1]:%Y-%m}",
                    found=f"none for {offices[int(np.argmax(lost))]}" if lost.any() else f"{series.shape[1]} periods",
                    remedy="leave the office out, end the panel where it ends, or complete its ledger",
                )
        log_received = np.log(received + _FLOOR)
        work = np.full_like(pending, np.nan)
        work[:, 1:] = pending[:, :-1] + received[:, 1:]
        share = _logit_share(decided, work)
        if not np.isfinite(share[:, -1]).all():
            raise DataError(
                expected="pending in the last two periods",
                found="none in the last but one",
                remedy="leave the office out, or complete its ledger",
            )
        count = max(round(memory * 12 / span), 1)
        mean_share, mean_log = _running_mean(share, count), _running_mean(log_received, count)
        predictors = np.stack(
            [
                share[:, :-1],
                mean_share[:, :-1],
                _logit_share(decided[:, :-1], work[:, 1:]),
                _logit_share(received[:, 1:], work[:, 1:]),
            ],
            axis=-1,
        )
        left = np.maximum(work - decided, 0.0)
        adjustment = np.log(pending + _FLOOR) - np.log(left + _FLOOR)
        young = None
        if _YOUNG in panel.names and 6 % span == 0:
            came = pd.DataFrame(received.T).rolling(6 // span).sum().to_numpy().T
            young = logit(np.clip(values(_YOUNG) / came, 0.02, 0.98))
        seen = {
            "received": np.isfinite(np.diff(log_received, axis=1)),
            "share_decided": np.isfinite(share[:, 1:]) & np.isfinite(predictors).all(axis=-1),
            "adjustment": np.isfinite(adjustment[:, 1:]),
        }
        if young is not None:
            seen["young"] = np.isfinite(np.diff(young, axis=1))
        return cls(
            offices=offices,
            span=span,
            last=ends[-1],
            unit=str(panel["pending"].attrs["units"]),
            received=received,
            decided=decided,
            pending=pending,
            log_received=log_received,
            mean_log_received=mean_log,
            share=share,
            mean_share=mean_share,
            predictors=predictors,
            log_adjustment=adjustment,
            young=young,
            season=np.arange(len(ends)) % (12 // span),
            seen=seen,
        )

    def ahead(self, until: int | str) -> NDArray[np.datetime64]:
        """Last months of the periods after the ledger, up to `until`."""
        text = f"{until}-12" if len(str(until)) == 4 else str(until)
        try:
            last = pd.Timestamp(text)
        except ValueError:
            last = pd.NaT
        first = self.last + pd.DateOffset(months=self.span)
        if pd.isna(last) or last < first:
            raise DrawsError(
                f"expected until= a year, or a month from {first:%Y-%m} on written like '2032-12', found {until!r}."
            )
        return pd.date_range(first, last, freq=pd.DateOffset(months=self.span)).to_numpy().astype("datetime64[s]")


def _running_mean(values: Array, count: int) -> Array:
    """Mean of the last `count` values that there are, up to each."""
    frame = pd.DataFrame(values.T)
    return frame.rolling(count, min_periods=1).mean().to_numpy().T
