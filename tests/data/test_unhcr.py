"""The ledgers of asylum: one unit, one level, and never a sum over levels."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from poblar.data import DataError
from poblar.data.unhcr import read_ledgers

APPLICATIONS = [
    "year,coo_iso,coa_iso,dec_level,app_type,app_pc,applied",
    "2020,HND,MEX,FI,N,P,100",
    "2020,GTM,MEX,FI,N,P,20",
    "2020,GTM,MEX,AR,A,P,7",
    "2020,GTM,USA,EO,N,P,50",
    "2020,GTM,USA,IN,N,C,60",
]
DECISIONS = [
    "year,coo_iso,coa_iso,dec_level,dec_pc,dec_recognized,dec_other,dec_rejected,dec_closed",
    "2020,HND,MEX,FI,P,30,5,10,NA",
    "2020,HND,MEX,AR,P,3,0,1,0",
    "2020,GTM,USA,EO,P,1,2,3,4",
]
STOCKS = ["year,coo_iso,coa_iso,asylum_seekers", "2020,HND,MEX,400", "2020,GTM,MEX,", "2020,GTM,USA,900"]


def tables(folder: Path, **changes: list[str]) -> Path:
    content = {"applications": APPLICATIONS, "decisions": DECISIONS, "stocks": STOCKS} | changes
    for name, lines in content.items():
        text = "\n".join(lines) + "\n"
        (folder / f"unhcr_{name}.csv.gz").write_bytes(gzip.compress(text.encode()))
    return folder


def test_one_level_and_one_unit(tmp_path: Path) -> None:
    ledgers = read_ledgers(tables(tmp_path), years=range(2020, 2021)).set_index("country")
    assert ledgers.loc["MEX", ["applications", "recognized", "rejected", "closed", "pending"]].tolist() == [
        120.0,
        35.0,
        10.0,
        0.0,
        400.0,
    ]
    assert ledgers.loc["USA", ["applications", "recognized"]].tolist() == [50.0, 3.0]
    assert ledgers.loc["USA", ["pending"]].isna().all()
    assert ledgers.loc["CAN", ["applications", "pending"]].isna().all()


def test_two_levels_in_a_year_are_not_added(tmp_path: Path) -> None:
    mixed = [*APPLICATIONS, "2020,GTM,MEX,FA,N,P,7"]
    with pytest.raises(DataError, match="expected one level of decision a year for MEX, found several in 2020"):
        read_ledgers(tables(tmp_path, applications=mixed))


def test_text_where_a_number_belongs_is_named(tmp_path: Path) -> None:
    bad = [*STOCKS, "2020,GTM,MEX,many"]
    with pytest.raises(
        DataError, match=re.escape("unhcr_stocks.csv.gz, row 5, column 'asylum_seekers': expected a number")
    ):
        read_ledgers(tables(tmp_path, stocks=bad))
