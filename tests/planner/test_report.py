"""The report: self-contained, accessible, safe, in two languages, of any sections."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from poblar.planner import Study, report
from poblar.planner.errors import PlannerError
from poblar.planner.files import read_json, read_tables, write_json
from poblar.planner.language import Language

VOID = {"meta", "img", "br", "hr", "link", "input"}
HOSTILE = "<script>alert(1)</script> \"'> {{ 7 * 7 }} {n} 🦜 $a$"
PAGES = {"en": "report.html", "es": "report.es.html"}


class Page(HTMLParser):
    """Open tags, headings, pictures and table cells of a page; fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    def all(self, *names: str) -> list[tuple[str, dict[str, str]]]:
        return [(tag, attrs) for tag, attrs in self.tags if tag in names]

    @property
    def text(self) -> str:
        return re.sub(r"[ \n]+", " ", " ".join(self.words))


@pytest.fixture(scope="session", params=["en", "es"])
def text(demo: Path, request: pytest.FixtureRequest) -> str:
    return (demo / PAGES[request.param]).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def page(text: str) -> Page:
    return Page(text)


@pytest.fixture
def record(demo: Path) -> dict[str, Any]:
    return read_json(demo / "summary.json")


def _rendered(demo: Path, record: dict[str, Any], language: str = "en") -> Page:
    """A page of a changed record, without its pictures."""
    study = Study.model_validate(record["study"])
    names = {figure["name"]: figure for figure in record["figures"]}
    addresses = dict.fromkeys(names, "data:,")
    return Page(report.render(study, record, names, addresses, read_tables(demo), Language(language)))


def test_nothing_is_fetched_and_nothing_runs(text: str, page: Page) -> None:
    assert re.findall(r"(?:src|href|srcset)=[\"'](?!data:|#)", text) == []
    assert "url(" not in text
    assert "@import" not in text
    assert page.all("script", "link", "iframe", "object", "embed") == []
    assert [name for _, attrs in page.tags for name in attrs if name.startswith("on")] == []


def test_a_page_says_its_language(demo: Path) -> None:
    for code, name in PAGES.items():
        ((_, attrs),) = Page((demo / name).read_text(encoding="utf-8")).all("html")
        assert attrs["lang"] == code


def test_pictures_are_embedded_and_described(page: Page) -> None:
    pictures = page.all("img")
    assert len(pictures) == 14
    for _, attrs in pictures:
        head, data = attrs["src"].split(",", 1)
        assert head == "data:image/png;base64"
        assert base64.b64decode(data).startswith(b"\x89PNG")
        assert re.search(r"\d", attrs["alt"]), "the alternative text holds no figure"
    assert len({attrs["alt"] for _, attrs in pictures}) == 14


