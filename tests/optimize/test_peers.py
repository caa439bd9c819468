"""Plans against published results: constant inflows, bang-bang ages, and the UN's Replacement Migration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from poblar.data import Panel, Region, read_world, reference
from poblar.data.wpp import read_wide
from poblar.forecast import Projection, project
from poblar.forecast._inputs import kernel_rates
from poblar.optimize import Admissions, Births, PopulationSize, QuotaPlan, SupportRatio, WorkingAge
from poblar.optimize.held import PopulationGoal
from poblar.optimize.response import respond

DRAWS = 200  # all alike: with certainty the linear program is the whole plan


def certain(region: Region, years: np.ndarray, **paths: xr.DataArray | float) -> Projection:
    """One country whose rates are known, or constant where a number is given, without migrants of its own."""
    (country,) = region.countries

    def path(value: xr.DataArray | float, units: str, **more: list[str]) -> xr.DataArray:
        coords = {"draw": np.arange(DRAWS), "country": [country], "year": years, **more}
        if not isinstance(value, xr.DataArray):
            value = xr.DataArray(float(value))
        values = value.broadcast_like(xr.DataArray(np.zeros([len(one) for one in coords.values()]), coords=coords))
        return values.transpose(*coords).assign_attrs(units=units)

    return project(
        region,
        fertility=path(paths["tfr"], "children per woman"),
        mortality=path(paths["e0"], "years", sex=["female", "male"]),
        migration=path(0.0, "persons per year"),
        ages=(),
    )


@pytest.fixture(scope="module")
def ageing() -> Projection:
    """Mexico with one child per woman for three centuries: without migrants it dies out."""
    return certain(reference.region(("MEX",)), np.arange(2024, 2321), tfr=1.0, e0=80.0)


def life_of(people: Projection) -> tuple[np.ndarray, np.ndarray, float]:
    """Survival ratios (2, 102), birth rates (101,) and girls' share of births of the constant rates."""
    rates = kernel_rates(people.inputs[people.countries[0]], slice(0, 1))
    place = (80.0 - rates.low) / rates.step
    row, share = int(place), place - int(place)
    survival = (1.0 - share) * rates.table[:, row] + share * rates.table[:, row + 1]
    return survival, 1.0 * rates.pattern[-1], float(rates.female_share[-1])


def test_a_constant_inflow_ends_in_the_births_of_espenshade_bouvier_and_arthur(ageing: Projection) -> None:
    """The smallest constant inflow that keeps a size for ever, and B = sum I(a) f(a) / (1 - R0) (Demography 1982)."""
    lever = Admissions("families", profile="family", years=range(2024, 2320), change_at_most=0.0)
    goal = PopulationSize(at_least=50e6, years=[2320])
    plan = QuotaPlan(ageing, levers=[lever], goals=[goal]).solve(seed=1)
    admitted = plan.decision["admissions"].to_numpy()[0]
    np.testing.assert_allclose(admitted, admitted[0], rtol=1e-6)
    functionals = goal.functionals() | Births(at_least=1.0, years=[2319]).functionals()
    response = respond(ageing, [lever], functionals, {"everyone": [2320], "births": [2320]})
    assert response.values("everyone", admitted)[0, 0] == pytest.approx(50e6, rel=1e-4)
    # Daughters that a woman has still to bear at a year's end, by the convention of births at mid-year.
    survival, asfr, girls = life_of(ageing)
    ratio, ahead = survival[0, 1:], np.zeros(102)
    for age in range(99, -1, -1):
        ahead[age] = girls * 0.5 * asfr[age] + ratio[age] * (girls * 0.5 * asfr[age + 1] + ahead[age + 1])
    reproduction = survival[0, 0] * ahead[0]
    profile = lever.shares[0]
    late = girls * 0.5 * asfr + ahead[:101]
    early = np.array([ratio[age] * (girls * 0.5 * asfr[min(age + 1, 100)] + ahead[age + 1]) for age in range(101)])
    daughters = admitted[0] * float(profile @ (0.5 * early + 0.5 * late))
    expected = daughters / (1.0 - reproduction) / girls
    assert 0.4 < reproduction < 0.5
    assert response.values("births", admitted)[0, 0] == pytest.approx(expected, rel=5e-3)  # after three centuries


@pytest.mark.parametrize("ratio", [2.0, 2.5, 3.0])
def test_the_best_ages_are_at_most_two_intervals(ageing: Projection, ratio: float) -> None:
    """Whoever may admit so many of each age, to support the old by a constant inflow, admits all of some ages or none.

    Of ages whose worth is above a price, at most two intervals (Simon, Belyakov & Feichtinger 2012).
    """
    goal = SupportRatio(at_least=ratio, years=[2300])
    free = Admissions("anyone", profile="free", years=range(2100, 2300), group=1)
    few = ageing.isel(draw=slice(0, 1))
    response = respond(few, [free], goal.functionals(), goal.needs())
    worth = np.zeros(202)
    for name, weight in (("aged 15-64", 1.0), ("aged 65+", -ratio)):
        each = response.gradient(name, np.array([[weight]]), np.array([0]), np.array([0]))
        worth += each.reshape(200, 202).sum(0)
    for women_or_men in (worth[:101], worth[101:]):
        for price in np.quantile(women_or_men, [0.3, 0.5, 0.7, 0.9]):
            chosen = np.r_[0, (women_or_men > price).astype(int), 0]
            assert (np.diff(chosen) == 1).sum() <= 2


@pytest.fixture(scope="module")
def germany(wpp_folder: Path) -> Projection:
    """Germany from 2001 to 2050 without migrants, with fertility and mortality as they were and the UN's medians."""
    region = read_world(wpp_folder, countries=["DEU"])
    base = Panel(region.population.dataset.sel(year=slice(None, 2000)))
    years = np.arange(2001, 2050)

    def joined(past: str, future: str, name: str) -> xr.DataArray:
        after = read_wide(wpp_folder / f"{future}.txt", name, countries=("DEU",))[name]
        before = {"tfr": region.tfr, "e0": region.e0}[past][name]
        return xr.concat([before, after], "year").sel(year=years)

    return certain(
        replace(region, population=base),
        years,
        tfr=joined("tfr", "tfrprojMed", "tfr"),
        e0=joined("e0", "e0Fproj", "e0"),
    )


@pytest.mark.parametrize(
    ("goal", "published"),
    [
        (lambda base: PopulationSize(at_least=base["total_population"], years=range(2002, 2051)), 17_838e3),
        (lambda base: WorkingAge(at_least=base["working_age"], years=range(2002, 2051)), 25_209e3),
        (lambda _base: SupportRatio(at_least=3.0, years=range(2010, 2051)), 40_481e3),
        (lambda base: SupportRatio(at_least=base["support_ratio"], years=range(2002, 2051)), 188_497e3),
    ],
    ids=["constant total", "constant 15-64", "support ratio three", "constant support ratio"],
)
def test_replacement_migration_of_germany_is_of_the_uns_order(germany: Projection, goal, published: float) -> None:
    """Scenarios III, IV, V and VI of Replacement Migration (United Nations 2000): persons to 2050, there since 1995."""
    base = {name: float(germany.stocks[name].isel(draw=0).sel(year=2001).squeeze()) for name in germany.stocks}
    asked: PopulationGoal = goal(base)
    lever = Admissions("migrants", profile="family", years=range(2001, 2050))
    plan = QuotaPlan(germany, levers=[lever], goals=[asked]).solve(seed=1)
    assert plan.exists
    assert 0.5 < plan.objective / published < 2.0, plan.objective
