"""Response of a projection to one more migrant: what makes planning linear.

The baseline's counts of migrants are frozen draw by draw; those admitted live, bear children and die on top of them.
As long as no limit on emigration newly binds, and people who come bind none, every weighted population is then an
affine function of the admissions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from numba import njit
from numpy.typing import NDArray

from ..forecast._cohort import project_draws
from ..forecast._engine import check, empty_account, workers
from ..forecast._inputs import float_array, kernel_movers, kernel_rates
from ..forecast.projection import Projection
from ._adjoint import Arrivals, Wanted, respond_rows
from .admissions import EVERY_AGE, Admissions, Column
from .errors import GoalError

__all__ = ["EVERYONE", "Functional", "Response", "respond"]

Array = NDArray[np.float64]
Positions = NDArray[np.int64]
EVERYONE = "everyone"
BLOCK = 50  # draws that a thread takes at a time
UNIT = 1000.0  # persons per unit of a program's variables


@dataclass(frozen=True, kw_only=True, eq=False)
class Functional:
    """A weighted population at 1 January, or the births of the year before it.

    Parameters
    ----------
    weights : array, shape (2, 101)
        Weight by sex and single year of age; ones give the total population.
    births : bool
        The births of the year that ends then, whatever the weights.
    native : bool
        Whether children born in the country count; those born abroad are asked for without them.

    Examples
    --------
    >>> import numpy as np
    >>> Functional(weights=np.ones((2, 101))).births
    False
    """

    weights: Array
    births: bool = False
    native: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Response:
    """Weighted populations of one country as affine functions of the admissions.

    Only what can differ is kept: a stock answers to the columns of earlier years, in float32; sums are in float64.

    Parameters
    ----------
    columns : sequence of Column
        Category, year and ages of each column, ordered by year.
    years : mapping of str to array, shape (stock,)
        Years whose 1 January each functional was asked for at.
    base : mapping of str to array, shape (draw, stock)
        Weighted populations without the levers, persons.
    total : array, shape (draw, year)
        Everyone at every 1 January of the projection, persons.
    first : int
        Year of the first column of `total`.
    flat : array of float32, shape (draw, rows and their columns)
        Persons more for one person admitted.
    place : mapping of str to array, shape (stock, 2)
        First place in `flat`, and number of columns, of each functional's rows.

    Examples
    --------
    >>> import numpy as np
    >>> answer = by_hand([2030, 2031], {"everyone": [[100.0, 99.0]]}, {"everyone": [[[0.0], [1.0]]]},
    ...                  columns=[Column("workers", 2030)])
    >>> answer.values("everyone", np.array([5.0]))  # five admitted in 2030
    array([[100., 104.]])
    """

    columns: Sequence[Column]
    years: Mapping[str, NDArray[np.int64]]
    base: Mapping[str, Array]
    total: Array
    first: int
    flat: NDArray[np.float32]
    place: Mapping[str, Positions]

    @cached_property
    def draws(self) -> Positions:
        """Positions of all draws."""
        return np.arange(len(self.total))

    def vector(self, decided: xr.Dataset) -> Array:
        """A plan's admissions (column,), persons, in the order of the columns."""
        by_age = decided.get("admissions_by_age")
        found = []
        for column in self.columns:
            at = {"category": column.lever, "year": column.year}
            if column.ages == EVERY_AGE:
                found.append(float(decided["admissions"].sel(at)))
            elif by_age is not None:
                found.append(float(by_age.sel(at | {"ages": column.ages})))
        return np.array(found)

    def positions(self, name: str, years: Sequence[int]) -> Positions:
        """Where the stocks of some years stand among those of a functional."""
        at = np.searchsorted(self.years[name], years)
        if (at >= len(self.years[name])).any() or (self.years[name][at] != np.asarray(years)).any():
            raise GoalError(f"expected stocks of {name} at {list(years)}, found {self.years[name].tolist()}.")
        return at

    def values(
        self, name: str, plan: Array, draws: Positions | None = None, at: Positions | None = None
    ) -> NDArray[np.float64]:
        """A functional under a plan (draw, stock), persons, for some draws and some of its stocks."""
        chosen = self.draws if draws is None else draws
        place, base = self.place[name], self.base[name]
        if at is not None:
            place, base = place[at], base[:, at]
        more = np.empty((len(chosen), len(place)))
        parts = [slice(low, low + BLOCK) for low in range(0, len(chosen), BLOCK)]
        plan = np.ascontiguousarray(plan, dtype=float)
        if len(chosen) * self.flat.shape[1] < 10_000_000:
            _weigh(self.flat, place, chosen, plan, more)
        else:
            with ThreadPoolExecutor(workers()) as pool:
                list(pool.map(lambda part: _weigh(self.flat, place, chosen[part], plan, more[part]), parts))
        return base[chosen] + more

    def gradient(self, name: str, weights: Array, draws: Positions, at: Positions) -> Array:
        """Sum over draws and stocks of weights (draw, stock) times the response to each column (column,)."""
        total = np.zeros(len(self.columns))
        _blend(self.flat, self.place[name][at], draws, np.ascontiguousarray(weights, dtype=float), total)
        return total


