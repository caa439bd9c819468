"""docs/schema.md and the code name the same axes and units."""

from pathlib import Path

from poblar.data.axes import AXES, UNITS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "schema.md"


def _table(heading: str) -> list[list[str]]:
    """Rows of the table under `heading`, each a list of cells."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_schema_page_lists_the_axes_in_order() -> None:
    assert tuple(row[0] for row in _table("Axes")) == AXES


def test_schema_page_lists_every_quantity_with_its_unit() -> None:
    assert {row[0]: row[1] for row in _table("Quantities and their units")} == UNITS
