"""Regions of a country: the process is recovered, covers what comes, keeps its limits and adds up to the country."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from poblar.forecast import DrawsError
from poblar.forecast.localities import E0_DIFFERENCE, TFR_RATIO, Deviation, subnational

TFR = {"units": "children per woman"}
YEARS = {"units": "years"}
TRUE = Deviation(relative=True, mean=1.0, phi=0.95, sigma=0.02, limits=(0.5, 9.0))


def ar1(deviation: Deviation, regions: int, years: int, rng: np.random.Generator) -> np.ndarray:
    """Deviations (region, year), the first from the stationary distribution."""
    x = np.empty((regions, years))
    x[:, 0] = rng.normal(0.0, deviation.sigma / np.sqrt(1.0 - deviation.phi**2), regions)
    for year in range(1, years):
        x[:, year] = deviation.phi * x[:, year - 1] + rng.normal(0.0, deviation.sigma, regions)
    return deviation.mean + x


def series(values: np.ndarray, first: int, attrs: dict[str, str] = TFR) -> xr.DataArray:
    return xr.DataArray(values, dims="year", coords={"year": first + np.arange(len(values))}, attrs=attrs)


def places(values: np.ndarray, first: int, attrs: dict[str, str] = TFR) -> xr.DataArray:
    coords = {"locality": [f"r{i}" for i in range(len(values))], "year": first + np.arange(values.shape[1])}
    return xr.DataArray(values, dims=("locality", "year"), coords=coords, attrs=attrs)


def draws_of(values: np.ndarray, first: int, attrs: dict[str, str] = TFR) -> xr.DataArray:
    coords = {"draw": np.arange(len(values)), "year": first + np.arange(values.shape[1])}
    return xr.DataArray(values, dims=("draw", "year"), coords=coords, name="tfr", attrs=attrs)


@pytest.fixture
def past() -> tuple[xr.DataArray, xr.DataArray]:
    """Eight regions and their country, 1984 to 2023."""
    rng = np.random.default_rng(3)
    national = series(np.linspace(3.0, 1.8, 40), 1984)
    return places(ar1(TRUE, 8, 40, rng) * national.to_numpy(), 1984), national


@pytest.fixture
def future() -> xr.DataArray:
    """Two thousand draws of the country, 2024 to 2053."""
    rng = np.random.default_rng(4)
    return draws_of(np.clip(1.8 + rng.normal(0.0, 0.05, (2000, 30)).cumsum(axis=1), 0.7, 5.0), 2024)


def test_published_parameters_keep_their_five_year_process() -> None:
    """Five steps of a year have the phi, the conditional variance and the stationary variance of one of five."""
    for spec, phi, variance in ((TFR_RATIO, 0.92464, 0.04522**2), (E0_DIFFERENCE, 0.95, 0.0482)):
        assert spec.phi**5 == pytest.approx(phi)
        assert spec.sigma**2 * (spec.phi ** (2 * np.arange(5))).sum() == pytest.approx(variance)
        assert spec.sigma**2 / (1.0 - spec.phi**2) == pytest.approx(variance / (1.0 - phi**2))
    assert E0_DIFFERENCE.phi == pytest.approx(0.9898, abs=5e-5)  # as bayesLife documents its yearly parameters
    assert (E0_DIFFERENCE.sigma**2, E0_DIFFERENCE.widening) == pytest.approx((0.01, 0.0032), rel=0.01)


def test_phi_and_sigma_are_recovered() -> None:
    rng = np.random.default_rng(1)
    national = series(np.linspace(4.0, 2.0, 40), 1984)
    fits = [TFR_RATIO.fit(places(ar1(TRUE, 20, 40, rng) * national.to_numpy(), 1984), national) for _ in range(200)]
    phi, sigma = np.array([fit.phi for fit in fits]), np.array([fit.sigma for fit in fits])
    assert phi.mean() == pytest.approx(TRUE.phi, abs=0.005)
    assert sigma.mean() == pytest.approx(TRUE.sigma, rel=0.01)
    assert phi.std() < 0.015
    assert sigma.std() < 0.05 * TRUE.sigma


def test_variance_that_depends_on_the_level_is_scaled_as_a_whole() -> None:
    """Life expectancy of 60 to 80: the fit finds twice the published variance and keeps its shape."""
    rng = np.random.default_rng(2)
    national = series(np.linspace(60.0, 80.0, 60), 1964, YEARS)
    sd = np.sqrt(2.0 * (E0_DIFFERENCE.sigma**2 + E0_DIFFERENCE.widening * np.maximum(82.5 - national.to_numpy(), 0.0)))
    x = np.zeros((60, 60))
    for year in range(1, 60):
        x[:, year] = 0.9 * x[:, year - 1] + sd[year - 1] * rng.standard_normal(60)
    fit = E0_DIFFERENCE.fit(places(x + national.to_numpy(), 1964, YEARS), national)
    assert fit.phi == pytest.approx(0.9, abs=0.02)
    assert (fit.sigma / E0_DIFFERENCE.sigma) ** 2 == pytest.approx(2.0, rel=0.07)
    assert fit.widening / fit.sigma**2 == pytest.approx(E0_DIFFERENCE.widening / E0_DIFFERENCE.sigma**2)


def test_years_not_observed_are_left_out_of_the_fit(past: tuple[xr.DataArray, xr.DataArray]) -> None:
    regions, national = past
    holes = regions.where(regions["year"] != 2000)
    apart = regions.sel(year=regions["year"] != 2000)  # 1999 to 2001 is no step of a year
    assert TRUE.fit(holes, national) == TRUE.fit(apart, national) != TRUE.fit(regions, national)


def test_draws_follow_the_closed_form_of_the_process(past: tuple[xr.DataArray, xr.DataArray]) -> None:
    """Mean 1 + phi^h (a - 1) and variance sigma² (1 - phi^2h) / (1 - phi²), h years after the last observation."""
    regions, national = past
    flat = draws_of(np.full((40_000, 20), 1.8), 2024)
    ratio = subnational(flat, regions, national, seed=1, deviation=TRUE) / flat
    h = np.arange(1, 21)
    start = (regions / national).sel(year=2023).to_numpy()[:, None]
    np.testing.assert_allclose(ratio.mean("draw"), 1.0 + TRUE.phi**h * (start - 1.0), atol=0.0015)
    sd = TRUE.sigma * np.sqrt((1.0 - TRUE.phi ** (2 * h)) / (1.0 - TRUE.phi**2))
    np.testing.assert_allclose(ratio.std("draw"), np.broadcast_to(sd, (8, 20)), rtol=0.02)


def test_eighty_percent_bands_cover_what_comes() -> None:
    """150 worlds of 10 regions: 40 years of past, parameters fitted, 20 years ahead, the country uncertain too."""
    rng = np.random.default_rng(5)
    inside, by_year = [], []
    for world in range(150):
        steps = rng.normal(0.0, 0.04, (501, 20)).cumsum(axis=1)
        national = series(np.linspace(3.5, 2.5, 40), 1984)
        truth = ar1(TRUE, 10, 60, rng)
        regions = places(truth[:, :40] * national.to_numpy(), 1984)
        paths = subnational(
            draws_of(2.5 + steps[1:], 2024), regions, national, seed=world, deviation=TRUE.fit(regions, national)
        ).to_numpy()
        low, high = np.quantile(paths, (0.1, 0.9), axis=0)
        came = truth[:, 40:] * (2.5 + steps[0])
        inside.append(((came >= low) & (came <= high)).mean())
        by_year.append(((came >= low) & (came <= high)).mean(axis=0))
    assert 0.77 <= np.mean(inside) <= 0.82
    yearly = np.mean(by_year, axis=0)
    assert yearly.min() >= 0.74
    assert yearly.max() <= 0.85


def test_regions_last_seen_earlier_start_there(past: tuple[xr.DataArray, xr.DataArray], future: xr.DataArray) -> None:
    """A region unseen for ten years is as uncertain in 2024 as eleven years' errors make it; the others as one's."""
    regions, national = past
    late = regions.where((regions["locality"] != "r0") | (regions["year"] <= 2013))
    ratio = (subnational(future, late, national, seed=1, deviation=TRUE) / future).sel(year=2024)
    for place, h in (("r0", 11), ("r1", 1)):
        start = float((late / national).sel(locality=place, year=2024 - h))
        sd = TRUE.sigma * np.sqrt((1.0 - TRUE.phi ** (2 * h)) / (1.0 - TRUE.phi**2))
        assert float(ratio.sel(locality=place).std()) == pytest.approx(sd, rel=0.05)
        assert float(ratio.sel(locality=place).mean()) == pytest.approx(1.0 + TRUE.phi**h * (start - 1.0), abs=0.004)


def test_regions_move_with_their_country_draw_by_draw(
    past: tuple[xr.DataArray, xr.DataArray], future: xr.DataArray
) -> None:
    """Without errors of their own each region is the country's draw times its fading factor, whatever the seed."""
    calm = replace(TRUE, sigma=0.0)
    paths = subnational(future, *past, seed=1, deviation=calm)
    start = (past[0] / past[1]).sel(year=2023, drop=True)
    expected = future * (1.0 + calm.phi ** (future["year"] - 2023) * (start - 1.0))
    xr.testing.assert_allclose(paths, expected.transpose(*paths.dims), check_dim_order=True)
    assert paths.equals(subnational(future, *past, seed=2, deviation=calm))


