"""Languages: nothing of ours is left in English, numbers and months as readers write them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import poblar.planner.language as language_module
import pytest
from poblar.optimize import (
    BacklogSize,
    Births,
    DependencyRatio,
    GrowthRate,
    MedianAge,
    PopulationSize,
    SupportRatio,
    WaitingNow,
    WaitTime,
    WorkingAge,
)
from poblar.planner.answers import aim
from poblar.planner.asked import Queue, Target, Wait, Waiting
from poblar.planner.files import read_json
from poblar.planner.language import ENGLISH, Language

SPANISH = Language("es")
ROOM = Path(language_module.__file__).parent
YEARS = range(2035, 2051)
GOALS = [
    GrowthRate(at_least=-0.003, years=YEARS, probability=0.9),
    PopulationSize(at_least=1_000_000, years=[2050], probability=0.9),
    WorkingAge(at_least=500_000, years=YEARS, probability=0.9),
    Births(at_least=20_000, years=YEARS, probability=0.9),
    SupportRatio(at_least=3.0, years=YEARS, probability=0.9),
    DependencyRatio(at_most=0.6, years=YEARS, probability=0.9),
    MedianAge(at_most=41.5, years=YEARS, probability=0.9),
    WaitTime(at_most="6 months", since="2031-01", probability=0.9),
    WaitTime(at_most="1 year", since="2031-01", share=0.8, probability=0.9),
    WaitingNow(by="2030-06", probability=0.9),
    WaitingNow(by="2030-06", share=0.5, probability=0.9),
    BacklogSize(at_most=1000, since="2031-01", probability=0.9),
    BacklogSize(at_most=1000, since="2031-01", until="2033-12", probability=0.9),
]


def _said() -> Iterator[tuple[str, str]]:
    """Texts that the room's modules and templates say, and where."""
    for path in sorted(ROOM.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "say" and len(node.args) == 1:
                of_language = getattr(node.func, "value", None)
                if "language" in ast.dump(of_language).lower():
                    for text in _constants(node.args[0]):
                        yield path.name, text
    for path in sorted((ROOM / "templates").glob("*.html")):
        for text in re.findall(r"\bsay\(\"(.*?)\"[,)]", path.read_text(encoding="utf-8")):
            yield path.name, text


def _constants(node: ast.AST) -> Iterator[str]:
    """The texts that an expression may be, and not those it is looked up by."""
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from _constants(body)
            yield from _constants(orelse)


def test_everything_that_is_said_has_a_translation() -> None:
    known = language_module._texts("es")
    assert [(where, text) for where, text in _said() if text not in known] == []


def test_no_translation_is_of_what_nobody_says() -> None:
    room = "".join(path.read_text(encoding="utf-8") for path in [*ROOM.glob("*.py"), *ROOM.glob("templates/*.html")])
    joined = re.sub(r"\"\s*\n\s*f?\"", "", room)  # texts that are written on several lines
    left = [
        text for text in language_module._texts("es") if text not in joined and text.replace('"', '\\"') not in joined
    ]
    assert left == []


def test_translations_keep_what_is_put_into_them() -> None:
    for _, text, words in language_module._catalogue("es"):
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", words)), text


def test_every_sentence_of_a_run_has_a_translation(demo: Path) -> None:
    record = read_json(demo / "summary.json")
    sentences = [line for lines in record["findings"].values() for line in lines]
    for plan in (record["quota"], record["staffing"]):
        sentences += [*plan["binding"], *plan["prices"], *plan["assumptions"]]
        sentences += [text for goal in plan["goals"] for text in (goal["goal"], goal["relaxed"]) if text]
    assert len(sentences) > 12
    assert [line for line in sentences if not SPANISH.knows(line)] == []


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: type(goal).__name__)
def test_every_goal_can_be_said(goal) -> None:
    words = SPANISH.sentence(goal.describe())
    assert SPANISH.knows(goal.describe())
    assert re.search(r"\b(of|at|for|from|people|every|years)\b", words) is None


