"""Anybody's counts: what is a count becomes a panel, and what is none is refused with its file, row and remedy."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from poblar.data import DataError
from poblar.data.counts import read_counts

MONTHS = ["series,month,count", "north,2024-01,10", "north,2024-02,0", "south,2024-01,7", "south,2024-02,9"]


def written(folder: Path, lines: list[str], name: str = "counts.csv") -> Path:
    path = folder / name
    text = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


@pytest.mark.parametrize("name", ["counts.csv", "counts.csv.gz"])
def test_months_of_series_become_a_panel_of_counts(tmp_path: Path, name: str) -> None:
    panel = read_counts(written(tmp_path, MONTHS, name))
    assert panel.sizes == {"category": 2, "month": 2}
    assert panel["count"].sel(category="north").to_numpy().tolist() == [10, 0]
    assert panel["count"].attrs["units"] == "persons"
    assert (panel["span"] == 1).all()
    assert panel.dataset.attrs["source"] == name
    assert panel.dataset.attrs["revision"].startswith("SHA-256 ")


def test_days_of_months_marks_and_spaces_of_spreadsheets_are_read(tmp_path: Path) -> None:
    lines = ["\ufeffseries,month,count,remark", "Río Bravo,2024-01-01, 12 ,x", "Río Bravo,2024-02-01,3.0,"]
    panel = read_counts(written(tmp_path, lines))
    assert panel.names == ("count", "low", "high", "span")
    assert panel["count"].sel(category="Río Bravo").to_numpy().tolist() == [12, 3]


@pytest.mark.parametrize(("ends", "last"), [(12, "2021-12-01"), (9, "2021-09-01")])
def test_a_years_count_sums_the_twelve_months_to_its_end(tmp_path: Path, ends: int, last: str) -> None:
    panel = read_counts(written(tmp_path, ["series,year,count", "all,2020,120", "all,2021,130"]), ends=ends)
    assert panel.sizes["month"] == 24
    assert panel["month"].to_numpy()[-1] == np.datetime64(last)
    count, span = (panel[name].sel(category="all").to_numpy() for name in ("count", "span"))
    assert count[[11, 23]].tolist() == [120, 130]
    assert span[[11, 23]].tolist() == [12, 12]
    assert np.isnan(count).sum() == 22


def test_suppressed_figures_are_intervals(tmp_path: Path) -> None:
    lines = ["series,month,count,low,high", "north,2024-01,,1,5", "north,2024-02,400,,"]
    panel = read_counts(written(tmp_path, lines)).sel(category="north")
    assert [panel[name].to_numpy()[0].tolist() for name in ("low", "high")] == [[1, 400], [5, 400]]
    assert np.isnan(panel["count"].to_numpy()[0, 0])


def test_missing_counts_need_a_reason(tmp_path: Path) -> None:
    empty = written(tmp_path, ["series,month,count", "north,2024-01,5", "north,2024-02,", "north,2024-03,7"])
    with pytest.raises(DataError, match=r"row 3 \(north, 2024-02\): expected a count, found an empty cell; fill the"):
        read_counts(empty)
    panel = read_counts(empty, missing="the office was closed")
    assert np.isnan(panel["count"].to_numpy()[0, 1])
    assert "the office was closed" in panel["count"].attrs["missing_reason"]
    gap = written(tmp_path, ["series,month,count", "north,2024-01,5", "north,2024-03,7"])
    with pytest.raises(DataError, match=r"north, 2024-03: expected a count in every month of a series, found a gap"):
        read_counts(gap)
    assert np.isnan(read_counts(gap, missing="closed")["count"].to_numpy()[0, 1])
    short = written(tmp_path, MONTHS[:-1])
    with pytest.raises(DataError, match=r"row 4 \(south, 2024-01\): expected series that end together"):
        read_counts(short)
    assert read_counts(short, missing="not sent yet").sizes["month"] == 2


def test_a_series_may_begin_later_and_a_total_stand_alone(tmp_path: Path) -> None:
    panel = read_counts(written(tmp_path, [*MONTHS[:3], MONTHS[4]]))
    assert np.isnan(panel["count"].sel(category="south").to_numpy()[0])
    alone = written(tmp_path, ["series,month,count", "Total,2024-01,5"])
    assert read_counts(alone)["count"].item() == 5
    with pytest.raises(DataError, match="found a total beside its parts"):
        read_counts(written(tmp_path, [*MONTHS, "Total,2024-01,17", "Total,2024-02,9"]))


def test_a_covariate_of_a_year_holds_in_each_of_its_months(tmp_path: Path) -> None:
    lines = ["series,year,count,log_rate", "north,2020,120,1.5", "north,2021,,-2", "south,2020,8,0", "south,2021,9,1"]
    path = written(tmp_path, lines)
    panel = read_counts(path, covariates={"log_rate": "log of a rate"}, missing="late")
    assert panel["log_rate"].attrs["units"] == "log of a rate"
    assert panel["log_rate"].sel(category="north").to_numpy().tolist() == [1.5] * 12 + [-2] * 12
    with pytest.raises(DataError, match=r"row 1: expected the column 'gdp', found columns series, year, count"):
        read_counts(path, covariates={"gdp": "dollars"}, missing="late")
    late = written(tmp_path, [*lines[:3], lines[4]])
    with pytest.raises(DataError, match=r"'log_rate': expected log_rate in every month of all series, found none for"):
        read_counts(late, covariates={"log_rate": "log of a rate"}, missing="late")
    for name in ("count", "month", "population"):
        with pytest.raises(DataError, match=f"expected covariates by names of their own, found '{name}'"):
            read_counts(path, covariates={name: "persons"})


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("-4", "'-4'"),
        ("4.5", "'4.5'"),
        ("1,204", "4"),
        ('"1,204"', "'1,204'"),
        ("n/a", "'n/a'"),
        ("=SUM(B2:B9)", "'=SUM"),
        ("inf", "'inf'"),
        ("1e3", "'1e3'"),
        ("0x10", "'0x10'"),
        ("9999999999999", "'9999999999999'"),
    ],
)
def test_what_is_no_count_never_becomes_one(tmp_path: Path, cell: str, found: str) -> None:
    path = written(tmp_path, ["series,month,count", "north,2024-01,5", f"north,2024-02,{cell}"])
    with pytest.raises(DataError) as caught:
        read_counts(path, missing="said so")
    assert caught.value.file == path
    assert str(caught.value.row) == "3"
    assert found in caught.value.found
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["series,count", "a,1"], r"row 1: expected the column 'month' \(or 'year'\), found columns series, count"),
        (["series;month;count", "a;2024-01;1"], "separate columns by commas"),
        (["series,month,year,count", "a,2024-01,2024,1"], "expected month or year, found both; keep month"),
        (["series,month,count,low", "a,2024-01,1,"], "expected the column 'high'"),
        (["series,month,count", "=cmd(),2024-01,1"], r"row 2, column 'series': expected a name, found '=cmd\(\)'"),
        (["series,month,count", ",2024-01,1"], "column 'series': expected a name, found an empty cell"),
        (["series,month,count", "a ,2024-01,1"], "column 'series': expected a name, found 'a '"),
        (["series,month,count", "a,2024-13,1"], "row 2, column 'month': expected a month such as 2024-01, found '202"),
        (["series,month,count", "a,2024-01-15,1"], "expected a month such as 2024-01, found '2024-01-15'"),
        (["series,month,count", "a,01/2024,1"], "write year and month, with the first day or none"),
        (["series,month,count", "a,0024-01,1"], "expected a month of 1800 to 2199, found '0024-01'"),
        (["series,year,count", "a,24,1"], "row 2, column 'year': expected a year such as 2024, found '24'"),
        ([*MONTHS, MONTHS[1]], r"row 6 \(north, 2024-01\): expected one row for each series and period, found the sa"),
        (["series,month,count,low,high", "a,2024-01,,1,"], r"row 2 \(a, 2024-01\): expected both low and high"),
        (["series,month,count,low,high", "a,2024-01,3,1,5"], "expected a count, or low and high, found all three"),
        (["series,month,count,low,high", "a,2024-01,,5,1"], "expected low at most high"),
        (["series,month,count"], "expected rows below the header, found none"),
    ],
)
def test_a_file_that_is_laid_out_otherwise_is_refused(tmp_path: Path, lines: list[str], text: str) -> None:
    with pytest.raises(DataError, match=text):
        read_counts(written(tmp_path, lines))


def test_a_file_that_is_too_long_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, MONTHS)
    assert read_counts(path, rows=4).sizes["month"] == 2
    for name in ("counts.csv", "counts.csv.gz"):
        with pytest.raises(DataError, match=r"expected at most 3 rows of 1,000 characters, found a longer file; keep"):
            read_counts(written(tmp_path, MONTHS, name), rows=3)
    with pytest.raises(DataError, match="found a longer file"):
        read_counts(written(tmp_path, ["series,month,count", "a,2024-01,1" + " " * 2001]), rows=1)
    far = ["series,year,count", "a,1800,1", "a,1801,1", "b,2199,1"]
    with pytest.raises(DataError, match=r"expected at most 60 months of all series, found 9,600, from 1800 to 2199"):
        read_counts(written(tmp_path, far), missing="none", rows=3)


@pytest.mark.parametrize("name", ["none.csv", "none.csv.gz"])
def test_a_file_that_is_not_there_or_cut_short_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="expected a file, found none"):
        read_counts(tmp_path / name)
    if name.endswith(".gz"):
        whole = written(tmp_path, MONTHS, name)
        whole.write_bytes(whole.read_bytes()[:30])
        with pytest.raises(DataError, match="expected a whole gzip file"):
            read_counts(whole)


def test_arguments_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, MONTHS)
    with pytest.raises(DataError, match="expected ends= a month from 1 to 12, found 13"):
        read_counts(path, ends=13)
    with pytest.raises(DataError, match="expected rows= of one or more, found 0"):
        read_counts(path, rows=0)


def test_a_panel_carries_the_provenance_that_is_said(tmp_path: Path) -> None:
    about = {"source": "Office", "licence": "open", "revision": "2", "retrieved": "2026-01-01"}
    assert read_counts(written(tmp_path, MONTHS), provenance=about).dataset.attrs["source"] == "Office"


def test_months_are_put_in_order_and_series_stay_in_theirs(tmp_path: Path) -> None:
    panel = read_counts(written(tmp_path, MONTHS))
    again = read_counts(written(tmp_path, [MONTHS[0], *reversed(MONTHS[1:])]))
    assert again["category"].to_numpy().tolist() == ["south", "north"]
    xr.testing.assert_equal(again.dataset.sel(category=["north", "south"]), panel.dataset)
