"""The whole world's tables, and where they and the scores of other software stand on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from poblar.data import Panel, fetch
from poblar.data.wpp import read_wide
from poblar.forecast import Fertility, Mortality, PublishedFertility, PublishedMortality

BESIDE = Path(__file__).parents[2] / "shared"  # a folder beside the checkout, where there is one
FORMS = {
    "fertility": {"default": Fertility(prior="vague"), "double-logistic": PublishedFertility()},
    "mortality": {"default": Mortality(prior="vague"), "double-logistic": PublishedMortality()},
}
SERIES = {"fertility": "tfr", "mortality": "e0"}
LAST = 2023  # of the estimates
TABLES = {"tfr": "tfr.txt", "e0": "e0F.txt"}  # the table of men is read with that of women


def add_folders(parser: argparse.ArgumentParser) -> None:
    """Options that name the folders of tables and of others' scores."""
    tables = BESIDE / "data" / "wpp2024"
    parser.add_argument("--data", type=Path, default=tables if tables.is_dir() else fetch.folder("wpp2024"))
    parser.add_argument("--anchors", type=Path, default=BESIDE / "anchors")


def world(folder: Path, name: str, last: int) -> Panel:
    """TFR or life expectancy of all countries and areas, up to a year."""
    return read_wide(folder / TABLES[name], name).sel(year=slice(None, last))