def test_a_seed_gives_the_same_regions(past: tuple[xr.DataArray, xr.DataArray], future: xr.DataArray) -> None:
    one, two, other = (subnational(future, *past, seed=seed) for seed in (1, 1, 2))
    assert one.identical(two)
    assert not one.equals(other)
    assert one.dims == ("draw", "locality", "year")
    assert one.attrs["units"] == "children per woman"


def test_errors_of_regions_correlate_as_asked(past: tuple[xr.DataArray, xr.DataArray]) -> None:
    flat = draws_of(np.full((20_000, 1), 1.8), 2024)
    for wanted in (0.0, 0.5):
        paths = subnational(flat, *past, seed=1, deviation=replace(TRUE, between=wanted)).squeeze("year")
        found = np.corrcoef(paths.transpose("locality", "draw"))[np.triu_indices(8, 1)]
        np.testing.assert_allclose(found, wanted, atol=0.03)


def test_the_spread_between_regions_does_not_grow_beyond_todays() -> None:
    """Regions alike today stay alike: sigma is what keeps their spread, as Sevcikova et al. (2018) have it."""
    national = series(np.full(3, 2.0), 2021)
    alike = np.array([0.97, 0.99, 1.0, 1.01, 1.03])
    regions = places(alike[:, None] * np.full((1, 3), 2.0), 2021)
    paths = subnational(draws_of(np.full((4000, 200), 2.0), 2024), regions, national, seed=1)
    assert paths.attrs["sigma"] == pytest.approx(alike.std(ddof=1) * np.sqrt(1.0 - TFR_RATIO.phi**2))
    late = (paths / 2.0).isel(year=slice(150, None)).std(["draw", "year"])
    np.testing.assert_allclose(late, alike.std(ddof=1), rtol=0.05)


