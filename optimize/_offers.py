"""Offers of places: what they come to, and the program of the best ones."""

from __future__ import annotations

from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .program import Model, Program

__all__ = ["FULL", "TEN", "WIDEST", "Offers", "Places", "Sets"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]
Sets = dict[str, Positions]
ENOUGH = 1e-6  # share of a room by which a row may be missed
STEPS = 14  # of the bisection for how much the tail is eased
CAREFUL = 0.6  # the most that the logarithm of the tail is widened at a time
WIDEST = float(np.log(0.98))  # logarithm of the widest tail; beyond it the tail may miss
FIRST = 0.025  # of the draws, those with the least of a room, have their rows from the start
TEN = 10  # places, of which the price is told
ALMOST = 0.005  # persons that the solver's tolerances may lack for a whole one
FULL = 1.0 + 1e-9  # of the room, within rounding
ROOM, TAIL = 0, 1  # rows of one draw's room; and of their tail, or of quantiles


@dataclass(frozen=True, eq=False)
class Places:
    """The problem in arrays."""

    groups: list[str]
    localities: list[str]
    kinds: list[str]
    people: Array  # (group,)
    adults: Array  # (group,)
    employment: Array  # (draw, group, locality)
    acceptance: Array  # (draw, locality)
    room: Array  # (draw, locality, kind)
    use: Array  # (kind, group)
    ties: Array  # (group, locality)
    floors: Array  # (group,), adults employed

    def value(self, draws: Positions) -> Array:
        """Expected number employed for each person offered a locality (group, locality)."""
        return self.adults[:, None] * (self.employment[draws] * self.acceptance[draws, None, :]).mean(axis=0)

    def quantile(self, draws: Positions, probability: float, more: Array | float = 0.0) -> Array:
        """Room (locality, kind) for people offered that each locality has with a probability, in all kinds at once.

        Exact where all groups use the kinds of room in the same proportion, and otherwise cautious.
        """
        use = self.use @ self.people / max(self.people.sum(), 1.0) + 1e-9
        going = np.maximum(self.acceptance[draws], 1e-9)[..., None]
        persons = ((self.room[draws] + more) / going / use).min(axis=2)
        # P(r' >= r_(k)) = 1 - k / (n + 1) for the k-th smallest of n draws and one more.
        k = max(int((1.0 - probability) * (len(draws) + 1) + 1e-9), 1)
        return np.partition(persons, k - 1, axis=0)[k - 1][:, None] * use

    def rounded(self, offered: Array, value: Array) -> Array:
        """Rounded down to whole people, then one more wherever the room and the people of the plan leave one."""
        down = np.floor(offered + ALMOST)
        people, room = self.people - down.sum(axis=1), self.use @ (offered - down)
        for place in np.argsort(-value, axis=None, kind="stable"):
            group, locality = np.unravel_index(place, value.shape)
            if offered[group, locality] - down[group, locality] < ALMOST or people[group] < 1.0:
                continue
            if (self.use[:, group] <= room[:, locality] + ALMOST).all():
                down[group, locality] += 1.0
                people[group] -= 1.0
                room[:, locality] -= self.use[:, group]
        return down

    def filled(self, offered: Array, draws: Positions) -> Array:
        """What those who go take, as a share of the room of the kind that is shortest (draw, locality)."""
        taken = np.einsum("kg,dgl->dlk", self.use, offered * self.acceptance[draws, None, :])
        room = self.room[draws]
        return np.divide(taken, room, out=np.where(taken > 0.0, np.inf, 0.0), where=room > 0.0).max(axis=2)

    def decided(self, offered: Array, draws: Positions) -> xr.Dataset:
        """The offers, who goes and who is employed, by group and locality."""
        moved, employed = offered * self.acceptance[draws].mean(axis=0), offered * self.value(draws)
        columns = {"offered": offered, "moved": moved, "employed": employed}
        return xr.Dataset(
            {name: (("group", "locality"), values, {"units": "persons"}) for name, values in columns.items()},
            coords={"group": self.groups, "locality": self.localities},
        )

    def binding(self, decided: xr.Dataset) -> list[str]:
        """Groups of which nobody is left to offer a place, and floors that are just reached."""
        offered, employed = (decided[name].sum("locality").to_numpy() for name in ("offered", "employed"))
        found = []
        for group, name in enumerate(self.groups):
            if offered[group] >= self.people[group]:
                found.append(f"all {self.people[group]:,.0f} people of {name} are offered a place")
            if 0.0 < self.floors[group] > employed[group] - 1.0:
                found.append(f"the floor of {name}, {self.floors[group]:,.0f} adults employed")
        return found


