"""Response of a projection to one more migrant: what makes planning linear.

The baseline's counts of migrants are frozen draw by draw; those admitted live, bear children and die on top of them
under the same rates. As long as no limit on emigration newly binds, every weighted population is then an affine
function of the admissions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..forecast._cohort import respond_draws
from ..forecast._inputs import kernel_rates
from ..forecast.projection import Projection
from .admissions import Admissions
from .errors import GoalError

__all__ = ["Response", "respond"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Response:
    """Weighted populations of one country as affine functions of the admissions.

    Parameters
    ----------
    years : array, shape (stock,)
        Years whose 1 January the stocks stand at.
    base : mapping of str to array, shape (draw, stock)
        Weighted populations without the levers, persons.
    slope : mapping of str to array, shape (draw, stock, lever)
        Persons more for one person admitted.
    levers : list of (str, int)
        Category and year of each column.

    Examples
    --------
    >>> import numpy as np
    >>> answer = Response(years=np.array([2030, 2031]), base={"total": np.array([[100.0, 99.0]])},
    ...                   slope={"total": np.array([[[0.0], [1.0]]])}, levers=[("workers", 2030)])
    >>> answer.base["total"] + answer.slope["total"] @ np.array([5.0])  # five admitted in 2030
    array([[100., 104.]])
    """

    years: NDArray[np.int64]
    base: Mapping[str, Array]
    slope: Mapping[str, Array]
    levers: list[tuple[str, int]]


def respond(projection: Projection, levers: Sequence[Admissions], functionals: Mapping[str, Array]) -> Response:
    """Response of weighted populations to one more person admitted, by category and year of admission.

    Parameters
    ----------
    projection : Projection
        Draws of one country.
    levers : sequence of Admissions
        Categories; each of their years is a column.
    functionals : mapping of str to array, shape (2, 101)
        Weights by sex and age: ones give the total population.

    Returns
    -------
    Response

    Raises
    ------
    GoalError
        If the projection holds more than one country, or a lever's years lie outside it.

    Examples
    --------
    >>> import numpy as np
    >>> from poblar.data import reference
    >>> from poblar.forecast import project
    >>> people = project(reference.region(("MEX",)))
    >>> workers = Admissions("workers", profile="worker", years=range(2022, 2023))
    >>> answer = respond(people, [workers], {"total": np.ones((2, 101))})
    >>> answer.slope["total"].round(2).squeeze().tolist()  # after the year 2022, and a year on
    [0.0, 0.0, 1.01, 1.03]
    """
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
    inputs = projection.inputs[country]
    flows, stocks = inputs["year"].to_numpy(), projection.stocks["year"].to_numpy()
    columns = [(lever.name, int(year)) for lever in levers for year in lever.years]
    outside = [f"{name} {year}" for name, year in columns if year not in flows]
    if outside:
        raise GoalError(
            f"expected admissions within {flows[0]}-{flows[-1]}, the years projected, found {outside[0]}; "
            "shorten the lever's years or forecast further."
        )
    weights = np.stack([np.ascontiguousarray(weight, dtype=float) for weight in functionals.values()])
    slope = np.zeros((inputs.sizes["draw"], len(weights), len(stocks), len(columns)))
    respond_draws(
        kernel_rates(inputs),
        at_start=float(inputs.attrs["at_start"]),
        profiles=np.concatenate([np.repeat(lever.shares[None], len(lever.years), 0) for lever in levers]),
        arrival=np.array([year - flows[0] for _, year in columns], dtype=np.int64),
        weights=weights,
        response=slope,
    )
    population = projection.population.squeeze("country").transpose("draw", "year", "sex", "age").to_numpy()
    base = np.einsum("dtsa,fsa->fdt", population, weights, dtype=np.float64, optimize=True)
    names = list(functionals)
    return Response(
        years=stocks,
        base=dict(zip(names, base, strict=True)),
        slope={name: slope[:, position] for position, name in enumerate(names)},
        levers=columns,
    )
