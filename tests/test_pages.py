"""The pages of docs/, checked without running them: `make docs` runs their code."""

import ast
import importlib
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
WITH_LINKS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
FENCE = re.compile(r"^```(?P<kind>\S*)[^\n]*\n(?P<body>.*?)^```$", flags=re.MULTILINE | re.DOTALL)
OPTIONS = re.compile(r"\A(?:---\n.*?\n---\n|(?::\w+:[^\n]*\n)+)", flags=re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of Python of a page: a cell that runs, or a script to be copied."""

    code: str
    options: str
    runs: bool


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    found = []
    for fence in FENCE.finditer(page.read_text(encoding="utf-8")):
        if fence["kind"] in ("{code-cell}", "py"):
            options = OPTIONS.match(fence["body"])
            found.append(
                Block(
                    code=fence["body"][options.end() if options else 0 :],
                    options=options[0] if options else "",
                    runs=fence["kind"] == "{code-cell}",
                )
            )
    return found


WITH_CODE = [page for page in PAGES if blocks(page)]
WITH_CELLS = [page for page in PAGES if any(block.runs for block in blocks(page))]


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_code_is_python_and_what_it_imports_is_there(page: Path) -> None:
    for block in blocks(page):
        for node in ast.walk(ast.parse(block.code)):
            if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "poblar":
                module = importlib.import_module(str(node.module))
                for alias in node.names:
                    if not hasattr(module, alias.name):
                        importlib.import_module(f"{node.module}.{alias.name}")


@pytest.mark.parametrize("page", WITH_CELLS, ids=name_of)
def test_pages_with_cells_are_run_by_the_build(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith("---\nfile_format: mystnb\n")
    assert "```python" not in text  # a second way, which nothing would run


@pytest.mark.parametrize("page", WITH_CELLS, ids=name_of)
def test_pictures_say_what_they_show(page: Path) -> None:
    for block in blocks(page):
        last = ast.parse(block.code).body[-1] if block.runs else None
        if isinstance(last, ast.Expr) and ast.unparse(last).endswith("figure"):
            assert "alt: " in block.options, block.code


@pytest.mark.parametrize("page", sorted((DOCS / "questions").glob("q*.md")), ids=name_of)
def test_questions_are_answered_with_code_and_a_picture(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert any(block.runs and "alt: " in block.options for block in blocks(page))
    assert "rom the command line" in text


@pytest.mark.parametrize("page", WITH_LINKS, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", prose):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), target


def test_pages_with_code_are_found() -> None:
    assert {"quickstart.md", "q1-growth-and-ages.md", "q16-what-if.md"} <= {page.name for page in WITH_CELLS}


def test_the_glossary_has_its_terms_in_both_languages() -> None:
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^(?![#`\s])([^\n]+)\n((?:  [^\n]+\n)+)\n((?:  [^\n]+\n?)+)", text, flags=re.MULTILINE)
    assert len(terms) >= 50
    assert len({term for term, _, _ in terms}) == len(terms)
    for term, english, spanish in terms:
        assert english.strip().endswith("."), term
        assert re.match(r"  \*\*[^*]+\*\*:", spanish), term
