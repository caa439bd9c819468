"""A Panel refuses what it must not hold, says why, and keeps what it holds."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from poblar.data import DataError, Panel, PoblarError

ABOUT = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-24"}
UNITS = {"tfr": "children per woman"}


def tfr(**changes: Any) -> xr.Dataset:
    """A valid dataset of two countries and three years, with coordinates replaced as asked."""
    coords: dict[str, Any] = {"country": ["MEX", "GTM"], "year": [2020, 2021, 2022]} | changes
    values = np.full((len(coords["country"]), len(coords["year"])), 2.0)
    variable = xr.DataArray(values, coords=coords, dims=["country", "year"], attrs={"units": UNITS["tfr"]})
    return xr.Dataset({"tfr": variable}, attrs=ABOUT)


def by_age(ages: list[int], sexes: tuple[str, ...] = ("female", "male"), **attrs: str) -> xr.Dataset:
    variable = xr.DataArray(
        np.ones((len(sexes), len(ages))),
        coords={"sex": list(sexes), "age": xr.Variable("age", ages, attrs=attrs)},
        dims=["sex", "age"],
        attrs={"units": "persons"},
    )
    return xr.Dataset({"population": variable}, attrs=ABOUT)


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"country": "MEX", "year": [2020, 2021], "tfr": [1.9, 1.8]} | columns)


def from_frame(table: pd.DataFrame, **options: Any) -> Panel:
    arguments: dict[str, Any] = {"dims": ["country", "year"], "units": UNITS, "provenance": ABOUT}
    return Panel.from_frame(table, **(arguments | options))


def refuses(dataset: xr.Dataset, text: str) -> None:
    with pytest.raises(DataError, match=re.escape(text)):
        Panel(dataset)


def test_a_data_error_is_a_poblar_error_and_a_value_error() -> None:
    assert issubclass(DataError, PoblarError)
    assert issubclass(DataError, ValueError)


def test_names_sizes_and_values() -> None:
    panel = Panel(tfr())
    assert panel.names == ("tfr",)
    assert panel.sizes == {"country": 2, "year": 3}
    assert panel["tfr"].shape == (2, 3)
    with pytest.raises(DataError, match="expected one of tfr, found 'e0'"):
        panel["e0"]


def test_changing_the_dataset_afterwards_does_not_change_the_panel() -> None:
    dataset = tfr()
    panel = Panel(dataset)
    dataset["tfr"][:] = 99.0
    dataset["tfr"].attrs["units"] = "thousands"
    assert float(panel["tfr"].max()) == 2.0
    assert panel["tfr"].attrs["units"] == "children per woman"


@pytest.mark.parametrize("key", ["source", "licence", "revision", "retrieved"])
def test_provenance_is_needed(key: str) -> None:
    dataset = tfr()
    dataset.attrs = {name: value for name, value in ABOUT.items() if name != key}
    refuses(dataset, f"expected the attribute {key!r}")


def test_something_else_than_a_dataset_is_refused() -> None:
    refuses(tfr()["tfr"], "expected an xarray.Dataset, found DataArray")


def test_an_empty_dataset_is_refused() -> None:
    refuses(xr.Dataset(attrs=ABOUT), "expected at least one variable, found none")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"country": ["MEX", "MEX"]}, "expected each label of 'country' once, found MEX more than once"),
        ({"country": ["MEX", "Guatemala"]}, "found 'Guatemala'; did you mean 'GTM'?"),
        ({"country": ["MEX", "GT"]}, "found 'GT'; did you mean 'GTM'?"),
        ({"country": ["MEX", "GTX"]}, "found 'GTX'; did you mean 'GTM'?"),
        ({"year": [2020, 2020, 2021]}, "expected each label of 'year' once, found 2020 more than once"),
        ({"year": [2022, 2021, 2020]}, "expected 'year' in ascending order, found 2022, 2021, 2020"),
        ({"year": [2020, 2021, 2023]}, "expected a year every 1 year(s), found 2021 followed by 2023"),
        ({"year": [2020.0, 2021.0, 2022.0]}, "expected 'year' as whole numbers, found dtype float64"),
        ({"year": ["2020", "2021", "2022"]}, "expected 'year' as whole numbers"),
    ],
)
def test_bad_labels_are_refused(changes: dict[str, Any], text: str) -> None:
    refuses(tfr(**changes), text)


def test_an_unknown_dimension_is_refused() -> None:
    refuses(tfr().rename(country="nation"), "found 'nation'; rename the dimension")


def test_a_dimension_without_labels_is_refused() -> None:
    refuses(tfr().drop_vars("year"), "expected a coordinate for the dimension 'year', found none")


def test_decades_need_their_step() -> None:
    dataset = tfr(year=[2000, 2010, 2020])
    refuses(dataset, "or set dataset.attrs['year_step'] = 10 if that is the spacing")
    dataset.attrs["year_step"] = 10
    assert Panel(dataset).sizes["year"] == 3


def test_kosovo_has_a_code() -> None:
    assert Panel(tfr(country=["MEX", "XKX"])).sizes["country"] == 2


@pytest.mark.parametrize("sexes", [("male", "female"), ("female",), ("f", "m")])
def test_sexes_are_female_and_male_in_that_order(sexes: tuple[str, ...]) -> None:
    refuses(by_age([0, 5], sexes), "expected sex ('female', 'male') in that order")


def test_ages_start_at_0_unless_a_range_is_stated() -> None:
    refuses(by_age([10, 15]), "expected ages from 0, or an age_range, found 10 first")
    refuses(by_age([5, 0]), "expected 'age' in ascending order")
    assert Panel(by_age([10, 15], age_range="10 to 19")).sizes["age"] == 2
    assert Panel(by_age([0, 1, 5])).sizes["age"] == 3


def test_months_are_whole_and_without_a_gap() -> None:
    def monthly(*months: str) -> xr.Dataset:
        values = xr.DataArray(
            np.ones(len(months)),
            coords={"month": pd.to_datetime(list(months))},
            dims=["month"],
            attrs={"units": "persons"},
        )
        return xr.Dataset({"pending": values}, attrs=ABOUT)

    assert Panel(monthly("2022-11-01", "2022-12-01", "2023-01-01")).sizes == {"month": 3}
    refuses(
        monthly("2022-11-01", "2023-01-01"),
        "expected every month by its first day, found a slip at 2022-12-01",
    )
    refuses(monthly("2022-11-15", "2022-12-15"), "a slip at 2022-11-15")


def test_units_are_needed_and_fit_the_name() -> None:
    dataset = tfr()
    del dataset["tfr"].attrs["units"]
    refuses(dataset, "expected the attribute 'units' ('children per woman'), found none")
    dataset = by_age([0, 5])
    dataset["population"].attrs["units"] = "thousands"
    refuses(dataset, "expected units 'persons', found 'thousands'; multiply by 1000 and set units to 'persons'.")
    dataset["population"].attrs["units"] = "percent"
    refuses(dataset, "divide by 100")


def test_nan_must_be_declared_with_its_reason() -> None:
    dataset = tfr()
    dataset["tfr"][1, 2] = np.nan
    refuses(dataset, "row country GTM, year 2022, column 'tfr': expected no missing value, found 1 NaN")
    dataset["tfr"].attrs["missing"] = "declared"
    refuses(dataset, "expected missing='declared' together with a missing_reason")
    dataset["tfr"].attrs["missing_reason"] = "not published"
    panel = Panel(dataset)
    assert int(np.isnan(panel["tfr"]).sum()) == 1


def test_the_part_without_the_missing_values_declares_none() -> None:
    dataset = tfr()
    dataset["tfr"][1, 2] = np.nan
    dataset["tfr"].attrs |= {"missing": "declared", "missing_reason": "not published"}
    panel = Panel(dataset)
    assert "missing" not in panel.sel(country="MEX")["tfr"].attrs
    assert panel.sel(country="GTM")["tfr"].attrs["missing_reason"] == "not published"
    assert panel["tfr"].attrs["missing"] == "declared"


def test_infinite_values_are_refused() -> None:
    dataset = tfr()
    dataset["tfr"][0, 1] = np.inf
    refuses(dataset, "row country MEX, year 2021, column 'tfr': expected finite numbers")


@pytest.mark.parametrize("value", [0.05, 12.5, -1.0])
def test_implausible_values_are_refused(value: float) -> None:
    dataset = tfr()
    dataset["tfr"][1, 0] = value
    refuses(dataset, f"row country GTM, year 2020, column 'tfr': expected tfr from 0.1 to 12, found {value:g}")


@pytest.mark.parametrize("values", [np.full((2, 3), "2.0"), np.full((2, 3), 2.0, dtype=object)])
def test_other_than_numbers_are_refused(values: np.ndarray) -> None:
    dataset = tfr()
    dataset["tfr"] = (("country", "year"), values, {"units": UNITS["tfr"]})
    refuses(dataset, "expected numbers (integer or floating point)")


def test_selection_keeps_every_axis() -> None:
    panel = Panel(tfr())
    assert panel.sel(country="GTM").sizes == {"country": 1, "year": 3}
    assert panel.sel(country=["GTM", "MEX"])["country"].to_numpy().tolist() == ["GTM", "MEX"]
    assert panel.sel(year=slice(2021, 2030))["year"].to_numpy().tolist() == [2021, 2022]
    assert panel.sel(year=2021, country="MEX").sizes == {"country": 1, "year": 1}
    assert panel.sel(year=range(2020, 2022)).sizes["year"] == 2


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ({"country": "USA"}, "expected country among MEX, GTM, found USA"),
        ({"country": ["MEX", "USA", "CAN"]}, "found USA, CAN"),
        ({"year": 1999}, "expected year among 2020, 2021, 2022, found 1999"),
        ({"year": slice(1990, 1999)}, "found an empty selection"),
        ({"sex": "female"}, "expected an axis among country, year, found 'sex'"),
        ({"year": [2020, 2022]}, "found 2020 followed by 2022"),
    ],
)
def test_a_selection_that_is_not_there_names_what_is(labels: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError, match=re.escape(text)):
        Panel(tfr()).sel(**labels)


def test_the_hash_is_of_values_labels_and_units() -> None:
    first = Panel(tfr())
    assert first.hash == Panel(tfr()).hash
    assert re.fullmatch("[0-9a-f]{64}", first.hash)
    other_source = tfr()
    other_source.attrs["source"] = "another"
    assert Panel(other_source).hash == first.hash
    other_value = tfr()
    other_value["tfr"][0, 0] += 1e-12
    other_units = by_age([0, 5], age_range="").rename(population="people")
    same_in_thousands = other_units.copy(deep=True)
    same_in_thousands["people"].attrs["units"] = "thousands"
    assert Panel(other_units).hash != Panel(same_in_thousands).hash
    assert len({first.hash, Panel(other_value).hash, Panel(tfr(year=[2021, 2022, 2023])).hash}) == 3


def test_a_frame_and_back() -> None:
    panel = Panel(tfr())
    table = panel.to_frame()
    assert table.columns.tolist() == ["country", "year", "tfr"]
    assert len(table) == 6
    shuffled = table.sample(frac=1.0, random_state=1).sort_values("country", ascending=False, kind="stable")
    assert from_frame(shuffled).hash == panel.hash


def test_a_frame_by_sex_is_put_in_order() -> None:
    table = pd.DataFrame({"sex": ["male", "female"], "age": 0, "population": [1, 2]})
    panel = from_frame(table, dims=["sex", "age"], units={"population": "persons"})
    assert panel["population"].sel(sex="female").to_numpy().tolist() == [2.0]


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"tfr": ["1.9", "n/a"]}, "t.csv, row 1, column 'tfr': expected a number, found 'n/a'"),
        ({"tfr": ["1.9", ""]}, "t.csv, row 1, column 'tfr': expected a number, found an empty cell"),
        ({"tfr": [1.9, None]}, "t.csv, row 1, column 'tfr': expected a number, found an empty cell"),
        ({"tfr": [1.9, -1.8]}, "t.csv, row 1 (country MEX, year 2021), column 'tfr': expected tfr from 0.1"),
        (
            {"year": [2020, 2020]},
            "t.csv, row 1 (country MEX, year 2020): expected one row for each combination",
        ),
        (
            {"year": ["2020", "2021.5"]},
            "t.csv, row 1, column 'year': expected a whole number, found '2021.5'",
        ),
        ({"country": ["MEX", "GTM"]}, "(4 rows), found 2 rows, none for country MEX, year 2021"),
    ],
)
def test_a_bad_row_of_a_frame_is_named(columns: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError, match=re.escape(text)):
        from_frame(frame(**columns), file="t.csv")


def test_a_missing_column_of_a_frame_is_named() -> None:
    with pytest.raises(DataError, match=r"expected the column 'tfr', found columns country, year"):
        from_frame(frame().drop(columns="tfr"))


def test_a_frame_declares_what_is_missing() -> None:
    panel = from_frame(frame(tfr=["1.9", ""]), missing={"tfr": "not published"})
    assert panel["tfr"].attrs["missing_reason"] == "not published"
    assert np.isnan(panel["tfr"].to_numpy()[0, 1])
    whole = from_frame(frame(), missing={"tfr": "not published"})
    assert "missing" not in whole["tfr"].attrs


def test_the_repr_says_what_it_is() -> None:
    assert repr(Panel(tfr())) == (
        "Panel(tfr [children per woman]; country: MEX, GTM; year: 2020 to 2022; source: example, revision 1)"
    )
