"""Recognition: what made the figures is found, few decisions say little, and the lottery has its closed forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.typing import NDArray
from poblar.data import DataError, Panel, reference
from poblar.data.recognition import decision_panel
from poblar.forecast import DrawsError, Posterior, Sampling
from poblar.forecast.recognition import Recognition, _between, lottery
from scipy.special import beta as beta_function
from scipy.special import expit
from scipy.stats import beta

ABOUT = {"source": "made up", "licence": "none", "revision": "1", "retrieved": "2026-11-28"}
LEVEL, SPREAD, STEP, OWN_STEP, CONCENTRATION = -0.4, 0.9, 0.25, 0.4, 30.0
YEARS = np.arange(2014, 2021)
GROUPS = 24
ONE_CORE = Sampling(cores=1)


def panel(decided: NDArray[np.int64], recognized: NDArray[np.int64], years: NDArray[np.int64] | None = None) -> Panel:
    labels = [f"group {number}" for number in range(len(decided))]
    if years is None:
        frame = pd.DataFrame({"office": labels, "decided": decided, "recognized": recognized})
    else:
        index = pd.MultiIndex.from_product([labels, years], names=["office", "year"])
        frame = pd.DataFrame({"decided": decided.ravel(), "recognized": recognized.ravel()}, index=index).reset_index()
    return decision_panel(frame, group="office", provenance=ABOUT)


@pytest.fixture(scope="module")
def truth() -> NDArray[np.float64]:
    """Rates of 24 groups in seven years (group, year)."""
    rng = np.random.default_rng(3)
    between = _between(len(YEARS), 2)
    own = np.cumsum(OWN_STEP * rng.standard_normal((GROUPS, len(between))), axis=1) @ between
    own -= own.mean(axis=1, keepdims=True)
    common = np.cumsum(STEP * rng.standard_normal(len(YEARS)))
    return expit(LEVEL + SPREAD * rng.standard_normal((GROUPS, 1)) + common - common.mean() + own - own.mean(axis=0))


@pytest.fixture(scope="module")
def fitted(truth: NDArray[np.float64]) -> Posterior[xr.Dataset]:
    """Eight groups of thousands of decisions a year, eight of dozens, eight of two."""
    rng = np.random.default_rng(4)
    decided = np.repeat(rng.poisson(np.repeat([2000, 40, 2], GROUPS // 3))[:, None], len(YEARS), axis=1)
    share = rng.beta(CONCENTRATION * truth, CONCENTRATION * (1.0 - truth))
    return Recognition().fit(panel(decided, rng.binomial(decided, share), YEARS), seed=1, sampling=ONE_CORE)


@pytest.fixture(scope="module")
def judges() -> tuple[NDArray[np.float64], Posterior[xr.Dataset]]:
    """A court's judges in one period: sixty with 400 decisions, forty with five, and one with three, all grants."""
    rng = np.random.default_rng(5)
    rate = expit(LEVEL + SPREAD * rng.standard_normal(101))
    decided = np.r_[np.full(60, 400), np.full(40, 5), 3]
    recognized = np.r_[rng.binomial(decided[:-1], rate[:-1]), 3]
    return rate, Recognition().fit(panel(decided, recognized), seed=1, sampling=ONE_CORE)


def test_what_made_the_figures_is_found(fitted: Posterior[xr.Dataset]) -> None:
    """The 95 % intervals hold the truth, and those of spread and concentration are narrower than the priors'."""
    widths = {}
    known = {"level": LEVEL, "spread": SPREAD, "step": STEP, "own_step": OWN_STEP, "concentration": CONCENTRATION}
    for name, value in known.items():
        low, high = fitted.parameters[name].quantile([0.025, 0.975]).to_numpy()
        assert low < value < high, name
        widths[name] = high / low
    assert widths["spread"] < 2.5
    assert widths["concentration"] < 3.0


@pytest.mark.parametrize("groups", [slice(0, 8), slice(8, 16), slice(16, 24)], ids=["large", "middling", "tiny"])
def test_eighty_per_cent_bands_hold_four_in_five_rates(
    truth: NDArray[np.float64], fitted: Posterior[xr.Dataset], groups: slice
) -> None:
    """56 rates of eight groups, which depend on one another: 80 % give or take 18."""
    low, high = fitted.parameters["rate"].quantile([0.1, 0.9], ["chain", "draw"]).to_numpy()
    held = ((low < truth) & (truth < high))[groups].mean()
    assert 0.62 <= held <= 0.98


