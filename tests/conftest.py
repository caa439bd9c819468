"""What tests of several rooms share: the bundled figures, one fit of each model, and what is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr
from hypothesis import settings
from poblar.data import Region, reference
from poblar.forecast import Backlog, Fertility, Migration, Mortality, Posterior, Projection, project

# The same cases in every run; no deadline, since the first call of a kernel compiles it.
settings.register_profile("poblar", deadline=None, derandomize=True)
settings.load_profile("poblar")

DRAWS = 6000
UNTIL = 2070


@pytest.fixture(scope="session")
def region() -> Region:
    """The bundled figures of the six countries."""
    return reference.region()


@pytest.fixture(scope="session")
def fertility(region: Region) -> Posterior[xr.DataArray]:
    """Fertility fitted to the six countries."""
    return Fertility().fit(region.tfr, seed=1)


@pytest.fixture(scope="session")
def mortality(region: Region) -> Posterior[xr.DataArray]:
    """Mortality fitted to the six countries."""
    return Mortality().fit(region.e0, seed=1)


@pytest.fixture(scope="session")
def migration(region: Region) -> Posterior[xr.DataArray]:
    """Migration fitted to the six countries."""
    return Migration().fit(region.net_migration, seed=1)


@pytest.fixture(scope="session")
def ledger(region: Region) -> Posterior[xr.Dataset]:
    """Backlog fitted to Mexico's ledger."""
    assert region.asylum is not None
    return Backlog().fit(region.asylum.sel(country="MEX"), seed=1)


@pytest.fixture(scope="session")
def tfr(fertility: Posterior[xr.DataArray]) -> xr.DataArray:
    """Draws of TFR, children per woman (draw, country, year)."""
    return fertility.forecast(until=UNTIL, draws=DRAWS, seed=1)


@pytest.fixture(scope="session")
def e0(mortality: Posterior[xr.DataArray]) -> xr.DataArray:
    """Draws of life expectancy, years (draw, country, year, sex)."""
    return mortality.forecast(until=UNTIL, draws=DRAWS, seed=1)


@pytest.fixture(scope="session")
def net(migration: Posterior[xr.DataArray]) -> xr.DataArray:
    """Draws of the net migration rate, per person-year (draw, country, year)."""
    return migration.forecast(until=UNTIL, draws=DRAWS, seed=1)


@pytest.fixture(scope="session")
def people(region: Region, tfr: xr.DataArray, e0: xr.DataArray, net: xr.DataArray) -> Projection:
    """Mexico's population to 1 January 2071."""
    return project(region.sel(country="MEX"), fertility=tfr, mortality=e0, migration=net)


@pytest.fixture(scope="session")
def queue(ledger: Posterior[xr.Dataset]) -> xr.Dataset:
    """Draws of what drives COMAR's queue, 2023-01 to 2032-12."""
    return ledger.forecast(until="2032-12", draws=DRAWS, seed=1)


def _folder(name: str) -> Path:
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "data" / name
    if not folder.is_dir():
        pytest.skip(f"the published tables ../shared/data/{name} are not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def wpp_folder() -> Path:
    """The United Nations' tables, in the layout of wpp2024."""
    return _folder("wpp2024")


@pytest.fixture(scope="session")
def asylum_folder() -> Path:
    """UNHCR's, COMAR's, EOIR's and the UK's tables."""
    return _folder("asylum")


@pytest.fixture(scope="session")
def flows_folder() -> Path:
    """Monthly counts, visas, stocks of migrants and flows between countries."""
    return _folder("flows")
