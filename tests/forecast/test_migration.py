"""Net migration: the density by hand, known scales found again, closed and wild years, a world that sums to zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from poblar.data import DataError, Panel, Region
from poblar.forecast import DrawsError, Migration, Posterior, Sampling, zero_sum
from scipy import stats

COUNTRIES = ["CAN", "GTM", "HND", "MEX", "SLV", "USA"]
ABOUT = {"source": "simulated", "licence": "none", "revision": "1", "retrieved": "2026-11-24"}


def panel_of(rate: np.ndarray, last: int = 2023) -> Panel:
    years = np.arange(last + 1 - rate.shape[1], last + 1)
    variable = (("country", "year"), rate, {"units": "per person-year"})
    coords = {"country": COUNTRIES[: len(rate)], "year": years}
    return Panel(xr.Dataset({"net_migration_rate": variable}, coords=coords, attrs=ABOUT))


def made(model: Migration, log_scale: np.ndarray, years: int, seed: int) -> np.ndarray:
    """Rates that follow the equations as they are fitted, one step and one country at a time."""
    rng = np.random.default_rng(seed)
    rate = np.zeros((len(log_scale), years))
    for row, scale in enumerate(log_scale):
        volatility = 0.0
        for year in range(1, years):
            error = rng.standard_t(model.tails)
            scaled = np.sqrt(np.exp(2 * (scale + volatility)) + model.quietest**2) * error
            rate[row, year] = expected(model, rate[row, :year]) + scaled
            volatility = after(model, volatility, error)
    return rate


def expected(model: Migration, past: np.ndarray) -> float:
    level = model.share * past[-model.memory :].mean()
    distance = past[-1] - level
    near = min(max(distance, -model.far), model.far)
    gone = (1 - model.persistence) * near + (1 - model.far_persistence) * (distance - near)
    return level + distance - model.pull * gone


def after(model: Migration, volatility: float, error: float) -> float:
    score = (model.tails + 1) * error**2 / (model.tails + error**2) - 1
    return model.volatility_persistence * volatility + model.response * score


@pytest.mark.parametrize("window", [8, 40])
def test_the_density_is_that_of_the_equations(window: int) -> None:
    """Each rate given those before it, with a closed year, summed country by country without the model's code."""
    model = Migration(window=window, closed=(2020,))
    rate = made(model, np.array([-6.0, -8.0]), 30, seed=1)
    rate[:, 20] += 0.05  # far from the level
    built = model.build(panel_of(rate))
    log_scale, kept = np.array([-6.2, -7.5]), 0.7
    usual = rate.copy()
    usual[:, -4] /= kept
    total = 0.0
    for row in range(2):
        volatility = 0.0
        for year in range(max(30 - window, 1), 30):
            scale = np.sqrt(np.exp(2 * (log_scale[row] + volatility)) + model.quietest**2)
            error = usual[row, year] - expected(model, usual[row, :year])
            total += stats.t.logpdf(error, model.tails, scale=scale) - (np.log(kept) if year == 26 else 0.0)
            volatility = after(model, volatility, error / scale)
    terms = sum(term.sum() for term in built.potentials)
    at = {built["log_scale"]: log_scale, built["kept"]: [kept]}
    assert float(terms.eval(at)) == pytest.approx(total, rel=1e-9)


def test_known_scales_and_a_closed_year_are_found_again() -> None:
    held, model = [], Migration()
    for seed in (1, 2):
        log_scale = np.random.default_rng(seed).normal(-7.0, 0.9, 6)
        rate = made(model, log_scale, 74, seed)
        rate[:, -4:-2] *= 0.945
        fitted = model.fit(panel_of(rate), seed=seed, sampling=Sampling(draws=500), accept_unconverged=True).parameters
        low, high = (fitted["log_scale"].quantile(q, ("chain", "draw")).to_numpy() for q in (0.05, 0.95))
        held.extend((low <= log_scale) & (log_scale <= high))
        assert float(abs(fitted["kept"].mean() - 0.945)) < 0.04
    assert np.mean(held) >= 9 / 12


def test_a_closed_year_does_not_bend_what_follows(migration: Posterior[xr.DataArray], region: Region) -> None:
    """Rates of 2020 and 2021 cut to what the draws say was kept: the futures are those without closure."""
    sample = migration.parameters.isel(chain=0, draw=slice(40))
    half = sample.assign(kept=xr.full_like(sample["kept"], 0.5))
    rate = region.net_migration.dataset[["net_migration_rate"]].copy(deep=True)
    cut = rate.copy(deep=True)
    cut["net_migration_rate"].loc[{"year": [2020, 2021]}] *= 0.5
    model = migration.model
    paths = [
        model.simulate(draws, Panel(figures), 2040, np.random.default_rng(1)).to_numpy()
        for draws, figures in ((sample.assign(kept=xr.ones_like(sample["kept"])), rate), (half, cut))
    ]
    np.testing.assert_allclose(*paths, rtol=1e-10)


