"""A plan reads out: the answer, the table, the certificate, what binds; or what has to give way."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
import xarray as xr
from poblar.optimize import GoalReport, NoPlanError, Plan
from poblar.optimize.plan import kept, missed

EASY = GoalReport(
    goal="at least 130,000,000 people in 2050",
    requested=0.8,
    in_sample=0.97,
    held_out=0.96,
    held_out_interval=(0.94, 0.975),
)
HARD = GoalReport(
    goal="growth of at least 0.00 % a year in 2035-2050",
    requested=0.9,
    in_sample=0.91,
    held_out=0.905,
    held_out_interval=(0.88, 0.92),
    binding="2050 (80 %)",
)
FAILED = replace(HARD, held_out=0.1, relaxed="growth of at least -0.30 % a year in 2035-2050")


@pytest.fixture
def plan() -> Plan:
    decided = xr.Dataset(
        {"admissions": (("category", "year"), [[1000.0, 1100.0]], {"units": "persons per year"})},
        coords={"category": ["workers"], "year": [2027, 2028]},
    )
    return Plan(
        exists=True,
        answer="MEX: admitting 1,000 to 1,100 people a year.",
        goals=[EASY, HARD],
        decided=decided,
        objective=2100.0,
        objective_units="persons admitted",
        binding=["workers change by at most 10 % a year, in 2028"],
        prices=pd.DataFrame({"in_words": ["+500 admissions a year for 0.10 % more"]}),
        assumptions=["migration without the plan goes on"],
    )


def test_a_plan_prints_all_that_a_planner_reads_out(plan: Plan) -> None:
    answer, table, certificate, *rest = str(plan).split("\n\n")
    assert answer == plan.answer
    assert [line.split() for line in table.splitlines()] == [
        ["category", "year", "admissions"],
        ["workers", "2027", "1,000"],
        ["workers", "2028", "1,100"],
    ]
    assert "0.905" in certificate
    assert "2050 (80 %)" in certificate
    assert rest == [
        "Limits that bind: workers change by at most 10 % a year, in 2028.",
        "Prices: +500 admissions a year for 0.10 % more.",
        "Assumed: migration without the plan goes on.",
    ]


def test_the_table_has_a_row_for_each_lever_and_period(plan: Plan) -> None:
    assert plan.to_frame().to_dict("list") == {
        "category": ["workers", "workers"],
        "year": [2027, 2028],
        "admissions": [1000.0, 1100.0],
    }


def test_the_certificate_has_a_row_for_each_goal(plan: Plan) -> None:
    certificate = plan.certificate()
    assert certificate["goal"].tolist() == [EASY.goal, HARD.goal]
    assert certificate["held_out_lower95"].tolist() == [0.94, 0.88]
    assert certificate["held_out_upper95"].tolist() == [0.975, 0.92]


def test_the_decision_of_a_plan_that_does_not_exist_is_refused(plan: Plan) -> None:
    none = replace(plan, exists=False, answer="No plan for MEX: growth cannot be reached.", goals=[EASY, FAILED])
    for ask in (lambda: none.decision, none.to_frame):
        with pytest.raises(NoPlanError, match="No plan for MEX: growth cannot be reached"):
            ask()
    text = str(none)
    assert text.startswith("No plan for MEX")
    assert "1,100" not in text  # the nearest plan is not printed as if it were one


def test_the_answer_quotes_the_goal_with_least_to_spare() -> None:
    text = kept([EASY, HARD])
    assert EASY.goal in text
    assert text.endswith("with 90 % probability; held out: 90.5 % (95 % interval 88.0 % to 92.0 %)")


def test_only_the_goals_that_fail_have_to_give_way() -> None:
    text = missed([EASY, FAILED])
    assert EASY.goal not in text
    assert text.startswith("growth of at least 0.00 % a year in 2035-2050 cannot be reached with 90 % probability")
    assert "the highest probability found is 10.0 %" in text
    assert text.endswith("with 90 % it can be growth of at least -0.30 % a year in 2035-2050")
