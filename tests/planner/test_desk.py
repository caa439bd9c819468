"""The desk behind the page: answers, controls, the pool, and figures of a visitor's own; no browser."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from poblar.data import PoblarError, kinds
from poblar.data.errors import DataError
from poblar.planner import Study, plans
from poblar.planner._page_answers import answer
from poblar.planner._page_controls import asked_of, controls_of, plan_file, read
from poblar.planner._page_own import OwnFigures
from poblar.planner._page_pool import Pool
from poblar.planner.desk import FORECAST, Desk
from poblar.planner.errors import PlannerError
from poblar.planner.language import ENGLISH
from poblar.planner.plan_file import read_plan
from rich.console import Console

SMALL = Study.model_validate(
    {
        "models": {"sampling_draws": 60, "sampling_tune": 60, "accept_unconverged": True},
        "until": 2050,
        "draws": 600,
    }
)


@pytest.fixture(scope="module")
def desk(cache: Path) -> Desk:
    """A desk on few draws and hasty fits."""
    made = Desk(SMALL, console=Console(quiet=True), cache=cache)
    made.prepare()
    return made


@pytest.fixture(scope="module")
def named(desk: Desk, cache: Path) -> Desk:
    """The desk of a place with a name that a browser might run."""
    data = desk.asked.data.model_copy(update={"name": "<script>alert(1)</script>"})
    made = Desk(desk.asked.model_copy(update={"data": data}), console=Console(quiet=True), cache=cache)
    made.prepare()
    return made


def values_of(desk: Desk, **moved: float | str) -> dict[str, float | str]:
    values, said = read(controls_of(desk), moved)
    assert not said
    return values


def admitted(desk: Desk, **moved: float | str) -> pd.Series:
    values = values_of(desk, **moved)
    quota = asked_of(desk.study, values, quota=True).quota
    assert quota is not None
    view = desk.admissions(str(values["place"]), quota)
    assert view.plan.exists
    return view.plan.table.set_index("year")["admissions"]


def test_a_plan_of_the_desk_is_that_of_the_study(desk: Desk) -> None:
    """The response to all years at once, narrowed to those asked, gives what a response made for them gives."""
    for moved in ({}, {"first": 2029, "last": 2041, "to": 2041, "growth": 0.1}):
        quota = asked_of(desk.study, values_of(desk, **moved), quota=True).quota
        assert quota is not None
        afresh = plans.quota_plan(desk.place("MEX").people, quota).solve(seed=desk.study.seed)
        np.testing.assert_allclose(admitted(desk, **moved), afresh.table["admissions"], rtol=1e-9)


def test_more_growth_takes_more_people(desk: Desk) -> None:
    assert admitted(desk, growth=0.2).sum() > admitted(desk, growth=0.0).sum()


def test_numbers_hold_for_as_many_years_as_asked(desk: Desk) -> None:
    plan = admitted(desk, every=4, change=50)
    since = (plan.index - plan.index[0]) // 4
    spread = plan.groupby(since).agg(np.ptp)
    assert spread.max() < 1e-3
    assert len(set(plan.groupby(since).first().round())) > 1


def test_growth_without_the_plan_is_the_forecasts(desk: Desk) -> None:
    quota = desk.study.quota
    assert quota is not None
    growth = desk.admissions("MEX", quota).growth
    own_growth = growth.query("indicator == 'growth_rate' and scenario == 'without'").set_index("year")["median"]
    view = desk.population("MEX", FORECAST, FORECAST, 2040)
    forecast = view.bands.query("indicator == 'growth_rate'").set_index("year")["median"]
    np.testing.assert_allclose(own_growth, forecast.loc[own_growth.index], atol=1e-6)


def test_where_nobody_migrates_the_difference_is_migration(desk: Desk) -> None:
    view = desk.population("MEX", "nobody migrates", FORECAST, 2040)
    assert view.scenarios is not None
    assert view.differences is not None
    none = view.scenarios.query("scenario == 'nobody migrates' and indicator == 'net_migration' and year > 2024")
    assert none["median"].abs().max() < 1e-6
    assert view.pyramid["year"].unique().tolist() == [2040]


def test_a_place_or_scenario_that_is_not_there_is_refused(desk: Desk) -> None:
    with pytest.raises(PlannerError, match=r"expected a place of this study \(CAN, USA.*found FRA"):
        desk.place("FRA")
    with pytest.raises(PlannerError, match="expected a scenario among forecast"):
        desk.place("MEX").under("the moon")


def test_officers_answer_to_the_promise(desk: Desk) -> None:
    costs = []
    for months in (12, 4):
        staff = asked_of(desk.study, values_of(desk, wait=months), staffing=True).staffing
        assert staff is not None
        costs.append(desk.officers(staff).plan.objective)
    assert costs[1] > costs[0]


def test_an_answer_is_kept(desk: Desk) -> None:
    values = {control.name: control.default for control in controls_of(desk) if "officers" in control.views}
    first = answer(desk, "officers", values | {"wait": 9}, ENGLISH, lambda _text: None)
    assert answer(desk, "officers", values | {"wait": 9}, ENGLISH, lambda _text: None) is first


def test_an_impossible_plan_says_what_can_be_reached(desk: Desk) -> None:
    values = values_of(desk, cap=10, growth=2.0)
    shown = answer(desk, "admissions", values, ENGLISH, lambda _text: None)
    assert "No plan within these limits" in shown.answer
    assert "can be reached" in shown.answer


def test_a_name_is_shown_as_it_is_written(named: Desk) -> None:
    values = values_of(named)
    for view in ("population", "admissions"):
        shown = answer(named, view, values, ENGLISH, lambda _text: None)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown.answer
        for text in (shown.answer, shown.details, *(make().to_json() for make in shown.figures)):
            assert "<script" not in text.replace("\\u003c", "<")


@pytest.mark.parametrize(
    ("name", "found", "expected"),
    [
        ("growth", "9", "Growth of at least: expected -1 to 2, found '9'; 0 is used."),
        ("growth", "nan", "Growth of at least: expected -1 to 2"),
        ("growth", "__import__('os')", "Growth of at least: expected -1 to 2"),
        ("goal", "money", "Goal: expected one of growth, support_ratio, found 'money'; growth is used."),
        ("place", "<script>", "Country: expected one of CAN"),
        ("since", "2031-13", "For who applies from: expected one of"),
        ("probability", ["90"], "How sure: expected 50 to 99"),
    ],
)
def test_a_value_that_makes_no_sense_is_said_and_the_default_used(
    desk: Desk, name: str, found: object, expected: str
) -> None:
    controls = controls_of(desk)
    values, said = read(controls, {name: found})
    assert len(said) == 1
    assert said[0].startswith(expected)
    assert values == {control.name: control.default for control in controls}


def test_years_out_of_order_are_a_stated_error(desk: Desk) -> None:
    values = values_of(desk, first=2040, last=2030)
    with pytest.raises(PlannerError, match="expected the first year before the last, found 2040 and 2030"):
        answer(desk, "admissions", values, ENGLISH, lambda _text: None)


def test_controls_start_where_the_study_does(desk: Desk) -> None:
    values = values_of(desk)
    assert asked_of(desk.study, values, quota=True, staffing=True) == desk.study


def test_the_plan_file_is_one(desk: Desk, tmp_path: Path) -> None:
    values = values_of(desk, growth=0.3, wait=9, cap=800)
    path = tmp_path / "plan.yaml"
    path.write_text(plan_file(desk.asked, values), encoding="utf-8")
    study = read_plan(path)
    assert study.draws == desk.asked.draws
    assert study.quota is not None
    assert study.quota.goals[0].at_least == pytest.approx(0.003)
    assert study.quota.levers[0].at_most == 800_000
    assert study.staffing is not None
    assert study.staffing.promised is not None
    assert study.staffing.promised.at_most == "9 months"


def test_the_plan_file_of_another_country_has_no_ledger(desk: Desk) -> None:
    content = yaml.safe_load(plan_file(desk.asked, values_of(desk, place="GTM")))
    assert (content["country"], content["staffing"]) == ("GTM", None)


def test_of_one_owner_only_the_latest_question_is_answered() -> None:
    pool, begun, go = Pool(workers=2, waiting=3), threading.Event(), threading.Event()
    found: list[int] = []
    done = threading.Event()

    def first() -> int:
        begun.set()
        go.wait(5.0)
        return 0

    try:
        pool.submit("one", first, found.append, pytest.fail)
        assert begun.wait(5.0)
        for number in range(1, 6):
            pool.submit("one", lambda number=number: number, lambda n: (found.append(n), done.set()), pytest.fail)
        go.set()
        assert done.wait(5.0)
    finally:
        pool.close()
    assert found == [0, 5]


def test_a_full_queue_is_a_stated_error_and_others_are_not_held_up() -> None:
    pool, go, heard = Pool(workers=2, waiting=2), threading.Event(), threading.Event()
    try:
        pool.submit("slow", lambda: go.wait(5.0), lambda _found: None, pytest.fail)
        pool.submit("quick", lambda: 1, lambda _found: heard.set(), pytest.fail)
        assert heard.wait(5.0)
        pool.submit("also slow", lambda: go.wait(5.0), lambda _found: None, pytest.fail)
        time.sleep(0.2)
        for owner in ("a", "b"):
            pool.submit(owner, lambda: 1, lambda _found: None, pytest.fail)
        with pytest.raises(PlannerError, match="expected at most 2 questions to wait"):
            pool.submit("c", lambda: 1, lambda _found: None, pytest.fail)
    finally:
        go.set()
        pool.close()


def test_a_mistake_of_ours_is_said_without_its_innards(caplog: pytest.LogCaptureFixture) -> None:
    pool, heard = Pool(workers=1, waiting=2), threading.Event()
    errors: list[PoblarError] = []
    try:
        pool.submit("one", lambda: 1 / 0, pytest.fail, lambda error: (errors.append(error), heard.set()))
        assert heard.wait(5.0)
    finally:
        pool.close()
    assert "found a mistake in poblar itself" in str(errors[0])
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n", "expected the columns of a known kind"),
        ("series,month,count\nvisas,2022-01,5\n", "the page has no use for it"),
        ("year,applications,recognized,rejected,closed,pending\n2020,x,1,1,1,1\n", "column 'applications'"),
        ("\0\0\0", "mine.csv"),
    ],
)
def test_a_file_is_checked_before_anything_else(text: str, expected: str) -> None:
    figures = OwnFigures()
    try:
        with pytest.raises(DataError, match=expected) as raised:
            figures.take("../../mine.csv", text)
        assert str(raised.value).startswith("mine.csv")
        assert not figures.enough
    finally:
        figures.close()


def test_a_file_that_is_too_large_is_refused_unread() -> None:
    figures = OwnFigures()
    try:
        with pytest.raises(DataError, match=r"at most 5,000,000 bytes, found 5,000,001"):
            figures.take("large.csv", "1" * 5_000_001)
    finally:
        figures.close()


@pytest.mark.slow
def test_own_figures_are_forecast_and_then_removed(desk: Desk, cache: Path) -> None:
    figures = OwnFigures()
    folder = Path(figures._folder.name)
    for kind in ("rates", "population"):
        assert figures.take(f"{kind}.csv", kinds.template(kind)) == kind
    assert figures.enough
    made = figures.desk(desk.study, "<b>Jalisco</b>", cache, lambda _text: None)
    assert made.places == {"XAA": "<b>Jalisco</b>"}
    assert made.study.staffing is None
    view = made.population("XAA", FORECAST, FORECAST, 2040)
    assert view.bands.query("indicator == 'population' and year == 2030")["median"].item() > 1e8
    figures.close()
    assert not folder.exists()
