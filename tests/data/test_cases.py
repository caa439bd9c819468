"""Ledgers of cases: they close, what does not is kept apart, and what is no ledger is refused with its row."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from poblar.data import DataError, Region
from poblar.data.case_tables import read_courts_ledger, read_uk_ledger, read_unhcr_ledgers
from poblar.data.cases import OUTCOMES, asylum_ledger, case_ledger, case_panel, waiting_times
from poblar.data.unhcr import read_ledgers
from scipy.stats import ecdf

ABOUT = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-28"}


def rows(**columns: object) -> pd.DataFrame:
    """Three years of an office whose figures add up."""
    table = pd.DataFrame(
        {
            "office": "Tapachula",
            "period": pd.date_range("2019-01-01", periods=3, freq="YS"),
            "received": [100.0, 80.0, 90.0],
            "recognized": [20.0, 30.0, 10.0],
            "rejected": [30.0, 10.0, 10.0],
            "pending": [60.0, 100.0, 170.0],
        }
    )
    return table.assign(**columns)


@given(
    st.lists(st.tuples(*[st.integers(0, 1000)] * 3), min_size=2, max_size=12),
    st.sampled_from([1, 3, 12]),
    st.integers(0, 500),
)
def test_every_ledger_closes_with_its_adjustment(flows: list[tuple[int, int, int]], months: int, start: int) -> None:
    table = pd.DataFrame(flows, columns=["received", "rejected", "pending"]).assign(
        office="A", period=pd.date_range("2010-01-01", periods=len(flows), freq=f"{months}MS")
    )
    table.loc[0, "pending"] += start
    ledger = case_ledger(table, months=months, unit="cases", adjusted="random figures").iloc[1:]
    left = ledger[list(OUTCOMES)].sum(axis=1)
    closing = ledger["opening"] + ledger["received"] + ledger["transferred"] - left + ledger["adjustment"]
    np.testing.assert_allclose(closing, ledger["pending"])


def test_a_ledger_that_adds_up_needs_no_adjustment() -> None:
    ledger = case_ledger(rows(), months=12, unit="persons")
    assert ledger["adjustment"].iloc[1:].tolist() == [0.0, 0.0]
    assert ledger["definition"].unique().tolist() == ["first instance, persons, end of period"]


def test_the_ledgers_of_a_region_keep_its_figures_and_definitions(region: Region) -> None:
    asylum = region.asylum
    assert asylum is not None
    ledger = asylum_ledger(asylum)
    assert set(ledger["office"]) == set(asylum["country"].to_numpy())
    for country, part in ledger.groupby("office"):
        own = asylum.sel(country=str(country))
        for name, published in (("received", "applications"), ("rejected", "rejected"), ("pending", "pending")):
            np.testing.assert_array_equal(part[name], own[published].to_numpy()[0])
        assert part["definition"].unique().tolist() == own["definition"].to_numpy().tolist()
        left = part[["recognized", "rejected", "closed"]].sum(axis=1, skipna=False)
        there = part["pending"].shift() + part["received"] - left
        np.testing.assert_array_equal(part["adjustment"], part["pending"] - there)
    assert "MEX 2014: UNHCR gives no decisions" in ledger.attrs["missing"]


def test_transfers_move_cases_and_make_none() -> None:
    both = pd.concat(
        [
            rows(transferred=[0.0, 10.0, 0.0], pending=[60.0, 110.0, 180.0]),
            rows(office="Ciudad de México", transferred=[0.0, -10.0, 0.0], pending=[60.0, 90.0, 160.0]),
        ]
    )
    ledger = case_ledger(both, months=12, unit="persons")
    assert ledger["adjustment"].dropna().abs().max() == 0.0
    with pytest.raises(DataError, match="Tapachula, first instance, 2020-01: expected transfers that sum to zero"):
        case_ledger(both.iloc[:3], months=12, unit="persons")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pending": [60.0, 101.0, 171.0]}, "2020-01: expected opening and received less decided to be pending"),
        ({"pending": [60.0, -1.0, 69.0]}, "2020-01: expected persons of zero or more, found a negative figure"),
        ({"recognized": [20.0, 300.0, 10.0]}, "2020-01: expected no more decided than waited and came, found more"),
        ({"received": [100.0, np.nan, 90.0]}, "2020-01: expected every figure of every period, found none"),
        ({"definition": ["all levels, persons", "first instance, persons", "x"]}, "one definition of an office"),
        (
            {"definition": "courts, cases, end of period"},
            "expected figures in persons, found a definition in the other",
        ),
        ({"period": pd.to_datetime(["2019-01-01", "2020-01-01", "2020-01-01"])}, "a row for each office"),
        ({"period": pd.to_datetime(["2019-01-01", "2020-01-01", "2022-01-01"])}, "every figure of every period"),
        ({"period": pd.to_datetime(["2019-01-01", "2020-01-01", "2020-07-01"])}, "whole number of periods apart"),
        ({"pending_under_6_months": [10.0, 101.0, 10.0]}, "no more waiting under 6 months than in all"),
    ],
)
def test_what_is_no_ledger_is_refused_with_its_row(change: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        case_ledger(rows(**change), months=12, unit="persons")


def test_a_difference_is_kept_only_with_a_reason() -> None:
    wrong = rows(pending=[60.0, 105.0, 160.0])
    ledger = case_ledger(wrong, months=12, unit="persons", adjusted="files were found")
    assert ledger["adjustment"].tolist()[1:] == [5.0, -15.0]
    assert ledger.attrs["adjusted"] == "files were found"


def test_persons_and_cases_never_mix() -> None:
    with pytest.raises(DataError, match="expected unit 'persons' or 'cases'"):
        case_ledger(rows(), months=12, unit="files")


def test_a_panel_says_what_it_counts_and_where_a_period_ends() -> None:
    panel = case_panel(case_ledger(rows(withdrawn=[0.0, 0.0, 5.0], pending=[60.0, 100.0, 165.0]), months=12,
                                   unit="cases"), ABOUT)  # fmt: skip
    assert panel["definition"].to_numpy().tolist() == ["first instance, cases, end of period"]
    assert panel["pending"].attrs["units"] == "cases"
    ends = panel["decided"].sel(office="Tapachula").dropna("month")
    assert ends.to_numpy().tolist() == [50.0, 40.0, 25.0]
    assert [str(month)[:7] for month in ends["month"].to_numpy()] == ["2019-12", "2020-12", "2021-12"]
    two = pd.concat([case_ledger(rows(), months=12, unit="cases", stage=stage) for stage in ("first", "appeal")])
    with pytest.raises(DataError, match="expected a ledger of one stage"):
        case_panel(two, ABOUT)


@pytest.mark.parametrize("change", [{"pending": 99.0}, {"rejected": 9e6}, {"opening": 1.0}])
def test_a_ledger_that_was_changed_after_it_was_made_is_refused_with_its_row(change: dict[str, float]) -> None:
    ledger = case_ledger(rows(), months=12, unit="persons", adjusted="stocks were revised")
    changed = ledger.copy()
    for name, value in change.items():
        changed[name] = changed[name].astype(float)
        changed.loc[changed.index[-1], name] = value
    row = f"{ledger['office'].iloc[-1]}, {ledger['stage'].iloc[-1]}, {ledger['period'].iloc[-1]:%Y-%m}"
    with pytest.raises(
        DataError, match="expected rows that add up with the adjustment that case_ledger found"
    ) as found:
        case_panel(changed, ABOUT)
    assert found.value.row == row


def test_waits_of_cases_still_open_are_censored() -> None:
    """Kaplan-Meier by hand: of three, one is decided after 10 days and one after 30; the third was open after 20."""
    cases = pd.DataFrame(
        {"arrived": ["2020-01-01", "2020-01-12", "2020-01-01"], "decided": ["2020-01-11", None, "2020-01-31"]}
    )
    curve = ecdf(waiting_times(cases, until="2020-02-01")).sf
    np.testing.assert_allclose(curve.evaluate([5.0, 10.0, 25.0, 30.0]), [1.0, 2 / 3, 2 / 3, 0.0])


@pytest.mark.parametrize(
    ("arrived", "decided", "message"),
    [
        ("2020-02-01", "2020-01-01", "row 0: expected a decision on or after the arrival, found one before it"),
        (None, "2020-01-01", "row 0: expected a date of arrival, found none"),
        ("2020-02-01", "2021-01-01", "row 0: expected dates to 2020-12-31, found a later one"),
    ],
)
def test_dates_that_cannot_be_are_refused(arrived: str | None, decided: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        waiting_times(pd.DataFrame({"arrived": [arrived], "decided": [decided]}), until="2020-12-31")


def written(folder: Path, name: str, lines: list[str]) -> None:
    (folder / name).write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))


def test_unhcrs_levels_and_units_are_never_added(tmp_path: Path) -> None:
    """Appeals, cases and a second level beside the first of a year are left out; a year of one other level is kept."""
    written(
        tmp_path,
        "unhcr_applications.csv.gz",
        [
            "year,coo_iso,coa_iso,dec_level,app_type,app_pc,applied",
            "2019,HND,MEX,FA,N,P,70",
            "2020,HND,MEX,FI,N,P,100",
            "2020,GTM,MEX,FI,V,P,20",
            "2020,GTM,MEX,FA,N,P,5",
            "2020,GTM,MEX,AR,A,P,7",
            "2020,GTM,MEX,FI,N,C,9",
        ],
    )
    written(
        tmp_path,
        "unhcr_decisions.csv.gz",
        [
            "year,coo_iso,coa_iso,dec_level,dec_pc,dec_recognized,dec_other,dec_rejected,dec_closed",
            "2019,HND,MEX,FA,P,10,0,10,0",
            "2020,HND,MEX,FI,P,30,5,10,NA",
            "2020,HND,MEX,AR,P,3,0,1,0",
        ],
    )
    written(
        tmp_path,
        "unhcr_stocks.csv.gz",
        ["year,coo_iso,coa_iso,asylum_seekers", "2019,HND,MEX,50", "2020,HND,MEX,120", "2020,GTM,MEX,7"],
    )
    ledger = read_unhcr_ledgers(tmp_path).set_index("period")
    assert ledger["received"].tolist() == [70.0, 120.0]
    assert ledger.loc["2020-01-01", ["opening", "recognized", "rejected", "pending"]].tolist() == [
        50.0,
        35.0,
        10.0,
        127,
    ]
    assert ledger.loc["2020-01-01", "adjustment"] == 127 - (50 + 120 - 45)


def test_published_ledgers(asylum_folder: Path) -> None:
    ledgers = read_unhcr_ledgers(asylum_folder).set_index(["office", "period"])
    mexico = ledgers.loc["MEX"].loc["2019":"2022"]
    assert (mexico["adjustment"].abs() < 0.001 * mexico["pending"]).all()  # closes to 0.1 %
    curated = read_ledgers(asylum_folder, years=range(2008, 2023)).set_index("country")  # chosen by hand
    for country in ("MEX", "CAN"):
        whole = ledgers.loc[country].loc["2008":]
        np.testing.assert_array_equal(whole["received"], curated.loc[country, "applications"])
        np.testing.assert_array_equal(whole["pending"], curated.loc[country, "pending"])
    uk = read_uk_ledger(asylum_folder).set_index("period").loc["2022-10-01"]
    assert uk[["received", "recognized", "rejected", "withdrawn", "pending"]].tolist() == [
        30043.0,
        5522.0,
        1850.0,
        1839.0,
        160919.0,
    ]
    main = read_uk_ledger(asylum_folder, applicants="Main applicant").set_index("period").loc["2022-10-01"]
    assert main["pending"] == 132_182
    old = read_courts_ledger(asylum_folder / "eoir_annual_two_vintages.csv", vintage="2021-04-19")
    new = read_courts_ledger(asylum_folder / "eoir_annual_two_vintages.csv", vintage="2025-07-31")
    year = pd.Timestamp("2014-10-01")
    assert (old.set_index("period").loc[year, "pending"], new.set_index("period").loc[year, "pending"]) == (
        460_093,
        658_871,
    )
    assert pd.isna(new.set_index("period").loc[pd.Timestamp("2017-10-01"), "opening"])  # two years are missing before
    with pytest.raises(DataError, match="expected vintage among 2021-04-19, 2025-07-31"):
        read_courts_ledger(asylum_folder / "eoir_annual_two_vintages.csv", vintage="2022")
