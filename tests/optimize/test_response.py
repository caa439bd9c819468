"""The response to one more migrant is what a projection with that migrant shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from poblar.data import PoblarError, Region, reference
from poblar.forecast import Migrants, Projection, project
from poblar.optimize import Admissions, Births, ForeignBorn, GoalError, SupportRatio
from poblar.optimize.response import EVERYONE, Functional, Response, respond

ALL = {EVERYONE: Functional(weights=np.ones((2, 101)))}


@pytest.fixture(scope="module")
def few(people: Projection) -> Projection:
    return people.isel(draw=slice(0, 20))


def reprojected(
    people: Projection, levers: dict[str, tuple[Admissions, np.ndarray]], nobody_else: bool = False, **more: Any
) -> Projection:
    """A projection with the realised migrants, or nobody else, and those admitted, each category a flow of its own."""
    inputs = people.inputs["MEX"]
    paths = inputs[["tfr", "e0"]].expand_dims("country").assign_coords(country=["MEX"])
    counts = people.flows["net_migration"] * (0.0 if nobody_else else 1.0)
    counts = counts.assign_attrs(units="persons per year")
    flows = [Migrants(name="net", total=counts)]
    for name, (lever, admitted) in levers.items():
        extra = xr.zeros_like(counts).assign_attrs(units="persons per year")
        extra.loc[{"year": list(lever.years)}] = admitted
        flows.append(Migrants(name=name, total=extra, direction="in", ages=lever.profile))
    return project(
        reference.region(("MEX",)),
        fertility=paths["tfr"].assign_attrs(units="children per woman"),
        mortality=paths["e0"].assign_attrs(units="years"),
        migration=flows,
        **more,
    )


def by_draw(values: xr.DataArray) -> np.ndarray:
    return values.squeeze("country").transpose("draw", "year").to_numpy()


def test_a_random_plan_gives_the_population_that_projecting_it_gives(few: Projection) -> None:
    """Every numerator and denominator, two categories, to 1e-8 of the people, where no cohort runs out of emigrants."""
    workers = Admissions("workers", profile="worker", years=range(2027, 2051))
    families = Admissions("families", profile="family", years=range(2030, 2041))
    rng = np.random.default_rng(1)
    plan = {lever.name: (lever, rng.uniform(0.0, 300_000.0, len(lever.years))) for lever in (workers, families)}
    nobody = {name: (lever, 0.0 * admitted) for name, (lever, admitted) in plan.items()}
    with_them, without = (reprojected(few, levers, ages=("population",)) for levers in (plan, nobody))
    limited = xr.concat([futures.flows["emigration_limited"] for futures in (with_them, without)], "of")
    free = (limited.sum(["of", "country", "year"]) == 0).to_numpy()
    assert free.mean() > 0.8
    goals = (SupportRatio(at_least=1.0, years=[2040]), Births(at_least=1.0, years=[2040]))
    functionals = ALL | goals[0].functionals() | goals[1].functionals()
    years = {name: range(2021 + (name == "births"), 2072) for name in functionals}
    response = respond(few, [workers, families], functionals, years)
    admitted = np.array(
        [plan[column.lever][1][column.year - plan[column.lever][0].years[0]] for column in response.columns]
    )
    for name, stock in ((EVERYONE, "total_population"), ("aged 15-64", "working_age")):
        expected = by_draw(with_them.stocks[stock])
        np.testing.assert_allclose(response.values(name, admitted)[free], expected[free], rtol=1e-8)
        np.testing.assert_allclose(response.base[name][free], by_draw(without.stocks[stock])[free], rtol=1e-8)
    born = response.values("births", admitted)
    np.testing.assert_allclose(born[free], by_draw(with_them.flows["births"])[free], rtol=1e-8)


def test_free_ages_answer_as_their_profile_does(few: Projection) -> None:
    """Shares of a profile over groups of ages: the sum of the groups' responses is that of the profile."""
    even = np.zeros((2, 101))
    even[0, 20:25], even[1, 40:45], even[0, 100] = 0.1, 0.08, 0.1
    labels = {"sex": ["female", "male"], "age": np.arange(101)}
    profile = Admissions("some", profile=xr.DataArray(even, dims=list(labels), coords=labels), years=[2030, 2031])
    free = Admissions("free", profile="free", years=[2030, 2031])
    one, many = (respond(few, [lever], ALL) for lever in (profile, free))
    shares = {"female 20-24": 0.5, "male 40-44": 0.4, "female 100": 0.1}
    plan = np.array([shares.get(column.ages, 0.0) for column in many.columns])
    np.testing.assert_allclose(
        many.values(EVERYONE, plan) - many.base[EVERYONE],
        one.values(EVERYONE, np.ones(2)) - one.base[EVERYONE],
        rtol=1e-5,
        atol=1e-6,
    )


def test_nobody_counts_before_coming(few: Projection) -> None:
    lever = Admissions("families", profile="family", years=range(2030, 2033))
    response = respond(few, [lever], ALL)
    for column, year in enumerate(lever.years):
        more = response.values(EVERYONE, np.eye(3)[column]) - response.base[EVERYONE]
        assert np.abs(more[:, : year - 2021 + 1]).max() == 0.0
        first = more[:, year - 2021 + 1]
        assert ((first > 0.98) & (first < 1.05)).all()  # half a year of deaths and births