class Offers:
    """The program of the offers. Localities by themselves have their quantiles; all together, the tail of their draws.

    The mean of the worst share of the draws (Rockafellar & Uryasev 2000) needs a row for each draw and room, of which
    only those that matter are added.
    """

    def __init__(
        self,
        places: Places,
        sets: Sets,
        more: Array | float = 0.0,
        *,
        probability: float,
        together: bool,
        floors_give_way: bool = False,
    ) -> None:
        self.probability, self.together, self.places, self.sets = probability, together, places, sets
        self.value = places.value(sets["solve"])
        self.runs, self.ease, self.over, self.whole = 0, float(np.log(1.0 - probability)), False, places.ties
        middle = np.median(places.room, axis=0)
        self.scale = np.where(middle > 0.0, middle, 1.0)
        count, shape = len(sets["solve"]), self.value.shape
        self.room = (places.room[sets["solve"]] / self.scale).reshape(count, -1)
        self.going = np.repeat(places.acceptance[sets["solve"]], len(places.kinds), axis=1)
        # One more person of a group in a locality takes so much of each row, as a share of its median.
        self.taken = np.einsum("kg,lm,lk->lkgm", places.use, np.eye(shape[1]), 1.0 / self.scale).reshape(
            -1, self.value.size
        )
        self.rows: list[tuple[int, int]] = []
        # Offers, the share of the floors that is reached, the level of the tail, and what each draw is below it.
        self.sizes = np.cumsum([self.value.size, 1, 1, count * together])
        decided = cp.Variable(self.sizes[-1])
        offered, reached = cp.reshape(decided[: self.value.size], shape, order="C"), decided[self.value.size]
        employed = cp.sum(cp.multiply(self.value, offered), axis=1)
        first = 10.0 * float(places.people.sum()) if floors_give_way else 0.0
        limits = [
            offered >= places.ties,
            cp.sum(offered, axis=1) <= places.people,
            employed >= cp.multiply(np.where(places.floors > 0.0, places.floors + more, 0.0), reached),
            reached >= (0.0 if floors_give_way else 1.0),
            reached <= 1.0,
            decided[self.sizes[2] :] >= 0.0,
        ]
        self.program = Program(Model(decided, -cp.sum(employed) - first * reached, limits), goals=2)
        if together:
            free = self.program.solve()
            left = np.zeros(1) if free is None else self._left(free).min(axis=1)
            self.missing = max(-np.sort(left)[: max(int(0.98 * len(left)), 1)].mean(), 0.0)  # without any row
            self.program.cut(TAIL, 0.0, np.r_[np.zeros(self.sizes[1]), 1.0, np.full(count, -1.0 / count)])
            few = max(int(FIRST * count), 1)
            least = np.argsort(self.room / np.maximum(self.going, 1e-9), axis=0)[:few]
            self._add(least.ravel(), np.tile(np.arange(self.room.shape[1]), few))
        else:
            caps = places.quantile(np.concatenate([sets["solve"], sets["calibrate"]]), probability) / self.scale
            for row, cap in enumerate(caps.ravel()):
                self.program.cut(TAIL, float(cap), np.r_[-self.taken[row], np.zeros(2)])

    def search(self) -> bool:
        """Look for the best offers that keep to the room with the probability asked for; whether there are any.

        The tail at the request is cautious, so it is eased by bisection as far as the calibration draws allow: made
        wider, and at its widest allowed to miss.
        """
        p, draws = self.probability, self.sets["calibrate"]
        needed = min(p + np.sqrt(p * (1.0 - p) / len(draws)), 1.0)
        low, high, middle, found = float(np.log(0.1 * (1.0 - p))), WIDEST + 1.0, float(np.log(1.0 - p)), False
        for _ in range(STEPS if self.together else 1):
            offered = self._solve(middle)
            whole = None if offered is None else self.places.rounded(offered, self.value)
            if whole is None:  # nothing is so strict
                low = middle
            elif not self.together or (self.places.filled(whole, draws) <= FULL).all(axis=1).mean() >= needed:
                low = middle
                if not found or (self.value * (whole - self.whole)).sum() > 0.0:  # not so, at times, in whole people
                    self.whole, self.ease, found = whole, middle, True
            else:
                high = middle
            middle = min(0.5 * (low + high), low + CAREFUL)  # a wide tail takes longest
        return found

    def nearest(self) -> None:
        """The offers by which the tail, or the quantiles, miss by least."""
        self.over = True
        self.program.misses(np.array([0.0, 1e3 * self.program.unit]), np.array([0.0, np.inf]), objective=1e-6)
        offered = self._solve(self.ease)
        assert offered is not None  # whoever has ties is there, and the floors give way
        self.whole = self.places.rounded(offered, self.value)

    def worth(self) -> Array:
        """What ten more places of each kind are worth in people employed (locality, kind), from the duals."""
        self._solve(self.ease)
        prices, owner = self.program.prices(), np.array(self.program.owner)
        if self.together:
            rows = [row for _, row in self.rows]
            found = np.bincount(rows, prices[owner == ROOM], minlength=self.scale.size).reshape(self.scale.shape)
            return TEN * found / self.scale
        draws, each = np.concatenate([self.sets["solve"], self.sets["calibrate"]]), np.eye(self.scale.shape[1])
        now, *more = (self.places.quantile(draws, self.probability, TEN * kind) for kind in (0.0, *each))
        return np.stack([((one - now) * prices.reshape(now.shape) / self.scale).sum(axis=1) for one in more], axis=1)

    def _left(self, decided: Array) -> Array:
        """Room left (draw, row)."""
        return self.room - self.going * (self.taken @ decided[: self.sizes[0]])

    def _solve(self, ease: float) -> Array | None:
        """The best offers (group, locality) of which a tail of the draws has room on average."""
        size, level, below = self.sizes[0], self.sizes[1], self.sizes[2]
        if self.together:  # share * level - mean of what draws are below it >= -allowed
            share, allowed = float(np.exp(min(ease, WIDEST))), max(ease - WIDEST, 0.0) * self.missing
            self.program.highs.changeCoeff(self.program.rows, self.program.first + level, share)
            self.program.highs.changeRowBounds(self.program.rows, -share * allowed, np.inf)
        while True:
            decided = self.program.solve()
            self.runs += 1
            if decided is None or not self.together:
                return None if decided is None else decided[:size].reshape(self.value.shape)
            left = self._left(decided)
            row = left.argmin(axis=1)
            draws = np.flatnonzero(left.min(axis=1) < decided[level] - decided[below:] - ENOUGH)
            if not len(draws):
                return decided[:size].reshape(self.value.shape)
            self._add(draws, row[draws])

    def _add(self, draws: Positions, rows: Positions) -> None:
        """Rows of some draws: the room left is no less than the level of the tail less what the draw is below it."""
        for draw, row in zip(draws.tolist(), rows.tolist(), strict=True):
            slope = np.zeros(self.sizes[-1])
            slope[: self.sizes[0]] = -self.going[draw, row] * self.taken[row]
            slope[self.sizes[1]], slope[self.sizes[2] + draw] = -1.0, 1.0
            self.program.cut(ROOM, float(self.room[draw, row]), slope)
            self.rows.append((draw, row))
