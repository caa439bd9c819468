r"""The passage of cases through stages: first decision, appeal, further review, return.

Each stage is a queue (`poblar.forecast.queue`). Of the cases D that stage i decides in a month,

.. math::
    D = r D + \sum_j m_j D + R, \qquad R = \sum_j g_j R + L,

a share r is recognized, shares :math:`m_j` are remitted to other stages, and the rest R is rejected, of whom shares
:math:`g_j` go on to stage j and L leave. Who goes on arrives k months later with probability :math:`\ell_k`, so that
stage j receives :math:`A_{j,t} = E_{j,t} + \sum_i \sum_k \ell_k (g_{ij} R_{i,t-k} + m_{ij} D_{i,t-k})`, with E from
outside.

Faster first decisions move the queue: pending at first instance falls by what is decided besides, and those of them who
appeal are pending again, until somebody hears the appeals.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincinv

from ._passage import (
    DIMS,
    Branch,
    along,
    arrivals_of,
    check_lag,
    check_shares,
    common_axes,
    later,
    settle,
)
from .errors import DrawsError
from .orders import ORDERS, check_order
from .queue import run_queue, simulate_queue

__all__ = ["Route", "Stage", "gamma_lag", "passage_times", "simulate_passage"]

type Array = NDArray[np.float64]
type Value = float | xr.DataArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Route:
    """A share of cases that goes to another stage, after a lag.

    Parameters
    ----------
    to : str
        The stage where they arrive.
    share : float or xarray.DataArray
        Share, 0 to 1, along any of ``draw``, ``country`` and ``month`` (of the decision).
    lag : sequence of float or xarray.DataArray
        Shares by months from decision to arrival, 0, 1, 2 …, one in all; along ``after`` (and ``draw``, ``country``)
        where it is uncertain. `gamma_lag` makes some. Without it they arrive in the month of the decision.

    Raises
    ------
    DrawsError
        If a share is not from 0 to 1, or shares of the lag do not add up to one.

    Examples
    --------
    >>> Route(to="appeal", share=0.7, lag=[0.5, 0.3, 0.2]).shares.to_numpy()
    array([0.5, 0.3, 0.2])
    """

    to: str
    share: Value
    lag: Sequence[float] | xr.DataArray = (1.0,)

    def __post_init__(self) -> None:
        check_shares(f"route to {self.to!r}", [self.share])
        check_lag(f"route to {self.to!r}", self.shares)

    @property
    def shares(self) -> xr.DataArray:
        """The lag along ``after``."""
        return self.lag if isinstance(self.lag, xr.DataArray) else xr.DataArray(np.array(self.lag, float), dims="after")


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """A stage of the procedure: its queue, and what becomes of the cases that it decides.

    Every number may be an array along ``draw``, ``country`` and ``month`` (the backlog has no month). Staff that stages
    share in fixed parts are arithmetic: ``capacity=0.3 * officers * cases_per_officer``.

    Parameters
    ----------
    capacity : float or xarray.DataArray
        Cases that can be decided in a month.
    backlog : float or xarray.DataArray
        Cases that wait before the first month.
    withdrawal : float or xarray.DataArray
        Share of those waiting at a month's start that withdraws in it, and leaves the passage.
    order : str
        One of `poblar.forecast.orders.ORDERS`.
    recognized : float or xarray.DataArray
        Share of the decided that gets protection: grants, or appeals allowed.
    remitted : sequence of Route
        Shares of the decided that are sent to another stage without an answer, as a rule back to an earlier one.
    rejected : sequence of Route
        Shares of all others decided, the rejected, that go on to a stage: an appeal, a return. The rest leaves.
    ages : xarray.DataArray, optional
        The backlog by completed months waited, as `poblar.forecast.simulate_queue` takes it.

    Raises
    ------
    DrawsError
        If the order is unknown, a share is not from 0 to 1, or those of the decided, or of the rejected, are more than
        one in all.

    Examples
    --------
    >>> appeal = Stage(capacity=300, recognized=0.4, rejected=[Route(to="return", share=1.0)],
    ...     remitted=[Route(to="first decision", share=0.05, lag=[0.0, 1.0])])
    >>> appeal.order
    'first in, first out'
    """

    capacity: Value
    backlog: Value = 0.0
    withdrawal: Value = 0.0
    order: str = ORDERS[0]
    recognized: Value = 0.0
    remitted: Sequence[Route] = ()
    rejected: Sequence[Route] = ()
    ages: xr.DataArray | None = None

    def __post_init__(self) -> None:
        check_order(self.order)
        check_shares("recognized and remitted of the decided", [self.recognized, *(way.share for way in self.remitted)])
        check_shares("routes of the rejected", [way.share for way in self.rejected])


def gamma_lag(mean: Value, shape: float = 1.0) -> xr.DataArray:
    r"""Shares by month of a lag with a gamma distribution, exponential by default.

    .. math:: \ell_k = G(k + 1) - 2 G(k) + G(k - 1), \qquad G(x) = \int_0^x F(u) \, du

    with F the distribution function: decisions fall on any time of their month with equal chance, and lags that end
    within the k-th month after it are counted there. That keeps the mean.

    Parameters
    ----------
    mean : float or xarray.DataArray
        Months, zero or more; along ``draw`` (or ``country``) where it is uncertain.
    shape : float
        Larger is narrower: the variance is mean² / shape, and 1 is exponential.

    Returns
    -------
    xarray.DataArray
        Shares along ``after``, and the axes of the mean, for a `Route`. The longest millionth is left out.

    Raises
    ------
    DrawsError
        If the mean is negative or not finite, or the shape is not above zero.

    Examples
    --------
    >>> lag = gamma_lag(1.5)
    >>> lag.to_numpy()[:3].round(3), round(float((lag * lag["after"]).sum()), 3)
    (array([0.27 , 0.355, 0.182]), 1.5)
    """
    scale = xr.DataArray(mean) / shape if shape > 0 else xr.DataArray(np.nan)
    if not bool((np.isfinite(scale) & (scale >= 0)).all()):
        raise DrawsError(f"expected a mean of zero or more months and a shape above zero, found {mean} and {shape}.")
    months = np.arange(2 + int(np.ceil(float(scale.max()) * gammaincinv(shape, 1.0 - 1e-6))))
    scale = scale.clip(min=1e-9)  # a mean of zero: all in the month itself

    def integral(shift: int) -> xr.DataArray:
        end = xr.DataArray(np.maximum(months + shift, 0.0), coords={"after": months})
        first, second = (xr.apply_ufunc(gammainc, power, end / scale) for power in (shape, shape + 1.0))
        return end * first - shape * scale * second

    shares = (integral(1) - 2.0 * integral(0) + integral(-1)).clip(min=0.0)
    return (shares / shares.sum("after")).transpose(..., "after").assign_attrs(units="share")


def simulate_passage(
    arrivals: xr.DataArray, stages: Mapping[str, Stage], *, keep: Collection[str] = (), longest: int = 24
) -> xr.Dataset:
    """Run cases through all stages.

    Parameters
    ----------
    arrivals : xarray.DataArray
        Cases from outside, persons per month along ``month`` (and ``draw``, ``country``): at the first stage, or along
        ``stage`` at those it names. Cases decided before the first month that have not lodged yet belong here, at the
        stage where they will arrive.
    stages : mapping of str to Stage
        The stages by name, in their order.
    keep, longest : collection of str, int
        Distributions of waits to keep for `poblar.forecast.waits`, as in `poblar.forecast.simulate_queue`.

    Returns
    -------
    xarray.Dataset
        Along (draw, stage, month), and country where an input has it. Stocks at the month's start, persons:
        ``pending``, and ``waiting_to_lodge``, decided at this stage and not yet arrived at the one they go to. Persons
        per month: ``arrivals``, and ``lodged`` of them that a stage sent; ``decided``, which are ``recognized``,
        ``remitted``, ``onward`` and ``left``; ``withdrawn``. ``waited``, ``wait`` and what is kept are those of this
        stage alone, as in `poblar.forecast.simulate_queue`.

        No case is lost: pending changes by arrivals less decided and withdrawn, and waiting to lodge, over all stages,
        by onward and remitted less lodged.

    Raises
    ------
    DrawsError
        If a route goes to no stage, or in less than a month to its own or an earlier one; if axes or labels are
        others; or if a stage's figures are such as `poblar.forecast.simulate_queue` refuses.

    Examples
    --------
    After two years of three more decisions in ten 7,200 fewer wait for one, but 3,051 more for their appeal.

    >>> import numpy as np, xarray as xr
    >>> months = np.arange("2027-01", "2029-02", dtype="datetime64[M]").astype("datetime64[s]")
    >>> arrivals = xr.DataArray(np.full(25, 1000.0), coords={"month": months})
    >>> def run(capacity):
    ...     return simulate_passage(arrivals, {
    ...         "first decision": Stage(capacity=capacity, backlog=8000, recognized=0.4,
    ...             rejected=[Route(to="appeal", share=0.75, lag=gamma_lag(1.0))]),
    ...         "appeal": Stage(capacity=350, recognized=0.3)})
    >>> gain = (run(1000) - run(1300))["pending"].isel(draw=0, month=-1)
    >>> gain.to_numpy().round(), float(gain.sum().round())
    (array([ 7200., -3051.]), 4149.0)
    """
    like = _axes(arrivals, stages)
    outside = arrivals_of(arrivals, list(stages), like)
    branches = _branches(stages, like)
    loads = {
        name: xr.Dataset(
            {
                "backlog": along(stage.backlog, like.isel(month=0, drop=True)),
                "productivity": along(stage.capacity, like),
                "withdrawal": along(stage.withdrawal, like),
            }
        )
        for name, stage in stages.items()
    }

    def decide(name: str, cases: Array) -> Array:
        """How many are decided is the same in every order of work."""
        backlog, *flows = (value.to_numpy() for value in loads[name].values())
        try:
            run = run_queue(backlog.ravel(), *(flow.reshape(-1, like.shape[-1]) for flow in (cases, *flows)))
        except DrawsError as error:
            raise DrawsError(f"{name}: {error}") from error
        return run.decided.reshape(like.shape)

    came, runs = settle(outside, branches, decide), []
    for name, stage in stages.items():
        load = loads[name].assign(arrivals=(DIMS, came[name]))
        run = simulate_queue(load, 1.0, order=stage.order, ages=stage.ages, keep=keep, longest=longest)
        run = run.drop_vars("removed")
        decided = run["decided"].to_numpy()
        moving, remitted, onward = np.zeros((3, *like.shape))
        flows = {"recognized": decided * along(stage.recognized, like).to_numpy()}
        flows |= {"remitted": remitted, "onward": onward}
        for branch in branches:
            if branch.source == name:
                sent = branch.share * decided
                flows[branch.kind] += sent
                moving += sent - later(sent, branch.lag)
        flows["left"] = np.maximum(decided - sum(flows.values()), 0.0)
        flows["lodged"] = came[name] - outside[name]
        waiting = np.maximum(moving.cumsum(-1) - moving, 0.0)
        run = run.assign({key: (DIMS, flow, {"units": "persons per month"}) for key, flow in flows.items()})
        runs.append(run.assign(waiting_to_lodge=(DIMS, waiting, {"units": "persons"})))
    found = xr.concat(runs, pd.Index(list(stages), name="stage"), join="exact", combine_attrs="override")
    found = found.transpose("draw", "country", "stage", "month", ...)
    return found if "country" in like.coords else found.squeeze("country")


def passage_times(run: xr.Dataset) -> xr.Dataset:
    r"""Mean months in each stage, on the way to the next and in the passage as a whole, by Little's law.

    .. math:: T = \sum_t N_t / \sum_t X_t

    with the N that are there at the start of each month of the run and the X that leave in it. That is the mean time of
    those who pass, from the month of arrival to the month of the exit, where the passage is in a steady state; and
    elsewhere the months that those who are there would take at the pace of the run.

    Parameters
    ----------
    run : xarray.Dataset
        From `simulate_passage`; ``run.sel(month=slice("2028-01", "2028-12"))`` for a year.

    Returns
    -------
    xarray.Dataset
        Months, along draw (and country): ``in_stage`` and ``to_lodge`` along stage, of one visit; ``passage`` from
        the first arrival to the final exit, with all visits. NaN where nobody leaves.

    References
    ----------
    Little, J. D. C. (1961). A proof for the queuing formula L = λW. Operations Research 9(3), 383-387.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> months = np.arange("2027-01", "2028-01", dtype="datetime64[M]").astype("datetime64[s]")
    >>> run = simulate_passage(xr.DataArray(np.full(12, 100.0), coords={"month": months}), {
    ...     "first decision": Stage(capacity=100, backlog=300, rejected=[Route(to="appeal", share=0.5)]),
    ...     "appeal": Stage(capacity=50, backlog=400)})
    >>> times = passage_times(run).squeeze("draw")
    >>> times["in_stage"].to_numpy(), float(times["passage"])
    (array([3., 8.]), 7.0)
    """
    total = run.sum("month")
    pairs = {
        "in_stage": (total["pending"], total["decided"] + total["withdrawn"]),
        "to_lodge": (total["waiting_to_lodge"], total["onward"] + total["remitted"]),
        "passage": (
            (total["pending"] + total["waiting_to_lodge"]).sum("stage"),
            (total["recognized"] + total["left"] + total["withdrawn"]).sum("stage"),
        ),
    }
    times = {name: (there / out.where(out > 0)).assign_attrs(units="months") for name, (there, out) in pairs.items()}
    return xr.Dataset(times)


def _axes(arrivals: xr.DataArray, stages: Mapping[str, Stage]) -> xr.DataArray:
    """Zeros along draw, country and month of everything that is given."""
    given = [arrivals.isel(stage=0, drop=True) if "stage" in arrivals.dims else arrivals]
    for stage in stages.values():
        ways = [*stage.remitted, *stage.rejected]
        values = [stage.capacity, stage.backlog, stage.withdrawal, stage.recognized, *(way.share for way in ways)]
        given += [value for value in values if isinstance(value, xr.DataArray)]
        given += [way.shares.isel(after=0, drop=True) for way in ways]
    return common_axes(given)


def _branches(stages: Mapping[str, Stage], like: xr.DataArray) -> list[Branch]:
    """All routes, as shares of the decided."""
    order, cell = list(stages), like.isel(month=0, drop=True)
    found: list[Branch] = []

    def add(name: str, ways: Sequence[Route], kind: Literal["remitted", "onward"], of: Value) -> None:
        for way in ways:
            if way.to not in stages:
                raise DrawsError(f"{name}: expected a route to one of {order}, found {way.to!r}; add the stage.")
            lag = along(way.shares, cell.expand_dims(after=way.shares.sizes["after"], axis=-1))
            if order.index(way.to) <= order.index(name) and bool((now := lag.isel(after=0)).any()):
                raise DrawsError(
                    f"{name}: expected a month at least on the way back to {way.to!r}, found a share of "
                    f"{float(now.max()):g} in the month of the decision; begin the lag with 0.0."
                )
            found.append(Branch(name, way.to, kind, (of * along(way.share, like)).to_numpy(), lag.to_numpy()))

    for name, stage in stages.items():
        answered = 1.0 - along(stage.recognized, like) - sum((along(way.share, like) for way in stage.remitted), like)
        add(name, stage.remitted, "remitted", 1.0)
        add(name, stage.rejected, "onward", answered.clip(min=0.0))
    return found