def test_a_forecast_goes_on_from_the_last_year_and_outcomes_spread_around_the_rate(
    fitted: Posterior[xr.Dataset],
) -> None:
    future = fitted.forecast(until=2025, draws=1500, seed=1)
    assert future["rate"].dims == ("draw", "office", "year")
    assert future["year"].to_numpy().tolist() == [2021, 2022, 2023, 2024, 2025]
    assert future["outcome"].attrs["units"] == "share"
    last = fitted.parameters["rate"].sel(year=2020).median(["chain", "draw"])
    ahead = future["rate"].sel(year=2021).median("draw")
    np.testing.assert_allclose(ahead, last, atol=0.05)
    spread = future["rate"].std("draw")
    assert bool((spread.diff("year").mean("office") > 0).all())
    weight = float(fitted.parameters["concentration"].median())
    rate, noise = future["rate"], future["outcome"] - future["rate"]
    expected = (rate * (1.0 - rate) / (weight + 1.0)).mean()
    assert float((noise**2).mean()) == pytest.approx(float(expected), rel=0.1)
    xr.testing.assert_identical(future, fitted.forecast(until=2025, draws=1500, seed=1))


def test_years_ahead_must_be_ahead(fitted: Posterior[xr.Dataset]) -> None:
    with pytest.raises(DrawsError, match="expected until= a year after the last observation 2020, found 2020"):
        fitted.forecast(until=2020, draws=5, seed=1)


def test_three_grants_of_three_are_not_near_one_hundred_per_cent(
    judges: tuple[NDArray[np.float64], Posterior[xr.Dataset]],
) -> None:
    _, posterior = judges
    rate = posterior.parameters["rate"]
    three = rate.isel(office=-1)
    pooled = float(expit(posterior.parameters["level"]).median())
    assert pooled + 0.05 < float(three.median()) < 0.75
    assert float(three.quantile(0.9) - three.quantile(0.1)) > 0.3


def test_bands_of_judges_hold_small_and_large_ones_alike(
    judges: tuple[NDArray[np.float64], Posterior[xr.Dataset]],
) -> None:
    """Of sixty and of forty independent judges: 80 % give or take three standard errors."""
    rate, posterior = judges
    low, high = posterior.parameters["rate"].quantile([0.1, 0.9], ["chain", "draw"]).to_numpy()
    held = (low < rate) & (rate < high)
    assert held[:60].mean() == pytest.approx(0.8, abs=3 * (0.8 * 0.2 / 60) ** 0.5)
    assert held[60:100].mean() == pytest.approx(0.8, abs=3 * (0.8 * 0.2 / 40) ** 0.5)
    assert "concentration" not in posterior.parameters


def test_the_lottery_of_the_fit_is_that_of_the_truth(
    judges: tuple[NDArray[np.float64], Posterior[xr.Dataset]],
) -> None:
    rate, posterior = judges
    large = posterior.parameters["rate"].isel(office=slice(0, 60))
    found = lottery(large, "office").median(["chain", "draw"])
    true = lottery(xr.DataArray(rate[:60], dims="office"), "office")
    for name in ("different", "same_judge", "at_least", "between"):
        assert float(found[name]) == pytest.approx(float(true[name]), rel=0.1), name


def test_alike_groups_are_pooled_and_unlike_ones_keep_their_figures() -> None:
    """With no spread in the truth every rate is near the mean of all; with all the spread there is, near its own."""
    rng = np.random.default_rng(6)
    decided = np.full(12, 300)
    rates = {}
    for name, share in {"alike": np.full(12, 0.3), "unlike": np.linspace(0.03, 0.95, 12)}.items():
        recognized = rng.binomial(decided, share)
        posterior = Recognition().fit(panel(decided, recognized), seed=1, sampling=ONE_CORE)
        rates[name] = posterior.parameters["rate"].median(["chain", "draw"]).to_numpy(), recognized / decided
    found, raw = rates["alike"]
    assert np.ptp(found) < 0.7 * np.ptp(raw)
    assert np.abs(found - raw.mean()).max() < 0.03
    found, raw = rates["unlike"]
    np.testing.assert_allclose(found, raw, atol=0.01)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (2.0, 5.0), (0.5, 0.5)])
def test_judges_whose_rates_are_beta_distributed(a: float, b: float) -> None:
    """Two judges differ with 2 m (1 − m), at least with Gini's mean difference, and 1 / (a + b + 1) is between them."""
    rate = xr.DataArray(beta(a, b).ppf((np.arange(4000) + 0.5) / 4000), dims="office")
    found = lottery(rate, "office")
    mean = a / (a + b)
    gini = 4.0 / (a + b) * beta_function(a + b, a + b) / (beta_function(a, a) * beta_function(b, b))
    assert float(found["different"]) == pytest.approx(2.0 * mean * (1.0 - mean), rel=0.002)
    assert float(found["at_least"]) == pytest.approx(gini, rel=0.002)
    assert float(found["between"]) == pytest.approx(1.0 / (a + b + 1.0), rel=0.002)
    assert float(found["same_judge"]) == pytest.approx(2.0 * a * b / ((a + b) * (a + b + 1.0)), rel=0.002)
    np.testing.assert_allclose([found["low"], found["high"]], beta(a, b).ppf([0.1, 0.9]), atol=0.001)


