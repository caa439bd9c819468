"""A ledger of received, decided and pending, as the arrays that `Caseload` takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from ..data import DataError, Panel
from .errors import DrawsError

type Array = NDArray[np.float64]

FLOOR = 3.0  # added before logs: one case more or less is nothing in an office that has few
_YOUNG = "pending_under_6_months"


def logit_share(part: Array, work: Array) -> Array:
    """Logit of a share of the work, away from none and all."""
    return logit(np.clip((part + 1.0) / (np.maximum(part, work) + 2.0), 0.003, 0.997))


@dataclass(frozen=True)
class Past:
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
    log_decided: Array
    mean_log_decided: Array
    log_pending: Array
    log_left: Array
    young: Array | None
    season: NDArray[np.intp]
    seen: dict[str, NDArray[np.bool_]]

    @property
    def per_year(self) -> int:
        return 12 // self.span

    @property
    def log_slope(self) -> Array:
        """Log of the slope of the logit of the share decided, in the log of the decisions."""
        return -np.log1p(-expit(np.nan_to_num(self.share[:, 1:])))

    @property
    def half_year(self) -> int:
        return max(6 // self.span, 1)

    @classmethod
    def read(cls, panel: Panel, memory: float) -> Past:
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
        log_received = np.log(received + FLOOR)
        work = np.full_like(pending, np.nan)
        work[:, 1:] = pending[:, :-1] + received[:, 1:]
        share = logit_share(decided, work)
        if not np.isfinite(share[:, -1]).all():
            raise DataError(
                expected="pending in the last two periods",
                found="none in the last but one",
                remedy="leave the office out, or complete its ledger",
            )
        half_life = memory * 12 / span
        mean_share, mean_log = fading_mean(share, half_life), fading_mean(log_received, half_life)
        predictors = np.stack(
            [
                share[:, :-1],
                mean_share[:, :-1],
                logit_share(decided[:, :-1], work[:, 1:]),
                logit_share(received[:, 1:], work[:, 1:]),
            ],
            axis=-1,
        )
        log_decided, log_pending = np.log(decided + FLOOR), np.log(pending + FLOOR)
        log_left = np.log(np.maximum(work - decided, 0.0) + FLOOR)
        young = None
        if _YOUNG in panel.names and 6 % span == 0:
            came = pd.DataFrame(received.T).rolling(6 // span).sum().to_numpy().T
            young = logit(np.clip(values(_YOUNG) / came, 0.02, 0.98))
        seen = {
            "received": np.isfinite(np.diff(log_received, axis=1)),
            "share_decided": np.isfinite(share[:, 1:]) & np.isfinite(predictors).all(axis=-1),
            "adjustment": np.isfinite(log_pending[:, 1:] + log_left[:, 1:]),
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
            log_decided=log_decided,
            mean_log_decided=fading_mean(log_decided, half_life),
            log_pending=log_pending,
            log_left=log_left,
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


def fading_mean(values: Array, half_life: float) -> Array:
    """Mean of the values that there are, up to each; one counts half as much `half_life` periods later."""
    return pd.DataFrame(values.T).ewm(halflife=half_life, ignore_na=True).mean().to_numpy().T
