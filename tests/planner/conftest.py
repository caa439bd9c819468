"""One small demo run for all tests of the room."""

from __future__ import annotations

from pathlib import Path

import pytest
from poblar.planner import Study
from poblar.planner.demo import run_demo
from rich.console import Console

SMALL = Study(sampling_draws=60, sampling_tune=60, accept_unconverged=True, until=2050)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cache that the demo's fits are kept in."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Folder that a demo with few draws and hasty fits left."""
    out = tmp_path_factory.mktemp("mexico")
    run_demo(SMALL, out, draws=600, seed=1, console=Console(quiet=True), cache=cache)
    return out
