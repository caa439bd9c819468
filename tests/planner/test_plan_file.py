"""Plan files: what is asked reaches the study, what cannot be is refused by line, nothing in a file is executed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from poblar.planner.errors import PlannerError
from poblar.planner.init import write_plan
from poblar.planner.plan_file import check, read_plan, schema
from poblar.planner.study import Study


def plan(folder: Path, text: str, name: str = "plan.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_first_plan_file_is_the_default_study(tmp_path: Path) -> None:
    """What the comments say of defaults is so."""
    study = read_plan(write_plan("mexico", tmp_path / "mexico.yaml"))
    assert study.model_copy(update={"scenarios": ()}) == Study()


@pytest.mark.parametrize(
    ("place", "code", "queue"),
    [("guatemala", "GTM", False), ("united-states", "USA", True), ("El Salvador", "SLV", False), ("can", "CAN", True)],
)
def test_a_first_plan_asks_for_staff_where_there_is_a_ledger(
    tmp_path: Path, place: str, code: str, queue: bool
) -> None:
    study = read_plan(write_plan(place, tmp_path / "plan.yaml"))
    assert (study.country, study.staffing is not None) == (code, queue)


@pytest.mark.parametrize(("place", "said"), [("Kenya", "name one of them"), ("Mexicoo", "did you mean Mexico?")])
def test_another_place_is_not_guessed(tmp_path: Path, place: str, said: str) -> None:
    with pytest.raises(PlannerError, match=said.replace("?", r"\?")):
        write_plan(place, tmp_path / "plan.yaml")
    assert not list(tmp_path.iterdir())


def test_a_plan_file_that_is_there_stays(tmp_path: Path) -> None:
    path = plan(tmp_path, "mine")
    with pytest.raises(PlannerError, match="or add --force"):
        write_plan("mexico", path)
    assert path.read_text() == "mine"


TOML = """
country = "USA"
seed = 7
[quota]
objective = "smoothest"
[[quota.levers]]
category = "students"
profile = "student"
years = [2028, 2040]
[[quota.goals]]
goal = "support_ratio"
at_least = 3.0
years = [2035, 2045]
"""


def test_toml_and_yaml_are_the_same_study(tmp_path: Path) -> None:
    toml = read_plan(plan(tmp_path, TOML, "plan.toml"))
    again = yaml.safe_dump(toml.model_dump(mode="json"))
    assert read_plan(plan(tmp_path, again)) == toml
    assert toml.quota is not None
    assert (toml.quota.years, toml.quota.last, toml.quota.goals[0].bound) == ((2028, 2040), 2045, 3.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("country: mexico\n", "line 1: country: expected a code of three capital letters, such as MEX, found 'mexico'"),
        ("seed: 1\nzzz: red\n", "line 2: zzz: expected one of the keys .*, found 'zzz'; drop it"),
        ("quota:\n  golas: []\n", r"line 2: quota.golas: .* found 'golas'; did you mean goals\?"),
        (
            "quota:\n  levers:\n    - profile: alien\n",
            "line 3: quota.levers.0.profile: expected worker, .* found 'alien'",
        ),
        (
            "quota:\n  goals:\n    - {goal: growth, at_least: 0, years: [2050, 2035]}\n",
            "line 3: quota.goals.0.years: expected the first year before the last, found 2050 and 2035",
        ),
        (
            "quota:\n  goals:\n    - goal: growth\n      at_least: 0\n      years: [2035, 2050]\n      probability: 2",
            "line 6: quota.goals.0.probability: expected a probability above 0 and below 1, such as 0.9, less than",
        ),
        (
            "quota:\n  goals:\n    - {goal: growth, at_most: 0, years: [2035, 2050]}\n",
            "line 3: quota.goals.0: expected at_least for growth and no at_most",
        ),
        (
            "quota:\n  levers:\n    - {at_least: 10, at_most: 5}\n",
            "line 3: quota.levers.0: workers: expected 0 <= at_least <= at_most, found 10.0 and 5.0",
        ),
        ("staffing:\n  start: 2027-13\n", "line 2: staffing.start: expected a month such as 2031-01, found '2027-13'"),
        (
            "staffing:\n  goals:\n    - goal: pray\n",
            "line 3: staffing.goals.0: expected goal: one of backlog, wait, waiting_now, found 'pray'",
        ),
        ("staffing:\n  levers:\n    - {lever: overtime, cost: 5}\n", "expected one lever of officers at least"),
        ("draws: 5\n", "line 1: draws: expected simulated futures, 100 to 20,000, .* found 5"),
        ("until: 2040\n", "expected until: 2050 or later, the last year of the quota plan"),
        ("quota: 5\n", "line 1: quota: .* found 5"),
        ("country: MEX\ncountry: USA\n", "line 2: expected country once, found it in line 1 too"),
        ("data: {source: own}\n", "expected rates and population, or a ledger, beside source: own"),
        ("data: {rates: r.csv}\n", "expected source: own beside rates"),
        (
            "scenarios:\n  - name: x\n    changes: [{change: shift, on: migration, by: 3, units: apples}]\n",
            "line 3: scenarios.0.changes.0.units: expected of an amount: persons per year, .* found 'apples'",
        ),
        ("", "found an empty file"),
        ("- 1\n", "line 1: expected keys such as country: MEX, found list"),
        ("a: [\n", "line 2: expected plain YAML"),
        ("\tcountry: MEX\n", "line 1: expected plain YAML"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_file_line_and_remedy(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PlannerError, match=said) as caught:
        read_plan(plan(tmp_path, text))
    assert str(tmp_path / "plan.yaml") in str(caught.value)
    assert "; " in str(caught.value)


def test_a_toml_file_names_lines_too(tmp_path: Path) -> None:
    with pytest.raises(PlannerError, match=r"line 11: quota.goals.0.at_least: .* found 'much'"):
        read_plan(plan(tmp_path, TOML.lstrip("\n").replace("at_least = 3.0", 'at_least = "much"'), "plan.toml"))
    with pytest.raises(PlannerError, match=r"expected TOML, found .* \(at line 2"):
        read_plan(plan(tmp_path, 'country = "MEX"\nseed = = 2\n', "plan.toml"))


def test_all_places_that_are_wrong_are_named_at_once(tmp_path: Path) -> None:
    text = "seed: -1\ndraws: 5\nstaffing:\n  goals:\n    - {goal: wait, at_most: soon}\n"
    with pytest.raises(
        PlannerError, match=r"line 1: seed: .* Also wrong: line 2 \(draws\), line 5 \(staffing.goals.0.at"
    ):
        read_plan(plan(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "country: !!python/object/apply:os.system ['touch owned']\n",
            "found the tag 'tag:yaml.org,2002:python/object",
        ),
        ("country: !!binary aGk=\n", "found the tag"),
        ("a: &a [x]\nb: *a\n", "line 1: .* an anchor or alias"),
        ("[" * 20_000, "brackets in brackets without end"),
        ("a: " + "x" * 1_100_000, "expected a plan file of at most 1,000,000 bytes"),
        ("seed: .inf\n", "seed: "),
        (
            "data: {source: own, ledger: ../secret.csv}\nquota: null\n",
            "line 1: data.ledger: expected a file beside the plan",
        ),
        ("data: {source: own, ledger: /etc/passwd}\nquota: null\n", "data.ledger: expected a file beside the plan"),
    ],
    ids=["python", "binary", "alias", "depth", "size", "infinity", "dots", "absolute"],
)
def test_a_hostile_file_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    started = time.perf_counter()
    with pytest.raises(PlannerError, match=said):
        read_plan(plan(tmp_path, text))
    assert time.perf_counter() - started < 2.0
    assert not (tmp_path / "owned").exists()


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.csv").write_text("year\n1\n")
    (tmp_path / "in" / "ledger.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(PlannerError, match="expected a file beside the plan file"):
        read_plan(plan(tmp_path / "in", "data: {source: own, ledger: ledger.csv}\nquota: null\n"))


def test_keys_that_yaml_takes_for_truths_stay_words(tmp_path: Path) -> None:
    """In YAML 1.1 `on` is true, and a month with a day a date."""
    text = "scenarios:\n  - name: 'no'\n    because: yes\n    changes: [{change: multiply, on: migration, by: 0}]\n"
    (scenario,) = read_plan(plan(tmp_path, text)).scenarios
    assert (scenario.because, scenario.changes[0].on) == ("yes", "migration")


WORDS = ("country", "quota", "staffing", "goals", "levers", "goal", "lever", "data", "years", "scenarios", "x")
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
CONTENT = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)


@given(CONTENT)
def test_any_content_is_a_study_or_a_stated_error(content: object) -> None:
    if not isinstance(content, dict):
        return
    try:
        assert isinstance(check(content, where="here"), Study)
    except PlannerError as error:
        if not str(error).startswith("here: "):
            raise


def test_the_schema_describes_every_key() -> None:
    made = schema()
    json.dumps(made)
    for name in ("country", "until", "draws", "seed"):
        assert made["properties"][name]["description"]
    assert set(made["properties"]) == set(Study.model_fields)
