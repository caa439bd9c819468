"""What an office decides in a month: officers in post, what they have learnt, and productivity that wanders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray
from pytensor.tensor.variable import TensorVariable

from ..data import DataError, Panel
from ._flows_paths import months_after
from .errors import DrawsError
from .fit import Model
from .priors import Beta, Gamma, HalfNormal, LogNormal
from .shocks import add_shocks

__all__ = ["JUDGES", "Processing", "StaffPath", "capacity", "in_cases"]

type Array = NDArray[np.float64]

JUDGES: Final = LogNormal(median=(807.0 * 678.0) ** 0.5 / 12.0, sd=0.2)
"""Completions of a US immigration judge in a month: 807 a year in FY2015 and 678 in FY2018, in the geometric mean 740.
The two differ by 0.17 on the log; a spread of 0.2 says that two years are few."""

BEFORE: Final = 24  # months of constant staff put before the first one, so that the usual trainees are among them


@dataclass(frozen=True, kw_only=True)
class Processing(Model[xr.Dataset]):
    r"""Decisions of an office as its trained officers times a productivity that wanders.

    .. math::
        D_t &= \min(E_t\, p_t / c_t,\ M_t), \qquad
        E_t = S_t - \sum_{k \ge 0} \bigl(1 - \min(k / r, 1)\bigr) H_{t,k} \\
        \log p_t - \mu &= \phi (\log p_{t-1} - \mu) + \sigma \varepsilon_t, \qquad \varepsilon_t \sim t_\nu

    with decisions D, officers in post S, officers H hired k months ago who are still there, the ramp r after which an
    officer counts in full, productivity p, the work in a case c (known, one by default) and the cases M that there
    are. Hires are what the change of staff leaves after attrition a: of those in post
    :math:`s_t = \min((1 - a)^{1/12}, S_t / S_{t-1})` stay and :math:`S_t - s_t S_{t-1}` are hired, so that staff that
    falls faster than attrition has no new trainees. Trainees leave as often as others, and staff was constant before
    the first month.

    Parameters
    ----------
    productivity : LogNormal
        :math:`e^\mu`, decisions per trained officer-month; wide by default. A published figure is such a prior, as
        `JUDGES`.
    ramp : LogNormal
        r, months; an assumption, 2 to 16 with 90 % probability.
    attrition : Beta
        a, share of the officers who leave in a year; an assumption, 6 to 39 % with 90 % probability.
    presence : Beta
        Share of their time that officers in post are at work on cases, in the figures; an assumption. Decisions say
        nothing of it: a plan with less absence is measured against it.
    persistence : Beta
        :math:`\phi`.
    scale : HalfNormal
        :math:`\sigma`.
    tails : Gamma
        :math:`\nu`.
    counts : str
        Variable of the panel that is modelled: "decisions", or "interviews", in the same form.
    all_done : float
        Where the panel has ``available``, a month in which at least this share of it was decided was short of work and
        not of officers: they could have decided that or more.
    most : float
        No simulated productivity exceeds this many times the highest on record (without data, the prior's median).

    Notes
    -----
    On the UK's 36 months (`poblar.data.capacity`), forecast from each month from February 2021 on, given the staff that
    came, the median missed decisions by 12 % one to four months ahead, 14 % five to nine and 18 % ten to twelve (mean
    absolute error of the log, 198 forecasts); the last month's decisions per officer missed by 15, 14 and 14 %. The
    ramp loses at the long end: staff doubled in 2022, and decisions per officer hardly fell. 99 % came within the 80 %
    bands, which spring 2020 makes wide. The priors of ramp, persistence, scale and tails were chosen on the same
    months. Interviews of the months before did not help to predict decisions, so no stage of interviews comes first.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> months = pd.date_range("2025-01-01", periods=24, freq="MS")
    >>> def series(value, units):
    ...     return ("month", np.full(24, value), {"units": units})
    >>> about = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-24"}
    >>> panel = Panel(xr.Dataset(
    ...     {"staff": series(40.0, "officers"), "decisions": series(120.0, "decisions per month")},
    ...     coords={"month": months}, attrs=about))
    >>> "ramp" in [variable.name for variable in Processing().build(panel).free_RVs]
    True
    """

    productivity: LogNormal = LogNormal(median=10.0, sd=1.2)
    ramp: LogNormal = LogNormal(median=6.0, sd=0.6)
    attrition: Beta = Beta(mean=0.2, weight=15.0)
    presence: Beta = Beta(mean=0.8, weight=40.0)
    persistence: Beta = Beta(mean=0.6, weight=10.0)
    scale: HalfNormal = HalfNormal(0.15)
    tails: Gamma = Gamma(mean=2.5, sd=1.0)
    counts: str = "decisions"
    all_done: float = 0.95
    most: float = 3.0

    def build(self, panel: Panel) -> pm.Model:
        """Write the model of ``staff`` (month; officers) and of what is counted (month) down in PyMC."""
        data = _Months.read(panel, self.counts, self.all_done)
        with pm.Model() as model:
            prior = self._priors()
            kept = pt.minimum((1.0 - prior["attrition"]) ** (1.0 / 12.0), data.staff[1:] / data.staff[:-1])
            lacking = _cohorts(data.staff, kept, pt) @ _lacks(len(data.staff) - 1, prior["ramp"], pt)
            officers = (data.staff[1:] - lacking)[BEFORE - 1 :][data.seen]
            expected: Any = pt.log(officers * prior["productivity"])
            deviation: Any = data.log_work - expected
            if data.idle.any():  # where all work was done, what else could have been is a parameter
                spare = pm.HalfFlat("spare", shape=int(data.idle.sum()))
                deviation = pt.inc_subtensor(deviation[data.idle], spare)
            persistence, scale = prior["persistence"], prior["scale"]
            follows = np.diff(data.seen) == 1
            shocks = (deviation[1:] - persistence * deviation[:-1])[follows]
            add_shocks("shocks", shocks, tails=prior["tails"], scale=scale)
            first = pm.Normal.dist(sigma=scale / (1.0 - persistence**2) ** 0.5)
            pm.Potential("first", pt.as_tensor(pm.logp(first, deviation[np.concatenate([[True], ~follows])])))
            pm.Deterministic("deviation", deviation[-1])
        return model

    def simulate(self, sample: xr.Dataset, panel: Panel, until: int | str, rng: np.random.Generator) -> xr.Dataset:
        """Simulate productivity from the month after the panel's last to `until` ("2032-12").

        Returns ``productivity`` (draw, month), decisions per trained officer-month; and ``ramp`` (months),
        ``attrition`` (share a year) and ``presence`` (share), each (draw).
        """
        data = _Months.read(panel, self.counts, self.all_done)
        units = str(panel[self.counts].attrs["units"]).removesuffix(" per month")
        highest = np.exp(data.log_work - np.log(data.staff[BEFORE:][data.seen])).max()
        since = len(data.months) - 1 - int(data.seen[-1])
        return self._paths(sample, since, months_after(data.months[-1], until), highest, units, rng)

    def assume(self, *, start: str, until: str, counted: str, draws: int = 2000, seed: int) -> xr.Dataset:
        """Productivity where no month of an office is known: all parameters from their priors.

        Parameters
        ----------
        start, until : str
            First and last month, "2023-07".
        counted : str
            What the prior of `productivity` counts, "completions".
        draws : int
            Number of trajectories.
        seed : int
            The same seed gives the same draws.

        Returns
        -------
        xarray.Dataset
            As ``Posterior.forecast`` gives it.

        Raises
        ------
        DrawsError
            If `draws` is not positive, or the months are none or not in order.

        Examples
        --------
        >>> judges = Processing(productivity=JUDGES)
        >>> judges.assume(start="2023-07", until="2032-09", counted="completions", draws=200, seed=1)["ramp"].sizes
        Frozen({'draw': 200})
        """
        if draws < 1:
            raise DrawsError(f"expected at least one draw, found draws={draws}; ask for 1,000 or more.")
        try:
            months = months_after(pd.Timestamp(start) - pd.DateOffset(months=1), until)
        except ValueError as error:
            raise DrawsError(f"expected months start= and until= like '2023-07', in order: {error}") from error
        rng = np.random.default_rng(seed)
        with pm.Model():
            names, variables = zip(*self._priors().items(), strict=True)
            values = pm.draw(list(variables), draws, random_seed=rng)
        sample = xr.Dataset({name: ("draw", value) for name, value in zip(names, values, strict=True)})
        spread = sample["scale"] / (1.0 - sample["persistence"] ** 2) ** 0.5
        sample["deviation"] = spread * rng.standard_normal(draws)
        found = self._paths(sample, 0, months, self.productivity.median, counted, rng)
        return found.assign_coords(draw=np.arange(draws))

    def _priors(self) -> dict[str, TensorVariable]:
        names = ("productivity", "ramp", "attrition", "presence", "persistence", "scale", "tails")
        return {name: getattr(self, name).variable(name) for name in names}

    def _paths(
        self,
        sample: xr.Dataset,
        since: int,
        months: pd.DatetimeIndex,
        highest: float,
        counted: str,
        rng: np.random.Generator,
    ) -> xr.Dataset:
        """Productivity in `months`, the first of which is `since` + 1 months after the last deviation seen."""
        names = ("productivity", "persistence", "scale", "tails", "deviation")
        level, persistence, scale, tails, deviation = (sample[name].to_numpy() for name in names)
        most = np.log(self.most * highest / level)
        path = np.empty((len(level), since + len(months)))
        for month in range(path.shape[1]):
            deviation = np.minimum(persistence * deviation + scale * rng.standard_t(tails), most)
            path[:, month] = deviation
        units = {"ramp": "months", "attrition": "share per year", "presence": "share"}
        values = level[:, None] * np.exp(path[:, since:])
        return xr.Dataset(
            {"productivity": (("draw", "month"), values, {"units": f"{counted} per officer-month"})}
            | {name: ("draw", sample[name].to_numpy(), {"units": unit}) for name, unit in units.items()},
            coords={"month": months.to_numpy().astype("datetime64[s]")},
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class StaffPath:
    r"""Officers in post under a plan, :math:`S_t = (1 - a)^{1/12} S_{t-1} + h_t`.

    Parameters
    ----------
    in_post : float or xarray.DataArray
        Officers in post in the month before the first: a number, all of them trained; or those of the months until
        then (month), whose changes tell who is still learning.
    hires : xarray.DataArray
        h, officers whose first month in post it is (month) or (draw, month).
    attrition : float
        a, share of the officers who leave in a year, from 0 to below 1.

    Raises
    ------
    DrawsError
        If officers or hires are negative or not finite, attrition is no such share, or months are not in a row.

    Examples
    --------
    >>> import pandas as pd, xarray as xr
    >>> months = pd.date_range("2027-01-01", periods=4, freq="MS")
    >>> hires = xr.DataArray([0.0, 30.0, 0.0, 0.0], coords={"month": months}, dims="month")
    >>> StaffPath(in_post=100, hires=hires, attrition=0.0).staff.to_numpy()
    array([100., 130., 130., 130.])
    """

    in_post: float | xr.DataArray
    hires: xr.DataArray
    attrition: float

    def __post_init__(self) -> None:
        if "month" not in self.hires.indexes or not set(self.hires.dims) <= {"draw", "month"}:
            raise DrawsError(f"expected hires by labelled month (and draw), found axes {self.hires.dims}; label them.")
        months = self.hires.indexes["month"]
        if isinstance(self.in_post, xr.DataArray):
            if self.in_post.dims != ("month",):
                raise DrawsError(f"expected in_post as a number or by month, found axes {self.in_post.dims}.")
            months = self.in_post.indexes["month"].append(months)
        if not months.equals(pd.date_range(months[0], periods=len(months), freq="MS")):
            raise DrawsError("expected months in a row, those of in_post before those of hires, found a gap; fill it.")
        for name, values in (("in_post", self.in_post), ("hires", self.hires)):
            array = np.atleast_1d(np.asarray(values, dtype=float))
            if (wrong := array[~(np.isfinite(array) & (array >= 0.0))]).size:
                raise DrawsError(f"{name}: expected finite numbers of zero or more, found {wrong[0]:g}; mend them.")
        if not 0.0 <= self.attrition < 1.0:
            raise DrawsError(f"expected attrition from 0 to below 1 a year (0.08 is 8 %), found {self.attrition}.")

    @property
    def stay(self) -> float:
        """Share of the officers in post who are still there a month later."""
        return (1.0 - self.attrition) ** (1.0 / 12.0)

    @property
    def staff(self) -> xr.DataArray:
        """Officers in post in each month of `hires`, trainees among them."""
        hires = self.hires.transpose(..., "month").astype(float)
        staff, now = hires.to_numpy().copy(), np.atleast_1d(self.in_post)[-1]
        for month in range(staff.shape[-1]):
            now = staff[..., month] = self.stay * now + staff[..., month]
        return hires.copy(data=staff).assign_attrs(units="officers")

    def trained(self, ramp: xr.DataArray) -> xr.DataArray:
        """Officers by what they have learnt (draw, month), with the months after which one counts in full (draw)."""
        staff, ramp = xr.align(self.staff, ramp, join="exact", exclude=["month"])
        history, months = np.atleast_1d(np.asarray(self.in_post, float)), staff.sizes["month"]
        kept = np.full(len(history) - 1 + months, self.stay)
        changes = np.divide(history[1:], history[:-1], out=np.ones(len(history) - 1), where=history[:-1] > 0.0)
        kept[: len(changes)] = np.minimum(changes, self.stay)
        lacks = _lacks(len(kept), ramp.to_numpy()[:, None], np)
        paths = staff.to_numpy().reshape(-1, months)
        rows = [
            path - (lack @ _cohorts(np.concatenate([history, path]), kept, np).T)[..., -months:]
            for path, lack in zip(paths, lacks[:, None] if len(paths) > 1 else [lacks], strict=True)
        ]
        return staff.broadcast_like(ramp).transpose("draw", "month").copy(data=np.concatenate(rows))


def capacity(
    productivity: xr.Dataset,
    path: StaffPath,
    *,
    presence: float | xr.DataArray | None = None,
    complexity: float | xr.DataArray = 1.0,
    available: xr.DataArray | None = None,
) -> xr.DataArray:
    """Cases that an office can decide, draw by draw and month by month.

    Parameters
    ----------
    productivity : xarray.Dataset
        From ``Processing().fit(…).forecast(…)`` or ``Processing().assume(…)``.
    path : StaffPath
        Officers, for the same months.
    presence : float or xarray.DataArray, optional
        Share of their time that officers are at work on cases, if other than in the figures (month).
    complexity : float or xarray.DataArray
        Work in a case, one as in the figures (month).
    available : xarray.DataArray, optional
        Cases pending and arriving (draw, month); no more are decided. A queue limits by itself.

    Returns
    -------
    xarray.DataArray
        (draw, month): capacity as `poblar.forecast.queue.run_queue` takes it, or officers of
        `poblar.forecast.queue.simulate_queue` where the queue's productivity is one.

    Raises
    ------
    DrawsError
        If draws or months are not the same, or a share, a complexity or cases cannot be meant.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> months = pd.date_range("2027-01-01", periods=4, freq="MS")
    >>> draws = xr.Dataset(
    ...     {"productivity": (("draw", "month"), np.full((1, 4), 20.0), {"units": "decisions per officer-month"}),
    ...      "ramp": ("draw", [2.0]), "presence": ("draw", [0.8])}, coords={"month": months})
    >>> hires = xr.DataArray([0.0, 30.0, 0.0, 0.0], coords={"month": months}, dims="month")
    >>> capacity(draws, StaffPath(in_post=100, hires=hires, attrition=0.0)).to_numpy()
    array([[2000., 2000., 2300., 2600.]])
    """
    usual = productivity["presence"]
    at_work = usual if presence is None else xr.DataArray(presence)
    cases = xr.DataArray(np.inf) if available is None else available
    for name, valid, wanted in (
        ("presence", (at_work > 0.0) & (at_work <= 1.0), "shares above 0 and up to 1"),
        ("complexity", np.isfinite(complexity) & (complexity > 0.0), "finite numbers above zero"),
        ("available", cases >= 0.0, "cases of zero or more"),
    ):
        if not bool(np.all(valid)):
            raise DrawsError(f"{name}: expected {wanted}, found others; mend them.")
    try:
        with xr.set_options(arithmetic_join="exact"):
            officers = path.trained(productivity["ramp"]) * (at_work / usual)
            able = officers * productivity["productivity"] / complexity
            found = able.where(able < cases, cases)
    except ValueError as error:
        raise DrawsError(f"expected the same draws and months everywhere; reindex them: {error}") from error
    units = str(productivity["productivity"].attrs["units"]).replace("officer-month", "month")
    return found.transpose("draw", "month").assign_attrs(units=units)


def in_cases(capacity: xr.DataArray, per_case: LogNormal, *, units: str, seed: int) -> xr.DataArray:
    """Capacity in the unit of a queue, where decisions are counted in another.

    Parameters
    ----------
    capacity : xarray.DataArray
        Decisions (draw, month), as the office counts them.
    per_case : LogNormal
        Decisions counted for one case of the queue (`poblar.data.capacity.quarter_ratio`); one value a draw.
    units : str
        What the queue counts, "main applicants per month".
    seed : int
        Seed of the draws.

    Returns
    -------
    xarray.DataArray
        (draw, month), with ``attrs["per_case"]``, what it was divided by.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> decisions = xr.DataArray(np.full((1, 2), 1320.0), dims=("draw", "month"))
    >>> in_cases(decisions, LogNormal(median=1.32, sd=0.0), units="main applicants per month", seed=1).to_numpy()
    array([[1000., 1000.]])
    """
    spread = np.random.default_rng(seed).standard_normal(capacity.sizes["draw"])
    ratio = xr.DataArray(per_case.median * np.exp(per_case.sd * spread), dims="draw")
    about = {"units": units, "per_case": f"{per_case.median:g}, standard deviation of the log {per_case.sd:g}"}
    return (capacity / ratio).assign_attrs(about)


def _cohorts(staff: Any, kept: Any, xp: Any) -> Any:
    """Officers in post by months since they were hired (month - 1, age), where `kept` of a month stay to the next."""
    month = np.arange(staff.shape[0] - 1)
    hired = np.subtract.outer(month, month)  # the month in which those of an age came
    stays = xp.cumsum(xp.log(kept))
    here = (staff[1:] - kept * staff[:-1])[hired] * xp.exp(stays[:, None] - stays[hired])
    return xp.where(hired >= 0, here, 0.0)


def _lacks(ages: int, ramp: Any, xp: Any) -> Any:
    """What an officer still lacks by months since the first in post (age)."""
    return 1.0 - xp.minimum(np.arange(ages) / ramp, 1.0)


@dataclass(frozen=True)
class _Months:
    """A panel as the model wants it: logs of the work that was done, and in which months."""

    months: pd.DatetimeIndex
    staff: Array  # with constant staff before the first month
    seen: NDArray[np.intp]
    log_work: Array
    idle: NDArray[np.bool_]  # of the months seen, those in which all work was done

    @classmethod
    def read(cls, panel: Panel, counts: str, all_done: float) -> _Months:
        months = pd.DatetimeIndex(panel.dataset.indexes["month"])

        def values(name: str) -> Array:
            if (series := panel[name]).dims != ("month",):
                remedy = "fit each office by itself: Panel(panel.dataset.sel(office=…, drop=True))"
                raise DataError(expected=f"{name} by month", found=f"axes {series.dims}", remedy=remedy)
            return series.to_numpy().astype(float)

        def refuse(wrong: NDArray[np.bool_], found: Array, expected: str, remedy: str) -> None:
            if wrong.any():
                text = f"{found[wrong][0]:g} in {months[wrong][0]:%Y-%m}"
                raise DataError(expected=expected, found=text, remedy=remedy)

        staff, count = values("staff"), values(counts)
        cases = values("available") if "available" in panel.names else np.full(len(months), np.inf)
        complexity = values("complexity") if "complexity" in panel.names else np.ones(len(months))
        remedy = "leave the months before the office opened out; no month may lack its officers"
        refuse(~(staff > 0.0), staff, "staff above zero in every month", remedy)
        remedy = "declare a month without any missing, with the reason"
        refuse(count <= 0.0, count, f"{counts} above zero", remedy)
        refuse(~(complexity > 0.0), complexity, "complexity above zero in every month", "one is a usual month")
        remedy = "count both in one unit: available is what is pending at the start of the month, and arrivals"
        refuse(count > cases, count, f"no more {counts} than cases available", remedy)
        seen = np.flatnonzero(np.isfinite(count))
        if len(seen) < 2:
            raise DataError(expected=f"two months of {counts}", found=str(len(seen)), remedy="use Processing.assume")
        work, idle = np.log(count * complexity)[seen], (count >= all_done * cases)[seen]
        return cls(months, np.concatenate([np.full(BEFORE, staff[0]), staff]), seen, work, idle)
