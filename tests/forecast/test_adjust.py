"""Experts' variants: medians land where they are put, spread and worlds stay; conditioning is Bayes' rule."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from poblar.data import Region, reference
from poblar.data.wpp import read_wide
from poblar.forecast import DrawsError, Scenario, project
from poblar.forecast.adjust import replacement_fertility, shift_median
from poblar.forecast.conditioning import Given, condition
from poblar.forecast.draws import split_draws
from poblar.forecast.scenarios import Replace

DRAWS = 4001
TFR = {"units": "children per woman"}


def walk(start: list[float], step: float, seed: int, attrs: dict[str, str], name: str) -> xr.DataArray:
    """Random walks of two countries, 2024 to 2053."""
    shocks = np.random.default_rng(seed).normal(0.0, step, (DRAWS, 2, 30)).cumsum(axis=-1)
    coords = {"draw": np.arange(DRAWS), "country": ["MEX", "GTM"], "year": np.arange(2024, 2054)}
    return xr.DataArray(np.array(start)[:, None] + shocks, dims=tuple(coords), coords=coords, name=name, attrs=attrs)


@pytest.fixture(scope="module")
def tfr() -> xr.DataArray:
    return walk([1.8, 2.3], 0.06, 1, TFR, "tfr").clip(0.5, 9.0, keep_attrs=True)


@pytest.fixture(scope="module")
def e0() -> xr.DataArray:
    women = walk([78.0, 74.0], 0.3, 2, {"units": "years"}, "e0")
    men = women - 5.0 + np.random.default_rng(3).normal(0.0, 0.3, women.shape)
    both = xr.concat([women, men], dim=pd.Index(["female", "male"], name="sex"))
    return both.transpose("draw", "country", "year", "sex").assign_attrs(units="years")


def path(values: dict[int, float]) -> pd.Series:
    return pd.Series(values).rename_axis("year")


# Medians


def test_the_median_is_where_it_was_put_and_the_spread_stays(tfr: xr.DataArray) -> None:
    target = xr.DataArray([[1.7, 1.5], [2.4, 2.0]], coords={"country": ["GTM", "MEX"], "year": [2030, 2050]})
    moved = shift_median(tfr, target)
    np.testing.assert_allclose(moved.median("draw").sel(target.coords).transpose(*target.dims), target, atol=1e-12)
    for year in (2030, 2050):
        own = [array.sel(country="MEX", year=year).quantile([0.25, 0.5, 0.75, 0.9], "draw") for array in (tfr, moved)]
        np.testing.assert_allclose(np.diff(own[0]), np.diff(own[1]), atol=1e-12)
    assert moved.dims == tfr.dims
    assert (moved.name, moved.attrs["units"]) == ("tfr", "children per woman")
    assert moved.attrs["adjusted"] == "median of GTM, MEX moved to a path given for 2030 to 2050"


def test_the_shift_fades_in_and_is_linear_between_years_and_stays_after(e0: xr.DataArray) -> None:
    """A year given for each sex: +1.4 at 2030 is 0.2 in 2024, 0.4 in 2025 …; 2030 to 2040 it falls by 0.1 a year."""
    at = e0.median("draw").sel(year=[2030, 2040], country=["MEX"])
    target = at + xr.DataArray([1.4, 0.4], coords={"year": [2030, 2040]}, dims="year")
    shift = shift_median(e0, target) - e0
    years = e0["year"].to_numpy()
    expected = np.interp(years, [2023, 2030, 2040], [0.0, 1.4, 0.4])
    for sex in ("female", "male"):
        np.testing.assert_allclose(shift.sel(country="MEX", sex=sex, draw=17), expected, atol=1e-9)
    assert float(abs(shift.sel(country="GTM")).max()) == 0.0  # no path, no change


def test_a_series_by_country_and_year_is_a_path(tfr: xr.DataArray) -> None:
    index = pd.MultiIndex.from_tuples([("MEX", 2030), ("GTM", 2040)], names=["country", "year"])
    moved = shift_median(tfr, pd.Series([1.5, 1.9], index)).median("draw")
    assert float(moved.sel(country="MEX", year=2030)) == pytest.approx(1.5)
    assert float(moved.sel(country="GTM", year=2040)) == pytest.approx(1.9)
    both = shift_median(tfr, path({2053: 1.6})).median("draw").sel(year=2053)  # without a country: for all
    np.testing.assert_allclose(both, 1.6)


def test_near_a_limit_draws_are_squeezed_and_keep_their_order(tfr: xr.DataArray) -> None:
    for target in (0.6, 8.9):
        moved = shift_median(tfr, path({2024: target, 2053: target}))
        np.testing.assert_allclose(moved.median("draw").sel(year=[2024, 2053]), target, atol=1e-12)
        assert 0.5 <= float(moved.min()) <= float(moved.max()) <= 9.0
        before, after = (array.sel(country="MEX", year=2053).to_numpy() for array in (tfr, moved))
        order = np.argsort(before)
        assert (np.diff(after[order])[np.diff(before[order]) > 0.0] > 0.0).all()
        assert len(np.unique(after)) == len(np.unique(before))  # nobody piles up at the limit
    far = (shift_median(tfr, path({2053: 0.9})) - tfr).sel(country="MEX", year=2053)
    above = tfr.sel(country="MEX", year=2053) >= tfr.sel(country="MEX", year=2053).median()
    assert float(far.where(above).std()) < 1e-12  # from the median up the shift is the same


def test_moving_back_gives_the_draws_again(e0: xr.DataArray) -> None:
    median = e0.median("draw").assign_attrs(units="years")
    back = shift_median(shift_median(e0, median + 2.0), median)
    xr.testing.assert_allclose(back, e0)
    assert back.attrs["adjusted"].count("moved") == 2


def test_draws_are_aligned_to_the_published_median(wpp_folder: Path) -> None:
    years = slice(2024, 2053)
    un = read_wide(wpp_folder / "tfrprojMed.txt", "tfr", countries=("MEX", "GTM"))["tfr"].sel(year=years)
    tfr = walk([1.9, 2.4], 0.05, 5, TFR, "tfr")
    aligned = shift_median(tfr, un)
    np.testing.assert_allclose(aligned.median("draw").transpose(*un.dims), un.sel(country=un["country"]), atol=1e-12)
    np.testing.assert_allclose(aligned.std("draw"), tfr.std("draw"), rtol=0.02)


def test_paths_that_do_not_fit_are_refused(tfr: xr.DataArray, e0: xr.DataArray) -> None:
    for target, message in (
        (path({2060: 1.5}), "year among 2024 to 2053, each once, found 2060"),
        (pd.Series([1.5], [2030]), "an index with names"),
        (path({2030: 0.4}), "between 0.5 and 9"),
        (path({2030: np.nan}), "a median for some year"),
        (xr.DataArray([1.5], coords={"year": [2030]}, dims="year", attrs={"units": "years"}), "expected units"),
        (xr.DataArray([1.5], coords={"country": ["MEX"]}), r"axes \['year'\]"),
    ):
        with pytest.raises(DrawsError, match=message):
            shift_median(tfr, target)
    dip = tfr - 1.0 * (tfr["year"] == 2040)  # the same shift as beside it takes this year below the limit
    with pytest.raises(DrawsError, match="and between them"):
        shift_median(dip.clip(0.5, 9.0).assign_attrs(TFR), path({2039: 0.8, 2041: 0.8}))
    with pytest.raises(DrawsError, match=r"\['sex', 'year'\]"):  # women's figure is not men's
        shift_median(e0, path({2030: 80.0}))


# Conditions


def test_a_measured_value_updates_normal_draws_by_bayes_rule() -> None:
    """Prior N(2, 0.3²), measured 1.6 ± 0.2, and a second figure that follows the first with slope 0.5."""
    rng = np.random.default_rng(1)
    first = rng.normal(2.0, 0.3, 200_000)
    second = 1.0 + 0.5 * (first - 2.0) + rng.normal(0.0, 0.1, first.size)
    draws = xr.DataArray(
        np.stack([first, second], 1), dims=("draw", "country"), coords={"draw": range(first.size), "country": [*"ab"]}
    )
    after = condition(draws, Given(of=draws.sel(country="a"), value=1.6, sd=0.2), seed=1)
    mean = (2.0 / 0.09 + 1.6 / 0.04) / (1.0 / 0.09 + 1.0 / 0.04)
    variance = 1.0 / (1.0 / 0.09 + 1.0 / 0.04)
    np.testing.assert_allclose(after.mean("draw"), [mean, 1.0 + 0.5 * (mean - 2.0)], atol=0.004)
    np.testing.assert_allclose(after.var("draw"), [variance, 0.25 * variance + 0.01], rtol=0.02)
    # (sum w)² / sum w² of a normal kernel on a normal prior, in closed form.
    s2, p2, shift2 = 0.04, 0.09, 0.16
    share = s2**-0.5 * math.sqrt(s2 + 2 * p2) * s2 / (s2 + p2)
    share *= math.exp(-shift2 / (s2 + p2) + shift2 / (s2 + 2 * p2))
    assert after.attrs["effective_draws"] == pytest.approx(first.size * share, rel=0.02)


def test_a_limit_keeps_the_draws_that_hold_it_each_as_often(tfr: xr.DataArray) -> None:
    of = tfr.sel(country="MEX", year=2040)
    after = condition(tfr, Given(of=of, at_most=1.7), seed=1)
    assert float(after.sel(country="MEX", year=2040).max()) <= 1.7
    holds = int((of <= 1.7).sum())
    assert after.attrs["effective_draws"] == pytest.approx(holds)
    _, times = np.unique(after.sel(country="GTM", year=2053), return_counts=True)
    assert len(times) == holds
    assert set(times) <= {DRAWS // holds, DRAWS // holds + 1}
    between = condition(tfr, Given(of=of, at_least=1.6, at_most=1.7), seed=1).sel(country="MEX", year=2040)
    assert 1.6 <= float(between.min()) <= float(between.max()) <= 1.7


def test_all_arrays_of_a_world_are_taken_alike(tfr: xr.DataArray, e0: xr.DataArray) -> None:
    fixed = tfr.isel(draw=0, drop=True)
    given = [
        Given(of=tfr.sel(country="MEX", year=2030), value=1.6, sd=0.1),
        Given(of=e0.sel(year=2050).mean(["country", "sex"]), at_least=73.0),
    ]
    together = {
        "fertility": tfr,
        "mortality": e0.transpose("year", "draw", ...),
        "more": xr.Dataset({"a": tfr}),
        "fixed": fixed,
    }
    after = condition(together, given, seed=3)
    assert list(after) == list(together)
    alone = condition(tfr, given, seed=3)
    assert alone.identical(after["fertility"])
    np.testing.assert_array_equal(after["fertility"]["draw"], np.arange(DRAWS))
    assert after["fixed"] is fixed
    assert after["mortality"].dims == together["mortality"].dims
    xr.testing.assert_equal(after["more"]["a"], after["fertility"])
    # Every world that is left is one of those before: its fertility and its mortality come from the same draw.
    source = {tuple(world): i for i, world in enumerate(tfr.sel(country="GTM").to_numpy())}
    index = [source[tuple(world)] for world in after["fertility"].sel(country="GTM").to_numpy()]
    np.testing.assert_array_equal(e0.isel(draw=index).transpose("year", "draw", ...), after["mortality"])
    assert index == sorted(index)
    assert after["mortality"].attrs["conditioned"] == "tfr (MEX, 2030) is 1.6 ± 0.1; e0 (2050) is at least 73"


def test_copies_of_a_world_stay_in_one_set_of_a_split(tfr: xr.DataArray) -> None:
    """A plan's held-out draws must not be those that it was made with; one world may lie on the cut."""
    after = condition(tfr, Given(of=tfr.sel(country="MEX", year=2040), value=1.4, sd=0.05), seed=1)
    sets = [
        set(after.isel(draw=part).sel(country="GTM", year=2053).to_numpy())
        for part in split_draws(DRAWS, {"solve": 0.5, "certify": 0.5}).values()
    ]
    assert len(sets[0] & sets[1]) <= 1


