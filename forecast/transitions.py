"""What becomes of cases between stages, from a ledger: who is recognized, who goes on, how long it takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..data import DataError
from ._passage import later
from .passage import Route

__all__ = ["stage_transitions"]

type Array = NDArray[np.float64]


def stage_transitions(
    ledger: pd.DataFrame,
    stages: Sequence[str],
    *,
    every: int = 12,
    lag: Sequence[float] | xr.DataArray = (1.0,),
    to_come: bool = False,
    draws: int = 1000,
    seed: int,
) -> xr.Dataset:
    r"""Shares of cases that are recognized and that go on, and mean months of each stage, from a ledger of its stages.

    .. math::
        p_t \mid x_t, n_t \sim \mathrm{Beta}(x_t + \tfrac12, n_t - x_t + \tfrac12), \qquad
        p_\star \sim \mathrm{Beta}(\mu M, (1 - \mu) M)

    of the n cases of a period x are recognized (n are recognized and rejected) or go on (x are received at the next
    stage, n are the rejected who would lodge in the period by the lag). Counts of thousands leave little doubt of what
    the share was. A share to come is as far from the mean as those of known periods are from each other: M has their
    variance. That shares drift for years is not in it.

    Parameters
    ----------
    ledger : pandas.DataFrame
        Of one office and origin, from `poblar.data.cases.case_ledger`; each stage has the same periods in a row.
    stages : sequence of str
        Its stages in their order: whoever is received at one was rejected at the one before.
    every : int
        Months of the periods of the result, a multiple of those of the ledger.
    lag : sequence of float or xarray.DataArray
        Shares by months from rejection to lodging, along ``after``. Before the first period as many a month are taken
        to be rejected as in it.
    to_come : bool
        A share to come, instead of those of the known periods; for that there are two at least.
    draws : int
        Number of draws.
    seed : int
        The same seed gives the same draws.

    Returns
    -------
    xarray.Dataset
        Along (draw, stage), and month (the last of the period) unless to come: ``recognized``, share of recognized
        and rejected; ``onward``, share of the rejected, NaN at the last stage. Of known periods also, without draws
        and NaN where a stock is not known: ``in_stage``, mean months by Little's law, from the mean of the stocks at
        the start and the end; and ``withdrawal``, share of those waiting that is withdrawn or closed in a month.

    Raises
    ------
    DataError
        If a stage is not in the ledger or has other periods, a count is not known, or more are received than were
        rejected.

    Examples
    --------
    >>> import pandas as pd
    >>> from poblar.data.cases import case_ledger
    >>> frame = pd.DataFrame({"office": "A", "period": pd.to_datetime(["2020-01-01", "2021-01-01"] * 2),
    ...     "stage": ["first", "first", "appeal", "appeal"], "received": [9000, 9000, 4000, 4100],
    ...     "recognized": [3000, 4000, 1000, 1000], "rejected": [5000, 5000, 2000, 3100], "pending": 900})
    >>> ledger = case_ledger(frame, months=12, unit="cases", adjusted="stocks are rounded")
    >>> found = stage_transitions(ledger, ["first", "appeal"], seed=1)
    >>> found["onward"].sel(stage="first").mean("draw").to_numpy().round(2)
    array([0.8 , 0.82])
    >>> found["in_stage"].sel(stage="first").to_numpy()
    array([nan, 1.2])
    """
    counts = _stage_counts(ledger, stages, every, Route(to="next", share=1.0, lag=lag).shares.to_numpy())
    if to_come and counts.sizes["month"] < 2:
        raise DataError(expected="two periods or more for a share to come", found="one", remedy="take a longer ledger")
    dims = ["draw", "stage"] if to_come else ["draw", "stage", "month"]
    rng = np.random.default_rng(seed)

    found = xr.Dataset() if to_come else counts[["in_stage", "withdrawal"]]
    for name, part, whole in (("recognized", "recognized", "answered"), ("onward", "received", "expected")):
        shares = _beta_draws(counts[part].to_numpy(), counts[whole].to_numpy(), draws, rng, to_come=to_come)
        found[name] = (dims, shares, {"units": "share"})
    return found.assign_coords(stage=list(stages))


def _beta_draws(part: Array, whole: Array, draws: int, rng: np.random.Generator, *, to_come: bool) -> Array:
    """Shares by stage: of each period given its counts, with Jeffreys' prior (draw, stage, period); or to come.

    A share to come (draw, stage) is beta with the mean of the shares of T periods and the variance between them, times
    1 + 1/T for the mean that they leave uncertain. It weighs no more than all cases, and no less than Jeffreys' prior.
    A stage without counts has no share, NaN.
    """
    known = np.isfinite(part).all(-1)
    part, whole = part[known], whole[known]
    if to_come:
        shares = (part + 0.5) / (whole + 1.0)
        mean, variance = shares.mean(-1), shares.var(-1, ddof=1) * (1.0 + 1.0 / shares.shape[-1])
        weight = np.clip(mean * (1.0 - mean) / np.maximum(variance, 1e-12) - 1.0, 1.0, whole.sum(-1) + 1.0)
        values = rng.beta(mean * weight, (1.0 - mean) * weight, (draws, len(mean)))
    else:
        values = rng.beta(part + 0.5, whole - part + 0.5, (draws, *part.shape))
    found = np.full((draws, len(known), *values.shape[2:]), np.nan)
    found[:, known] = values
    return found


def _stage_counts(ledger: pd.DataFrame, stages: Sequence[str], every: int, lag: Array) -> xr.Dataset:
    """Counts of a ledger along (stage, month), the last of each period.

    ``recognized``, and ``answered`` besides the rejected; ``received`` at the next stage, and ``expected`` there: the
    rejected, in the periods in which they would lodge. ``in_stage`` and ``withdrawal`` as `stage_transitions` has them.
    """
    for name in ("office", "origin", "months"):
        if len(values := ledger[name].unique().tolist()) != 1:
            raise DataError(expected=f"a ledger of one {name}", found=f"{values}", remedy="select one")
    span = int(ledger["months"].iloc[0])
    names = ["received", "recognized", "rejected", "withdrawn", "closed", "opening", "pending"]
    counts = ledger.set_index(["stage", "period"])[names].astype(float).to_xarray().reindex(stage=list(stages))
    if (absent := counts[names[:5]].to_dataarray().sum(["variable", "period"], skipna=False).isnull()).any():  # noqa: PD003
        raise DataError(
            expected=f"every count of every period at the stages {list(stages)}",
            found=f"some missing at {counts['stage'].to_numpy()[absent.to_numpy()].tolist()}",
            remedy="name stages of the ledger, and cut it to the periods that all of them have",
        )
    periods = counts.indexes["period"]
    in_a_row = pd.date_range(periods[0], periods=len(periods), freq=f"{span}MS")
    if not periods.equals(in_a_row) or every % span or len(periods) * span % every:
        raise DataError(
            expected=f"periods in a row, of {every} months when put together",
            found=f"{len(periods)} of {span} months from {periods[0]:%Y-%m} to {periods[-1]:%Y-%m}",
            remedy="cut the ledger, or choose another every=",
        )
    monthly = np.repeat(counts["rejected"].to_numpy() / span, span, axis=-1)
    before = np.repeat(monthly[:, :1], len(lag) - 1, axis=-1)
    lodging = later(np.concatenate([before, monthly], axis=-1), lag)[:, len(lag) - 1 :]
    chosen = xr.Dataset(
        {
            "recognized": counts["recognized"],
            "answered": counts["recognized"] + counts["rejected"],
            "unanswered": counts["withdrawn"] + counts["closed"],
            "received": counts["received"].shift(stage=-1),
            "expected": counts["rejected"].copy(data=lodging.reshape(len(stages), -1, span).sum(-1)),
            "waiting": (counts["opening"] + counts["pending"]) / 2 * span,  # person-months
        }
    )
    whole = chosen.coarsen(period=every // span).reduce(np.sum)
    over = (whole["received"] > whole["expected"] + 1e-6).to_numpy()
    if over.any():
        stage, period = np.argwhere(over)[0]
        cell = whole.isel(stage=stage, period=period)
        raise DataError(
            expected=f"at most {float(cell['expected']):,.0f} received after {stages[stage]!r}, the rejected who lodge",
            found=f"{float(cell['received']):,.0f} in {every} months from {in_a_row[period * every // span]:%Y-%m}",
            remedy="take longer periods with every=, or another lag",
        )
    gone = whole["answered"] + whole["unanswered"]
    whole["in_stage"] = (whole["waiting"] / gone.where(gone > 0)).assign_attrs(units="months")
    waiting = whole["waiting"].where(whole["waiting"] > 0)
    whole["withdrawal"] = (whole["unanswered"] / waiting).assign_attrs(units="share")
    ends = in_a_row[:: every // span] + pd.DateOffset(months=every - 1)
    return whole.drop_vars("period").rename(period="month").assign_coords(month=ends.to_numpy().astype("datetime64[s]"))
