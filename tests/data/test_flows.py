"""Counts of flows: parts are summed once, intervals stay intervals, and what does not belong together is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from poblar.data import DataError, Panel
from poblar.data.flows import (
    flow_panel,
    flow_table,
    read_border,
    read_claims,
    read_comar,
    read_courts,
    read_nationwide,
    read_residents,
    read_visas,
)

ABOUT = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-24"}
VISAS = [
    "date,nationality,visa_class,issued",
    "2019-04-01,China-mainland,F1,10",
    "2019-04-01,China-mainland,H2A,1",
    "2019-04-01,Swaziland,F1,2",
    "2019-04-01,Grand Total,,13",
    "2019-06-01,China - mainland,F1,20",
    "2019-06-01,Totals for Asia,F1,20",
    "2019-06-01,GRAND TOTAL,,20",
]


def written(folder: Path, name: str, lines: list[str]) -> Path:
    path = folder / name
    text = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


def table(*rows: tuple[str, str, float], **columns: object) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["series", "month", "count"]).assign(**columns)


def months(series: str, *counts: float, start: str = "2020-01-01") -> list[tuple[str, str, float]]:
    return [
        (series, str(month.date()), count)
        for month, count in zip(pd.date_range(start, periods=len(counts), freq="MS"), counts, strict=True)
    ]


def test_a_month_without_a_row_at_the_border_is_a_rounded_zero(tmp_path: Path) -> None:
    lines = [
        "date,fiscal_year,citizenship,encounters",
        "2000-01-01,2000,Cuba,20",
        "2000-03-01,2000,Cuba,5000",
        "2000-02-01,2000,Haiti,10",
        "2000-03-01,2000,Haiti,10",
    ]
    read = read_border(written(tmp_path, "border.csv", lines)).set_index(["series", "month"])
    cuba = read.loc["Cuba"]
    assert cuba[["low", "high"]].to_numpy().tolist() == [[15, 24], [0, 4], [5000, 5000]]
    assert cuba["count"].isna().tolist() == [True, True, False]
    assert read.loc[("Haiti", pd.Timestamp("2000-01-01")), "high"] == 4


def test_parts_of_nationwide_encounters_are_summed_each_once(tmp_path: Path) -> None:
    lines = [
        "date,land_border_region,demographic,citizenship,title,encounters",
        "2019-10-01,Other,FMUA,CUBA,Title 8,3",
        "2019-10-01,Other,FMUA,CUBA,Title 42,4",
        "2019-11-01,Other,Single Adults,CUBA,Title 8,5",
    ]
    assert read_nationwide(written(tmp_path, "cbp.csv.gz", lines))["count"].tolist() == [7, 5]
    with pytest.raises(DataError, match="expected one row for each series, month, land_border_region"):
        read_nationwide(written(tmp_path, "cbp.csv.gz", [*lines, lines[1]]))


def test_totals_of_visas_are_left_out_and_spellings_joined(tmp_path: Path) -> None:
    path = written(tmp_path, "visas.csv", VISAS)
    by_name = read_visas(path)
    china = by_name[by_name["series"] == "China - mainland"]
    assert china["count"].tolist() == [11, 20]
    assert set(by_name["series"]) == {"China - mainland", "Swaziland"}
    assert by_name.attrs["missing"] == "the source has no table for this month"
    assert read_visas(path, by="visa_class").groupby("series")["count"].sum().to_dict() == {"F1": 32.0, "H2A": 1.0}
    panel = flow_panel(by_name, ABOUT)
    assert panel.sizes == {"category": 2, "month": 3}
    assert np.isnan(panel["count"].sel(month="2019-05-01")).all()
    assert "no table for this month" in panel["count"].attrs["missing_reason"]


def test_fiscal_years_of_visas_end_in_september(tmp_path: Path) -> None:
    lines = ["fiscal_year,nationality,visa_class,issued", "1997,Mexico,H-2A,16000", "1998,Mexico,H-2A,21000"]
    read = read_visas(written(tmp_path, "annual.csv", lines), by="visa_class")
    assert read["series"].unique().tolist() == ["H2A"]
    assert read["month"].tolist() == [pd.Timestamp("1997-09-01"), pd.Timestamp("1998-09-01")]
    assert read["span"].tolist() == [12, 12]


def test_suppressed_cells_are_intervals(tmp_path: Path) -> None:
    lines = [
        "date,province,level,category,admissions,suppressed",
        "2018-01-01,Yukon,0,Total,,True",
        "2018-02-01,Yukon,0,Total,15,False",
        "2018-02-01,Yukon,1,Economic,10,False",
        "2018-02-01,Total,0,Total,15,False",
    ]
    read = read_residents(written(tmp_path, "province.csv.gz", lines), by="province")
    assert read[["low", "high"]].to_numpy().tolist() == [[1, 5], [15, 15]]
    claims = [
        "date,province_territory,claim_office_type,value",
        "2015-01-01,Ontario,Airport,2",
        "2015-01-01,Quebec,Airport,10",
        "2015-01-01,Quebec,Inland,500",
    ]
    airport = read_claims(written(tmp_path, "claims.csv", claims)).set_index("series")
    assert airport.loc["Airport", ["low", "high"]].tolist() == [11, 15]
    assert airport.loc["Inland", "count"] == 500


def test_two_vintages_of_the_courts_are_never_joined(tmp_path: Path) -> None:
    lines = [
        "vintage,fiscal_year,pending_end,initial_receipts,total_completions",
        "2021-04-19,2015,460093,192997,143652",
        "2025-07-31,2015,658871,193000,143638",
    ]
    path = written(tmp_path, "eoir.csv", lines)
    with pytest.raises(DataError, match="expected one vintage of 2021-04-19, 2025-07-31, which differ in their defin"):
        read_courts(path, "initial_receipts")
    read = read_courts(path, "initial_receipts", vintage="2025-07-31")
    assert read["series"].tolist() == ["initial receipts (EOIR, 2025-07-31)"]
    assert read["month"].tolist() == [pd.Timestamp("2015-09-01")]
    with pytest.raises(DataError, match="found 'pending_end'; choose a flow"):
        read_courts(path, "pending_end")


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (table(*months("Cuba", 1, -2)), "Cuba, 2020-02: expected counts of zero or more, found a negative count"),
        (
            table(*months("Cuba", 1, 2), *months("Cuba", 3)),
            "expected one row for each series and month, found the same",
        ),
        (table(("Cuba", "2020-01-01", 1), ("Cuba", "2020-03-01", 1)), "expected a count in every month of a series"),
        (table(*months("Cuba", 1, np.nan)), "expected a count in every month of a series"),
        (table(("Cuba", "2020-01-15", 1)), "expected months by their first day"),
        (table(*months("Cuba", 1), *months("Totals for Asia", 1)), "found a total beside its parts"),
        (table(*months("Cuba", 1), *months("Total (published)", 1)), "found a total beside its parts"),
        (table(("a", "2019-09-01", 9), ("a", "2020-12-01", 9), span=12), "found fiscal and calendar years"),
        (table(*months("a", 9, 9), span=[1, 2]), "found a sum beside its months"),
        (table(*months("a", 9, 9), definition=["cases", "persons"]), "expected one definition in a series"),
        (table(*months("a", 9), low=3.0, high=2.0), "expected low at most high"),
    ],
)
def test_what_does_not_belong_together_is_refused(frame: pd.DataFrame, text: str) -> None:
    with pytest.raises(DataError, match=text):
        flow_table(frame)


def test_a_gap_with_a_reason_and_a_total_alone_are_kept() -> None:
    gap = flow_table(table(("Cuba", "2020-01-01", 1), ("Cuba", "2020-03-01", 2)), missing="strike")
    assert "strike" in flow_panel(gap, ABOUT)["count"].attrs["missing_reason"]
    total = table(*months("Grand total", 5, 6))
    assert flow_table(total, total="Grand total")["count"].tolist() == [5, 6]
    with pytest.raises(DataError, match="found a total beside its parts"):
        flow_table(total)


def test_months_and_years_of_different_series_share_a_panel() -> None:
    parts = [
        flow_table(table(("COMAR", "2020-12-01", 900)), span=12),
        flow_table(table(*months("Cuba", *range(1, 15)))),
    ]
    panel = flow_panel(parts, ABOUT)
    assert isinstance(panel, Panel)
    assert panel.sizes == {"category": 2, "month": 14}
    assert panel["span"].sel(category="COMAR", month="2020-12-01") == 12
    assert panel["count"].attrs["units"] == "persons"
    with pytest.raises(DataError, match="expected each series in one table, found 'COMAR' in two"):
        flow_panel([parts[0], parts[0]], ABOUT)


def test_the_published_files_are_read(flows_folder: Path, asylum_folder: Path) -> None:
    border = read_border(flows_folder / "usbp_encounters_monthly.csv")
    assert border.groupby("series").size().eq(279).all()
    visas = read_visas(flows_folder / "us_nonimmigrant_visas_monthly.csv.gz")
    assert visas.groupby("month")["count"].sum()["2022-12-01"] == 747_686  # the published grand total
    assert visas["month"].nunique() == 69  # May 2019 has no table
    yearly = read_visas(flows_folder / "us_nonimmigrant_visas_annual.csv.gz", by="visa_class").set_index(
        ["series", "month"]
    )
    assert yearly.loc[("H2A", pd.Timestamp("2022-09-01")), "count"] == 298_336
    residents = read_residents(flows_folder / "canada_permanent_residents_monthly.csv")
    assert residents["series"].nunique() == 4
    applications = read_comar(asylum_folder / "comar_applications_annual.csv").set_index("month")["count"]
    assert applications["2019-12-01"] == 70_278
    with pytest.raises(DataError, match="which differ in their definitions, found none chosen"):
        read_courts(asylum_folder / "eoir_annual_two_vintages.csv", "initial_receipts")
