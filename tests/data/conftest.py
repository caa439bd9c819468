"""What the tests of `data` share."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


def _folder(name: str) -> Path:
    path = SHARED / "data" / name
    if not path.is_dir():
        pytest.skip(f"the published tables ../shared/data/{name} are not beside this checkout")
    return path


@pytest.fixture(scope="session")
def wpp_folder() -> Path:
    """The wpp2024 text layout."""
    return _folder("wpp2024")


@pytest.fixture(scope="session")
def asylum_folder() -> Path:
    """UNHCR's, COMAR's and EOIR's tables."""
    return _folder("asylum")


@pytest.fixture(scope="session")
def flows_folder() -> Path:
    """Monthly counts, visas, stocks of migrants and flows between countries."""
    return _folder("flows")
