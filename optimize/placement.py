"""Placement plans: which places people are offered, so that most find work and no place has more than its room."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ._offers import FULL, TEN, WIDEST, Offers, Places, Sets
from .chance import LEAST, Certificate, deal
from .errors import GoalError
from .labelled import Given, matched
from .plan import GoalReport, Plan, kept, missed
from .words import most_often, percent

__all__ = ["PlacementPlan"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]
ROUNDS = 6  # of asking more of the floors that rounding to whole persons broke


@dataclass(frozen=True, kw_only=True)
class PlacementPlan:
    r"""The offers of places to move to that most people find work by, with room for them where it is uncertain.

    With :math:`x_{gl}` people of group g offered locality l, the share :math:`a_l` of them who go, the share
    :math:`e_{gl}` of the adults :math:`h_g` who work there, and what each takes of a kind k of room, :math:`u_{kg}`:

    .. math:: \max_x \sum_{gl} \mathrm{E}[a_l e_{gl}] h_g x_{gl} \quad \text{with} \quad
        \mathrm{P}\Bigl(a_l \sum_g u_{kg} x_{gl} \le r_{lk} \text{ for all } l, k\Bigr) \ge p, \quad
        \sum_l x_{gl} \le n_g .

    Who refuses stays and takes no room. Offers are in whole persons, and a person is offered one place at most.

    Parameters
    ----------
    people : mapping of str to float, or xarray.DataArray
        Persons by ``group``.
    employment : xarray.DataArray
        Expected share of the adults employed (group, locality), from 0 to 1; or in each ``draw``.
    room : xarray.Dataset
        A variable for each kind of room (jobs, housing, services), in persons, (draw, locality); or (locality) where
        it is known. A draw is the same world in all of them.
    adults : float, mapping of str to float, or xarray.DataArray
        Share of the people who are adults, by ``group``. One, unless given: then `people` are adults.
    use : mapping of str to (float, mapping or xarray.DataArray), optional
        By kind, how much of the room one person of each ``group`` takes; one, unless given.
    acceptance : float or xarray.DataArray
        Share of those offered a place who go, (draw, locality) or (locality), from 0 to 1.
    ties : xarray.DataArray, optional
        Persons with family in a locality (group, locality); at least so many are offered it.
    floors : mapping of str to float, optional
        By group, the least share of all its adults expected to be employed, those not offered a place or who refuse
        counted as not employed.
    probability : float
        Asked for.
    together : bool
        Whether it holds for all localities at once, or for each by itself; either way for all kinds of its room.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> places = ["Saltillo", "Puebla"]
    >>> room = xr.Dataset({"jobs": (("draw", "locality"), rng.normal([300, 200], 20, (1000, 2)))},
    ...                   coords={"locality": places})
    >>> employment = xr.DataArray([[0.6, 0.4]], coords={"group": ["single"], "locality": places})
    >>> plan = PlacementPlan(people={"single": 1000}, employment=employment, room=room).solve(seed=1)
    >>> offered = plan.decision["offered"].sum("group")
    >>> plan.exists, bool(250 < offered.sel(locality="Saltillo") < 280)
    (True, True)
    """

    people: Mapping[str, float] | xr.DataArray
    employment: xr.DataArray
    room: xr.Dataset
    adults: Given = 1.0
    use: Mapping[str, Given] | None = None
    acceptance: float | xr.DataArray = 1.0
    ties: xr.DataArray | None = None
    floors: Mapping[str, float] | None = None
    probability: float = 0.9
    together: bool = True

    def solve(self, *, seed: int) -> Plan:
        """Solve for the plan.

        Parameters
        ----------
        seed : int
            Decides which draws are optimised over, calibrated on and held out.

        Returns
        -------
        Plan
            ``decided`` by group and locality: persons ``offered`` the place, who ``moved`` and are ``employed``, both
            expected; prices of ten more places of room. With ``exists=False`` and what can be reached where ties do
            not fit or floors are out of reach.

        Raises
        ------
        GoalError
            If labels differ, shares lie outside 0 to 1, room is negative, more people have ties than there are, or
            there are too few draws.
        SolverError
            If the solver ends neither optimal nor infeasible.
        """
        started = time.perf_counter()
        places = _open(self)
        sets = deal(len(places.room), seed)
        found = _best(self, places, sets)
        exists = found is not None
        if found is None:  # the floors give way, and if that is not enough the room
            found = Offers(places, sets, probability=self.probability, together=self.together, floors_give_way=True)
            if not found.search():
                found.nearest()
        report = _report(self, places, found.whole, sets, missed=found.over)
        decided = places.decided(found.whole, sets["solve"])
        held_out = float((places.value(sets["certify"]) * found.whole).sum())
        return Plan(
            exists=exists,
            answer=_answer(places, decided, report, exists=exists, kept_room=not found.over),
            goals=[report],
            decided=decided,
            objective=float(decided["employed"].sum()),
            objective_units="people employed",
            binding=places.binding(decided),
            prices=_prices(places, found.worth()) if exists else pd.DataFrame(),
            draws={name: len(draws) for name, draws in sets.items()},
            record={
                "solver": "HiGHS",
                "linear_programs": found.runs,
                "tail_widening": float(np.exp(min(found.ease, WIDEST))) / (1.0 - self.probability),
                "seconds": time.perf_counter() - started,
                "seed": seed,
                "employed_held_out": held_out,
            },
            assumptions=[
                "those who refuse stay where they are and take no room; nobody is offered a second place",
                "the share employed does not change with how many come",
                *["all who are offered a place go"] * bool((places.acceptance == 1.0).all()),
            ],
        )


def _open(plan: PlacementPlan) -> Places:
    """Check the problem and put it in arrays."""
    kinds = [str(kind) for kind in plan.room.data_vars]
    if not {"group", "locality"} <= set(plan.employment.coords):
        raise GoalError(f"expected employment with labels along group and locality, found {plan.employment.dims}.")
    if not kinds:
        raise GoalError("expected room of at least one kind, found none; give a variable for each kind.")
    if not 0.0 < plan.probability < 1.0:
        raise GoalError(f"expected a probability between 0 and 1, found {plan.probability:g}.")
    unknown = [kind for kind in plan.use or {} if kind not in kinds]
    if unknown:
        raise GoalError(f"expected use of the kinds of room, {', '.join(kinds)}, found {unknown[0]!r}.")
    group = {"group": plan.employment["group"].to_numpy().tolist()}
    locality = {"locality": plan.employment["locality"].to_numpy().tolist()}
    uncertain = (*plan.room.data_vars.values(), plan.employment, xr.DataArray(plan.acceptance))
    draws = next((given.sizes["draw"] for given in uncertain if "draw" in given.dims), LEAST)
    draw = {"draw": range(draws)}
    people = np.floor(matched("people", plan.people, group))
    adults = matched("adults", plan.adults, group, most=1.0)
    floors = matched("floors", dict.fromkeys(group["group"], 0.0) | dict(plan.floors or {}), group, most=1.0)
    ties = np.ceil(matched("ties", 0.0 if plan.ties is None else plan.ties, group | locality))
    for name, tied, many in zip(group["group"], ties.sum(axis=1), people, strict=True):
        if tied > many:
            raise GoalError(f"expected ties of at most {name}'s {many:,.0f} people, found {tied:,.0f}; correct one.")
    return Places(
        groups=group["group"],
        localities=locality["locality"],
        kinds=kinds,
        people=people,
        adults=adults,
        employment=matched("employment", plan.employment, draw | group | locality, most=1.0),
        acceptance=matched("acceptance", plan.acceptance, draw | locality, most=1.0),
        room=np.stack([matched(f"room for {kind}", plan.room[kind], draw | locality) for kind in kinds], axis=-1),
        use=np.stack([matched(f"use of {kind}", (plan.use or {}).get(kind, 1.0), group) for kind in kinds]),
        ties=ties,
        floors=floors * people * adults,
    )


def _best(plan: PlacementPlan, places: Places, sets: Sets) -> Offers | None:
    """The best offers that keep the floors too in whole people, asking more of those that rounding broke."""
    more = np.zeros(len(places.groups))
    for _ in range(ROUNDS):
        offers = Offers(places, sets, more, probability=plan.probability, together=plan.together)
        if not offers.search():
            return None
        short = places.floors - (offers.value * offers.whole).sum(axis=1)
        if short.max() <= 1e-6:
            return offers
        more += 2.0 * np.maximum(short, 0.0)
    return None


def _report(plan: PlacementPlan, places: Places, offered: Array, sets: Sets, *, missed: bool) -> GoalReport:
    """How often there is room for all who go, counted; of localities by themselves, where it is least often."""

    def count(draws: Positions) -> Certificate:
        within = places.filled(offered, draws) <= FULL
        return Certificate(int(within.all(axis=1).sum() if plan.together else within.sum(axis=0).min()), len(draws))

    held, filled = count(sets["certify"]), places.filled(offered, sets["certify"])
    worst = filled.max(axis=1, keepdims=True) if plan.together else filled
    needed = float(np.quantile(worst, plan.probability, axis=0, method="higher").max())
    relaxed = f"no locality over {percent(needed)} of its room" if np.isfinite(needed) else "no such share of any room"
    over = filled[(filled > FULL).any(axis=1)]
    each = "no locality over its room" if plan.together else "each locality by itself not over its room"
    return GoalReport(
        goal=f"{each} ({', '.join(places.kinds)})",
        requested=plan.probability,
        in_sample=count(sets["solve"]).probability,
        held_out=held.probability,
        held_out_interval=held.interval,
        binding=most_often(np.array(places.localities, dtype=str)[(over if len(over) else filled).argmax(axis=1)]),
        relaxed=relaxed if missed else "",
    )


def _prices(places: Places, worth: Array) -> pd.DataFrame:
    """Where ten more places of a kind are worth something."""
    kinds = len(places.kinds)
    rows = []
    for place in np.argsort(-worth, axis=None)[: (worth >= 0.05).sum()]:
        locality, kind = places.localities[place // kinds], places.kinds[place % kinds]
        employed = float(worth.ravel()[place])
        words = f"{TEN} more places of {kind} in {locality}: {employed:.1f} more people employed"
        rows.append({"locality": locality, "room": kind, "places": TEN, "employed": employed, "in_words": words})
    return pd.DataFrame(rows)


def _answer(places: Places, decided: xr.Dataset, report: GoalReport, *, exists: bool, kept_room: bool) -> str:
    if not kept_room:
        return f"No plan: {missed([report])}."
    if not exists:
        adults, employed = places.people * places.adults, decided["employed"].sum("locality").to_numpy()
        words = ", ".join(
            f"{percent(employed[group] / adults[group], 1)} of {places.groups[group]}, where "
            f"{percent(places.floors[group] / adults[group], 1)} are asked for"
            for group in np.flatnonzero(places.floors)
        )
        return f"No plan reaches the floors with {kept([report])}. Nearest, of all adults are employed: {words}."
    offered, moved, employed = (float(decided[name].sum()) for name in ("offered", "moved", "employed"))
    count = int((decided["offered"].sum("group") > 0).sum())
    return (
        f"Of {places.people.sum():,.0f} people {offered:,.0f} are offered a place in {count} localities; {moved:,.0f} "
        f"are expected to go and {employed:,.0f} to be employed, with {kept([report])}."
    )