def test_a_seed_and_a_size_say_which_draws(tfr: xr.DataArray) -> None:
    given = Given(of=tfr.sel(country="MEX", year=2030), value=1.7, sd=0.05)
    one, two, other = (condition(tfr, given, seed=seed, size=500) for seed in (1, 1, 2))
    assert one.identical(two)
    assert not one.equals(other)
    assert one.sizes["draw"] == 500


def test_too_few_draws_are_refused_and_the_support_is_said(tfr: xr.DataArray) -> None:
    of = tfr.sel(country="MEX", year=2030)
    with pytest.raises(DrawsError, match=r"tfr \(MEX, 2030\) is 1 ± 0.02.*100 or more, found .* of 4001") as refusal:
        condition(tfr, Given(of=of, value=1.0, sd=0.02), seed=1)
    text = str(refusal.value).split("value= ")[1].split(" with")[0]
    low, high = (float(word) for word in text.split(" to "))
    for value in (low + 0.01, high - 0.01):
        assert condition(tfr, Given(of=of, value=value, sd=0.02), seed=1).attrs["effective_draws"] >= 100
    for value in (low - 0.02, high + 0.02):
        with pytest.raises(DrawsError):
            condition(tfr, Given(of=of, value=value, sd=0.02), seed=1)
    with pytest.raises(DrawsError, match="at_most= from") as refusal:
        condition(tfr, Given(of=of, at_most=1.0), seed=1)
    least = float(str(refusal.value).split("at_most= from ")[1].split(" on")[0])
    assert condition(tfr, Given(of=of, at_most=least + 5e-4), seed=1).attrs["effective_draws"] >= 100
    with pytest.raises(DrawsError, match="no value= with this sd="):
        condition(tfr, Given(of=of, value=1.8, sd=1e-7), seed=1)
    with pytest.raises(DrawsError, match="forecast with more draws"):
        condition(tfr, Given(of=of, value=1.8, sd=0.1), seed=1, effective=5000)


