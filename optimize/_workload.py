"""What comes to the offices: the queue of every office and stage, and how one stage feeds the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..forecast._passage import along, later
from ..forecast.passage import Route
from ..forecast.queue import simulate_queue
from .errors import GoalError
from .words import month

__all__ = ["Queue", "Workload", "open_workload"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]
Queue = tuple[str, str]  # office and stage; "" where there are no stages
DIMS = ("draw", "country", "month")
DRIVERS = ("arrivals", "productivity", "withdrawal")


@dataclass(frozen=True, eq=False)
class Workload:
    """The queues from the plan's start on, stage by stage, as they are without the plan."""

    stages: Mapping[str, xr.Dataset]  # (draw, country, month), country for office, with the backlog of each draw
    onward: Mapping[str, Sequence[Route]]
    position: int  # months from the ledger's end to the start
    before: Array  # officers (queue,) at work from the ledger's end to the start
    how: Mapping[str, Any]  # order of work, and how arrivals answer to the wait

    @property
    def offices(self) -> list[str]:
        """Labels of the offices."""
        return [str(name) for name in next(iter(self.stages.values()))["country"].to_numpy()]

    @property
    def queues(self) -> list[Queue]:
        """Office and stage of each queue, stage by stage."""
        return [(office, stage) for stage in self.stages for office in self.offices]

    @property
    def labels(self) -> NDArray[np.datetime64]:
        """The months from the start to the horizon."""
        return next(iter(self.stages.values()))["month"].to_numpy().astype("datetime64[M]")

    @property
    def draws(self) -> int:
        """How many."""
        return next(iter(self.stages.values())).sizes["draw"]

    def of(self, office: str) -> Workload:
        """The queues of one office."""
        at = self.offices.index(office)
        one = {name: stage.isel(country=[at]) for name, stage in self.stages.items()}
        return replace(self, stages=one, before=self.before[at :: len(self.offices)])

    def how_at(self, stage: int) -> dict[str, Any]:
        """How a stage is worked: those who apply answer to the first one's wait."""
        return {key: value for key, value in self.how.items() if stage == 0 or key != "response"}

    def arriving(
        self,
        officers: Array,
        moved: Array | None = None,
        draws: Positions | None = None,
        invited: Array | float = 0.0,
        handed: Array | None = None,
    ) -> list[xr.Dataset]:
        """The queues, stage by stage, with what arrives when these officers are at work.

        `officers` (queue, month) or (draw, queue, month); `moved` (office, office, month), the share of the applicants
        of the first that is sent to the second; `draws` some of them; `invited` (office, month), who come besides;
        `handed` (office, office), the share of those waiting at the start who are sent.
        """
        count, found = len(self.offices), []
        sent: dict[str, Array] = {}
        for number, (name, stage) in enumerate(self.stages.items()):
            queue = stage if draws is None else stage.isel(draw=draws)
            arrivals = queue["arrivals"].to_numpy()
            if number == 0 and moved is not None:
                arrivals = np.maximum(arrivals + send(arrivals, moved), 0.0)
            if number == 0 and handed is not None:
                waiting = queue["backlog"].transpose("draw", "country").to_numpy()
                waiting = np.maximum(waiting + waiting @ handed - waiting * handed.sum(axis=1), 0.0)
                queue = queue.assign(backlog=(("draw", "country"), waiting))
            besides = sent.get(name, 0.0) if number else invited
            queue = queue.assign(arrivals=(DIMS, arrivals + besides))
            found.append(queue)
            if self.onward.get(name):
                staff = staff_of(queue, officers[..., number * count : (number + 1) * count, :])
                decided = simulate_queue(queue, staff, **self.how_at(number))["decided"].transpose(*DIMS)
                for route in self.onward[name]:
                    sent[route.to] = sent.get(route.to, 0.0) + _sent(decided, route)
        return found


