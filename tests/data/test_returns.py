"""Returns by period: what a file may say, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from poblar.data import DataError, reference
from poblar.data.returns import read_returns, returns_panel

ABOUT = {"source": "made up", "licence": "none", "revision": "1", "retrieved": "2026-11-29"}


def test_periods_may_be_written_in_several_ways_and_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "returns.csv"
    path.write_text("returned,period,note\n300,2000-2005,x\n200, 1995/2000 ,y\n100,1990-95,z\n")
    panel = read_returns(path)
    assert panel["returned"].to_series().to_dict() == {1990: 100.0, 1995: 200.0, 2000: 300.0}
    assert panel.names == ("returned",)
    assert panel.dataset.attrs["year_step"] == 5


def test_the_turn_of_a_century_is_five_years() -> None:
    table = pd.DataFrame({"period": ["1995-00", "2000-05"], "returned": [1, 2], "minors": [1, 1]})
    assert returns_panel(table, provenance=ABOUT).dataset.attrs["year_step"] == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("years,returned\n2005-10,1\n", "expected the column 'period'"),
        ("period,came\n2005-10,1\n", "expected the column 'returned'"),
        ("period,returned\nlately,1\n", "row 2, column 'period': expected a period such as 2005-10, found 'lately'"),
        ("period,returned\n2005-2005,1\n", "expected a period of some years"),
        ("period,returned\n2005-10,1\n2010-20,1\n", "row 3, column 'period': expected periods of 5 years"),
        ("period,returned\n2005-10,1\n2015-20,1\n", "expected each period to begin when the one before ends"),
        ("period,returned\n2005-10,1\n2005-10,1\n", "expected each period to begin when the one before ends"),
        (
            "period,returned\n2005-10,0\n",
            "row 2, column 'returned': expected persons in the period, above zero, found 0",
        ),
        ("period,returned,minors\n2005-10,5,\n", "column 'minors': expected a number, found an empty cell"),
        ("period,returned\n2005-10,=1+1\n", "expected a number"),
        ("period,returned\n2005-10,inf\n", "expected finite numbers"),
        ("period,returned\n", "expected rows below the header"),
    ],
)
def test_bad_figures_never_become_numbers(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "returns.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_returns(path)


def test_the_bundled_figures_are_the_studys() -> None:
    panel = reference.returns()
    assert panel["returned"].to_numpy().tolist() == [825e3, 442e3, 294e3]
    assert (100 * panel["minors"] / panel["returned"]).round().to_numpy().tolist() == [38, 49, 62]
    assert "Colegio" in panel.dataset.attrs["source"]