def test_wild_years_are_followed_by_wild_years(migration: Posterior[xr.DataArray]) -> None:
    """The same figures but for a jump in the last year: bands are wider, and calm down again."""
    rate = migration.panel["net_migration_rate"].to_numpy()
    jumped = rate.copy()
    jumped[:, -1] += 0.004
    sample = migration.parameters.isel(chain=0, draw=slice(500))
    spread = []
    for figures in (rate, jumped):
        paths = migration.model.simulate(sample, panel_of(figures), 2060, np.random.default_rng(2))
        low, high = paths.quantile([0.1, 0.9], "draw")
        spread.append((high - low).to_numpy())
    assert (spread[1][:, 0] > 1.3 * spread[0][:, 0]).sum() >= 5
    ratio = spread[1] / spread[0]
    assert np.median(ratio[:, -1]) < np.median(ratio[:, 0])


def test_a_year_ahead_little_turns_and_later_the_level_pulls(migration: Posterior[xr.DataArray]) -> None:
    model = replace(migration.model, share_spread=0.0, persistence_spread=0.0, widening_spread=0.0)
    rate = np.full((6, 74), 0.005)
    rate[:, -1] = 0.015
    sample = migration.parameters.isel(chain=0, draw=slice(1000))
    quiet = sample.assign(log_scale=sample["log_scale"] * 0.0 - 20.0)
    paths = model.simulate(quiet, panel_of(rate), 2063, np.random.default_rng(1)).median("draw").to_numpy()
    assert (paths[:, 0] > 0.0145).all()
    assert (paths[:, 10] < 0.010).all()
    assert (np.diff(paths, axis=1) < 1e-4).all()


def test_half_of_a_small_change_goes_on_for_a_year_and_of_a_jump_no_more(migration: Posterior[xr.DataArray]) -> None:
    rate = np.full((6, 74), 0.004)
    rate[:, -1] += np.array([0.0, 0.0004, -0.0004, 0.002, -0.002, 0.1])
    sample = migration.parameters.isel(chain=0, draw=slice(3))
    paths = [
        replace(migration.model, momentum=momentum, far_persistence=1.0, limits=(-1.0, 1.0))
        .simulate(sample, panel_of(rate), 2025, np.random.default_rng(1))
        .to_numpy()
        for momentum in (0.0, 0.5)
    ]
    more = np.broadcast_to([0.0, 0.0002, -0.0002, 0.0005, -0.0005, 0.0005], (3, 6))
    np.testing.assert_allclose((paths[1] - paths[0])[..., 0], more, atol=1e-12)
    assert (np.abs(paths[1] - paths[0])[..., 1] <= np.abs(more) + 1e-12).all()


def test_two_years_are_refused(region: Region) -> None:
    with pytest.raises(DataError, match="expected net migration rates of three years or more, found 2; add earlier"):
        Migration().build(region.net_migration.sel(year=[2022, 2023]))


def counts(seed: int) -> xr.DataArray:
    rng = np.random.default_rng(seed)
    size = 10.0 ** np.arange(6)
    values = size[:, None] * rng.standard_normal((200, 6, 3)) + 0.3 * size[:, None]
    coords = {"country": COUNTRIES, "year": [2030, 2031, 2032]}
    return xr.DataArray(
        values, dims=("draw", "country", "year"), coords=coords, attrs={"units": "persons per year"}, name="net"
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_world_sums_to_zero_and_small_countries_keep_their_bands(seed: int) -> None:
    net = counts(seed)
    found = zero_sum(net)
    np.testing.assert_allclose(found.sum("country"), 0.0, atol=1e-6 * float(abs(net).max()))
    small = {"country": COUNTRIES[:4]}
    np.testing.assert_allclose(found.sel(small).std("draw"), net.sel(small).std("draw"), rtol=0.02)
    assert found.dims == net.dims
    assert found.attrs == net.attrs


def test_what_sums_to_zero_stays() -> None:
    net = counts(7)
    once = zero_sum(net)
    np.testing.assert_allclose(zero_sum(once), once, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda net: net.assign_attrs(units="per person-year"), "found 'per person-year'; rates do not sum"),
        (lambda net: net.isel(draw=0), "expected net migrants over draw and country, found axes"),
        (lambda net: net.where(net["country"] != "MEX"), "found missing ones; leave the country out"),
        (lambda net: net.isel(draw=[0]), "found a surplus that no country's uncertainty can bear"),
    ],
)
def test_what_cannot_be_balanced_is_refused(change, message: str) -> None:
    with pytest.raises(DrawsError, match=message):
        zero_sum(change(counts(1)))
