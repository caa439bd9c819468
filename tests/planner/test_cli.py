"""The command line: help, exit codes, errors in one paragraph."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
from poblar.planner.cli import app
from typer.testing import CliRunner, Result


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", "TERM": "dumb"})


def test_version_is_that_of_the_package() -> None:
    assert run("--version").output == f"poblar {version('poblar')}\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), ("demo", "data", "forecast", "plan", "report")),
        (("data",), ("fetch", "list", "verify")),
        (("forecast",), ("fertility", "mortality", "migration", "population", "backlog")),
        (("plan",), ("quota", "staffing")),
    ],
)
def test_help_lists_every_command(arguments: tuple[str, ...], named: tuple[str, ...]) -> None:
    result = run(*arguments, "--help")
    assert result.exit_code == 0
    assert [name for name in named if f" {name} " not in result.output] == []


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "report",
        "data fetch",
        "data list",
        "data verify",
        "forecast fertility",
        "forecast mortality",
        "forecast migration",
        "forecast population",
        "forecast backlog",
        "plan quota",
        "plan staffing",
    ],
)
def test_every_command_shows_an_example(command: str) -> None:
    assert f"Example: poblar {command}" in run(*command.split(), "--help").output


@pytest.mark.parametrize("command", ["demo", "forecast fertility", "forecast backlog", "plan quota", "plan staffing"])
def test_every_stochastic_command_takes_a_seed(command: str) -> None:
    assert "--seed" in run(*command.split(), "--help").output


@pytest.mark.parametrize(
    "arguments",
    [
        ("forecast", "fertility", "--until", "soon"),
        ("forecast", "backlog", "--until", "2032-13"),
        ("plan", "quota", "--from", "2050", "--to", "2040"),
        ("demo", "--draws", "0"),
        ("divine",),
    ],
)
def test_wrong_usage_ends_with_code_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("forecast", "fertility", "--country", "FRA"),
            "among CAN, USA, MEX, GTM, HND, SLV, found FRA",
        ),
        (("plan", "quota", "--country", "Mexico"), "found Mexico"),
        (("forecast", "backlog", "--country", "GTM"), "expected a country with an asylum ledger, found GTM"),
        (("data", "fetch", "wpp1066"), "expected a source among wpp2024, found 'wpp1066'"),
        (("report", "--from", "nowhere"), "found no such file; run `poblar demo` first"),
    ],
)
def test_a_stated_error_is_one_paragraph_and_code_1(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, list(arguments), env={"POBLAR_CACHE": str(tmp_path)})
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert result.stderr.strip().count("\n") == 0


def test_an_unwritable_folder_is_a_stated_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = run("demo", "--out", str(tmp_path / "file" / "mexico"))
    assert result.exit_code == 1
    assert "name another with --out" in result.stderr


def test_verify_of_an_empty_cache_says_what_to_run(tmp_path: Path) -> None:
    result = run("data", "verify", "--cache", str(tmp_path))
    assert result.exit_code == 1
    assert "41 missing or changed; run `poblar data fetch wpp2024`" in result.stderr
    assert result.stdout.count("missing") == 41


def test_list_names_licence_and_revision() -> None:
    output = run("data", "list").output
    assert "CC BY 3.0 IGO" in output
    assert "2da7768ae64f" in output


def test_report_is_rendered_again_from_the_folder(demo: Path) -> None:
    before = (demo / "report.html").read_text(encoding="utf-8")
    (demo / "report.html").unlink()
    assert run("report", "--from", str(demo)).exit_code == 0
    after = (demo / "report.html").read_text(encoding="utf-8")
    # What the page itself took is not known while it is first written.
    assert before.split("<dt>Seconds")[0] == after.split("<dt>Seconds")[0]
