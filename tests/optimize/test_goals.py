"""Goals and levers read like sentences, and refuse what cannot be meant."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from poblar.forecast.schedules import rogers_castro
from poblar.optimize import (
    PROFILES,
    Admissions,
    DependencyRatio,
    GoalError,
    GrowthRate,
    PopulationSize,
    Staffing,
    SupportRatio,
    WaitTime,
)
from poblar.optimize.response import Response
from poblar.optimize.words import month, months_in, most_often, percent, span


@pytest.fixture
def response() -> Response:
    """Two draws, stocks of 2030-2032, one lever; working and older people by hand."""
    everyone = np.array([[100.0, 101.0, 99.99], [200.0, 200.0, 210.0]])
    working = 0.6 * everyone
    older = 0.2 * everyone
    base = {"everyone": everyone, "aged 15-64": working, "aged 65+": older}
    slope = {
        name: np.ones((2, 3, 1)) * share for name, share in (("everyone", 1.0), ("aged 15-64", 1.0), ("aged 65+", 0.0))
    }
    return Response(years=np.array([2030, 2031, 2032]), base=base, slope=slope, levers=[("workers", 2029)])


@pytest.mark.parametrize(
    ("goal", "worst"),
    [
        (GrowthRate(at_least=0.0, years=[2030, 2031]), [99.99 / 101.0 - 1.0, 0.0]),
        (SupportRatio(at_least=3.0, years=[2030, 2031]), [3.0, 3.0]),
        (DependencyRatio(at_most=0.7, years=[2030, 2031]), [1 / 0.6 - 1, 1 / 0.6 - 1]),
        (PopulationSize(at_least=150.0, years=[2030, 2032]), [99.99, 200.0]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_goal_holds_exactly_where_its_margins_are_not_negative(response: Response, goal, worst: list[float]) -> None:
    for people in (0.0, 3.0, 40.0):
        plan = np.array([people])
        constant, slope = goal.rows(response)
        kept = ((constant + slope @ plan) >= -1e-12).all(axis=1)
        reached = goal.reached(response, plan)
        better = reached >= goal.target - 1e-12 if goal.better_is_more else reached <= goal.target + 1e-12
        assert (kept == better).all()
    np.testing.assert_allclose(goal.reached(response, np.zeros(1)), worst, rtol=1e-12)


def test_a_tighter_goal_has_smaller_margins(response: Response) -> None:
    for goal in (GrowthRate(at_least=0.0, years=[2030]), SupportRatio(at_least=3.0, years=[2030])):
        assert (goal.rows(response, goal.step)[0] < goal.rows(response)[0]).all()


@pytest.mark.parametrize("probability", [0.0, 1.0, 1.2, -0.1])
def test_certainty_cannot_be_asked_for(probability: float) -> None:
    with pytest.raises(GoalError, match=r"expected a probability above 0 and below 1, found .*ask for 0.95 or 0.99"):
        GrowthRate(at_least=0.0, years=[2030], probability=probability)
    with pytest.raises(GoalError, match="expected a probability above 0 and below 1"):
        WaitTime(at_most="6 months", since="2028-01", probability=probability)


def test_years_come_in_order_and_once() -> None:
    for years in ([], [2031, 2030], [2030, 2030]):
        with pytest.raises(GoalError, match="expected years in order, each once"):
            PopulationSize(at_least=1.0, years=years)


@pytest.mark.parametrize("text", ["half a year", "6", "6 weeks", "-6 months", "6.5 months", 6])
def test_durations_are_whole_months_or_years(text) -> None:
    with pytest.raises(GoalError, match="expected a duration like '6 months' or '2 years', found"):
        WaitTime(at_most=text, since="2028-01")
    with pytest.raises(GoalError, match="expected a duration"):
        Staffing(cost=1.0, training=text)


@pytest.mark.parametrize("text", ["2028", "2028-13", "January 2028", 2028])
def test_months_are_written_with_year_and_month(text) -> None:
    with pytest.raises(GoalError, match="expected a month like '2028-01', found"):
        WaitTime(at_most="6 months", since=text)


def test_words() -> None:
    assert (months_in("1 month"), months_in("2 years")) == (1, 24)
    assert month("2028-02") - month("2027-12") == np.timedelta64(2, "M")
    assert (percent(0.905, 1), percent(1.0)) == ("90.5 %", "100 %")
    assert (span([2030]), span(range(2030, 2033))) == ("2030", "2030-2032")
    assert most_often(np.array([1, 2, 2, 3, 3, 3, 4])) == "3 (43 %), 2 (29 %), 1 (14 %)"


def test_profiles_are_shares_of_the_ages_they_name() -> None:
    for profile in PROFILES.values():
        assert float(profile.sum()) == pytest.approx(1.0)
        assert float(profile.min()) >= 0.0
    workers = PROFILES["worker"]
    assert float(workers.sel(age=slice(0, 15)).sum()) == 0.0
    assert float(workers.sel(sex="female").sum()) == pytest.approx(0.4)
    assert float(PROFILES["family"].sel(age=slice(0, 15)).sum()) > 0.15


def test_rogers_and_castros_schedule_peaks_in_young_adulthood_and_dips_before() -> None:
    shares = rogers_castro(
        children=0.02,
        children_decline=0.1,
        workers=0.06,
        workers_decline=0.1,
        workers_peak=20.0,
        workers_rise=0.4,
        constant=0.003,
    )
    assert shares.argmax() in range(20, 27)
    assert 10 <= shares[:20].argmin() <= 17
    # By hand at age 40: the children's and the labour component and the constant.
    by_hand = 0.02 * np.exp(-4.0) + 0.06 * np.exp(-0.1 * 20 - np.exp(-0.4 * 20)) + 0.003
    ages = np.arange(101)
    whole = 0.02 * np.exp(-0.1 * ages) + 0.06 * np.exp(-0.1 * (ages - 20) - np.exp(-0.4 * (ages - 20))) + 0.003
    assert shares[40] == pytest.approx(by_hand / whole.sum(), rel=1e-12)


def test_levers_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(GoalError, match="workers: expected consecutive years"):
        Admissions("workers", profile="worker", years=[2027, 2029])
    with pytest.raises(GoalError, match="workers: expected 0 <= at_least <= at_most, found 10 and 5"):
        Admissions("workers", profile="worker", years=[2027], at_least=10, at_most=5)
    with pytest.raises(GoalError, match=r"change_at_most between 0 and 1 \(0.1 is ten percent\), found 10"):
        Admissions("workers", profile="worker", years=[2027], change_at_most=10)
    with pytest.raises(GoalError, match="expected a profile among worker, family, found 'nurse'"):
        Admissions("workers", profile="nurse", years=[2027])
    twice = 2.0 * PROFILES["worker"]
    with pytest.raises(GoalError, match=r"that sum to one, .*with sum 2; divide it by its sum"):
        _ = Admissions("workers", profile=xr.DataArray(twice), years=[2027]).shares
    with pytest.raises(GoalError, match="expected a cost above zero a year and officer, found 0"):
        Staffing(cost=0)
    with pytest.raises(GoalError, match=r"expected attrition between 0 and 1 a year .*found 8"):
        Staffing(cost=1.0, attrition=8)
    with pytest.raises(GoalError, match="expected hires_at_most of at least one officer, found 0"):
        Staffing(cost=1.0, hires_at_most=0)