def test_other_worlds_and_empty_conditions_are_refused(tfr: xr.DataArray, e0: xr.DataArray) -> None:
    of = tfr.sel(country="MEX", year=2030)
    with pytest.raises(DrawsError, match="mortality: expected the 4001 draws"):
        condition({"fertility": tfr, "mortality": e0.isel(draw=slice(100))}, Given(of=of, at_most=1.8), seed=1)
    with pytest.raises(DrawsError, match="an axis draw"):
        condition(tfr.isel(draw=0), Given(of=of, at_most=1.8), seed=1)
    with pytest.raises(DrawsError, match="found nothing"):
        condition(tfr, [], seed=1)
    with pytest.raises(DrawsError, match="a finite figure for each labelled draw"):
        Given(of=tfr, value=1.8, sd=0.1)
    for wrong in (
        {},
        {"value": 1.8},
        {"value": 1.8, "sd": 0.0},
        {"value": 1.8, "sd": 0.1, "at_most": 2.0},
        {"at_least": 2.0, "at_most": 1.0},
        {"sd": 0.1, "at_most": 2.0},
    ):
        with pytest.raises(DrawsError, match="give one or the other"):
            Given(of=of, **wrong)


# Replacement fertility


@pytest.fixture(scope="module")
def mexico() -> Region:
    return reference.region(("MEX",))


