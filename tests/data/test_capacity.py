"""The reader of staff series: what it reads, what it carries along, and what it refuses."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from poblar.data import DataError, Panel
from poblar.data.capacity import UK, quarter_ratio, read_staff

HEADER = "Date,Initial Decisions,Substantive Interviews,Total Principal Stages Completed,Asylum Caseworking Staff\n"
ROWS = ("2022-10-31,2932,2464,5396,1175", "2022-11-30,3575,2721,6296,1265", "2022-12-31,3143,2176,5319,1237")
QUARTERS = """date,applicant_type,case_outcome_group,decisions
2022-09-30,Main applicant,Refused,6522
2022-12-31,Main applicant,Grant of Protection,5895
2022-12-31,Main applicant,Withdrawn,1652
2022-12-31,Dependant,Grant of Protection,1477
2022-12-31,Dependant,Withdrawn,187
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "staff.csv"


@pytest.fixture
def panel(table: Path) -> Panel:
    return read(table)


@pytest.fixture
def quarters(tmp_path: Path) -> Path:
    path = tmp_path / "quarters.csv"
    path.write_text(QUARTERS, encoding="utf-8")
    return path


def read(path: Path, *rows: str) -> Panel:
    path.write_text(HEADER + "\n".join(rows or ROWS) + "\n", encoding="utf-8")
    return read_staff(path)


def test_figures_come_with_units_and_the_definition(panel: Panel) -> None:
    assert panel["staff"].to_numpy().tolist() == [1175, 1265, 1237]
    assert float(panel["decisions"].sum()) == 9650
    assert {name: panel[name].attrs["units"] for name in panel.names} == {
        "staff": "officers",
        "decisions": "decisions per month",
        "interviews": "interviews per month",
    }
    assert [f"{month:%Y-%m-%d}" for month in panel.dataset.indexes["month"]] == [
        "2022-10-01",
        "2022-11-01",
        "2022-12-01",
    ]
    assert "9,650 in October to December 2022" in panel.dataset.attrs["definition"]
    assert panel.dataset.attrs["licence"] == "Open Government Licence v3"


def test_months_in_any_order_are_the_same_months(table: Path, panel: Panel) -> None:
    assert read(table, *reversed(ROWS)).hash == panel.hash


def test_a_table_without_interviews_is_read_too(table: Path) -> None:
    read(table)
    assert read_staff(table, replace(UK, interviews=None, total=None)).names == ("staff", "decisions")


@pytest.mark.parametrize(
    ("row", "column", "message"),
    [
        ("2022-11-30,-3575,2721,6296,1265", "Initial Decisions", "expected a number of zero or more, found -3575"),
        ("2022-11-30,3575,2721,6296,-9", "Asylum Caseworking Staff", "expected a number of zero or more, found -9"),
        ("2022-11-30,3575,about 2700,6296,1265", "Substantive Interviews", "expected a number, found 'about 2700'"),
        ("2022-11-30,3575,,6296,1265", "Substantive Interviews", "expected a number, found an empty cell"),
        ("2022-11-30,3575,2721,6295,1265", "Total Principal Stages Completed", "expected the sum of decisions and"),
        ("2022-11-30,3575,2721,6296,0", "Initial Decisions", "expected none in a month without officers, found 3575"),
        ("November,3575,2721,6296,1265", "Date", "expected a date like 2020-01-31, found 'November'"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(table: Path, row: str, column: str, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(f"{table}, row 3, column {column!r}: {message}")):
        read(table, ROWS[0], row, ROWS[2])


def test_a_month_twice_is_refused(table: Path) -> None:
    with pytest.raises(DataError, match=r"row 3 .*: expected one row for each combination of month"):
        read(table, ROWS[0], ROWS[0], ROWS[2])


def test_a_missing_month_is_refused(table: Path) -> None:
    with pytest.raises(DataError, match="expected every month by its first day, found a slip at 2022-11-01"):
        read(table, ROWS[0], ROWS[2])


def test_a_missing_column_is_refused(table: Path) -> None:
    table.write_text("Date,Initial Decisions\n2022-10-31,2932\n", encoding="utf-8")
    with pytest.raises(DataError, match="expected the column 'Asylum Caseworking Staff'"):
        read_staff(table)


@pytest.mark.parametrize(
    ("applicants", "withdrawn", "counted"),
    [
        (("Main applicant",), True, 7547),
        (("Main applicant",), False, 5895),
        (("Main applicant", "Dependant"), True, 9211),
        (("Main applicant", "Dependant"), False, 7372),
    ],
)
def test_each_definition_has_its_ratio(
    panel: Panel, quarters: Path, applicants: tuple[str, ...], withdrawn: bool, counted: float
) -> None:
    found = quarter_ratio(panel, quarters, applicants=applicants, withdrawn=withdrawn)
    assert [str(quarter) for quarter in found.index] == ["2022Q4"]  # the quarter before lacks months
    assert found.iloc[0].to_dict() == pytest.approx({"monthly": 9650, "quarterly": counted, "ratio": 9650 / counted})


def test_a_quarter_that_lacks_a_month_has_no_ratio(table: Path, quarters: Path) -> None:
    with pytest.raises(DataError, match="expected a quarter in the monthly series and in the quarterly table"):
        quarter_ratio(read(table, *ROWS[:2]), quarters)


def test_unknown_applicants_are_refused(panel: Panel, quarters: Path) -> None:
    with pytest.raises(DataError, match="expected applicants= among Dependant, Main applicant, found Children"):
        quarter_ratio(panel, quarters, applicants=("Children",))


def test_the_published_table_is_read(asylum_folder: Path) -> None:
    series = read_staff(asylum_folder / "uk_staff_interviews_decisions_monthly.csv")
    assert series.sizes == {"month": 36}
    ratio = quarter_ratio(series, asylum_folder / "uk_decisions_quarterly.csv.gz")["ratio"]
    assert len(ratio) == 12
    np.testing.assert_allclose([ratio.iloc[0], ratio.iloc[-1]], [1.050, 1.279], atol=0.001)
