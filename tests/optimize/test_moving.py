"""Transfers alone: how many may leave an age or a cohort, and who gains and who loses by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from poblar.forecast import Projection
from poblar.optimize import PROFILES, GoalError, GrowthRate, PopulationGoal
from poblar.optimize.regional import RegionalPlan
from poblar.optimize.transfers import Transfer

Surely = Callable[..., list[PopulationGoal]]

COUNTRIES = ("MEX", "USA", "GTM")
YEARS = range(2027, 2042)


def workers(origin: str, destination: str, **limits: float) -> Transfer:
    return Transfer(name="workers", origin=origin, destination=destination, profile="worker", years=YEARS, **limits)


@pytest.fixture(scope="module")
def taking(surely: Surely, peoples: Projection) -> RegionalPlan:
    """The United States take workers from both others, who have no goals."""
    return RegionalPlan(
        peoples,
        levers={},
        transfers=[workers("MEX", "USA"), workers("GTM", "USA")],
        goals={"USA": surely("USA", 0.08)},
    )


def test_no_more_leave_than_their_shares_of_each_age_and_cohort(
    surely: Surely, peoples: Projection, taking: RegionalPlan
) -> None:
    tight = [replace(one, share_at_most=0.04, cohort_at_most=0.2) for one in taking.transfers]
    opened = replace(taking, transfers=tight, goals={"USA": surely("USA", 0.3)}).open(seed=1)
    plan = opened.solve()
    assert not plan.exists
    assert any("GTM: at most 4 % of a sex and age leave in a year" in limit for limit in plan.binding)
    shares = PROFILES["worker"].to_numpy()
    there = peoples.population.isel(draw=opened.sets["solve"]).sel(year=list(YEARS)).quantile(0.05, "draw")
    for origin in ("MEX", "GTM"):
        moved = plan.decided["admissions"].sel(category=f"workers from {origin} to USA").to_numpy()
        cells = there.sel(country=origin).transpose("year", "sex", "age").to_numpy()
        leaving = moved[:, None, None] * shares
        assert (leaving <= np.maximum(0.04 * cells, 1.0) * (1.0 + 1e-6)).all()
        part = leaving / np.maximum(cells, 1.0 / 0.2)
        for age in range(20, 60):  # in 2027
            along = sum(part[year, :, age + year] for year in range(len(YEARS)))
            assert (along <= 0.2 * (1.0 + 1e-6)).all()
    assert plan.decided["admissions"].sum() > 0.0


def test_transfers_of_one_origin_share_what_may_leave(surely: Surely, taking: RegionalPlan) -> None:
    one = replace(taking, transfers=[workers("GTM", "USA")], goals={"USA": surely("USA", 0.3)})
    two = replace(one, transfers=[workers("GTM", "USA"), replace(workers("GTM", "USA"), name="more workers")])
    totals = [float(problem.solve(seed=1).decided["admissions"].sum()) for problem in (one, two)]
    assert totals[0] > 1e5
    assert totals[1] == pytest.approx(totals[0], rel=0.01)


def test_a_plan_that_empties_ages_says_so(peoples: Projection) -> None:
    many = workers("GTM", "USA", at_least=5e6, share_at_most=1.0, cohort_at_most=1.0)
    goals = {"USA": [GrowthRate(at_least=-0.5, years=[2030])]}
    with pytest.raises(GoalError, match="those of the levers and those on who leaves contradict each other"):
        RegionalPlan(peoples, {}, [many], goals).solve(seed=1)
    less = replace(many, at_least=0.0, at_most=0.0)
    quiet = RegionalPlan(peoples, {}, [less], goals).open(seed=1)
    decided = quiet.solve().decided
    assert quiet.emptied(decided) == []
    crowd = decided.assign(admissions=decided["admissions"] + 500_000.0)
    (said,) = quiet.emptied(crowd)
    assert said.startswith("GTM: in 100.0 % of the draws held out more leave of some sex and age than are there")


def test_a_country_of_more_weight_moves_fewer(taking: RegionalPlan) -> None:
    def from_guatemala(**weights: float) -> float:
        decided = replace(taking, weights=weights).solve(seed=1).decision["admissions"]
        return float(decided.sel(category="workers from GTM to USA").sum())

    assert from_guatemala(GTM=3.0) < 0.5 * from_guatemala(MEX=3.0)


def test_who_gains_and_who_loses_is_told(surely: Surely, taking: RegionalPlan) -> None:
    opened = taking.open(seed=1)
    plan = opened.solve()
    looked_at = {country: surely(country) for country in COUNTRIES}
    table = opened.outcomes(plan, looked_at).set_index("country")
    assert table.loc["USA", "gains"] == 1.0
    assert table.loc["USA", "with_plan"] > table.loc["USA", "without"] + 0.05
    assert table.loc["USA", "persons_in"] == pytest.approx(table["persons_out"].sum())
    for country in ("MEX", "GTM"):
        assert table.loc[country, "gains"] == 0.0
        assert table.loc[country, "with_plan"] < table.loc[country, "without"]
        assert table.loc[country, "persons_in"] == 0.0
    assert (table["without_lower80"] < table["without"]).all()
    assert (table["with_plan"] < table["with_plan_upper80"]).all()
    pd.testing.assert_frame_equal(taking.outcomes(plan), opened.outcomes(plan))
