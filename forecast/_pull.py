"""What a lever does to the paths of a forecast; a path that it does not move is left as it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from ._paths import HIGHEST_TFR, Paths
from .errors import DrawsError
from .levers import Amount, Cap, Delay, Lever, Multiply, Names, Replace, Shift, says
from .migrants import UNITS, Corridors, Migrants
from .schedules import PROFILES

ADDED = {"persons per year": ", persons added", "per person-year": ", rate added"}  # a flow apart: whose, and who
Selection = dict[str, list[str] | list[int]]


def pull(lever: Lever, paths: Paths) -> Paths:
    """The paths after one lever."""
    match lever.on:
        case "fertility":
            high = 1.0 if "age" in paths.fertility.dims else HIGHEST_TFR
            return replace(paths, fertility=_moved(lever, paths.fertility, paths, 0.0, high))
        case "mortality":
            high = 1.0 if "age" in paths.mortality.dims else np.inf
            return replace(paths, mortality=_moved(lever, paths.mortality, paths, 0.0, high))
        case "corridors" if paths.corridors is not None:
            return replace(paths, corridors=_corridors(lever, paths.corridors, paths))
        case _:
            return replace(paths, migrants=_flows(lever, paths))


def _corridors(lever: Lever, corridors: Corridors, paths: Paths) -> Corridors:
    if lever.ages is not None:
        raise DrawsError(
            f"{says(lever)}: expected no ages=, found {lever.ages}; all who move along corridors are of "
            "Corridors(ages=…)."
        )
    total = _moved(lever, corridors.total, paths, 0.0, np.inf if corridors.is_count else 1.0)
    at_home = total["origin"] == total["destination"]  # nobody moves from a country to itself
    return replace(corridors, total=total.where(~at_home, 0.0).assign_attrs(total.attrs))


def _flows(lever: Lever, paths: Paths) -> tuple[Migrants, ...]:
    """The flows after a lever on one of them."""
    name = "net" if lever.on == "migration" else lever.on
    flows = {flow.name: flow for flow in paths.migrants}
    if name not in flows:
        known = ["migration" if one == "net" else one for one in flows]
        known += ["corridors"] if paths.corridors is not None else []
        raise DrawsError(
            f"{says(lever)}: expected one of fertility, mortality, {', '.join(known)}, found {lever.on!r}; give "
            "project that flow, or move another."
        )
    flow = flows[name]
    apart = _is_apart(lever, flow)
    added = [other for other in flows if other.startswith(tuple(f"{name}{how}" for how in ADDED.values()))]
    if added and not (apart and isinstance(lever, Shift)):
        raise DrawsError(
            f"{says(lever)}: expected it before the levers that add people to the flow, found it after; reorder."
        )
    if not apart:
        flows[name] = _in_place(lever, flow, paths)
        return tuple(flows.values())
    assert isinstance(lever, Shift | Replace)
    if isinstance(lever, Replace):
        ages = None if isinstance(lever.ages, str) else lever.ages
        nobody = Multiply(by=0.0, on=lever.on, country=lever.country, years=lever.years, ages=ages)
        flows[name] = _in_place(nobody, flow, paths)
    more = _addition(lever, flow, paths)
    before = flows.get(more.name)
    if before is not None:
        more = replace(more, total=(before.total + more.total).assign_attrs(more.total.attrs))
    return tuple((flows | {more.name: more}).values())


def _is_apart(lever: Lever, flow: Migrants) -> bool:
    """Whether a lever adds people of other units or ages than the flow's, who need a flow of their own."""
    if not isinstance(lever, Shift | Replace):
        return False
    if flow.by_age:
        return not (isinstance(lever.by, xr.DataArray) and "age" in lever.by.dims)
    return lever.ages is not None or lever.units not in (None, flow.total.attrs["units"])


def _in_place(lever: Lever, flow: Migrants, paths: Paths) -> Migrants:
    """The flow itself, moved."""
    if flow.by_age and isinstance(lever, Cap):
        raise DrawsError(f"{says(lever)}: expected a flow of totals, found one by age; cap the array before.")
    if lever.ages is not None and not flow.by_age:
        if not isinstance(lever, Multiply):
            raise DrawsError(
                f"{says(lever)}: expected no ages= on a flow of totals, found {lever.ages}; Multiply or Shift "
                "those ages."
            )
        return _multiplied(lever, flow, paths)
    low = -np.inf if flow.direction == "net" else 0.0
    low, high = (low, np.inf) if flow.is_count else (max(low, -1.0), 1.0)
    return replace(flow, total=_moved(lever, flow.total, paths, low, high))


