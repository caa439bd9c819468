"""What is known beside the counts: dated interventions, and covariates that act with a lag."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data import DataError, Panel

__all__ = ["Covariate", "Intervention", "design"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """A dated measure that shifts the log-intensity while it is in force, e.g. a closure.

    Parameters
    ----------
    name : str
        Name of the effect.
    start : str
        First month in force, e.g. "2020-04".
    end : str, optional
        First month no longer in force; a month to come lets a forecast be freed of it. By default it stays.
    series : tuple of str
        Labels of the series that it acts on; by default all.

    Examples
    --------
    >>> Intervention(name="Title 42", start="2020-04").end is None
    True
    """

    name: str
    start: str
    end: str | None = None
    series: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Covariate:
    """A variable of the panel whose value some months ago shifts the log-intensity.

    Parameters
    ----------
    name : str
        Name of the variable, over month or over the series and month; in units in which one is a large step.
    lag : int
        Months until it acts.
    then : tuple of float
        What it is in the months after the panel, less its last value there; the last number holds on. By default it
        stays as it was. A fit is the same whatever it is, so that a posterior forecasts one path after another.

    Examples
    --------
    >>> Covariate(name="wage_gap", lag=6).then
    ()
    """

    name: str
    lag: int = 0
    then: tuple[float, ...] = ()


def design(
    panel: Panel,
    axis: str,
    months: pd.DatetimeIndex,
    interventions: tuple[Intervention, ...],
    covariates: tuple[Covariate, ...],
) -> Array:
    """Regressors of every series and month.

    Parameters
    ----------
    panel : Panel
        Holds the covariates, and the series along `axis`.
    axis : str
        Axis of the series.
    months : pandas.DatetimeIndex
        Months wanted, those of the panel first, then those to come.
    interventions : tuple of Intervention
        Each is one while in force.
    covariates : tuple of Covariate
        Each is less its mean over the panel's months.

    Returns
    -------
    array, shape (effect, series, month)

    Raises
    ------
    DataError
        If a series or variable is unknown, two effects share a name, a month is no month, a lag is negative or longer
        than the panel, or a covariate has gaps or is to become no number.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> months = pd.date_range("2020-01-01", periods=4, freq="MS")
    >>> labels = {"category": ["all"], "month": months}
    >>> counts = xr.DataArray(np.ones((1, 4)), coords=labels, attrs={"units": "persons"})
    >>> about = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-24"}
    >>> panel = Panel(xr.Dataset({"count": counts}, attrs=about))
    >>> closed = Intervention(name="closure", start="2020-03", end="2020-04")
    >>> design(panel, "category", months, (closed,), ())[0]
    array([[0., 0., 1., 0.]])
    """
    names = panel[axis].to_numpy().astype(str)
    labels = effects(interventions, covariates)
    if len(set(labels)) < len(labels):
        raise DataError(expected="each effect once", found=f"{', '.join(labels)}", remedy="rename one of them")
    rows = [_in_force(item, names, months) for item in interventions]
    rows += [_lagged(item, panel, axis, len(months)) for item in covariates]
    return np.stack(rows) if rows else np.zeros((0, len(names), len(months)))


def effects(interventions: tuple[Intervention, ...], covariates: tuple[Covariate, ...]) -> list[str]:
    """Names of the effects, in the order of their regressors."""
    return [item.name for item in (*interventions, *covariates)]


def _in_force(item: Intervention, names: NDArray[np.str_], months: pd.DatetimeIndex) -> Array:
    unknown = sorted(set(item.series) - set(names))
    if unknown:
        raise DataError(
            expected=f"series of the panel in {item.name!r}",
            found=", ".join(unknown),
            remedy=f"choose among {', '.join(names[:6])} …",
        )
    start = _month(item.start, item.name)
    end = months[-1] + pd.DateOffset(months=1) if item.end is None else _month(item.end, item.name)
    if end <= start:
        raise DataError(
            expected=f"an end of {item.name!r} after its start",
            found=f"{item.start} to {item.end}",
            remedy="give the first month no longer in force",
        )
    acts = np.isin(names, item.series) if item.series else np.ones(len(names), bool)
    when = np.asarray((months >= start) & (months < end))
    return np.outer(acts, when).astype(float)


def _month(text: str, name: str) -> pd.Timestamp:
    try:
        return pd.Timestamp(text).to_period("M").to_timestamp()
    except ValueError:
        raise DataError(
            expected=f"a month such as '2020-04' in {name!r}", found=repr(text), remedy="write year and month"
        ) from None


def _lagged(item: Covariate, panel: Panel, axis: str, count: int) -> Array:
    values = panel[item.name]
    size = panel.sizes["month"]
    if not 0 <= item.lag < size:
        raise DataError(
            expected=f"a lag of {item.name!r} from 0 to {size - 1} months", found=str(item.lag), remedy="change it"
        )
    dims = (axis, "month") if axis in values.dims else ("month",)
    known = np.broadcast_to(values.transpose(*dims).to_numpy().astype(float), (panel.sizes[axis], size))
    if np.isnan(known).any():
        raise DataError(
            expected=f"{item.name!r} in every month",
            found="a gap",
            remedy="fill it in, or let the panel begin after it",
        )
    then = np.asarray(item.then or (0.0,), dtype=float)
    if not np.isfinite(then).all():
        raise DataError(
            expected=f"numbers in then= of {item.name!r}",
            found=str(item.then),
            remedy="give differences to the last value",
        )
    path = np.hstack([known, known[:, -1:] + then])
    at = np.clip(np.arange(count) - item.lag, 0, path.shape[1] - 1)
    return path[:, at] - known.mean(axis=1, keepdims=True)
