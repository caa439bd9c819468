"""The workbook: typed cells, no formula, the same bytes."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest
from poblar.planner import Study
from poblar.planner.errors import PlannerError
from poblar.planner.files import read_json, read_tables, write_csv
from poblar.planner.language import ENGLISH, Language
from poblar.planner.workbook import sheet_name, write_workbook

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


class Book:
    """Sheets of a workbook as lists of rows of (type, value), read without the library that wrote it."""

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as parts:
            self.parts = {name: parts.read(name) for name in parts.namelist()}
        names = [sheet.get("name") for sheet in self._tree("xl/workbook.xml").iter(f"{MAIN}sheet")]
        texts = ["".join(t.text or "" for t in one.iter(f"{MAIN}t")) for one in self._tree("xl/sharedStrings.xml")]
        self.sheets: dict[str | None, list[list[tuple[str, Any]]]] = {}
        for number, name in enumerate(names, start=1):
            rows = []
            for row in self._tree(f"xl/worksheets/sheet{number}.xml").iter(f"{MAIN}row"):
                cells = []
                for cell in row.iter(f"{MAIN}c"):
                    value = cell.findtext(f"{MAIN}v")
                    if value is not None:
                        text = cell.get("t") == "s"
                        cells.append(("text", texts[int(value)]) if text else ("number", float(value)))
                rows.append(cells)
            self.sheets[name] = rows

    def _tree(self, name: str) -> ElementTree.Element:
        return ElementTree.fromstring(self.parts[name])


@pytest.fixture(scope="module")
def book(demo: Path) -> Book:
    return Book(demo / "tables.xlsx")


def test_there_is_a_sheet_a_table_after_what_they_are(demo: Path, book: Book) -> None:
    assert next(iter(book.sheets)) == "About"
    assert len(book.sheets) == 1 + len(read_tables(demo))
    labels = {row[0][1]: row[1][1] for row in book.sheets["About"]}
    assert "held out" in labels["Answer"]
    assert labels["Seed"] == "1"
    assert "pymc" in labels["Versions"]
    assert labels["NOT CONVERGED"], "the hasty fits of this test were meant to fail"
    assert any("CC BY" in row[1][1] for row in book.sheets["About"] if row[0][1] == "Source")


def test_figures_are_numbers_and_those_of_the_tables(demo: Path, book: Book) -> None:
    table = pd.read_csv(demo / "bands.csv")
    head, *rows = book.sheets["Indicators"]
    assert [text for _, text in head][-2:] == ["Lower end, 95\xa0%", "Upper end, 95\xa0%"]
    assert [cell[1] for cell in rows[0][5:]] == pytest.approx(table.iloc[0, 5:].tolist())
    assert {kind for row in rows for kind, _ in row[5:]} == {"number"}
    assert rows[0][0] == ("text", "Total fertility rate")
    assert rows[0][3] == ("number", 2024)


def test_months_are_dates(book: Book) -> None:
    head, first, *_ = book.sheets["Promise kept"]
    assert head[1][1] == "Month"
    assert first[1] == ("number", 44927.0)  # 1 January 2023 in the days that spreadsheets count


def test_titles_are_in_the_language_asked_for(demo: Path) -> None:
    book = Book(demo / "tables.es.xlsx")
    assert next(iter(book.sheets)) == "Acerca de"
    assert [text for _, text in book.sheets["Indicadores"][0]][:4] == ["Indicador", "País", "Sexo", "Año"]
    assert book.sheets["Indicadores"][1][0] == ("text", "Tasa global de fecundidad")


@pytest.mark.parametrize("sign", list("=+-@"))
def test_no_name_becomes_a_formula_or_a_link(demo: Path, tmp_path: Path, sign: str) -> None:
    name = f'{sign}HYPERLINK("https://example.org")'
    study = Study.model_validate({"data": {"name": name}, "quota": {"levers": [{"category": name}]}})
    plan = pd.DataFrame({"category": [name, "https://example.org", "12"], "year": [2030] * 3, "admissions": [1.0] * 3})
    write_csv(plan, tmp_path / "quota_plan.csv")
    record = read_json(demo / "summary.json")
    path = write_workbook(study, record, read_tables(tmp_path), tmp_path / "t.xlsx", language=ENGLISH)
    book = Book(path)
    assert all(b"<f>" not in part and b"<hyperlink" not in part for part in book.parts.values())
    assert [row[0] for row in book.sheets["Admissions"][1:]] == [
        ("text", name), ("text", "https://example.org"), ("text", "12"),
    ]  # fmt: skip
    assert book.sheets["About"][0][1] == ("text", name)


def test_the_same_tables_give_the_same_file(demo: Path, tmp_path: Path) -> None:
    record = read_json(demo / "summary.json")
    study, tables = Study.model_validate(record["study"]), read_tables(demo)
    for code in ("en", "es"):
        path = write_workbook(study, record, tables, tmp_path / f"{code}.xlsx", language=Language(code))
        assert path.read_bytes() == (demo / ("tables.xlsx" if code == "en" else "tables.es.xlsx")).read_bytes()


def test_what_is_missing_stays_empty(demo: Path, book: Book) -> None:
    ledger = pd.read_csv(demo / "ledger.csv")
    rows = book.sheets["Ledger"][1:]
    assert [len(row) for row in rows] == ledger.notna().sum(axis=1).tolist()


@pytest.mark.parametrize("name", ["a/b\\c?d*e[f]g:h", "x" * 60, "'quoted'", "", "\x00\x01"])
def test_sheets_have_names_that_spreadsheets_take(name: str) -> None:
    found = sheet_name(name)
    assert 1 <= len(found) <= 31
    assert not set(found) & set("/\\?*[]:\x00")
    assert found.strip("'") == found


def test_a_folder_that_cannot_be_written_is_named(demo: Path, tmp_path: Path) -> None:
    record = read_json(demo / "summary.json")
    with pytest.raises(PlannerError, match=r"expected to write .*nowhere"):
        write_workbook(Study(), record, {}, tmp_path / "nowhere" / "t.xlsx")