@pytest.mark.parametrize("raked", [False, True])
@pytest.mark.parametrize("form", ["ratio", "difference"])
def test_no_region_crosses_the_limits(form: str, raked: bool) -> None:
    """A country near both limits, regions with errors of the size of the whole range."""
    rng = np.random.default_rng(6)
    spec = Deviation(relative=form == "ratio", mean=float(form == "ratio"), phi=0.9, sigma=0.4, limits=(1.0, 2.0))
    national = series(np.full(2, 1.5), 2022)
    regions = places(np.array([[1.1, 1.02], [1.9, 1.99], [1.5, 1.5]]), 2022)
    future = draws_of(rng.uniform(1.0, 2.0, (1000, 15)), 2024)
    weights = xr.DataArray([0.2, 0.3, 0.5], coords={"locality": ["r0", "r1", "r2"]}) if raked else None
    paths = subnational(future, regions, national, seed=1, deviation=spec, weights=weights)
    assert float(paths.min()) >= 1.0
    assert float(paths.max()) <= 2.0
    if raked:
        np.testing.assert_allclose(paths.weighted(weights).mean("locality"), future, atol=1e-12)


def test_errors_at_a_limit_are_drawn_again_inside_it() -> None:
    """The year after: a normal truncated at the limit, not one piled up there."""
    national, regions = series(np.full(2, 1.0), 2022), places(np.full((1, 2), 0.6), 2022)
    spec = Deviation(relative=True, mean=1.0, phi=1.0 - 1e-12, sigma=0.1, limits=(0.5, 9.0))
    paths = subnational(draws_of(np.full((50_000, 1), 1.0), 2024), regions, national, seed=1, deviation=spec)
    density, tail = np.exp(-0.5) / np.sqrt(2.0 * np.pi), 0.8413447
    assert float((paths == 0.5).sum()) == 0.0
    assert float(paths.mean()) == pytest.approx(0.6 + 0.1 * density / tail, abs=0.001)