def test_gradients_are_the_values_turned_over(few: Projection) -> None:
    """Weights times values, summed, is the gradient times the plan."""
    lever = Admissions("workers", profile="worker", years=range(2027, 2040))
    response = respond(few, [lever], ALL, {EVERYONE: range(2030, 2050)})
    rng = np.random.default_rng(2)
    plan, draws, at = rng.uniform(0.0, 1e5, 13), np.array([1, 7, 8]), np.array([0, 5, 19])
    weights = rng.normal(size=(3, 3))
    more = response.values(EVERYONE, plan, draws, at) - response.base[EVERYONE][np.ix_(draws, at)]
    assert response.gradient(EVERYONE, weights, draws, at) @ plan == pytest.approx(float((weights * more).sum()))


def test_those_who_leave_again_are_there_until_they_do(few: Projection) -> None:
    """A share leaves after five years, children with them: until then all as before, and then a share of nobody."""
    years = range(2028, 2030)
    plain, leaving, gone = (
        Admissions("students", profile="worker", years=years, leaves=share, stay=5) for share in (0.0, 0.4, 0.999999)
    )
    stay, some, none = (
        respond(few, [lever], ALL).values(EVERYONE, np.array([1e5, 0.0])) - respond(few, [lever], ALL).base[EVERYONE]
        for lever in (plain, leaving, gone)
    )
    before = slice(0, 2028 + 5 + 1 - 2021)
    np.testing.assert_array_equal(some[:, before], stay[:, before])
    after = slice(2028 + 5 + 1 - 2021, None)
    assert np.abs(none[:, after]).max() < 1.0  # of 100,000
    np.testing.assert_allclose(some[:, after], 0.6 * stay[:, after], rtol=1e-5)


def test_an_uncertain_share_differs_by_draw_and_not_by_run(few: Projection) -> None:
    lever = Admissions("students", profile="worker", years=[2028], leaves=0.4, leaves_weight=10, stay=5)
    one, same, other = (
        respond(few, [lever], ALL, seed=seed).values(EVERYONE, np.array([1e5]))[:, -1] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 100.0


def test_a_class_of_its_own_bears_and_dies_by_its_own_rates(few: Projection) -> None:
    """No children without fertility; nobody dies without mortality; twice the births with twice the fertility."""

    def after(years: int, **rates: float) -> np.ndarray:
        lever = Admissions("some", profile="worker", years=[2030], **rates)
        response = respond(
            few,
            [lever],
            ALL | Births(at_least=1, years=[2030]).functionals(),
            {
                EVERYONE: [2031 + years],
                "births": [2031],
            },
        )
        return np.stack(
            [(response.values(name, np.array([1e5])) - response.base[name])[:, 0] for name in (EVERYONE, "births")]
        )

    np.testing.assert_allclose(after(30, fertility=0.0, mortality=0.0)[0], 1e5, rtol=1e-6)
    assert np.abs(after(1, fertility=0.0)[1]).max() == 0.0
    np.testing.assert_allclose(after(1, fertility=2.0)[1], 2.0 * after(1)[1], rtol=1e-4)
    assert (after(40, mortality=2.0)[0] < after(40)[0]).all()


def test_children_born_here_are_not_foreign_born(few: Projection) -> None:
    """Those admitted are. Where nobody emigrates, a projection that follows the foreign-born says the same."""
    share = xr.DataArray([0.01], coords={"country": ["MEX"]}, dims="country", attrs={"units": "share"})
    lever = Admissions("families", profile="family", years=range(2027, 2031))
    admitted = np.array([1e5, 2e5, 0.0, 3e5])
    followed = reprojected(few, {}, nobody_else=True, foreign_born=share)
    with_them = reprojected(few, {"families": (lever, admitted)}, nobody_else=True, foreign_born=share)
    goal = ForeignBorn(at_most=0.1, years=range(2025, 2060))
    response = respond(followed, [lever], goal.functionals(), goal.needs())
    expected = by_draw(with_them.stocks["foreign_born"].sel(year=list(goal.years)))
    np.testing.assert_allclose(response.values("foreign-born", admitted), expected, rtol=1e-7)
    with pytest.raises(GoalError, match="expected the foreign-born to have been followed"):
        respond(few, [lever], goal.functionals(), goal.needs())


def test_years_outside_the_projection_and_two_countries_are_refused(few: Projection) -> None:
    with pytest.raises(
        GoalError, match="expected admissions within 2021-2070, the years projected, found workers 2071"
    ):
        respond(few, [Admissions("workers", profile="worker", years=range(2069, 2072))], ALL)
    with pytest.raises(GoalError, match="expected years within 2021-2071, the horizon of the projection, found 2080"):
        respond(few, [Admissions("workers", profile="worker", years=[2030])], ALL, {EVERYONE: [2080]})
    region: Region = reference.region(("MEX", "GTM"))
    with pytest.raises(GoalError, match="expected the projection of one country, found MEX, GTM"):
        respond(project(region), [Admissions("workers", profile="worker", years=[2022])], ALL)


def test_rates_that_are_no_numbers_are_refused(few: Projection) -> None:
    """No plan is ever made of them, wherever they came in."""
    inputs = few.inputs["MEX"].copy(deep=True)
    inputs["tfr"][3, 20] = np.nan
    broken = replace(few, inputs={"MEX": inputs})
    with pytest.raises(PoblarError, match="expected"):
        respond(broken, [Admissions("workers", profile="worker", years=[2030])], ALL)


def test_a_response_is_small(few: Projection) -> None:
    """A stock answers to the years before it alone, and only what is asked for is kept."""
    lever = Admissions("workers", profile="worker", years=range(2027, 2051))
    response: Response = respond(few, [lever], ALL, {EVERYONE: [2028, 2030]})
    assert response.flat.shape == (20, 1 + 3)
    assert response.flat.dtype == np.float32
