r"""What a run of a queue says about waits: indicators of what `poblar.forecast.simulate_queue` kept.

A wait is the number of months from the month of arrival, or from a date, to the month of the decision. By Little's law
the cases pending at months' starts are arrivals per month times the mean of it, exactly so in a steady state: a case
that waits k months is pending at k starts. Counted in days it is within a month of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
import xarray as xr

from .errors import DrawsError

__all__ = [
    "all_classes",
    "mean_wait",
    "share_decided_within",
    "share_pending_longer",
    "wait_distribution",
    "wait_quantile",
]

Cases = Literal["arrivals", "pending"]

_KEEP: Final[Mapping[str, str]] = MappingProxyType(
    {"arrivals_decided": "arrivals", "pending_decided": "pending", "pending_by_age": "ages"}
)


def all_classes(run: xr.Dataset) -> xr.Dataset:
    """Add up the cases of all classes.

    Parameters
    ----------
    run : xarray.Dataset
        From `poblar.forecast.simulate_queue` with a `poblar.forecast.orders.Priority`.

    Returns
    -------
    xarray.Dataset
        Without ``class`` and without ``wait``, which does not add up; what is not known of one class is not of all.

    Raises
    ------
    DrawsError
        If there are no classes.

    Examples
    --------
    >>> import xarray as xr
    >>> run = xr.Dataset({"pending": ("class", [20.0, 60.0])}, coords={"class": ["children", "others"]})
    >>> float(all_classes(run)["pending"])
    80.0
    """
    if "class" not in run.dims:
        raise DrawsError(f"expected a run with classes, found the axes {tuple(run.dims)}; it is of all cases already.")
    return run.drop_vars("wait", errors="ignore").sum("class", skipna=False, keep_attrs=True)


def wait_distribution(run: xr.Dataset, of: Cases = "arrivals") -> xr.Dataset:
    """Shares of cases that are decided, waiting or gone, month by month after they arrived or were counted.

    Parameters
    ----------
    run : xarray.Dataset
        From `poblar.forecast.simulate_queue`, with "arrivals" or "pending" kept.
    of : "arrivals" or "pending"
        Those who arrive in the month, or those waiting at its start.

    Returns
    -------
    xarray.Dataset
        ``decided`` so many months ``after``; ``waiting`` still, and ``left`` without a decision, by the end of that
        month. Decided up to a month, waiting and left are one. NaN where nobody arrives or waits, and past the end.

    Raises
    ------
    DrawsError
        If the run did not keep them.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from poblar.forecast import simulate_queue
    >>> flow = xr.DataArray(np.ones((1, 1, 6)), dims=("draw", "country", "month"))
    >>> queue = xr.Dataset({"arrivals": 10 * flow, "productivity": 10 * flow, "withdrawal": 0 * flow,
    ...     "backlog": ("country", [25.0])}, coords={"country": ["MEX"],
    ...     "month": np.arange("2027-01", "2027-07", dtype="datetime64[M]").astype("datetime64[s]")})
    >>> run = simulate_queue(queue, officers=1, keep=["arrivals"], longest=3)
    >>> wait_distribution(run)["decided"].isel(month=0).squeeze().to_numpy()
    array([0. , 0. , 0.5, 0.5])
    """
    decided, waiting = _kept(run, f"{of}_decided"), _kept(run, f"{of}_waiting")
    total = run[of].where(run[of] > 0)
    done, still = decided / total, waiting / total
    left = (1.0 - still - done.cumsum("after", skipna=False)).clip(min=0.0)  # rounding may leave a trace below zero
    shares = xr.Dataset({"decided": done, "waiting": still, "left": left})
    return shares.map(lambda share: share.assign_attrs(units="share"))


def share_decided_within(run: xr.Dataset, months: int) -> xr.DataArray:
    """Share of the cases arriving in a month that are decided in that month or the next so many.

    Parameters
    ----------
    run : xarray.Dataset
        From `poblar.forecast.simulate_queue`, with "arrivals" kept.
    months : int
        The wait allowed.

    Returns
    -------
    xarray.DataArray
        Share along (draw, country, month), one where nobody arrives; months whose wait ends after the run are left
        out.

    Raises
    ------
    DrawsError
        If the run did not keep arrivals, or not for so long, or is shorter than that.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> run = xr.Dataset({"arrivals": ("month", [10.0, 10.0]),
    ...     "arrivals_decided": (("month", "after"), [[2.0, 6.0], [3.0, np.nan]])}, coords={"after": [0, 1]})
    >>> share_decided_within(run, 1).to_numpy()
    array([0.8])
    """
    decided = _kept(run, "arrivals_decided", months)
    if not 0 <= months < run.sizes["month"]:
        raise DrawsError(
            f"expected months= from 0 to below {run.sizes['month']}, the months of the run, found {months}."
        )
    whole = slice(None, run.sizes["month"] - months)
    arrivals = run["arrivals"].isel(month=whole)
    total = decided.isel(month=whole, after=slice(None, months + 1)).sum("after", skipna=False)
    return (total / arrivals.where(arrivals > 0)).where(arrivals > 0, 1.0).assign_attrs(units="share")


def share_pending_longer(run: xr.Dataset, months: int) -> xr.DataArray:
    """Share of the cases pending at the start of a month that have waited longer than so many months.

    Parameters
    ----------
    run : xarray.Dataset
        From `poblar.forecast.simulate_queue`, with "ages" kept.
    months : int
        Completed months, one or more.

    Returns
    -------
    xarray.DataArray
        Share along (draw, country, month), zero where nobody waits. Of a backlog of unknown age it is known after so
        many months; earlier ones are left out.

    Raises
    ------
    DrawsError
        If the run did not keep ages, or not for so long, or no month is known.

    Examples
    --------
    >>> import xarray as xr
    >>> run = xr.Dataset({"pending": ("month", [40.0]), "pending_by_age": (("month", "age"), [[10.0, 10.0, 20.0]])},
    ...     coords={"age": [0, 1, 2]})
    >>> share_pending_longer(run, 2).to_numpy()
    array([0.5])
    """
    ages = _kept(run, "pending_by_age", months)
    if months < 1:
        raise DrawsError(f"expected months= of one or more, found {months}; all who wait have waited for some time.")
    younger = ages.isel(age=slice(None, months)).sum("age", skipna=False)
    pending = run["pending"]
    longer = (1.0 - younger / pending.where(pending > 0)).clip(min=0.0)
    share = longer.where((pending > 0) | younger.isnull(), 0.0).dropna("month", how="any")
    if not share.sizes["month"]:
        raise DrawsError(f"expected a run of more than {months} months for a backlog of unknown age; give its ages=.")
    return share.assign_attrs(units="share")


def mean_wait(run: xr.Dataset) -> xr.DataArray:
    """Mean wait of the cases that are decided in a month, as offices publish it.

    Parameters
    ----------
    run : xarray.Dataset
        From `poblar.forecast.simulate_queue`.

    Returns
    -------
    xarray.DataArray
        Months, along (draw, country, month); NaN where nobody is decided, and where cases of unknown age are.

    Examples
    --------
    >>> import xarray as xr
    >>> run = xr.Dataset({"waited": ("month", [30.0]), "decided": ("month", [10.0])})
    >>> mean_wait(run).to_numpy()
    array([3.])
    """
    return (run["waited"] / run["decided"].where(run["decided"] > 0)).assign_attrs(units="months")


def wait_quantile(run: xr.Dataset, share: float, of: Cases = "arrivals") -> xr.DataArray:
    r"""Months after which a share of the cases is decided, of those that stay for their decision.

    .. math:: q = \min \{k : 1 - \prod_{j \le k} \frac{w_j}{w_j + d_j} \ge p\}

    with d_j the cases decided and w_j those still waiting j months after: cases that withdraw, or are removed, count
    as long as they wait. First in, first out, the quantile of one is the longest wait of all.

    Parameters
    ----------
    run : xarray.Dataset
        From `poblar.forecast.simulate_queue`, with "arrivals" or "pending" kept.
    share : float
        p, above 0 to 1; one half for the median.
    of : "arrivals" or "pending"
        Those who arrive in the month, or those waiting at its start.

    Returns
    -------
    xarray.DataArray
        Months, along (draw, country, month); infinite where that is neither within the months kept nor before the
        end, and NaN where nobody arrives or waits.

    Raises
    ------
    DrawsError
        If the share is not above 0 to 1, or the run did not keep the cases.

    References
    ----------
    Kaplan, E. L., & Meier, P. (1958). Nonparametric estimation from incomplete observations. Journal of the American
    Statistical Association 53(282), 457-481.

    Examples
    --------
    >>> import xarray as xr
    >>> run = xr.Dataset({"arrivals": ("month", [10.0]), "arrivals_decided": (("month", "after"), [[2.0, 6.0, 2.0]]),
    ...     "arrivals_waiting": (("month", "after"), [[8.0, 2.0, 0.0]])}, coords={"after": [0, 1, 2]})
    >>> wait_quantile(run, 0.5).to_numpy()
    array([1.])
    """
    if not 0 < share <= 1:
        raise DrawsError(f"expected a share above 0 to 1, found {share}.")
    decided, waiting = _kept(run, f"{of}_decided"), _kept(run, f"{of}_waiting")
    risk = decided + waiting
    stay = (waiting / risk.where(risk > 0)).fillna(1.0).cumprod("after")
    reached = 1.0 - stay >= share - 1e-9
    months = reached["after"].isel(after=reached.argmax("after")).drop_vars("after").astype(float)
    return months.where(reached.any("after"), np.inf).where(run[of] > 0).assign_attrs(units="months")


def _kept(run: xr.Dataset, name: str, months: int = 0) -> xr.DataArray:
    """A distribution of the run, if it goes that far."""
    keep = _KEEP[name.replace("waiting", "decided")]
    if name not in run:
        raise DrawsError(f"expected a run that kept {keep!r}, found {sorted(map(str, run))}; add it to keep=.")
    longest = run.sizes[run[name].dims[-1]] - 1
    if months > longest:
        raise DrawsError(f"expected months= of at most the {longest} kept, found {months}; raise longest=.")
    return run[name]
