"""The rooms import in one direction, and only the planner prints."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "data": {"data"},
    "forecast": {"data", "forecast"},
    "optimize": {"data", "forecast", "optimize"},
    "planner": {"data", "forecast", "optimize", "planner"},
}
FILES = [path for room in MAY_IMPORT for path in sorted((ROOT / room).rglob("*.py"))]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and room of every import of ours in `path`."""
    folder = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.ImportFrom(level=0, module=str(module)) if module.split(".")[0] == "poblar":
                yield node.lineno, "poblar by its absolute name"
            case ast.ImportFrom(level=level, module=module, names=names) if level:
                above = folder[: len(folder) - level + 1]
                parts = (*above, *(module or names[0].name).split("."))
                yield node.lineno, parts[0]


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_rooms_import_in_one_direction(path: Path) -> None:
    allowed = MAY_IMPORT[_room(path)]
    wrong = [f"line {line}: {room}" for line, room in _imports(path) if room not in allowed]
    assert not wrong, f"{_name(path)} may import {', '.join(sorted(allowed))} by relative imports; found {wrong}"


@pytest.mark.parametrize("path", [path for path in FILES if _room(path) != "planner"], ids=_name)
def test_only_the_planner_prints(path: Path) -> None:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    lines = [n.lineno for n in nodes if isinstance(n, ast.Call) and ast.unparse(n.func) == "print"]
    assert not lines, f"{_name(path)} prints at lines {lines}; return a value, or log"
