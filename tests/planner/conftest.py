"""One small study for all tests of the room."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STUDY = """
import sys
from pathlib import Path
from poblar.planner import Study
from poblar.planner.run import run_study
from rich.console import Console

if __name__ == "__main__":
    nobody = {"name": "nobody migrates", "because": "It shows births and deaths alone.",
              "changes": [{"change": "multiply", "on": "migration", "by": 0}]}
    small = Study.model_validate({
        "models": {"sampling_draws": 60, "sampling_tune": 60, "accept_unconverged": True},
        "until": 2050, "draws": 600, "scenarios": [nobody], "outputs": {"languages": ["en", "es"]}})
    out, cache = map(Path, sys.argv[1:])
    run_study(small, out, console=Console(quiet=True), cache=cache)
"""


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that a study with few draws and hasty fits left; in a process of its own, whose memory it states."""
    root = tmp_path_factory.mktemp("small")
    out, script = root / "mexico", root / "study.py"
    script.write_text(STUDY, encoding="utf-8")
    subprocess.run([sys.executable, str(script), str(out), str(root / "cache")], check=True)
    return out


@pytest.fixture(scope="session")
def cache(demo: Path) -> Path:
    """Cache with the fits of the small study: whatever test comes first, they were made for it."""
    return demo.parent / "cache"