def test_raked_regions_average_to_the_national_draws(
    past: tuple[xr.DataArray, xr.DataArray], future: xr.DataArray
) -> None:
    rng = np.random.default_rng(7)
    people = places(rng.uniform(1e5, 1e7, (8, 30)), 2024)
    paths = subnational(future, *past, seed=1, weights=people)
    np.testing.assert_allclose(paths.weighted(people).mean("locality"), future, rtol=1e-12)
    free = subnational(future, *past, seed=1)
    ratio = paths / free
    np.testing.assert_allclose(ratio.std("locality"), 0.0, atol=1e-12)  # one factor a draw and year


def test_life_expectancy_of_both_sexes_keeps_the_countrys_mean() -> None:
    rng = np.random.default_rng(8)
    shape = {"year": np.arange(2000, 2024), "sex": ["female", "male"]}
    national = xr.DataArray(
        np.c_[np.linspace(76, 79, 24), np.linspace(70, 73, 24)], coords=shape, dims=("year", "sex"), attrs=YEARS
    )
    gaps = xr.DataArray([[2.0, 2.5], [-1.0, -1.5], [0.5, 0.0]], dims=("locality", "sex"), coords={"locality": [*"abc"]})
    regions = (national + gaps).assign_attrs(YEARS)
    paths = 79.0 + rng.normal(0.1, 0.2, (3000, 20)).cumsum(axis=1)
    coords = {"draw": range(3000), "year": range(2024, 2044), "sex": ["female", "male"], "country": "MEX"}
    future = xr.DataArray(
        np.stack([paths, paths - 6.0], -1), coords=coords, dims=("draw", "year", "sex"), name="e0", attrs=YEARS
    )
    free = subnational(future, regions, national, seed=1)
    assert free.dims == ("draw", "locality", "year", "sex")
    assert free["country"].item() == "MEX"
    difference = (free - future).sel(year=2024)
    np.testing.assert_allclose(difference.mean("draw"), E0_DIFFERENCE.phi * gaps, atol=0.02)
    variance = E0_DIFFERENCE.sigma**2 + E0_DIFFERENCE.widening * (82.5 - national.sel(year=2023))
    np.testing.assert_allclose(difference.var("draw"), np.broadcast_to(variance, (3, 2)), rtol=0.08)
    women, men = (difference.sel(sex=sex, locality="a") for sex in ("female", "male"))
    assert np.corrcoef(women, men)[0, 1] == pytest.approx(E0_DIFFERENCE.sexes, abs=0.03)
    people = xr.DataArray([5.0, 2.0, 1.0], coords={"locality": [*"cab"]})  # in another order
    raked = subnational(future, regions, national, seed=1, weights=people)
    np.testing.assert_allclose(raked.weighted(people).mean("locality"), future, rtol=1e-12)


def test_what_does_not_fit_is_refused(past: tuple[xr.DataArray, xr.DataArray], future: xr.DataArray) -> None:
    regions, national = past
    with pytest.raises(DrawsError, match="choose one country"):
        subnational(future.expand_dims(country=["MEX"]), regions, national, seed=1)
    with pytest.raises(DrawsError, match="expected units 'children per woman'"):
        subnational(future, regions.assign_attrs(YEARS), national, seed=1)
    with pytest.raises(DrawsError, match="expected every year from 1984"):
        subnational(future.sel(year=slice(2026, None)), regions, national, seed=1)
    with pytest.raises(DrawsError, match="none for 1984"):
        subnational(future, regions, national.sel(year=slice(1985, None)), seed=1)
    with pytest.raises(DrawsError, match="observation of every region"):
        subnational(future, regions.where(regions["locality"] != "r3"), national, seed=1)
    with pytest.raises(DrawsError, match=r"every locality of the result, found none of r7"):
        subnational(future, regions, national, seed=1, weights=regions.isel(year=0, locality=slice(7), drop=True))
    narrow, weights = replace(TRUE, limits=(1.5, 3.0)), regions.isel(year=0, drop=True)
    with pytest.raises(DrawsError, match="limits of the regions"):
        subnational(future, regions, national, seed=1, deviation=narrow, weights=weights)
    with pytest.raises(DrawsError, match="two years in a row"):
        TRUE.fit(regions.isel(year=slice(None, None, 2)), national)
    for wrong in ({"phi": 1.0}, {"sigma": -0.1}, {"between": 1.0}, {"limits": (0.0, 9.0)}):
        with pytest.raises(DrawsError, match="expected"):
            replace(TRUE, **wrong)
