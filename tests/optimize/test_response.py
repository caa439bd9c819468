"""The response to one more migrant is what a projection with that migrant shows."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from poblar.data import Region, reference
from poblar.forecast import Migrants, Projection, project
from poblar.optimize import Admissions, GoalError
from poblar.optimize.response import respond


@pytest.fixture(scope="module")
def few(people: Projection) -> Projection:
    return people.isel(draw=slice(0, 20))


def reprojected(people: Projection, lever: Admissions, admitted: np.ndarray) -> np.ndarray:
    """Total population (draw, stock) of a projection with the realised migrants and those admitted, as two flows."""
    inputs = people.inputs["MEX"]
    paths = inputs[["tfr", "e0"]].expand_dims("country").assign_coords(country=["MEX"])
    counts = people.flows["net_migration"].assign_attrs(units="persons per year")
    extra = xr.zeros_like(counts).assign_attrs(units="persons per year")
    extra.loc[{"year": list(lever.years)}] = admitted
    again = project(
        reference.region(("MEX",)),
        fertility=paths["tfr"].assign_attrs(units="children per woman"),
        mortality=paths["e0"].assign_attrs(units="years"),
        migration=[
            Migrants(name="net", total=counts),
            Migrants(name=lever.name, total=extra, direction="in", ages=lever.profile),
        ],
    )
    return again.total.squeeze("country").transpose("draw", "year").to_numpy()


def test_a_random_plan_gives_the_population_that_projecting_it_gives(few: Projection) -> None:
    lever = Admissions("workers", profile="worker", years=range(2027, 2051))
    response = respond(few, [lever], {"everyone": np.ones((2, 101))})
    admitted = np.random.default_rng(1).uniform(0.0, 300_000.0, len(lever.years))
    expected = reprojected(few, lever, admitted)
    baseline = reprojected(few, lever, 0.0 * admitted)
    added = response.slope["everyone"] @ admitted
    np.testing.assert_allclose(baseline + added, expected, rtol=1e-9)
    np.testing.assert_allclose(added, expected - baseline, rtol=1e-9, atol=1e-3)
    np.testing.assert_allclose(response.base["everyone"], baseline, rtol=1e-6)  # stored in float32


def test_nobody_counts_before_coming(few: Projection) -> None:
    lever = Admissions("families", profile="family", years=range(2030, 2033))
    slope = respond(few, [lever], {"everyone": np.ones((2, 101))}).slope["everyone"]
    for column, year in enumerate(lever.years):
        assert (slope[:, : year - 2021 + 1, column] == 0.0).all()
        first = slope[:, year - 2021 + 1, column]
        assert ((first > 0.98) & (first < 1.05)).all()  # half a year of deaths and births


def test_parts_add_up_to_the_whole(few: Projection) -> None:
    ages = np.arange(101)
    parts = {
        "young": np.tile(ages < 15, (2, 1)).astype(float),
        "rest": np.tile(ages >= 15, (2, 1)).astype(float),
        "everyone": np.ones((2, 101)),
    }
    response = respond(few, [Admissions("workers", profile="worker", years=[2040])], parts)
    for values in (response.base, response.slope):
        np.testing.assert_allclose(values["young"] + values["rest"], values["everyone"], rtol=1e-9)


def test_years_outside_the_projection_and_two_countries_are_refused(few: Projection) -> None:
    weights = {"everyone": np.ones((2, 101))}
    with pytest.raises(
        GoalError, match="expected admissions within 2021-2070, the years projected, found workers 2071"
    ):
        respond(few, [Admissions("workers", profile="worker", years=range(2069, 2072))], weights)
    region: Region = reference.region(("MEX", "GTM"))
    with pytest.raises(GoalError, match="expected the projection of one country, found MEX, GTM"):
        respond(project(region), [Admissions("workers", profile="worker", years=[2022])], weights)
