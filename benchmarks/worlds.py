"""The whole world's tables, and where they and the scores of other software stand on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from poblar.data import Panel, fetch
from poblar.data.world import read_net_migration
from poblar.data.wpp import read_wide
from poblar.forecast import Fertility, Migration, Mortality, PublishedFertility, PublishedMortality
from poblar.forecast.priors import Beta, LogNormal, Normal

BESIDE = Path(__file__).parents[2] / "shared"  # a folder beside the checkout, where there is one
FORMS = {
    "fertility": {"default": Fertility(prior="vague"), "double-logistic": PublishedFertility()},
    "mortality": {"default": Mortality(prior="vague"), "double-logistic": PublishedMortality()},
    "migration": {
        "default": Migration(
            log_scale=Normal(-7.5, 1.0), scale_spread=LogNormal(1.0, 0.5), kept=Beta(mean=0.5, weight=4.0)
        )
    },
}
SERIES = {"fertility": "tfr", "mortality": "e0", "migration": "net_migration_rate"}
LAST = 2023  # of the estimates
TABLES = {"tfr": "tfr.txt", "e0": "e0F.txt"}  # the table of men is read with that of women


def add_folders(parser: argparse.ArgumentParser) -> None:
    """Options that name the folders of tables and of others' scores."""
    tables = BESIDE / "data" / "wpp2024"
    parser.add_argument("--data", type=Path, default=tables if tables.is_dir() else fetch.folder("wpp2024"))
    parser.add_argument("--anchors", type=Path, default=BESIDE / "anchors")


def world(folder: Path, name: str, last: int) -> Panel:
    """TFR, life expectancy or net migration of all countries and areas, up to a year."""
    if name == "net_migration_rate":
        return read_net_migration(folder).sel(year=slice(None, last))
    return read_wide(folder / TABLES[name], name).sel(year=slice(None, last))
