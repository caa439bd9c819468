"""The command line: help, exit codes, errors in one paragraph."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
import yaml
from poblar.planner.cli import app
from poblar.planner.files import read_json
from poblar.planner.plan_file import schema
from typer.testing import CliRunner, Result


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", "TERM": "dumb"})


def test_version_is_that_of_the_package() -> None:
    assert run("--version").output == f"poblar {version('poblar')}\n"


COMMANDS = {
    "": ("demo", "init", "run", "compare", "report", "backtest", "serve", "schema", "fit", "project", "backlog"),
    "data": ("fetch", "list", "verify", "check", "template"),
    "forecast": ("fertility", "mortality", "migration", "counts", "recognition", "returns"),
    "plan": ("quota", "staffing", "regional", "placement", "sharing"),
    "frontier": ("quota", "staffing"),
}
EVERY = [f"{group} {name}".strip() for group, names in COMMANDS.items() for name in names]
STOCHASTIC = [
    "demo", "fit", "project", "backlog", "backtest", "forecast fertility", "forecast counts", "plan quota",
    "plan staffing", "plan regional", "plan placement", "forecast recognition", "forecast returns", "plan sharing",
    "frontier quota", "frontier staffing",
]  # fmt: skip


@pytest.mark.parametrize("group", COMMANDS)
def test_help_lists_every_command(group: str) -> None:
    result = run(*group.split(), "--help")
    assert result.exit_code == 0
    assert [name for name in COMMANDS[group] if f" {name} " not in result.output] == []


@pytest.mark.parametrize("command", EVERY)
def test_every_command_shows_an_example(command: str) -> None:
    assert f"Example: poblar {command}" in run(*command.split(), "--help").output


@pytest.mark.parametrize("command", STOCHASTIC)
def test_every_stochastic_command_takes_a_seed_json_and_quiet(command: str) -> None:
    help = run(*command.split(), "--help").output
    assert [option for option in ("--seed", "--json", "--quiet") if option not in help] == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_can_complete(shell: str) -> None:
    environment = {"_POBLAR_COMPLETE": f"source_{shell}"}
    result = CliRunner().invoke(app, [], env=environment, prog_name="poblar")
    assert "_POBLAR_COMPLETE" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("forecast", "fertility", "--until", "soon"),
        ("plan", "quota", "--from", "2050", "--to", "2040"),
        ("demo", "--draws", "0"),
        ("compare",),
        ("report", "--lang", "fr"),
        ("divine",),
    ],
)
def test_wrong_usage_ends_with_code_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("forecast", "fertility", "--country", "FRA"), "Guatemala, Honduras, El Salvador, found 'FRA'"),
        (("plan", "quota", "--country", "Mexicoo"), "found 'Mexicoo'; did you mean Mexico?"),
        (
            ("plan", "quota", "--probability", "90"),
            "quota.goals.0.probability: expected a probability above 0",
        ),
        (("plan", "staffing", "--wait", "soon"), "staffing.goals.0.at_most: expected a length such as"),
        (("backlog", "--country", "GTM"), "expected a country with an asylum ledger, found GTM"),
        (("backlog", "--until", "2032-13"), "staffing.until: expected"),
        (("data", "fetch", "wpp1066"), "expected a source among wpp2024, found 'wpp1066'"),
        (("data", "template", "poems"), "expected a kind among rates, population"),
        (("report", "--from", "nowhere"), "found no such file; run `poblar run` first"),
        (("run", "nowhere.yaml"), "expected a plan file at nowhere.yaml, found No such file or directory"),
        (("init", "Kenya"), "found 'Kenya'; name one of them"),
        (("backtest", "weather"), "expected fertility, mortality or migration, found 'weather'"),
        (("backtest", "fertility", "--origin", "2022"), "expected a year of origin from 1970 to 2020, found 2022"),
        (("plan", "regional", "--most", "MEX=many"), "expected countries and persons such as MEX=300000"),
        (("forecast", "counts", "nowhere.csv", "--until", "2027-12"), "nowhere.csv"),
        (("forecast", "returns", "--until", "2019"), "until= a year from 2021 to 2120, found 2019"),
        (("forecast", "returns", "nowhere.csv"), "nowhere.csv: expected a file, found none"),
        (("plan", "sharing", "nowhere.csv"), "nowhere.csv: expected a file, found none"),
    ],
)
def test_a_stated_error_is_one_paragraph_and_code_1(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, list(arguments), env={"POBLAR_CACHE": str(tmp_path)})
    assert result.exit_code == 1
    *progress, paragraph = result.stderr.strip().splitlines()
    assert said in paragraph
    assert "Traceback" not in result.output
    assert all(" s  " in line for line in progress)


def test_an_unwritable_folder_is_a_stated_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = run("demo", "--out", str(tmp_path / "file" / "mexico"))
    assert result.exit_code == 1
    assert "name another" in result.stderr


def test_json_is_one_object_and_nothing_else(demo: Path, cache: Path, tmp_path: Path) -> None:
    study = read_json(demo / "summary.json")["study"]
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(study))
    options = {"--plan": tmp_path / "plan.yaml", "--draws": 100, "--cache": cache, "--csv": tmp_path / "tfr.csv"}
    given = [str(word) for option in options.items() for word in option]
    result = run("forecast", "fertility", *given, "--json", "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")
    made = json.loads(result.stdout)
    assert (made["command"], made["country"], made["draws"]) == ("forecast fertility", "MEX", 100)
    saved = pd.read_csv(tmp_path / "tfr.csv")
    assert [row["median"] for row in made["bands"]] == pytest.approx(saved["median"].tolist(), rel=1e-6)


def test_returns_of_a_template_are_those_that_are_bundled(tmp_path: Path) -> None:
    """The template holds the bundled figures, so that the file and its absence answer alike."""
    file = tmp_path / "returns.csv"
    assert run("data", "template", "returns", "--out", str(file)).exit_code == 0
    options = ("--until", "2030", "--draws", "500", "--json", "--quiet")
    own, bundled = (json.loads(run("forecast", "returns", *given, *options).stdout) for given in ((str(file),), ()))
    assert own["bands"] == bundled["bands"]
    assert [row["period"] for row in own["bands"]] == ["2020-25", "2025-30"] * 2
    assert [row["who"] for row in own["bands"]] == ["returned"] * 2 + ["minors"] * 2
    ages = pd.DataFrame(own["ages"])
    assert ages["returned"].sum() == pytest.approx(own["bands"][0]["median"])
    assert ages.set_index("ages")["minors"].loc[["18-29", "65 and over"]].eq(0).all()
    assert "294,000 were counted" in own["held_out"][0]


def test_sharing_of_a_template_says_what_each_way_is_worth(tmp_path: Path) -> None:
    offices, csv = tmp_path / "offices.csv", tmp_path / "sharing.csv"
    assert run("data", "template", "offices", "--out", str(offices)).exit_code == 0
    options = ("--totals", "195161,68063", "--draws", "200", "--csv", str(csv), "--json", "--quiet")
    made = json.loads(run("plan", "sharing", str(offices), *options).stdout)
    assert len(made["answer"]) == 2
    steady = pd.DataFrame(made["total is as expected"]).set_index("way")["staff instead, %"].astype(float)
    assert steady["fixed"] == 0
    assert steady["one queue"] == steady.max() > steady["yearly"] > 0
    every = pd.read_csv(csv)
    assert set(every["total"]) == {"as expected", "varies"}
    assert every.groupby("measure")["way"].nunique().eq(8).all()
    assert any("wander by 0.25" in line for line in made["assumptions"])


def test_months_of_a_file_tell_how_demand_moves_unless_it_is_stated(tmp_path: Path) -> None:
    file, months = tmp_path / "offices.csv", pd.date_range("2024-01-01", periods=24, freq="MS").strftime("%Y-%m")
    rows = pd.MultiIndex.from_product([list("ABC"), months], names=["office", "month"]).to_frame(index=False)
    rows.assign(cases=200).to_csv(file, index=False)
    for options, said in (((), "learned from the file: kinds drift apart by 0.00"), (("--own", "0.5"), "as stated")):
        made = json.loads(run("plan", "sharing", str(file), *options, "--draws", "100", "--json", "--quiet").stdout)
        assert any(said in line for line in made["assumptions"])


def test_a_check_says_what_files_are_for_and_ends_with_1_where_something_is_wrong(tmp_path: Path) -> None:
    good, bad = tmp_path / "rates.csv", tmp_path / "bad.csv"
    assert run("data", "template", "rates", "--out", str(good)).exit_code == 0
    bad.write_text(good.read_text().replace("\n2000,", "\ntwo thousand,", 1))
    found = run("data", "check", str(good), "--json")
    assert json.loads(found.stdout)["files"][0]["kind"] == "rates"
    assert found.exit_code == 0
    found = run("data", "check", str(good), str(bad))
    assert found.exit_code == 1
    assert "expected a number, found 'two thousand'" in " ".join(found.stdout.split())


def test_the_schema_printed_is_that_of_the_plan_file() -> None:
    assert json.loads(run("schema").stdout) == schema()


def test_verify_of_an_empty_cache_says_what_to_run(tmp_path: Path) -> None:
    result = run("data", "verify", "--cache", str(tmp_path))
    assert result.exit_code == 1
    assert "41 missing or changed; run `poblar data fetch wpp2024`" in result.stderr
    assert result.stdout.count("missing") == 41


def test_list_names_licence_and_revision() -> None:
    output = run("data", "list").output
    assert "CC BY 3.0 IGO" in output
    assert "2da7768ae64f" in output


def test_a_report_is_written_again_from_the_folder_and_is_the_same(demo: Path) -> None:
    before = (demo / "report.html").read_bytes()
    (demo / "report.html").unlink()
    assert run("report", "--from", str(demo)).exit_code == 0
    assert (demo / "report.html").read_bytes() == before