def open_workload(
    queue: xr.Dataset,
    start: str,
    before: Array,
    onward: Mapping[str, Sequence[Route]],
    how: Mapping[str, Any],
) -> Workload:
    """The queues from the start on, after `before` officers (queue,) have worked on them since the ledger ended."""
    labels = queue["month"].to_numpy().astype("datetime64[M]")
    position = int((month(start) - labels[0]).astype(int))
    if not 0 <= position < len(labels) - 3:
        raise GoalError(
            f"expected a start between {labels[0]} and {labels[-1]}, the months forecast, found {start}; "
            "forecast further."
        )
    queue = queue.rename(office="country") if "office" in queue.dims else queue
    names = [str(name) for name in queue["stage"].to_numpy()] if "stage" in queue.dims else [""]
    _check_routes(onward, names)
    like = queue["arrivals"].isel(stage=0, drop=True) if "stage" in queue.dims else queue["arrivals"]
    like, stages, count = like.transpose(*DIMS), {}, like.sizes["country"]
    sent: dict[str, Array] = {}
    for number, name in enumerate(names):
        part = queue.sel(stage=name, drop=True) if "stage" in queue.dims else queue
        part = xr.Dataset(
            {key: along(part[key], like) for key in DRIVERS}
            | {"backlog": along(part["backlog"], like.isel(month=0, drop=True))}
        )
        part = part.assign(arrivals=part["arrivals"] + sent.get(name, 0.0))
        if position:
            early = part.isel(month=slice(None, position + 1))
            run = simulate_queue(
                early, staff_of(early, np.repeat(before[number * count :][:count, None], position + 1, 1))
            )
            decided = run["decided"].isel(month=slice(None, position)).reindex(month=like["month"]).fillna(0.0)
            decided = decided.transpose(*DIMS)
            for route in onward.get(name, ()):
                sent[route.to] = sent.get(route.to, 0.0) + _sent(decided, route)
            part = part.assign(backlog=run["pending"].isel(month=position, drop=True))
        stages[name] = part.isel(month=slice(position, None))
        fed = any(route.to == name for routes in onward.values() for route in routes)
        if number and not fed and float(part["arrivals"].sum() + part["backlog"].sum()) <= 0.0:
            raise GoalError(
                f"{name}: expected cases that arrive or wait, or a route from an earlier stage, found none; leave the "
                "stage out, or give onward=."
            )
    return Workload(stages, onward, position, before, how)


def staff_of(queue: xr.Dataset, officers: Array) -> xr.DataArray:
    """Officers (…, office, month) with the labels of a queue."""
    dims = DIMS if officers.ndim == 3 else DIMS[1:]
    return xr.DataArray(officers, dims=dims, coords={"country": queue["country"], "month": queue["month"]})


def send(arrivals: Array, moved: Array) -> Array:
    """What the arrivals (draw, office, month) change by when shares (from, to, month) of them are sent on."""
    gone = arrivals * moved.sum(axis=1)
    return np.einsum("dom,opm->dpm", arrivals, moved) - gone


def _sent(decided: xr.DataArray, route: Route) -> Array:
    """Cases that arrive at the next stage, of those decided in each month (draw, office, month)."""
    share = along(_by_office(route.share), decided).to_numpy()
    lag = _by_office(route.shares)
    rest = {dim: decided[dim] for dim in DIMS[:2] if dim in lag.dims}
    lag = lag.transpose(*rest, "after").to_numpy()
    if lag.ndim == 2:
        lag = lag[:, None] if "draw" in rest else lag[None]
    return later(share * decided.to_numpy(), lag)


def _by_office(value: Any) -> xr.DataArray:
    array = xr.DataArray(value)
    return array.rename(office="country") if "office" in array.dims else array


def _check_routes(onward: Mapping[str, Sequence[Route]], names: Sequence[str]) -> None:
    for origin, routes in onward.items():
        for route in routes:
            if origin not in names or route.to not in names[names.index(origin) + 1 :]:
                raise GoalError(
                    f"expected routes between stages of the queue, {list(names)}, to a later one, found "
                    f"{origin!r} to {route.to!r}."
                )
