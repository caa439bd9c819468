"""The code of docs/quickstart.md runs from top to bottom as one script."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "quickstart.md"


def test_quickstart_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # what the page saves does not stay
    text = PAGE.read_text(encoding="utf-8")
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL))
    assert blocks, f"{PAGE.name} has no ```python block"
    # Blank lines in place of the prose: a traceback gives the line of the page.
    script = ""
    for block in blocks:
        script += "\n" * (text.count("\n", 0, block.start(1)) - script.count("\n")) + block[1]
    exec(compile(script, PAGE, "exec"), {"__name__": "quickstart"})
