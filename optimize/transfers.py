"""Transfers: people who move from one country of a region to another, and how many can leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..data.axes import SEXES
from ..forecast._cohort import Movers, project_draws
from ..forecast._engine import check, empty_account
from ..forecast._inputs import kernel_rates
from ..forecast.projection import Projection
from .admissions import Admissions, ByYear, Column
from .errors import GoalError
from .response import UNIT, inputs_of
from .words import percent

__all__ = ["Transfer", "emptied"]

Array = NDArray[np.float64]
Positions = NDArray[np.intp]
LEAST_LIKELY = 0.05  # quantile of the draws, of those who are there to leave
ONE = 1.0  # person: so many of any sex and age may always leave


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """People who move from one country of the region to another in each year, beyond the forecast.

    For the destination they are people who come, for the origin the same people not there: those who leave would have
    lived, and borne children, at the origin's rates, and do both at the destination's.

    Parameters
    ----------
    name : str
        What the category is called in tables.
    origin, destination : str
        Countries.
    profile : str or xarray.DataArray
        Age and sex of those who move: a name in `PROFILES`, or shares (sex, single year of age 0-100) that sum to one.
    years : sequence of int
        Calendar years in which the lever moves.
    at_least, at_most : float or mapping of int to float
        Persons in any year, or by year; no `at_most` means no limit of its own.
    change_at_most : float, optional
        Largest change from one year to the next, as a share of the earlier year.
    share_at_most : float
        In a year no more than this share of the origin's people of any sex and age leaves, in the draw of the baseline
        at the 5 % quantile: ``p(s, a) x(t) <= share_at_most Q05[P(t, s, a)]``. Transfers of one origin share it. One
        person of each sex and age may always leave. A profile with very old people in it is held by these few.
    cohort_at_most : float
        Over all years together no more than this share of a cohort leaves, the sum along the cohort of the years'
        shares, so that no age is emptied little by little.

    Raises
    ------
    GoalError
        If a country is to send people to itself, ages are free, shares are not shares, or as `Admissions`.

    Examples
    --------
    >>> visas = Transfer(name="workers", origin="MEX", destination="USA", profile="worker", years=range(2027, 2051),
    ...                  at_most=100_000)
    >>> visas.label
    'workers from MEX to USA'
    """

    name: str
    origin: str
    destination: str
    profile: str | xr.DataArray
    years: Sequence[int]
    at_least: ByYear = 0.0
    at_most: ByYear | None = None
    change_at_most: float | None = None
    share_at_most: float = 0.1
    cohort_at_most: float = 0.5

    def __post_init__(self) -> None:
        if self.origin == self.destination:
            raise GoalError(
                f"{self.name}: expected two countries, found a transfer from {self.origin} to itself; name another."
            )
        for what in ("share_at_most", "cohort_at_most"):
            if not 0.0 < getattr(self, what) <= 1.0:
                raise GoalError(
                    f"{self.label}: expected {what} above 0, at most 1 (0.1 is ten percent), "
                    f"found {getattr(self, what)}."
                )
        if self.lever.is_free:
            raise GoalError(
                f"{self.label}: expected a profile of who moves, found free ages; name one, or give shares."
            )

    @property
    def label(self) -> str:
        """The transfer in words."""
        return f"{self.name} from {self.origin} to {self.destination}"

    @property
    def lever(self) -> Admissions:
        """The transfer as its destination sees it."""
        return Admissions(
            self.label,
            profile=self.profile,
            years=self.years,
            at_least=self.at_least,
            at_most=self.at_most,
            change_at_most=self.change_at_most,
        )


def emptied(region: Projection, transfers: Sequence[Transfer], decided: xr.Dataset, draws: Positions) -> list[str]:
    """Origins of which, in some draws held out, more leave of a sex and age than are there.

    Those who left are projected with the origin's rates, which is exact, and set against its people.

    Parameters
    ----------
    region : Projection
        The baseline of all countries.
    transfers : sequence of Transfer
    decided : xarray.Dataset
        A plan's decision.
    draws : array
        Positions of the draws looked at.

    Returns
    -------
    list of str
        A sentence for each such origin; a plan says them among what binds.

    Examples
    --------
    >>> from poblar.data import reference
    >>> from poblar.forecast import project
    >>> people = project(reference.region(("MEX", "USA")))
    >>> visas = Transfer(name="workers", origin="MEX", destination="USA", profile="worker", years=[2022])
    >>> moved = xr.DataArray([[1e9]], coords={"category": [visas.label], "year": [2022]}, dims=("category", "year"))
    >>> emptied(people, [visas], moved.to_dataset(name="admissions"), np.array([0]))[0][:36]
    'MEX: in 100.0 % of the draws held ou'
    """
    found = []
    for origin in dict.fromkeys(transfer.origin for transfer in transfers):
        people = region.sel(country=origin)
        inputs = inputs_of(people).isel(draw=draws)
        years, count = inputs["year"].to_numpy(), inputs.sizes["draw"]
        cells = np.zeros((len(years), 2, 101))
        for transfer in transfers:
            if transfer.origin == origin:
                moved = decided["admissions"].sel(category=transfer.label, year=list(transfer.years)).to_numpy()
                cells[np.asarray(transfer.years) - years[0]] += moved[:, None, None] * transfer.lever.shares
        movers = Movers(
            counts=np.zeros((count, 0, len(years))),
            rates=np.zeros((count, 0, len(years))),
            ages=np.zeros((0, len(years), 2, 101)),
            returning=np.zeros(0, dtype=bool),
            cells=np.ascontiguousarray(np.broadcast_to(cells, (count, *cells.shape))),
            at_start=float(inputs.attrs["at_start"]),
        )
        account = empty_account(count, inputs, {}, by_age=True)
        nobody = np.zeros((2, 101))
        check(project_draws(kernel_rates(inputs), movers, nobody, nobody, account))
        base = people.population.squeeze("country").isel(draw=draws)
        there = base.transpose("draw", "year", "sex", "age").to_numpy()
        beyond = np.clip(account.population - there, 0.0, None).sum(axis=(2, 3)).max(axis=1)
        if (beyond > ONE).any():
            found.append(
                f"{origin}: in {percent(float((beyond > ONE).mean()), 1)} of the draws held out more leave of some "
                f"sex and age than are there, {beyond.max():,.0f} at most; a projection would keep them"
            )
    return found


def leaving_limits(
    region: Projection, transfers: Sequence[Transfer], columns: Sequence[Column], draws: Positions
) -> dict[str, Array]:
    """Limits on those who leave, in words, with rows (row, column) whose product with the plan is one at most."""
    place = {(column.lever, column.year): position for position, column in enumerate(columns)}
    found: dict[str, Array] = {}
    for origin in dict.fromkeys(transfer.origin for transfer in transfers):
        own = [transfer for transfer in transfers if transfer.origin == origin]
        years = sorted({int(year) for transfer in own for year in transfer.years})
        people = region.sel(country=origin)
        outside = [year for year in years if year not in people.flows["year"]]
        if outside:
            last = people.flows["year"].to_numpy()
            raise GoalError(
                f"{own[0].label}: expected years within {last[0]}-{last[-1]}, the years projected, found {outside[0]}; "
                "shorten the transfer's years or forecast further."
            )
        there = people.population.squeeze("country").sel(year=years).isel(draw=draws)
        few = np.quantile(there.transpose("draw", "year", "sex", "age").to_numpy(), LEAST_LIKELY, axis=0)
        # By year, and along the cohorts (sex, age less year) over all years.
        yearly, cohorts = np.zeros((len(years), 202, len(columns))), np.zeros((2, 101 + len(years), len(columns)))
        for transfer in own:
            shares = transfer.lever.shares
            for year in map(int, transfer.years):
                column, at = place[transfer.label, year], years.index(year)
                each = UNIT * shares / np.maximum(transfer.share_at_most * few[at], ONE)
                yearly[at, :, column] = each.ravel()
                born = np.arange(101) + len(years) - 1 - (year - years[0])
                along = UNIT * shares / np.maximum(transfer.cohort_at_most * few[at], ONE)
                for sex in range(len(SEXES)):
                    cohorts[sex, born, column] = along[sex]
        most = percent(min(transfer.share_at_most for transfer in own))
        over = percent(min(transfer.cohort_at_most for transfer in own))
        found[f"{origin}: at most {most} of a sex and age leave in a year"] = np.concatenate(
            [_sharpest(rows) for rows in yearly]
        )
        found[f"{origin}: at most {over} of a cohort leave over all years"] = _sharpest(
            cohorts.reshape(-1, len(columns))
        )
    return found


def _sharpest(rows: Array) -> Array:
    """The rows that no other row is at least as large as everywhere."""
    chosen: list[Array] = []
    for row in rows[np.argsort(-rows.sum(axis=1), kind="stable")]:
        if row.any() and not any((other >= row).all() for other in chosen):
            chosen.append(row)
    return np.array(chosen).reshape(len(chosen), rows.shape[1])


def leaving_assumed(transfers: Sequence[Transfer]) -> list[str]:
    """What a plan takes for granted of those who move."""
    found = [
        "migration without the plan goes on as forecast, and those who move do so on top of it",
        "those who leave would have lived and borne children at the origin's own rates; those who come do so "
        "at the destination's, and stay",
    ]
    for origin in dict.fromkeys(transfer.origin for transfer in transfers):
        shares = [one for one in transfers if one.origin == origin]
        found.append(
            f"{origin}: no more than {percent(min(one.share_at_most for one in shares))} of any sex and age leave "
            f"in a year, and {percent(min(one.cohort_at_most for one in shares))} of a cohort over all years"
        )
    return found