# Slices, since an index that might be negative keeps the loop from being vectorised, at a seventh of the speed.
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _weigh(flat: NDArray[np.float32], place: Positions, draws: Positions, plan: Array, out: Array) -> None:
    """Response (draw, stock) to a whole plan."""
    for position in range(draws.size):
        row = flat[draws[position]]
        for stock in range(place.shape[0]):
            part = row[place[stock, 0] : place[stock, 0] + place[stock, 1]]
            admitted, total = plan[: part.size], 0.0
            for column in range(part.size):
                total += part[column] * admitted[column]
            out[position, stock] = total


@njit(cache=True, nogil=True)
def _blend(flat: NDArray[np.float32], place: Positions, draws: Positions, weights: Array, out: Array) -> None:
    """Weighted sum of rows, by column."""
    for position in range(draws.size):
        row = flat[draws[position]]
        for stock in range(place.shape[0]):
            weight = weights[position, stock]
            if weight != 0.0:
                part = row[place[stock, 0] : place[stock, 0] + place[stock, 1]]
                total = out[: part.size]
                for column in range(part.size):
                    total[column] += weight * part[column]


def by_hand(
    years: Sequence[int],
    base: Mapping[str, object],
    slope: Mapping[str, object],
    *,
    columns: Sequence[Column],
) -> Response:
    """A response written out: base (draw, stock) and slope (draw, stock, column) of each functional.

    Parameters
    ----------
    years : sequence of int
        Years of the stocks, the same for all functionals.
    base, slope : mapping of str to array
        By functional; "everyone" is the total population.
    columns : sequence of Column
        Columns of the slopes.

    Returns
    -------
    Response

    Examples
    --------
    >>> by_hand([2030], {"everyone": [[1.0]]}, {"everyone": [[[1.0]]]}, columns=[Column("workers", 2029)]).flat.shape
    (1, 1)
    """
    slopes = {name: np.asarray(value, dtype=np.float32) for name, value in slope.items()}
    width, stocks = len(columns), len(years)
    starts = np.arange(stocks * len(slopes)).reshape(len(slopes), stocks) * width
    bases = {name: np.asarray(value, dtype=float) for name, value in base.items()}
    return Response(
        columns=columns,
        years=dict.fromkeys(slopes, np.asarray(years)),
        base=bases,
        total=bases[EVERYONE],
        first=int(years[0]),
        flat=np.concatenate([value.reshape(len(value), -1) for value in slopes.values()], axis=1),
        place={
            name: np.stack([starts[position], np.full(stocks, width)], axis=1) for position, name in enumerate(slopes)
        },
    )


