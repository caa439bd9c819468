"""Flows between countries: what a row that is not there means, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from poblar.data import DataError, Panel
from poblar.data.corridors import METHODS, by_method, known_before, read_corridors

FLOW_HEADER = ",".join(["year0", "orig_iso", "dest_iso", "orig", "dest", *METHODS])
FLOWS = [
    "1990,MEX,USA,Mexico,United States,500,400,300,200,100,50",
    "1990,CHI,MEX,Chile,Mexico,20,0,0,0,0,0",
    "1995,MEX,USA,Mexico,United States,600,0,0,0,0,0",
    "1995,,USA,St. Lucia,United States,7,6,5,4,3,2",
    "2000,USA,MEX,United States,Mexico,30,30,30,30,30,30",
    "2000,CHI,MEX,Chile,Mexico,1,1,1,1,1,1",
]
YEARS = (1990, 1995, 2000, 2005)
STOCKS = [f"{year},MEX,USA,Mexico,United States,{900 + year}" for year in YEARS]
CODES = {"MEX": 484, "USA": 840, "CHL": 152, "LCA": 662}
PEOPLE = [f"{code},{year - 1},{1000 * code + year}" for code in CODES.values() for year in YEARS]


def read(folder: Path, **changes: list[str]) -> Panel:
    content = {"flows": [FLOW_HEADER, *FLOWS], "people": ["country_code,year,population", *PEOPLE]}
    content["stocks"] = ["year,birth_iso,res_iso,birthplace,residence,stock", *STOCKS]
    for name, lines in content.items():
        rows = [lines[0], *changes[name]] if name in changes else lines
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return read_corridors(folder / "flows.csv", folder / "stocks.csv", folder / "people.csv")


def test_rows_are_read_by_method_corridor_and_period(tmp_path: Path) -> None:
    flows = by_method(read(tmp_path))
    assert flows.dims == ("method", "origin", "destination", "year")
    assert flows["year"].to_numpy().tolist() == [1990, 1995, 2000, 2005]
    there = flows.sel(origin="MEX", destination="USA", year=1990)
    assert there.to_numpy().tolist() == [500.0, 400.0, 300.0, 200.0, 100.0, 50.0]
    assert flows.attrs["units"] == "persons per five years"


def test_a_code_that_the_file_lost_is_found_by_name(tmp_path: Path) -> None:
    assert read(tmp_path)["da_pb_closed"]["origin"].to_numpy().tolist() == ["CHL", "LCA", "MEX", "USA"]


def test_a_corridor_without_a_row_is_zero_and_a_country_without_rows_is_missing(tmp_path: Path) -> None:
    flow = read(tmp_path)["da_pb_closed"]
    assert flow.sel(origin="USA", destination="MEX").to_numpy().tolist()[:3] == [0.0, 0.0, 30.0]
    assert np.isnan(flow.sel(origin="LCA", destination="USA")).to_numpy().tolist() == [True, False, True, True]
    assert np.isnan(flow.sel(origin="MEX", destination="MEX")).all()
    assert np.isnan(flow.sel(year=2005)).all()


def test_stocks_and_population_go_on_to_the_start_of_the_period_to_come(tmp_path: Path) -> None:
    panel = read(tmp_path)
    assert panel["stock"].sel(origin="MEX", destination="USA").to_numpy().tolist() == [2890, 2895, 2900, 2905]
    assert panel["population"].sel(origin="USA").to_numpy().tolist() == [840_000 + year for year in YEARS]


def test_what_was_known_before_a_period_has_none_of_its_flows(tmp_path: Path) -> None:
    whole = read(tmp_path)
    part = known_before(whole, 2005)
    assert part.hash == whole.hash
    with pytest.raises(DataError, match="expected a year among 2005, found 2000"):
        known_before(whole, 2000)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"flows": [*FLOWS, "2000,MEX,CHI,Mexico,Chile,-4,0,0,0,0,0"]},
            "row 8, column 'da_pb_closed': expected a count of 0 or more, found -4",
        ),
        (
            {"flows": [*FLOWS, "2000,MEX,MEX,Mexico,Mexico,4,0,0,0,0,0"]},
            "row 8, column 'dest_iso': expected another destination than the origin, found MEX twice",
        ),
        (
            {"flows": [*FLOWS, FLOWS[-1]]},
            "row 8: expected each corridor once in a period, found CHL to MEX, 2000 again",
        ),
        (
            {"flows": [*FLOWS, "2000,MEXX,USA,Mexico,United States,4,0,0,0,0,0"]},
            "row 8, column 'orig_iso': expected ISO 3166-1 alpha-3 codes, found 'MEXX' .* did you mean 'MEX'",
        ),
        (
            {"flows": [*FLOWS, "2000,,USA,Atlantis,United States,4,0,0,0,0,0"]},
            r"row 8, column 'orig_iso': expected ISO 3166-1 alpha-3 codes, found '' \(Atlantis\)",
        ),
        ({"flows": [*FLOWS[:2], *FLOWS[4:]]}, "expected a period every 5 years, found 1990 followed by 2000"),
        ({"flows": [*FLOWS, "2000,MEX,CHI,Mexico,Chile,many,0,0,0,0,0"]}, "row 8, .* expected a number, found 'many'"),
        ({"stocks": STOCKS[:3]}, "expected stocks of 1990, 1995, 2000, 2005, .* found none of 2005"),
        ({"stocks": [*STOCKS, "2000,USA,USA,United States,United States,4"]}, "another destination than the origin"),
        ({"people": PEOPLE[:-1]}, "expected the population of LCA at 31 December 2004, found none"),
        ({"people": [*PEOPLE, "484,2009,-1"]}, "expected a count of 0 or more, found -1"),
    ],
)
def test_bad_rows_are_refused(tmp_path: Path, changes: dict[str, list[str]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, **changes)


def test_a_missing_method_is_refused(tmp_path: Path) -> None:
    (tmp_path / "flows.csv").write_text("year0,orig_iso,dest_iso,orig,dest,da_pb_closed\n1990,MEX,USA,a,b,1\n")
    with pytest.raises(DataError, match="expected the column 'da_min_closed'"):
        read_corridors(tmp_path / "flows.csv", tmp_path / "stocks.csv", tmp_path / "people.csv")


def test_countries_asked_for_are_read_in_their_order(tmp_path: Path) -> None:
    read(tmp_path)
    files = [tmp_path / f"{name}.csv" for name in ("flows", "stocks", "people")]
    assert read_corridors(*files, countries=["USA", "MEX"])["stock"]["origin"].to_numpy().tolist() == ["USA", "MEX"]
    with pytest.raises(DataError, match="found FRA; ask for countries that have flows"):
        read_corridors(*files, countries=["USA", "FRA"])


@pytest.fixture(scope="module")
def world(flows_folder: Path, wpp_folder: Path) -> Panel:
    return read_corridors(
        flows_folder / "bilateral_flows_5y_abel_cohen.csv.gz",
        flows_folder / "undesa_migrant_stock_2020.csv.gz",
        wpp_folder / "population_total_31dec.csv.gz",
    )


def test_the_published_file_is_read_whole(world: Panel) -> None:
    flows = by_method(world)
    assert float(flows.sel({"method": "da_pb_closed"}).sum()) == 508_093_430
    assert float(flows.sel({"method": "sd_rev_neg"}).sum()) == 221_033_327
    assert int((flows > 0).any("method").sum()) == 133_364  # no row of the file is zero by every method


def test_releases_of_one_flow_differ(world: Panel) -> None:
    mexicans = by_method(world).sel(origin="MEX", destination="USA", year=2015)
    assert mexicans.sel({"method": "da_pb_closed"}) == 1_635_815
    assert mexicans.sel({"method": "mig_rate"}) == 2_786_839
    assert mexicans.sel({"method": "sd_drop_neg"}) == 0


def test_countries_that_came_and_went_are_missing_where_they_were_not(world: Panel) -> None:
    there = np.isfinite(world["da_pb_closed"]).any("destination")
    assert there.sel(origin="SCG", year=slice(1990, 2015)).to_numpy().tolist() == [True] * 4 + [False] * 2
    assert there.sel(origin="SRB", year=slice(1990, 2015)).to_numpy().tolist() == [False] * 4 + [True] * 2
