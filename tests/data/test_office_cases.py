"""Cases by office: what a file may say, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from poblar.data import DataError
from poblar.data.office_cases import read_office_cases


def read(tmp_path: Path, text: str):
    path = tmp_path / "offices.csv"
    path.write_text(text)
    return read_office_cases(path)


def test_offices_keep_the_order_of_the_file_and_their_kinds(tmp_path: Path) -> None:
    panel = read(tmp_path, "kind,office,cases\nborder,Yuma,5\ncapital,Atlanta,7\nborder,Laredo,0009\n")
    assert panel["cases"].to_series().to_dict() == {"Yuma": 5.0, "Atlanta": 7.0, "Laredo": 9.0}
    assert panel["kind"].to_numpy().tolist() == ["border", "capital", "border"]
    assert panel["cases"].attrs["units"] == "cases per year"


def test_months_may_come_in_any_order(tmp_path: Path) -> None:
    rows = "B,2026-02,4\nA,2026-01,1\nB,2026-01-01,3\nA,2026-02,2\n"
    panel = read(tmp_path, "office,month,cases\n" + rows)
    assert panel["cases"].transpose("office", "month").to_numpy().tolist() == [[3.0, 4.0], [1.0, 2.0]]
    assert panel["kind"].to_numpy().tolist() == ["all", "all"]
    assert panel["cases"].attrs["units"] == "cases per month"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("place,cases\nA,1\nB,1\n", "expected the column 'office'"),
        ("office,count\nA,1\nB,1\n", "expected the column 'cases'"),
        ("office,cases\nA,1\n", "expected two offices or more, found A alone"),
        ("office,cases\nA,-1\nB,1\n", "row 2, column 'cases': expected cases of zero or more, found '-1'"),
        ("office,cases\nA,1.5\nB,1\n", "expected a whole number"),
        ("office,cases\nA,many\nB,1\n", "expected a number, found 'many'"),
        ("office,cases\nA,0\nB,1\n", "row 2, column 'office': expected offices with a case"),
        ("office,cases\nA,1\nA,2\nB,1\n", "row 3, column 'office': expected each office once, or a column month"),
        ("office,month,cases\nA,2026-01,1\nA,2026-01,2\n", "expected each office once in a month"),
        ("office,month,cases\nA,January,1\nB,2026-01,2\n", "expected a month such as 2026-01, found 'January'"),
        ("office,month,cases\nA,2026-13,1\nB,2026-01,2\n", "expected a month such as 2026-01"),
        (
            "office,month,cases\nA,2026-01,1\nA,2026-02,1\nB,2026-01,2\n",
            "expected a row for each office and month, .* found none for B, 2026-02",
        ),
        ("office,month,cases\nA,2026-01,1\nB,2026-01,1\nA,2026-03,1\nB,2026-03,2\n", "found none for A, 2026-02"),
        ("office,month,kind,cases\nA,2026-01,x,1\nA,2026-02,y,1\nB,2026-01,x,2\n", "expected one kind for each office"),
        ("office,kind,cases\nA,,1\nB,x,1\n", "expected a kind for each office"),
        ("office,cases\n ,1\nB,1\n", "expected the name of an office"),
    ],
)  # fmt: skip
def test_bad_figures_never_become_numbers(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)