def respond(
    projection: Projection,
    levers: Sequence[Admissions],
    functionals: Mapping[str, Functional],
    years: Mapping[str, Sequence[int]] | None = None,
    *,
    seed: int = 0,
) -> Response:
    """Response of weighted populations to one more person admitted, by category, year and ages of admission.

    Parameters
    ----------
    projection : Projection
        Draws of one country, projected in memory by single years.
    levers : sequence of Admissions
        Categories; each of their years (and groups of ages, where these are free) is a column.
    functionals : mapping of str to Functional
        What is to be known.
    years : mapping of str to sequence of int, optional
        Years whose 1 January it is to be known at; without it all of the projection.
    seed : int
        Of the draws of the share that leaves again, where that is uncertain.

    Returns
    -------
    Response

    Raises
    ------
    GoalError
        If the projection holds more than one country, is not in memory by single years, or a year lies outside it.

    Examples
    --------
    >>> import numpy as np
    >>> from poblar.data import reference
    >>> from poblar.forecast import project
    >>> people = project(reference.region(("MEX",)))
    >>> workers = Admissions("workers", profile="worker", years=range(2022, 2023))
    >>> answer = respond(people, [workers], {"everyone": Functional(weights=np.ones((2, 101)))})
    >>> (answer.values("everyone", np.ones(1)) - answer.base["everyone"]).round(2).squeeze().tolist()
    [0.0, 0.0, 1.01, 1.03]
    """
    inputs = inputs_of(projection)
    flows, stocks = inputs["year"].to_numpy(), projection.stocks["year"].to_numpy()
    columns = sorted((column for lever in levers for column in lever.columns), key=lambda column: column.year)
    outside = [f"{column.lever} {column.year}" for column in columns if column.year not in flows]
    if outside:
        raise GoalError(
            f"expected admissions within {flows[0]}-{flows[-1]}, the years projected, found {outside[0]}; "
            "shorten the lever's years or forecast further."
        )
    wanted_years = {name: np.asarray(stocks if years is None else sorted(years[name])) for name in functionals}
    far = [int(year) for own in wanted_years.values() for year in own if not stocks[0] <= year <= stocks[-1]]
    if far:
        raise GoalError(
            f"expected years within {stocks[0]}-{stocks[-1]}, the horizon of the projection, found {far[0]}; "
            "forecast further or shorten the goal."
        )
    arrived = np.array([column.year - flows[0] for column in columns], dtype=np.int64)
    rows = [(name, int(year - stocks[0])) for name, own in wanted_years.items() for year in own]
    lengths = np.searchsorted(arrived, [stock for _, stock in rows])  # columns of years before the stock
    starts = np.concatenate([[0], np.cumsum(lengths)])
    wanted = Wanted(
        weights=np.stack([np.ascontiguousarray(functionals[name].weights, dtype=float) for name, _ in rows]),
        stock=np.array([stock for _, stock in rows], dtype=np.int64),
        births=np.array([functionals[name].births for name, _ in rows]),
        native=np.array([functionals[name].native for name, _ in rows]),
        start=starts[:-1],
    )
    draws = inputs.sizes["draw"]
    arrivals = _arrivals(levers, columns, arrived, draws, float(inputs.attrs["at_start"]), seed)
    flat = np.empty((draws, int(starts[-1])), dtype=np.float32)
    base = {name: np.empty((draws, len(own))) for name, own in wanted_years.items()}

    def fill(low: int) -> None:
        some = slice(low, min(low + BLOCK, draws))
        own = arrivals._replace(leaving=arrivals.leaving[some])
        respond_rows(kernel_rates(inputs, some), wanted, own, flat[some])
        if not np.isfinite(flat[some].sum(dtype=float)):
            raise GoalError(
                f"expected a finite response of every draw, found none in draws {low} to {low + BLOCK}; check the "
                "projection's rates and the levers' factors."
            )
        books = _books(projection, inputs, some)
        for name, own_years in wanted_years.items():
            base[name][some] = books.measure(functionals[name], own_years - stocks[0])

    with ThreadPoolExecutor(workers()) as pool:
        list(pool.map(fill, range(0, draws, BLOCK)))
    return Response(
        columns=columns,
        years=wanted_years,
        base=base,
        total=projection.total.squeeze("country").transpose("draw", "year").to_numpy(),
        first=int(stocks[0]),
        flat=flat,
        place=_places(wanted_years, starts[:-1], lengths),
    )