def test_replacement_fertility_stops_growth_in_the_long_run(mexico: Region) -> None:
    """Constant mortality, nobody migrates, instant replacement: after five centuries the population stands still."""
    years = range(2024, 2600)
    first = mexico.e0["e0"].sel(year=2023, drop=True)
    e0 = first.expand_dims(year=list(years)).transpose("country", "year", "sex").assign_attrs(units="years")
    tfr = xr.zeros_like(e0.isel(sex=0, drop=True)).assign_attrs(TFR) + 1.5
    net = xr.zeros_like(tfr).assign_attrs(units="persons per year")
    level = replacement_fertility(mexico, e0)
    variant = Scenario(name="instant replacement", levers=[Replace(by=level, on="fertility")])
    people = project(mexico, fertility=tfr.assign_attrs(TFR), mortality=e0, migration=net, scenario=variant)
    assert float(abs(people.growth_rate.sel(year=slice(2580, None))).max()) < 2e-5
    assert float(level.min()) > 2.0


def test_where_more_girls_live_fewer_children_replace_their_parents(mexico: Region) -> None:
    e0 = xr.DataArray(
        np.array([[[[40.0, 35.0]], [[60.0, 55.0]], [[85.0, 80.0]]]]).transpose(1, 0, 2, 3),
        dims=("draw", "country", "year", "sex"),
        coords={"country": ["MEX"], "year": [2030], "sex": ["female", "male"]},
        attrs={"units": "years"},
    )
    level = replacement_fertility(mexico, e0).squeeze().to_numpy()
    assert (np.diff(level) < 0.0).all()
    boys = mexico.sex_ratio["sex_ratio_at_birth"].sel(year=2020).item()
    assert 1.0 + boys < level[2] < (1.0 + boys) * 1.01  # at 85 hardly a girl dies before she bears children
    with pytest.raises(DrawsError, match="life expectancy"):
        replacement_fertility(mexico, mexico.tfr["tfr"])