@pytest.mark.parametrize(
    "sentence",
    [
        "at most 5,000 students a year, in 3 years from 2030 to 2034",
        "at least 1,000 to 2,000 Nurses of Ontario a year, in 2030",
        "at most 900 officers in post, from 2029-05",
        "5,000,000 CAD in fiscal year 2029, 4,990,123 spent",
        "+0 admissions a year for 0.05 more asked of: at least 3.00 persons aged 15-64 per person aged 65+ in 2040",
        "no plan keeps a decision within 2 months for everyone who applies from 2031-01 on",
        "a: officers start 4 months after the decision and decide cases after 1 year of training; 8 % leave in a year",
        "no wait that ends before the horizon",
    ],
)
def test_limits_and_prices_that_a_plan_may_have_can_be_said(sentence: str) -> None:
    assert SPANISH.knows(sentence)


def test_a_sentence_that_nobody_knows_stays_whole() -> None:
    assert not SPANISH.knows("those admitted fly to the moon from 2031-01")
    assert SPANISH.sentence("those admitted fly {x} from 2031-01").startswith("those admitted fly {x}")


def test_names_of_ones_own_are_never_translated_nor_formatted() -> None:
    assert SPANISH.sentence("at most 5 {n} years a year, in 2030") == "a lo más 5 {n} years al año, en 2030"
    assert SPANISH.name("Workers of {place}") == "Workers of {place}"


def test_numbers_months_and_countries_are_those_of_mexico() -> None:
    assert SPANISH.number(-1234567.5, 1) == "\N{MINUS SIGN}1,234,567.5"
    assert SPANISH.number(-0.004, 2) == "0.00"
    assert SPANISH.percent(0.905, 1) == "90.5\xa0%"
    assert SPANISH.month("2031-02") == "febrero de 2031"
    assert [SPANISH.country(code) for code in ("MEX", "USA", "CAN", "XYZ")] == [
        "México",
        "Estados Unidos",
        "Canadá",
        "XYZ",
    ]
    assert [ENGLISH.rounded(value) for value in (0, 0.5, 41_812, 999_999, 12_345_678)] == [
        "0", "0.5", "42,000", "1.0 million", "12 million",
    ]  # fmt: skip


def test_every_goal_of_a_plan_file_has_plain_words_in_both_languages() -> None:
    targets = [
        Target(goal="growth", at_least=0.0, years=(2035, 2050)),
        Target(goal="growth", at_least=0.004, years=(2035, 2035)),
        Target(goal="support_ratio", at_least=3.0, years=(2035, 2050), together=False),
        Target(goal="dependency_ratio", at_most=0.6, years=(2035, 2050)),
        Target(goal="population", at_least=130_000_000, years=(2035, 2050)),
        Target(goal="working_age", at_least=80_000_000, years=(2035, 2050)),
        Target(goal="births", at_least=1_500_000, years=(2035, 2050)),
        Target(goal="median_age", at_most=41.5, years=(2035, 2050)),
        Wait(),
        Wait(share=0.8),
        Waiting(goal="waiting_now", by="2030-01"),
        Waiting(goal="waiting_now", by="2030-01", share=0.8),
        Queue(goal="backlog", at_most=500, since="2030-01"),
        Queue(goal="backlog", at_most=500, since="2030-01", until="2031-12"),
    ]
    english, spanish = ([aim(goal, language) for goal in targets] for language in (ENGLISH, SPANISH))
    assert len(set(english)) == len(set(spanish)) == len(targets)
    assert "in each year of 2035-2050" in english[2]
    assert "130,000,000" in english[4]
    assert spanish[0] == "evita que la población disminuya en 2035-2050"
    assert spanish[8] == "resuelve en 6 meses o menos todas las solicitudes presentadas a partir de enero de 2031"