@dataclass(frozen=True)
class _Books:
    """Baseline of some draws: population and foreign-born (draw, stock, 2, age), births (draw, year)."""

    population: Array
    foreign: Array
    births: Array

    def measure(self, functional: Functional, at: Positions) -> Array:
        """A functional at some stocks (draw, stock)."""
        if functional.births:
            return self.births[:, at - 1]
        people = self.population if functional.native else self.foreign
        if not len(people):
            raise GoalError(
                "expected the foreign-born to have been followed, found a projection without; give project the "
                "foreign_born= of the first 1 January."
            )
        return np.einsum("dtsa,sa->dt", people[:, at], functional.weights)


def _books(projection: Projection, inputs: xr.Dataset, draws: slice) -> _Books:
    """The baseline in float64: projected again, or, where other countries had a part in it, as it was stored."""
    if inputs.attrs["tied"]:
        axes = ("draw", "year", "sex", "age")
        people = projection.population.isel(draw=draws).squeeze("country").transpose(*axes).to_numpy().astype(float)
        births = projection.flows["births"].isel(draw=draws).squeeze("country").transpose("draw", "year").to_numpy()
        return _Books(people, people[:0], births)
    start = float_array(inputs["start"], "sex", "age")
    foreign = float_array(inputs["start_foreign"], "sex", "age") if "start_foreign" in inputs else np.zeros_like(start)
    account = empty_account(draws.stop - draws.start, inputs, {}, by_age=True)
    check(project_draws(kernel_rates(inputs, draws), kernel_movers(inputs, draws), start, foreign, account))
    return _Books(account.population, account.foreign, account.births)


def inputs_of(projection: Projection) -> xr.Dataset:
    """The rates of the one country of a projection that a plan can be made on."""
    if len(projection.countries) != 1:
        raise GoalError(
            f"expected the projection of one country, found {', '.join(projection.countries)}; "
            "take one with people.sel(country='MEX')."
        )
    country = projection.countries[0]
    if country not in projection.inputs or projection.width != 1:
        raise GoalError(
            f"{country}: expected a projection in memory, by single years, with its rates, found one opened from a "
            "store or by groups of five; project again without store= and age_width=."
        )
    return projection.inputs[country]


def _arrivals(
    levers: Sequence[Admissions],
    columns: Sequence[Column],
    arrived: Positions,
    draws: int,
    at_start: float,
    seed: int,
) -> Arrivals:
    """Who can come, as the kernel takes it."""
    profiles = [(lever, ages) for lever in levers for ages in lever.groups]
    position = {(lever.name, label): number for number, (lever, label) in enumerate(profiles)}
    shares = np.stack([lever.shares_of(label) for lever, label in profiles])
    present, sexes = shares.any(axis=1), shares.any(axis=2)
    classes = sorted({(lever.fertility, lever.mortality) for lever in levers})
    rng = np.random.default_rng(seed)
    leaving = {lever.name: lever.leaving_draws(draws, rng) for lever in levers}
    return Arrivals(
        year=arrived,
        profile=np.array([position[column.lever, column.ages] for column in columns], dtype=np.int64),
        shares=shares,
        low=present.argmax(axis=1),
        high=shares.shape[2] - 1 - present[:, ::-1].argmax(axis=1),
        sexes=np.stack([sexes.argmax(axis=1), 1 - sexes[:, ::-1].argmax(axis=1)], axis=1),
        group=np.array([classes.index((lever.fertility, lever.mortality)) for lever, _ in profiles], dtype=np.int64),
        fertility=np.array([fertility for fertility, _ in classes], dtype=float),
        mortality=np.array([mortality for _, mortality in classes], dtype=float),
        leaving=np.stack([leaving[lever.name] for lever, _ in profiles], axis=1),
        stay=np.array([lever.stay if lever.leaves else 0 for lever, _ in profiles], dtype=np.int64),
        at_start=at_start,
    )


def _places(years: Mapping[str, NDArray[np.int64]], starts: Positions, lengths: Positions) -> dict[str, Positions]:
    """First place and number of columns of the rows of each functional."""
    found, row = {}, 0
    for name, own in years.items():
        part = slice(row, row + len(own))
        found[name] = np.stack([starts[part], lengths[part]], axis=1).astype(np.int64)
        row += len(own)
    return found