def _multiplied(lever: Multiply, flow: Migrants, paths: Paths) -> Migrants:
    """A flow of totals with some ages multiplied: total and shares both change, and the draws never meet the ages."""
    shares = _shares(lever, flow)
    by = lever.by
    if isinstance(by, xr.DataArray) and "draw" in by.dims:
        raise DrawsError(f"{says(lever)}: expected the same by= in every draw on some ages, found draws; give totals.")
    moves = {"country": lever.country is not None, "year": lever.years is not None}
    axes = [axis for axis in moves if moves[axis] or (isinstance(by, xr.DataArray) and axis in by.dims)]
    plain = replace(lever, ages=None)
    factor = _moved(plain, _blank(flow, axes) + 1.0, paths, 0.0, np.inf)
    inside = _inside(shares, lever)
    growth = 1.0 + (factor - 1.0) * shares.where(inside, 0.0).sum(["sex", "age"])  # one to the bit where nothing moves
    growth = growth.where(growth > 1e-9, 0.0)
    weights = shares * xr.where(inside, factor, 1.0)
    total = (flow.total * growth).transpose(*flow.total.dims).assign_attrs(flow.total.attrs)
    ages = xr.where(growth > 0.0, weights / growth.where(growth > 0.0, 1.0), shares)  # of nobody any shares will do
    return replace(flow, total=total, ages=ages.transpose(..., "sex", "age").assign_attrs(units="share"))


def _addition(lever: Shift | Replace, flow: Migrants, paths: Paths) -> Migrants:
    """Those whom a lever adds, as a flow of their own."""
    units = lever.units or str(flow.total.attrs["units"])
    if units not in UNITS:
        raise DrawsError(f"{says(lever)}: expected units {' or '.join(map(repr, UNITS))}, found {units!r}; convert.")
    if flow.direction != "net" and (np.asarray(lever.by) < 0.0).any():
        raise DrawsError(
            f"{says(lever)}: expected people to add, found by= below zero on a flow in {flow.total.attrs['units']!r}; "
            "take away in its own units and without ages=, or Multiply."
        )
    if flow.by_age and lever.ages is None:
        raise DrawsError(f"{says(lever)}: expected ages= for people added to a flow by age, found none; say who.")
    ages: str | xr.DataArray | None = flow.ages
    who = ""
    if isinstance(lever.ages, str):
        ages, who = lever.ages, f" ({lever.ages})"
    elif lever.ages is not None:
        shares = _shares(lever, flow)
        some = shares.where(_inside(shares, lever), 0.0)
        ages = (some / some.sum(["sex", "age"])).assign_attrs(units="share")
        who = f" ({lever.ages[0]}-{lever.ages[1]})"
        if not bool(np.isfinite(ages).all()):
            raise DrawsError(f"{says(lever)}: expected ages of the flow, found {lever.ages} which it has none of.")
    plain = Shift(by=lever.by, on=lever.on, country=lever.country, years=lever.years)
    low, high = (-np.inf, np.inf) if units == UNITS[0] else (-1.0, 1.0)
    total = _moved(plain, _blank(flow, ["country", "year"]).assign_attrs(units=units), paths, low, high)
    return replace(flow, name=f"{flow.name}{ADDED[units]}{who}", total=total, ages=ages)


def _blank(flow: Migrants, axes: list[str]) -> xr.DataArray:
    """Zeros over some axes of a flow's total."""
    coords = {axis: flow.total[axis].to_numpy() for axis in axes}
    return xr.DataArray(np.zeros([len(labels) for labels in coords.values()]), coords=coords, dims=axes)


def _shares(lever: Lever, flow: Migrants) -> xr.DataArray:
    """Ages of a flow, none below zero; a part of net migrants of whom some ages gain and some lose means nothing."""
    if flow.ages is None and flow.direction == "net" and isinstance(lever, Multiply):
        raise DrawsError(
            f"{says(lever)}: expected a flow with ages for ages={lever.ages}, found net migration with the region's; "
            "give immigration and emigration apart, or Migrants(ages=…)."
        )
    shares = flow.ages if isinstance(flow.ages, xr.DataArray) else PROFILES[flow.ages or "family"]
    if bool((shares < 0.0).any()):
        raise DrawsError(
            f"{says(lever)}: expected shares of ages that are zero or more, found some below; give immigration and "
            "emigration apart."
        )
    return shares


def _inside(shares: xr.DataArray, lever: Lever) -> xr.DataArray:
    assert isinstance(lever.ages, tuple)
    return (shares["age"] >= lever.ages[0]) & (shares["age"] <= lever.ages[1])