def test_the_lottery_counts_pairs_of_two_judges_by_their_caseload() -> None:
    """The sums over pairs, written out."""
    rng = np.random.default_rng(7)
    rate, cases = rng.uniform(size=(3, 6)), rng.integers(1, 50, 6).astype(float)
    found = lottery(xr.DataArray(rate, dims=("draw", "office")), "office", caseload=xr.DataArray(cases, dims="office"))
    weight = np.outer(cases, cases) * (1.0 - np.eye(6))
    weight /= weight.sum()
    first, second = rate[:, :, None], rate[:, None, :]
    np.testing.assert_allclose(
        found["different"], (weight * (first * (1 - second) + second * (1 - first))).sum(axis=(1, 2))
    )
    np.testing.assert_allclose(found["at_least"], (weight * np.abs(first - second)).sum(axis=(1, 2)))
    assert found["different"].dims == ("draw",)


def test_judges_alike_are_no_lottery() -> None:
    found = lottery(xr.DataArray(np.full(5, 0.3), dims="office"), "office")
    assert float(found["at_least"]) == pytest.approx(0.0, abs=1e-12)
    assert float(found["between"]) == pytest.approx(0.0, abs=1e-12)
    assert float(found["different"]) == pytest.approx(float(found["same_judge"]))
    assert float(lottery(xr.DataArray([1.0, 1.0], dims="office"), "office")["between"]) == 0.0


@pytest.mark.parametrize(
    ("rate", "cases", "share", "message"),
    [
        ([0.3], None, 0.8, "expected two or more judges along 'office'"),
        ([0.3, 1.2], None, 0.8, "expected rates from 0 to 1"),
        ([0.3, 0.4], None, 0.0, "a share above 0"),
        ([0.3, 0.4], [1.0, -1.0], 0.8, "expected cases of zero or more by office"),
        ([0.3, 0.4], [1.0, 0.0], 0.8, "of two judges at least"),
        ([0.3, 0.4], [1.0, 2.0, 3.0], 0.8, "expected a caseload of the same judges"),
    ],
)
def test_a_lottery_that_cannot_be_is_refused(
    rate: list[float], cases: list[float] | None, share: float, message: str
) -> None:
    caseload = None if cases is None else xr.DataArray(cases, dims="office")
    with pytest.raises(DrawsError, match=message):
        lottery(xr.DataArray(rate, dims="office"), "office", caseload=caseload, share=share)


def test_one_period_has_no_forecast_and_one_group_no_pool() -> None:
    one = panel(np.array([20, 30]), np.array([5, 6]))
    with pytest.raises(DrawsError, match="expected decisions of two years or more, found one period"):
        Recognition().simulate(xr.Dataset(), one, 2030, np.random.default_rng(1))
    with pytest.raises(DataError, match="expected decisions of two or more along 'office', found 1 with 20 decisions"):
        Recognition().build(panel(np.array([20]), np.array([5])))
    with pytest.raises(DrawsError, match="expected knots= a year or more apart, found 0"):
        Recognition(knots=0)


def test_more_recognized_than_decided_is_refused_by_the_model() -> None:
    counts = xr.Dataset(
        {
            name: (("origin", "year"), values, {"units": "persons per year"})
            for name, values in {"decided": [[5.0, 6.0], [3.0, 4.0]], "recognized": [[2.0, 6.0], [1.0, 7.0]]}.items()
        },
        coords={"origin": ["HND", "SLV"], "year": [2020, 2021]},
        attrs=ABOUT,
    )
    with pytest.raises(DataError, match=r"origin SLV, year 2021: expected no more recognized than decided.*7 of 4"):
        Recognition().build(Panel(counts))


@pytest.mark.parametrize("apart", [1, 2, 3, 10])
def test_knots_span_the_years_and_the_last_year_is_one(apart: int) -> None:
    between = _between(9, apart)
    np.testing.assert_allclose(between.sum(axis=0), 1.0)
    assert between[-1, -1] == 1.0
    assert (between.sum(axis=1) > 0).all()


def test_without_departures_or_years_the_model_has_no_such_parameters() -> None:
    decisions = reference.decisions("MEX")
    names = [variable.name for variable in Recognition(wandering=False).build(decisions).free_RVs]
    assert names == ["level", "spread", "base", "step", "steps", "concentration"]
    names = [variable.name for variable in Recognition().build(panel(np.array([9, 9]), np.array([1, 2]))).free_RVs]
    assert names == ["level", "spread", "base"]