def test_headings_step_down_one_at_a_time(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.all("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert [later for earlier, later in pairwise(levels) if later > earlier + 1] == []


def test_tables_have_captions_and_scopes(page: Page) -> None:
    assert len(page.all("table")) == len(page.all("caption")) > 0
    assert {attrs.get("scope") for _, attrs in page.all("th")} == {"col", "row"}


def test_links_within_the_page_lead_somewhere_and_ids_are_unique(page: Page) -> None:
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    assert {attrs["href"].removeprefix("#") for _, attrs in page.all("a")} <= set(ids)


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(page: Page) -> None:
    scrolled = [attrs for _, attrs in page.tags if "scroll" in attrs.get("class", "").split()]
    assert len(scrolled) == len(page.all("table")) + len(page.all("img"))
    assert {(attrs["tabindex"], attrs["role"], bool(attrs["aria-label"])) for attrs in scrolled} == {
        ("0", "region", True)
    }


def test_words_stand_out_from_what_is_behind_them(text: str) -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5 at least, on white and on the tints of the answers."""
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", text))
    for behind in ("#ffffff", colours["tint"], "#fbf1ee"):
        for name in ("ink", "soft", "accent", "warn"):
            assert _contrast(colours[name], behind) >= 4.5, name
    assert _contrast("#ffffff", colours["warn"]) >= 4.5


def _contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dark + 0.05)


def test_a_printed_page_is_not_cut(text: str) -> None:
    printed = text[text.index("@media print") : text.index("</style>")]
    assert "overflow: visible" in printed
    assert "break-inside: avoid" in printed


def test_the_answers_come_first_with_what_was_held_out(demo: Path, record: dict[str, Any]) -> None:
    first = Page((demo / "report.html").read_text(encoding="utf-8").split("<nav")[0] + "</main></body></html>").text
    for key, words in (
        ("quota", "keeps the population from shrinking in 2035-2050"),
        ("staffing", "decides within 6 months"),
    ):
        (goal,) = record[key]["goals"]
        assert words in first
        assert re.search(rf"held out: {100 * goal['held_out']:.0f}(\.\d)?\N{{NO-BREAK SPACE}}%", first)
    assert first.index("held out") < first.index("A plan is made on some")


def test_the_page_is_of_the_study_and_not_of_the_machine(demo: Path, record: dict[str, Any], text: str) -> None:
    again = _rendered(demo, record)
    changed = json.loads(json.dumps(record)) | {
        "fitted": {"seconds": {"fertility": 77.7}},
        "seconds": {"total": 1234.5},
        "peak_memory_mb": 98765,
    }
    for fit in changed["fits"]:
        fit |= {"seconds": 4321.0, "from_cache": True}
    assert _rendered(demo, changed).tags == again.tags
    assert _rendered(demo, changed).text == again.text
    assert "cache" not in text.lower()


def test_a_fit_that_failed_the_gate_is_marked(demo: Path, record: dict[str, Any]) -> None:
    for code, marked in (("en", "NOT CONVERGED"), ("es", "NO CONVERGE")):
        language = Language(code)
        text = (demo / PAGES[code]).read_text(encoding="utf-8")
        failed = [language.say(fit["what"]) for fit in record["fits"] if not fit["converged"]]
        assert failed, "the hasty fits of this test were meant to fail"
        assert f"{marked}: {', '.join(failed)}." in text
        assert text.count(f'<span class="badge">{marked}</span>') == len(failed)


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_name_cannot_bring_a_script(demo: Path, record: dict[str, Any], language: str) -> None:
    record["study"]["data"]["name"] = HOSTILE
    record["study"]["scenarios"][0]["because"] = HOSTILE
    record["findings"]["people"].append(HOSTILE)
    record["quota"]["binding"].append(HOSTILE)
    page = _rendered(demo, record, language)
    assert page.all("script") == []
    assert {name for _, attrs in page.tags for name in attrs} <= {
        "lang", "charset", "name", "content", "class", "id", "href", "src", "alt", "scope", "tabindex", "role",
        "aria-label", "colspan",
    }  # fmt: skip
    assert page.text.count(HOSTILE) >= 4


def test_where_no_plan_exists_the_page_says_what_could_be_reached(demo: Path, record: dict[str, Any]) -> None:
    (goal,) = record["quota"]["goals"]
    goal |= {"held_out": 0.42, "highest": 0.514, "relaxed": "growth of at least -0.30 % a year in 2035-2050"}
    record["quota"]["exists"] = False
    english, spanish = (_rendered(demo, record, code).text for code in ("en", "es"))
    assert (
        "No plan within these limits keeps the population from shrinking in 2035-2050 with 90\xa0% probability; the "
        "highest probability found is 51.4\xa0%." in english
    )
    assert "this can be reached: growth of at least \N{MINUS SIGN}0.30\xa0% a year in 2035-2050." in english
    assert "puede alcanzarse esto: un crecimiento de al menos \N{MINUS SIGN}0.30\xa0% anual en 2035-2050." in spanish
    assert "Admitting" not in english


def _folder(demo: Path, tmp_path: Path, change: dict[str, Any]) -> Iterator[tuple[Path, Page]]:
    """Reports of a folder whose study has other sections or figures."""
    record = read_json(demo / "summary.json")
    record["study"] |= change
    for name in ("quota", "staffing"):
        if record["study"][name] is None:
            del record[name]
    if "data" in change:
        record["findings"].pop("people", None)
        record["last_observed"].pop("people", None)
    if record["study"]["staffing"] is None:
        del record["findings"]["queue"]
    for table in demo.glob("*.csv"):
        shutil.copy(table, tmp_path)
    (tmp_path / "figures").mkdir()
    write_json(record | {"figures": []}, tmp_path / "summary.json")
    for made in report.again(tmp_path):
        if made.suffix == ".html":
            yield made, Page(made.read_text(encoding="utf-8"))


def test_an_agency_with_a_ledger_alone_reads_of_its_queue(demo: Path, tmp_path: Path) -> None:
    own = {"source": "own", "ledger": "cases.csv", "origin": "Board of Appeals, 2026", "name": "Board of Appeals"}
    change = {"data": own, "quota": None, "scenarios": [], "outputs": {"languages": ["en"], "workbook": False}}
    ((made, page),) = _folder(demo, tmp_path, change)
    assert made.name == "report.html"
    assert len(page.all("img")) == 3
    assert "Board of Appeals to 2034: the queue for decisions" in page.text
    assert "Natural growth" not in page.text
    assert page.all("nav")
    assert "people" not in {attrs.get("id") for _, attrs in page.tags}


def test_a_study_of_the_population_alone_opens_with_what_will_become_of_it(demo: Path, tmp_path: Path) -> None:
    change = {"quota": None, "staffing": None, "scenarios": [], "outputs": {"languages": ["es"], "workbook": False}}
    ((made, page),) = _folder(demo, tmp_path, change)
    assert made.name == "report.html"
    assert len(page.all("img")) == 8
    assert "La población de México alcanza su máximo en" in page.text
    assert "Admisiones" not in page.text


def test_a_language_is_written_again_beside_the_first(demo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(demo, folder)
    before = {path.name: path.read_bytes() for path in folder.glob("report*.html")}
    (folder / "report.es.html").unlink()
    made = report.again(folder, "es")
    assert [path.name for path in made] == ["report.es.html", "tables.es.xlsx"]
    assert {path.name: path.read_bytes() for path in folder.glob("report*.html")} == before
    with pytest.raises(PlannerError, match="expected a language of reports, en or es, found 'fr'"):
        report.again(folder, "fr")


def test_a_summary_of_another_kind_is_refused(tmp_path: Path) -> None:
    write_json({"figures": []}, tmp_path / "summary.json")
    with pytest.raises(PlannerError, match="expected a summary of this version in"):
        report.again(tmp_path)


def test_tables_that_are_gone_are_named(demo: Path, tmp_path: Path) -> None:
    shutil.copy(demo / "summary.json", tmp_path)
    (tmp_path / "figures").mkdir()
    with pytest.raises(PlannerError, match=r"expected the tables of this version .* found none of 'bands'"):
        report.again(tmp_path)


def test_nothing_of_a_name_is_lost_in_the_page(demo: Path) -> None:
    assert "&amp;" not in unescape((demo / "report.html").read_text(encoding="utf-8"))
