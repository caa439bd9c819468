"""Decisions by origin: one unit, one level a year, counts that can be, and what UNHCR gives of Mexicans in the USA."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from poblar.data import DataError, Panel, reference
from poblar.data.recognition import MISSING, check_decisions, decision_panel, read_decisions

ABOUT = {"source": "made up", "licence": "none", "revision": "1", "retrieved": "2026-11-28"}
HEADER = (
    "year,coo_iso,coa_iso,procedure_type,dec_level,dec_pc,dec_recognized,dec_other,dec_rejected,dec_closed,dec_total"
)
ROWS = [
    "2019,HND,MEX,G,FI,P,30,5,10,7,52",
    "2019,GTM,MEX,G,FI,P,1,0,2,NA,3",
    "2019,HND,MEX,G,AR,P,3,0,1,0,4",
    "2019,HND,MEX,U,FI,P,2,0,1,0,3",
    "2020,HND,MEX,G,FA,P,40,0,0,0,40",
    "2021,HND,MEX,G,FA,P,8,0,12,0,20",
    "2021,UNK,MEX,G,FA,P,90,0,12,0,102",
    "2021,HND,USA,G,EO,C,8,0,12,0,20",
]


def folder(path: Path, rows: list[str]) -> Path:
    text = "\n".join([HEADER, *rows]) + "\n"
    (path / "unhcr_decisions.csv.gz").write_bytes(gzip.compress(text.encode()))
    return path


def protected(decisions: Panel, origin: str, first: int, last: int) -> float:
    part = decisions.dataset.sel(origin=origin, year=slice(first, last)).sum()
    return float(part["recognized"] / part["decided"])


def test_one_level_and_one_unit_and_years_of_recognitions_alone_are_missing(tmp_path: Path) -> None:
    panel = read_decisions(folder(tmp_path, ROWS), "MEX")
    assert panel["decided"].dims == ("origin", "year")
    assert panel.dataset.indexes["origin"].tolist() == ["HND", "GTM"]
    np.testing.assert_equal(panel["decided"].to_numpy(), [[48.0, np.nan, 20.0], [3.0, np.nan, 0.0]])
    np.testing.assert_equal(panel["recognized"].to_numpy(), [[37.0, np.nan, 8.0], [1.0, np.nan, 0.0]])
    assert panel["decided"].attrs["missing_reason"] == MISSING
    assert read_decisions(tmp_path, "MEX", largest=1).dataset.indexes["origin"].tolist() == ["HND"]


@pytest.mark.parametrize(
    ("row", "asylum", "message"),
    [
        ("2021,HND,MEX,G,FA,P,9,0,12,0,21", "MEX", "row 10: expected one row for each combination"),
        ("2021,SLV,MEX,G,FA,P,-9,0,12,0,3", "MEX", "expected recognized of 0 or more, found -9"),
        ("2021,SLV,MEX,G,FA,P,many,0,12,0,3", "MEX", "row 10, column 'dec_recognized': expected a number"),
        ("2021,SLV,MEX,G,FA,P,2,0,-9,0,3", "MEX", "origin SLV, year 2021: expected counts of zero or more"),
        ("2021,SLV,MEX,G,FA,P,2,0,-1,0,1", "MEX", "no more recognized than decided, found more \\(2 of 1\\)"),
        ("2021,SLV,MEX,G,FA,P,2,0,1,0,3", "USA", "expected a country of asylum with decisions in persons, found 'USA'"),
    ],
)
def test_a_table_that_cannot_be_is_refused(tmp_path: Path, row: str, asylum: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_decisions(folder(tmp_path, [*ROWS, row]), asylum)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"recognized": [4, 21]},
            r"office A, year 2021: expected no more recognized than decided, found more \(21 of 20",
        ),
        ({"recognized": [4, 2.5]}, "expected whole numbers, found a fraction"),
        ({"decided": [-10, 20]}, "expected counts of zero or more, found a negative figure"),
        ({"year": [2020, 2020]}, "expected one row for each combination of office, year"),
        ({"year": [2019, 2021]}, "expected decisions of every year, found none of 2020"),
    ],
)
def test_counts_that_cannot_be_are_refused_with_their_row(changes: dict[str, list[float]], message: str) -> None:
    frame = pd.DataFrame({"office": "A", "year": [2020, 2021], "decided": [10, 20], "recognized": [4, 9]} | changes)
    with pytest.raises(DataError, match=message):
        decision_panel(frame, group="office", provenance=ABOUT)


def test_several_countries_are_looked_at_one_by_one() -> None:
    units = {"units": "persons per year"}
    axes = ("country", "origin")
    both = xr.Dataset(
        {"decided": (axes, [[2.0], [3.0]], units), "recognized": (axes, [[1.0], [1.0]], units)},
        coords={"country": ["MEX", "USA"], "origin": ["HND"]},
        attrs=ABOUT,
    )
    with pytest.raises(DataError, match="expected decided and recognized over one axis of groups"):
        check_decisions(Panel(both))


def test_the_bundled_decisions_are_those_of_unhcr(asylum_folder: Path) -> None:
    for asylum in ("MEX", "USA", "CAN"):
        bundled, read = reference.decisions(asylum), read_decisions(asylum_folder, asylum, largest=12)
        xr.testing.assert_equal(bundled.dataset, read.dataset.reindex_like(bundled.dataset))


def test_what_unhcr_gives_of_mexicans_in_the_usa() -> None:
    """An eighth, in each of the periods: asylum officers. The courts' 15, 22 and 14 % (2001-20, 2003-09, 2010-20) are
    of other cases, and UNHCR does not have them in persons before 2021, nor their rejections in 2009-13."""
    decisions = reference.decisions("USA")
    assert protected(decisions, "MEX", 2002, 2020) == pytest.approx(0.121, abs=0.001)
    assert protected(decisions, "MEX", 2003, 2009) == pytest.approx(0.124, abs=0.001)
    assert protected(decisions, "MEX", 2010, 2020) == pytest.approx(0.123, abs=0.001)


def test_mexicans_do_better_in_canada_and_others_than_hondurans_in_the_usa() -> None:
    assert protected(reference.decisions("CAN"), "MEX", 2002, 2020) == pytest.approx(0.25, abs=0.02)
    assert protected(reference.decisions("USA"), "HND", 2015, 2022) < 0.25
    assert protected(reference.decisions("MEX"), "HND", 2015, 2022) > 0.75


def test_countries_that_are_not_bundled_are_refused() -> None:
    with pytest.raises(DataError, match="expected a country of asylum among MEX, USA, CAN, found 'GBR'"):
        reference.decisions("GBR")