def _moved(lever: Lever, path: xr.DataArray, paths: Paths, low: float, high: float) -> xr.DataArray:
    """A path with the part that a lever names changed, checked to lie within low and high."""
    units = None if isinstance(lever, Multiply | Delay) else lever.units
    found = path.attrs.get("units")
    if units not in (None, found):
        raise DrawsError(f"{says(lever)}: expected units {found!r}, those of the path, found {units!r}; convert.")
    _check_limits(lever, found, low, high)
    selection = _selection(lever, path)
    changed = path.astype(float)
    by = 0.0 if isinstance(lever, Cap | Delay) else _amount(lever, lever.by, changed.sel(selection), paths)
    if isinstance(by, xr.DataArray) and "draw" in by.dims and "draw" not in path.dims:
        changed = changed.expand_dims(draw=by["draw"].to_numpy()).copy()
    part = changed.sel(selection)
    moved = _change(lever, part, by).transpose(*part.dims)
    if selection:
        changed = changed.copy()
        changed.loc[selection] = moved
    else:
        changed = moved
    least, most = float(moved.min()), float(moved.max())
    if least < low or most > high:
        raise DrawsError(
            f"{says(lever)}: expected {low:g} to {high:g} {found or ''} afterwards, found "
            f"{least if least < low else most:g}; change by less, or check the units of by=."
        )
    return changed.assign_attrs(path.attrs)


def _change(lever: Lever, part: xr.DataArray, by: Amount) -> xr.DataArray:
    match lever:
        case Multiply():
            return part * by
        case Shift():
            return part + by
        case Replace():
            return xr.zeros_like(part) + by
        case Cap():
            return part.clip(lever.at_least, lever.at_most)
        case Delay():
            years = part["year"].to_numpy()
            since = int(years[0]) + 1 if lever.since is None else lever.since
            if not years[0] < since <= years[-1]:
                raise DrawsError(
                    f"{says(lever)}: expected since= of {years[0] + 1} to {years[-1]}, found {since}; forecast further."
                )
            source = np.where(years < since, years, np.maximum(years - lever.years, since - 1))
            return part.sel(year=source).assign_coords(year=years)


def _check_limits(lever: Lever, units: str | None, low: float, high: float) -> None:
    """A limit that no value of the path can reach is one in other units."""
    for limit in (lever.at_most, lever.at_least) if isinstance(lever, Cap) else ():
        if limit is not None and not low <= limit <= high:
            raise DrawsError(
                f"{says(lever)}: expected limits of {low:g} to {high:g} {units}, the path's units, found {limit:g}; "
                "convert."
            )


def _amount(lever: Lever, by: Amount, part: xr.DataArray, paths: Paths) -> Amount:
    """by= with the labels of the part that it moves, whatever their order."""
    if not isinstance(by, xr.DataArray):
        return float(by)
    for axis in map(str, by.dims):
        if axis not in part.dims and axis != "draw":
            raise DrawsError(
                f"{says(lever)}: expected by= over some of {', '.join(map(str, part.dims))}, found an axis {axis!r}."
            )
        wanted = part[axis].to_numpy() if axis in part.dims else paths.draws
        given = by[axis].to_numpy() if axis in by.coords else np.array([])
        if len(given) != len(wanted) or set(given.tolist()) != set(wanted.tolist()):
            raise DrawsError(
                f"{says(lever)}: expected by= for the {len(wanted)} labels of {axis} that it moves, {wanted[0]} to "
                f"{wanted[-1]}, found {by.sizes[axis]}{'' if axis in by.coords else ' without labels'}; label it alike."
            )
        by = by.sel({axis: wanted})
    return by


def _selection(lever: Lever, path: xr.DataArray) -> Selection:
    """The labels of a path that a lever moves; axes that it takes whole are left out."""
    between = "origin" in path.dims
    wanted: dict[str, Names] = {
        "country": lever.country,
        "origin": lever.origin,
        "destination": lever.destination,
    }
    selection: Selection = {}
    for axis, names in wanted.items():
        if names is None:
            continue
        if axis not in path.dims:
            say = "origin= and destination=" if between else "country="
            raise DrawsError(f"{says(lever)}: expected {say}, found {axis}=; only corridors have two ends.")
        selection[axis] = [names] if isinstance(names, str) else list(names)
    if not isinstance(lever, Delay) and lever.years is not None:
        selection["year"] = [int(year) for year in lever.years]
    if lever.ages is not None:
        if "age" not in path.dims or isinstance(lever.ages, str):
            what = "(low, high) on rates by age" if "age" in path.dims else f"none on a path in {path.attrs['units']!r}"
            raise DrawsError(
                f"{says(lever)}: expected ages= {what}, found {lever.ages!r}; leave it out, or give rates by age."
            )
        selection["age"] = list(range(lever.ages[0], lever.ages[1] + 1))
    for axis, labels in selection.items():
        known = path[axis].to_numpy().tolist()
        unknown = [label for label in labels if label not in known]
        if unknown or not labels or len(set(labels)) < len(labels):
            span = f"{known[0]} to {known[-1]}" if axis in ("year", "age") else ", ".join(known)
            raise DrawsError(
                f"{says(lever)}: expected {axis} among {span}, each once, found "
                f"{', '.join(map(str, unknown or labels)) or 'none'}; forecast them too, or name others."
            )
    return selection
