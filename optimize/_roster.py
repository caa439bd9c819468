"""A staffing plan as a planner reads it: by quarter, grade, office and stage, and the limits that it stands at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ._workforce import QUARTER, Block, Workforce, cap_at
from .office import Overtime, Staffing, Surge
from .words import months_in

__all__ = ["limits_met", "roster", "whole_officers"]

Array = NDArray[np.float64]
NEAR = 2.0  # officers; so near, a cap binds
SHARE = 1e-3
TRACE = 1e-6  # officers


def roster(staff: Workforce, plan: Array) -> xr.Dataset:
    """The plan by quarter; axes with one label are left out.

    Parameters
    ----------
    staff : Workforce
    plan : array, shape (column,)

    Returns
    -------
    xarray.Dataset
        Along grade, office, stage and month (the first of each quarter): ``hires``, ``releases`` and ``in_post`` at its
        end; along office, stage and month, of all grades together, ``at_work`` at its end, ``cost`` in it, and
        ``surge`` and ``overtime`` where there are such levers; ``allocated`` to each stage, where stages share staff;
        ``redirected``, share of the applicants of an office sent to another, and ``waiting_redirected``, of those
        waiting at the start; ``invited``, persons; ``opened``; and ``officers`` at work in each month (``calendar``).
    """
    starts = QUARTER * np.arange(staff.quarters)
    last = np.minimum(starts + QUARTER, staff.months) - 1
    offices = list(staff.offices)
    stages = list(dict.fromkeys(stage for _, stage in staff.pools))
    pools = np.array([[staff.pools.index((office, stage)) for stage in stages] for office in offices])
    officers = {"units": "officers"}

    def by_pool(values: Array) -> xr.DataArray:
        return _named(values[pools], offices, stages, staff.labels[starts])

    variables: dict[str, xr.DataArray] = {}
    grades = [lever.name for lever in staff.grades]
    for what in ("hires", "releases"):
        found = np.zeros((len(grades), len(staff.pools), staff.quarters))
        for block in staff.staff:
            if isinstance(block.lever, Staffing) and block.what == what:
                found[staff.grades.index(block.lever), block.pool, : len(block.columns)] = plan[block.columns]
        variables[what] = _by_grade([by_pool(values) for values in found], grades)
    in_post = []
    for grade in range(len(grades)):
        posted = [staff.posted(pool, grade) for pool in range(len(staff.pools))]
        there = np.array([fixed + matrix @ plan[columns] for fixed, matrix, columns in posted])
        in_post.append(by_pool(np.maximum(there, 0.0)[:, last]))
    variables["in_post"] = _by_grade(in_post, grades)
    at_work = np.array([staff.fixed(pool) + staff.added(pool, plan) for pool in range(len(staff.pools))])
    variables["at_work"] = by_pool(np.maximum(at_work, 0.0)[:, last])
    for kind in (Surge, Overtime):
        blocks = [block for block in staff.staff if isinstance(block.lever, kind)]
        if blocks:
            found = np.zeros((len(staff.pools), staff.quarters))
            for block in blocks:
                found[block.pool, : len(block.columns)] += plan[block.columns]
            variables[blocks[0].what] = by_pool(found)
    names = list(dict.fromkeys(stage for _, stage in staff.queues))
    queues = np.array([[staff.queues.index((office, stage)) for stage in names] for office in offices])
    officers_at = staff.officers(plan)[queues]
    if staff.shared:
        variables["allocated"] = _named(officers_at[..., last], offices, names, staff.labels[starts])
    found = xr.Dataset({name: values.assign_attrs(officers) for name, values in variables.items()})
    found["officers"] = _named(officers_at, offices, names, staff.labels).rename(month="calendar")
    cost = by_pool(np.add.reduceat(staff.cost(plan), starts, axis=1))
    found["cost"] = cost.assign_attrs(units=f"{staff.currency} per quarter")
    if staff.redirects:
        moved = staff.moved(plan)[..., starts]
        found["redirected"] = ("office", "destination", "month"), moved, {"units": "share"}
        if staff.handed:
            found["waiting_redirected"] = ("office", "destination"), staff.handed_on(plan), {"units": "share"}
        found = found.assign_coords(office=offices, destination=offices)
    if staff.intakes:
        coming = np.add.reduceat(staff.coming(plan), starts, axis=1)
        found["invited"] = ("office", "month"), coming, {"units": "persons per quarter"}
        found = found.assign_coords(office=offices)
    if staff.openings:
        opened = [float(plan[column]) for column in staff.opened]
        found["opened"] = "opening", opened, {"units": "1 if opened"}
        found = found.assign_coords(opening=[lever.office for lever in staff.openings])
    return found


def limits_met(staff: Workforce, plan: Array) -> list[str]:
    """Caps and budgets that the plan stands at, in words."""
    found: list[str] = []
    several = len(staff.pools) > 1
    for grade, lever in enumerate(staff.grades):
        for pool, (office, stage) in enumerate(staff.pools):
            where = f"{', '.join(name for name in (office, stage) if name)}: " if several else ""
            fixed, matrix, columns = staff.posted(pool, grade)
            cap = cap_at(lever.at_most, office)
            if cap is not None and (full := fixed + matrix @ plan[columns] >= cap - NEAR).any():
                found.append(f"{where}at most {cap:,.0f} {lever.name} in post, from {staff.labels[full][0]}")
            cap = cap_at(lever.hires_at_most, office)
            hires = [b for b in staff.staff if b.pool == pool and b.lever is lever and b.what == "hires"]
            if cap is not None and hires and (full := plan[hires[0].columns] >= np.floor(cap)).any():
                found.append(f"{where}at most {cap:,.0f} hires a quarter, in {int(full.sum())} quarters")
    for lever, columns in zip(staff.redirects, staff.sent, strict=True):
        if (full := plan[columns] >= lever.at_most - SHARE).any():
            found.append(
                f"at most {100 * lever.at_most:.0f} % sent from {lever.origin} to {lever.destination}, in "
                f"{int(full.sum())} quarters"
            )
    if staff.budget is not None:
        spent = staff.cost(plan).sum(axis=0)
        for year, inside in staff.fiscal_years.items():
            amount = staff.budget.amount(year)
            if amount is not None and spent[inside].sum() >= 0.97 * amount:
                found.append(f"{amount:,.0f} {staff.currency} in fiscal year {year}, {spent[inside].sum():,.0f} spent")
    return found


def whole_officers(staff: Workforce, plan: Array) -> Array:
    """Whole officers: at least as many in post as asked for, and as a rule less than one more."""
    plan = plan.copy()
    for pool in range(len(staff.pools)):
        for lever in staff.grades:
            mine = {b.what: b for b in staff.staff if b.pool == pool and b.lever is lever}
            if "hires" in mine:
                _round(plan, mine["hires"], mine.get("releases"), lever)
                cap = cap_at(lever.at_most, staff.pools[pool][0])
                if cap is not None:
                    _within(
                        plan, cap, staff.posted(pool, staff.grades.index(lever)), mine["hires"], mine.get("releases")
                    )
    for block in staff.staff:
        if isinstance(block.lever, Surge):
            plan[block.columns] = np.ceil(np.round(plan[block.columns], 6))
    for columns in staff.invited:
        plan[columns] = np.floor(np.round(plan[columns], 6))
    for pool in range(len(staff.pools)):
        mine = [columns for queue, columns in staff.shared.items() if staff.pool_of(queue) == pool]
        if mine:
            at_work = np.maximum(staff.fixed(pool) + staff.added(pool, plan), 0.0)
            given = np.sum([plan[columns] for columns in mine], axis=0)
            for columns in mine:
                part = np.divide(plan[columns], given, where=given > TRACE, out=np.full(staff.months, 1.0 / len(mine)))
                plan[columns] = part * at_work
    return plan


def _round(plan: Array, hires: Block, releases: Block | None, lever: Staffing) -> None:
    """Hires so far are rounded up; of releases so far as many more as that has added and is at work."""
    so_far = np.cumsum(plan[hires.columns])
    up = np.ceil(np.round(so_far, 6))
    plan[hires.columns] = np.diff(up, prepend=0.0) + 0.0  # not minus zero
    if releases is None:
        return
    lag = -(-(months_in(lever.recruitment_lag) + months_in(lever.training) + len(lever.ramp)) // QUARTER)
    added = np.zeros(len(releases.columns))
    count = min(len(up), len(added) - lag)
    if count > 0:
        added[lag : lag + count] = (up - so_far)[:count]
        added[lag + count :] = added[lag + count - 1]
    more = np.floor(np.round(np.cumsum(plan[releases.columns]) + added, 6))
    plan[releases.columns] = np.diff(np.minimum.accumulate(more[::-1])[::-1], prepend=0.0) + 0.0


def _within(
    plan: Array, cap: float, posted: tuple[Array, Array, NDArray[np.intp]], hires: Block, releases: Block | None
) -> None:
    """One officer fewer wherever rounding has put more in post than the cap, as long as those of the start may stay."""
    there, matrix, columns = posted
    most = np.maximum(cap, there) + TRACE
    while len(over := np.flatnonzero(there + matrix @ plan[columns] > most)):
        quarter = int(over[0]) // QUARTER
        if releases is not None and quarter < len(releases.columns):
            plan[releases.columns[quarter]] += 1.0
        else:
            come = (hires.posted[over[0]] > 0.0) & (plan[hires.columns] > 0.0)
            plan[hires.columns[np.flatnonzero(come)[-1]]] -= 1.0


def _named(
    values: Array, offices: Sequence[str], stages: Sequence[str], months: NDArray[np.datetime64]
) -> xr.DataArray:
    """Values (office, stage, month); an axis with one label is left out."""
    coords = {"office": list(offices), "stage": list(stages), "month": months.astype("datetime64[s]")}
    found = xr.DataArray(values, dims=("office", "stage", "month"), coords=coords)
    one = [dim for dim in ("office", "stage") if found.sizes[dim] == 1]
    return found.squeeze(one, drop=True)


def _by_grade(values: Sequence[xr.DataArray], grades: Sequence[str]) -> xr.DataArray:
    if len(grades) == 1:
        return values[0]
    return xr.concat(values, xr.IndexVariable("grade", list(grades)))
