"""The code of every page in docs/ runs from top to bottom as one script."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if "```python\n" in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # what the page saves does not stay
    text = page.read_text(encoding="utf-8")
    # Blank lines in place of the prose: a traceback gives the line of the page.
    script = ""
    for block in re.finditer(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        script += "\n" * (text.count("\n", 0, block.start(1)) - script.count("\n")) + block[1]
    exec(compile(script, page, "exec"), {"__name__": "page"})


def test_pages_with_code_are_found() -> None:
    assert {"quickstart.md", "q16-what-if.md"} <= {page.name for page in PAGES}
