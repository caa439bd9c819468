"""One small demo run for all tests of the room."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DEMO = """
import sys
from pathlib import Path
from poblar.planner import Study
from poblar.planner.demo import run_demo
from rich.console import Console

if __name__ == "__main__":
    small = Study(sampling_draws=60, sampling_tune=60, accept_unconverged=True, until=2050)
    out, cache = map(Path, sys.argv[1:])
    run_demo(small, out, draws=600, seed=1, console=Console(quiet=True), cache=cache)
"""


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cache that the demo's fits are kept in."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Folder that a demo with few draws and hasty fits left; in a process of its own, whose memory it states."""
    out = tmp_path_factory.mktemp("mexico")
    script = out.parent / "demo.py"
    script.write_text(DEMO, encoding="utf-8")
    subprocess.run([sys.executable, str(script), str(out), str(cache)], check=True)
    return out
