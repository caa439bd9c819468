"""The bundled figures are the published ones, in the units and on the axes that the page states."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import poblar.data.reference as bundled
import pytest
from poblar.data import DataError, Panel, Region
from poblar.data.axes import UNITS

FOLDER = Path(bundled.__file__).parent
SIX = ("CAN", "USA", "MEX", "GTM", "HND", "SLV")


@pytest.fixture(scope="module")
def region() -> Region:
    return bundled.region()


def test_the_axes_of_every_panel(region: Region) -> None:
    annual = tuple(range(1950, 2024))
    decades = tuple(range(1950, 2021, 10))
    five, abridged = tuple(range(0, 101, 5)), (0, 1, *range(5, 101, 5))
    sexes = ("female", "male")
    expected = {
        "tfr": {"country": SIX, "year": annual},
        "e0": {"country": SIX, "year": annual, "sex": sexes},
        "net_migration": {"country": SIX, "year": annual},
        "births": {"country": SIX, "year": annual},
        "deaths": {"country": SIX, "year": annual},
        "population": {"country": SIX, "year": decades, "sex": sexes, "age": five},
        "total": {"country": SIX, "year": (*annual, 2024)},
        "mx": {"country": SIX, "year": decades, "sex": sexes, "age": abridged},
        "mx_recent": {"country": SIX, "sex": sexes, "age": abridged},
        "fertility_pattern": {"country": SIX, "year": annual, "age": tuple(range(10, 51, 5))},
        "sex_ratio": {"country": SIX, "year": tuple(range(1950, 2021, 5))},
        "migrant_ages": {"country": SIX, "sex": sexes, "age": five},
        "asylum": {"country": ("CAN", "USA", "MEX"), "year": tuple(range(2000, 2023))},
    }
    found = {}
    for field in fields(region):
        panel = getattr(region, field.name)
        indexes = panel.dataset.indexes
        found[field.name] = {dim: tuple(indexes[dim]) for dim in panel.dataset.dims}
    assert found == expected


def test_every_known_name_is_bundled_in_its_unit(region: Region) -> None:
    found = {}
    for field in fields(region):
        panel = getattr(region, field.name)
        found |= {name: panel[name].attrs["units"] for name in panel.names}
    assert found == {name: UNITS[name] for name in found}
    assert set(found) == set(UNITS)


def test_published_figures(region: Region) -> None:
    """World Population Prospects 2024, as printed in its tables for Mexico and the United States."""
    mexico = region.sel(country="MEX")
    assert float(mexico.tfr["tfr"].sel(year=2023).item()) == pytest.approx(1.91, abs=0.01)
    assert float(mexico.e0["e0"].sel(year=2019, sex="female").item()) == pytest.approx(77.6, abs=0.5)
    assert float(mexico.population["population"].sel(year=2020).sum()) == pytest.approx(126.8e6, rel=0.002)
    usa = region.sel(country="USA")
    assert float(usa.births["births"].sel(year=2020).item()) == pytest.approx(3.61e6, rel=0.02)


def test_the_accounts_of_totals_close(region: Region) -> None:
    """P(t + 1) = P(t) + births - deaths + net migration, to the rounding of the source."""
    population = region.total["population"]
    start = population.sel(year=slice(1950, 2023)).to_numpy()
    end = population.sel(year=slice(1951, 2024)).to_numpy()
    change = region.births["births"] - region.deaths["deaths"] + region.net_migration["net_migration"]
    assert np.abs(end - start - change.to_numpy()).max() <= 30


def test_the_net_migration_rate_is_of_the_population_at_the_end_less_the_counts(region: Region) -> None:
    panel = region.net_migration.sel(country="SLV", year=2020)
    counts, rate = panel["net_migration"].item(), panel["net_migration_rate"].item()
    end = region.total["population"].sel(country="SLV", year=2021).item()
    assert rate == pytest.approx(counts / (end - counts), rel=1e-12)
    assert rate < 0


def test_fertility_shares_sum_to_one(region: Region) -> None:
    total = region.fertility_pattern["fertility_share"].sum("age")
    np.testing.assert_allclose(total, 1.0, rtol=1e-12)


def test_migrant_shares_sum_to_one_and_only_the_usa_has_mixed_signs(region: Region) -> None:
    share = region.migrant_ages["migrant_share"]
    np.testing.assert_allclose(share.sum(["sex", "age"]), 1.0, rtol=1e-12)
    mixed = (share < 0).any(["sex", "age"])
    assert mixed["country"][mixed.to_numpy()].values.tolist() == ["USA"]
    assert float(share.sel(country="USA").min()) > -0.001
    assert not np.signbit(share.sel(country="MEX").to_numpy()).any()


def test_dates_of_stocks_are_stated(region: Region) -> None:
    assert region.population.dataset.attrs["reference_date"] == "1 July"
    assert region.population.dataset.attrs["year_step"] == 10
    assert region.total.dataset.attrs["reference_date"] == "1 January"
    middle = region.population["population"].sel(year=2020).sum(["sex", "age"])
    total = region.total["population"]
    np.testing.assert_allclose(middle, (total.sel(year=2020) + total.sel(year=2021)) / 2, rtol=0.002)


def test_mexicos_asylum_ledger(region: Region) -> None:
    assert region.asylum is not None
    mexico = region.asylum.sel(country="MEX")
    at_2022 = {name: mexico[name].sel(year=2022).item() for name in ("applications", "pending", "recognized")}
    assert at_2022 == {"applications": 118735.0, "pending": 210609.0, "recognized": 21882.0 + 733.0}
    flows = mexico.dataset.sel(year=slice(2019, 2022))
    decided = flows["recognized"] + flows["rejected"] + flows["closed"]
    before = mexico["pending"].sel(year=slice(2018, 2021)).to_numpy()
    gap = before + flows["applications"].to_numpy() - decided.to_numpy() - flows["pending"].to_numpy()
    assert np.abs(gap / flows["pending"].to_numpy()).max() < 0.001


def test_what_is_missing_in_asylum_is_declared(region: Region) -> None:
    assert region.asylum is not None
    missing = {
        name: region.asylum[name].where(region.asylum[name].isnull(), drop=True)
        for name in region.asylum.names
        if region.asylum[name].isnull().any()
    }
    assert set(missing) == {"applications", "recognized", "rejected", "closed", "pending", "staff"}
    mexico = region.asylum.sel(country="MEX")
    assert {name for name in mexico.names if "missing" in mexico[name].attrs} == {
        "recognized",
        "rejected",
        "closed",
        "staff",
    }
    assert mexico["rejected"]["year"][mexico["rejected"].isnull().to_numpy()[0]].values.tolist() == [2014]
    assert "MEX 2014" in mexico["rejected"].attrs["missing_reason"]
    usa = region.asylum.sel(country="USA")
    assert usa["pending"].isnull().all()
    assert "no level" in usa["pending"].attrs["missing_reason"]
    staff = mexico["staff"].dropna("year")
    assert dict(zip(staff["year"].values.tolist(), staff.values[0].tolist(), strict=True)) == {
        2019: 48,
        2020: 140,
    }


def test_the_definition_of_each_ledger_travels_with_it(region: Region) -> None:
    assert region.asylum is not None
    assert "COMAR" in region.asylum.sel(country="MEX")["applications"]["definition"].item()
    assert "USCIS" in region.asylum["pending"].sel(country="USA")["definition"].item()


def test_a_region_of_some_countries() -> None:
    part = bundled.region(["GTM", "MEX"])
    assert part.countries == ("GTM", "MEX")
    assert part.asylum is not None
    assert part.asylum.sizes["country"] == 1
    assert bundled.region(["GTM", "HND"]).asylum is None
    with pytest.raises(DataError, match="expected country among CAN, USA, MEX, GTM, HND, SLV, found BRA"):
        bundled.region(["MEX", "BRA"])


def test_a_region_is_of_the_same_countries_throughout(region: Region) -> None:
    with pytest.raises(DataError, match="found MEX in deaths"):
        replace(region, deaths=region.deaths.sel(country="MEX"))


def test_every_table_has_its_source_and_its_columns() -> None:
    entries = bundled.sources()
    assert {path.stem for path in FOLDER.glob("*.csv")} == set(entries)
    for name, entry in entries.items():
        header = (FOLDER / f"{name}.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
        assert header == list(entry["columns"])
        assert all(entry[key] for key in ("publisher", "title", "revision", "licence", "retrieved", "note"))
        assert entry["retrieved"] == ("2026-11-25" if name == "borders" else "2026-11-24")


def test_the_tables_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.csv")) < 700_000


def test_provenance_comes_from_the_sources(region: Region) -> None:
    attrs = region.tfr.dataset.attrs
    assert attrs["licence"] == "CC BY 3.0 IGO"
    assert attrs["source"].endswith("World Population Prospects 2024")


def test_agency_figures_of_the_planners_questions() -> None:
    table = bundled.agency()
    figure = table.set_index(["agency", "measure", "period"])["value"]
    assert figure["COMAR", "staff", "2020-03"] == 140
    assert figure["COMAR", "offices", "2020-03"] == 7
    assert figure["COMAR", "budget", "2019"] == 20.8
    assert figure["EOIR", "average wait", "FY2019"] == 1030
    assert figure["EOIR", "completions per judge-year", "FY2015"] == 807
    assert figure["EOIR", "immigration judges", "2023-07"] == 649
    parts = table[(table["measure"] == "seeking protection") & (table["agency"] != "All")]["value"].sum()
    assert parts == pytest.approx(228_984)


def test_the_two_vintages_of_eoir_say_what_pending_is() -> None:
    table = bundled.agency().query("agency == 'EOIR' and measure == 'pending' and period == 'FY2015'")
    assert sorted(table["value"]) == [460_093, 658_871]
    assert table["note"].nunique() == 2


def test_panels_hash_the_same_every_time(region: Region) -> None:
    again = bundled.region()
    assert isinstance(again.mx, Panel)
    assert again.mx.hash == region.mx.hash


def test_encounters_are_the_border_patrols() -> None:
    panel = bundled.encounters()
    assert panel.sizes == {"category": 4, "month": 279}
    assert panel["category"].to_numpy().tolist() == ["MEX", "GTM", "HND", "SLV"]
    count = panel["count"].to_pandas().T
    assert count.loc["2018-10":"2019-09"].sum().drop("MEX").sum() == 609_760
    assert count.loc["2015":"2019"].mean().round().astype(int).tolist() == [13990, 9770, 7908, 4748]
    assert (count >= 190).all(axis=None)  # below, the rounding would have to be said by an interval


def test_visas_of_a_fiscal_year_and_of_its_months() -> None:
    years, months = bundled.visas(by="year"), bundled.visas()
    assert years.sizes == {"category": 4, "month": 312}
    assert (years["span"].where(years["count"].notnull()) == 12).sum() == 4 * 26
    total = years["count"].sum("category").sel(month=["1997-09-01", "2019-09-01", "2020-09-01"])
    assert total.to_numpy().tolist() == [663_161, 1_602_006, 1_031_402]
    assert months["count"].sel(month="2019-05-01").isnull().all()
    assert "no monthly table" in months["count"].attrs["missing_reason"]
    part = months["count"].sel(category="H2A", month=slice("2021-10-01", "2022-09-01")).sum()
    assert float(part) == pytest.approx(float(years["count"].sel(category="H2A", month="2022-09-01")), rel=0.01)
    mexico = bundled.visas("MEX", by="year")["count"].sel(category="H2B", month="2006-09-01")
    assert float(mexico) == 43_269 + 36_723  # with returning workers


@pytest.mark.parametrize(("countries", "by"), [(["BRA"], "month"), ([], "month"), (["MEX"], "decade")])
def test_visas_of_others_are_refused(countries: list[str], by: str) -> None:
    with pytest.raises(DataError, match=r"expected countries among CAN, MEX, GTM, HND, SLV, by= month or year"):
        bundled.visas(countries, by=by)
