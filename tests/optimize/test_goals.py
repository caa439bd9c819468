"""Goals and levers read like sentences, and refuse what cannot be meant."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from poblar.forecast import Projection
from poblar.forecast.schedules import rogers_castro
from poblar.optimize import (
    PROFILES,
    Admissions,
    Births,
    Budget,
    DependencyRatio,
    ForeignBorn,
    GoalError,
    GrowthRate,
    MedianAge,
    PopulationSize,
    Share,
    Staffing,
    SupportRatio,
    WaitTime,
    WorkingAge,
)
from poblar.optimize.admissions import Column
from poblar.optimize.held import PopulationMargins
from poblar.optimize.response import Response, by_hand, respond
from poblar.optimize.words import month, months_in, most_often, percent, span


@pytest.fixture
def response() -> Response:
    """Two draws, stocks of 2030-2032, one lever: people of working age who come in 2029, by hand."""
    everyone = np.array([[100.0, 101.0, 99.99], [200.0, 200.0, 210.0]])
    parts = {"everyone": 1.0, "aged 15-64": 0.6, "aged 65+": 0.2, "births": 0.01, "younger than 40": 0.55}
    parts |= {"foreign-born": 0.05}
    answer = {"everyone": 1.0, "aged 15-64": 1.0, "aged 65+": 0.0, "births": 0.02, "younger than 40": 0.9}
    answer |= {"foreign-born": 0.98}
    return by_hand(
        [2030, 2031, 2032],
        {name: share * everyone for name, share in parts.items()},
        {name: np.full((2, 3, 1), more) for name, more in answer.items()},
        columns=[Column("workers", 2029)],
    )


@pytest.mark.parametrize(
    ("goal", "worst"),
    [
        (GrowthRate(at_least=0.0, years=[2030, 2031]), [99.99 / 101.0 - 1.0, 0.0]),
        (SupportRatio(at_least=3.1, years=[2030, 2031]), [3.0, 3.0]),
        (DependencyRatio(at_most=0.65, years=[2030, 2031]), [1 / 0.6 - 1, 1 / 0.6 - 1]),
        (PopulationSize(at_least=150.0, years=[2030, 2032]), [99.99, 200.0]),
        (WorkingAge(at_least=75.0, years=[2030, 2032]), [0.6 * 99.99, 120.0]),
        (Births(at_least=1.5, years=[2030, 2031]), [0.9999, 2.0]),
        (MedianAge(at_most=40, half=0.6, years=[2031]), [0.55, 0.55]),
        (ForeignBorn(at_most=0.2, years=[2031]), [0.05, 0.05]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_goal_holds_exactly_where_its_margins_are_not_negative(response: Response, goal, worst: list[float]) -> None:
    margins = PopulationMargins(goal, response, response.draws)
    for people in (0.0, 3.0, 40.0, 400.0):
        plan = np.array([people])
        kept = (margins.rows(plan) >= -1e-12).all(axis=1)
        reached = goal.reached(response, plan)
        better = reached >= goal.target - 1e-9 if goal.better_is_more else reached <= goal.target + 1e-9
        assert (kept == better).all()
        assert (goal.kept(response, plan).all(axis=1) == better).all()
        values, rows = margins.worst(plan)
        for draw in range(2):
            constant, slope = margins.mean(np.ones(1), np.array([draw]), rows[[draw]])
            assert constant + slope @ plan == pytest.approx(values[draw], abs=1e-6)  # responses are float32
    np.testing.assert_allclose(goal.reached(response, np.zeros(1)), worst, rtol=1e-12)


def test_a_tighter_goal_has_smaller_margins(response: Response) -> None:
    for goal in (
        GrowthRate(at_least=0.0, years=[2030]),
        SupportRatio(at_least=3.0, years=[2030]),
        DependencyRatio(at_most=0.7, years=[2030]),
    ):
        asked, more = (PopulationMargins(goal, response, response.draws, tighter=step) for step in (0.0, goal.step))
        moved = asked.rows(np.zeros(1)) - more.rows(np.zeros(1))
        assert (moved > 0.0).all()
        assert moved.mean() == pytest.approx(asked.per_target(goal) * abs(goal.step), rel=1e-9)


@pytest.mark.parametrize(
    "goal",
    [
        GrowthRate(at_least=0.0, years=[2030]),
        PopulationSize(at_least=1e6, years=[2030]),
        DependencyRatio(at_most=0.6, years=[2030]),
        MedianAge(at_most=40, years=[2030]),
        ForeignBorn(at_most=0.1, years=[2030]),
    ],
    ids=lambda goal: type(goal).__name__,
)
def test_a_better_target_is_so_many_steps_away(goal) -> None:
    better = goal.moved(3.0)
    assert better.target == pytest.approx(goal.target + 3.0 * goal.step)
    assert (better.target > goal.target) == goal.better_is_more
    assert better.describe() == goal.describe(better.target)


def test_the_median_age_is_at_most_an_age_exactly_where_half_are_younger(people: Projection) -> None:
    """The goal and the indicator say the same, between whole ages too."""
    few = people.isel(draw=slice(0, 50))
    median = few.stocks["median_age"].sel(year=2045).squeeze("country").to_numpy()
    age = float(np.round(np.median(median), 3))
    goal = MedianAge(at_most=age, years=[2045])
    response = respond(few, [Admissions("workers", profile="worker", years=[2030])], goal.functionals(), goal.needs())
    assert (goal.kept(response, np.zeros(1))[:, 0] == (median <= age)).all()


def test_years_beyond_the_horizon_are_refused(response: Response) -> None:
    for goal in (PopulationSize(at_least=1.0, years=[2033]), GrowthRate(at_least=0.0, years=[2029])):
        with pytest.raises(GoalError, match="expected years within 2030-2032, the horizon of the projection, found"):
            PopulationMargins(goal, response, response.draws)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GrowthRate(at_least=0.0, years=[2030], weight=0.0), "expected a weight above zero, or none"),
        (lambda: GrowthRate(at_least=0.0, years=[2030], priority=0), "expected a priority of 1 or more"),
        (
            lambda: WorkingAge(at_least=1.0, years=[2030], young=70),
            "expected ages 0 < young < old <= 100",
        ),
        (lambda: MedianAge(at_most=0.0, years=[2030]), "expected an age above 0 and up to 100"),
        (
            lambda: Budget(name="homes", per_person={"x": -1.0}, at_most=1.0),
            "homes: expected per_person",
        ),
        (lambda: Share(of="x", at_least=0.6, at_most=0.4), "expected 0 <= at_least <= at_most <= 1, found 0.6 and 0.4"),
        (lambda: Admissions("x", profile="worker", years=[2030], leaves=1.5), "expected leaves between 0 and 1"),
        (
            lambda: Admissions("x", profile="free", years=[2030], group=7),
            "expected group of 1 year or a divisor",
        ),
        (
            lambda: Admissions("x", profile="worker", years=[2030], at_most={2031: 5}),
            "at_most by years of",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(make, message: str) -> None:
    with pytest.raises(GoalError, match=message):
        make()


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
    with pytest.raises(GoalError, match="expected a profile among worker, family, free, found 'nurse'"):
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
