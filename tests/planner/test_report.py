"""The report: self-contained, accessible, and safe."""

from __future__ import annotations

import base64
import re
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from poblar.planner.errors import PlannerError
from poblar.planner.files import read_json, write_json
from poblar.planner.report import render, write_report

VOID = {"meta", "img", "br", "hr", "link", "input"}


class _Page(HTMLParser):
    """Open tags, headings, pictures and table cells of a page; fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, *names: str) -> list[tuple[str, dict[str, str]]]:
        return [(tag, attrs) for tag, attrs in self.tags if tag in names]


@pytest.fixture(scope="session")
def text(demo: Path) -> str:
    return (demo / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def page(text: str) -> _Page:
    return _Page(text)


def test_nothing_is_fetched_and_nothing_runs(text: str, page: _Page) -> None:
    assert re.findall(r"(?:src|href|srcset)=[\"'](?!data:|#)", text) == []
    assert "url(" not in text
    assert "@import" not in text
    assert page.all("script", "link", "iframe", "object", "embed") == []
    assert [name for _, attrs in page.tags for name in attrs if name.startswith("on")] == []


def test_pictures_are_embedded_and_described(page: _Page) -> None:
    pictures = page.all("img")
    assert len(pictures) == 11
    for _, attrs in pictures:
        head, data = attrs["src"].split(",", 1)
        assert head == "data:image/png;base64"
        assert base64.b64decode(data).startswith(b"\x89PNG")
        assert re.search(r"\d", attrs["alt"]), "the alternative text holds no figure"
    assert len({attrs["alt"] for _, attrs in pictures}) == 11


def test_headings_step_down_one_at_a_time(page: _Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.all("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert [later for earlier, later in pairwise(levels) if later > earlier + 1] == []


def test_tables_have_captions_and_scopes(page: _Page) -> None:
    assert len(page.all("table")) == len(page.all("caption")) > 0
    assert {attrs.get("scope") for _, attrs in page.all("th")} == {"col", "row"}


def test_links_within_the_page_lead_somewhere(page: _Page) -> None:
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert {attrs["href"].removeprefix("#") for _, attrs in page.all("a")} <= ids


def test_the_answers_come_first(demo: Path, text: str) -> None:
    summary = read_json(demo / "summary.json")
    first = unescape(text.split('id="bands"')[0])
    for key in ("quota", "staffing"):
        assert summary[key]["answer"].removeprefix("MEX: ") in first


def test_a_fit_that_failed_the_gate_is_marked(demo: Path, text: str) -> None:
    fits = read_json(demo / "summary.json")["fits"]
    failed = [fit["what"] for fit in fits if not fit["converged"]]
    assert failed, "the hasty fits of this test were meant to fail"
    assert f"NOT CONVERGED: {', '.join(failed)}." in text
    assert text.count('<span class="badge">NOT CONVERGED</span>') == len(failed)


def test_a_name_cannot_bring_a_script(demo: Path) -> None:
    summary = read_json(demo / "summary.json")
    summary["title"] = "<script>alert(1)</script>"
    summary["quota"]["answer"] = '"><script>alert(2)</script>'
    pictures = {figure["name"]: "data:," for figure in summary["figures"]}
    text = render(summary, pictures=pictures, bands=pd.read_csv(demo / "bands.csv"))
    assert _Page(text).all("script") == []
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_a_summary_of_another_kind_is_refused(tmp_path: Path) -> None:
    write_json({"figures": []}, tmp_path / "summary.json")
    (tmp_path / "bands.csv").write_text("indicator,sex,year\n")
    with pytest.raises(PlannerError, match="expected a summary of this version in"):
        write_report(tmp_path)
