"""The imperfect past: the density by hand, a known past recovered, forecasts that start from it, tables refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from poblar.data import DataError, Panel
from poblar.forecast import Fertility, Posterior, Sampling, Source, UncertainFertility, observed
from poblar.forecast.level_paths import simulate_level_change
from poblar.forecast.levels import steps_of
from poblar.forecast.priors import LogNormal, Normal
from scipy import stats

YEARS = np.arange(2000, 2024)
BIAS = 0.08
MODEL = UncertainFertility(
    sources={
        "register": Source(bias=Normal(0.0, 0.002), error=0.01),
        "survey": Source(bias=Normal(0.0, 0.05), error=LogNormal(0.05, 0.3)),
    }
)
QUICK = Sampling(draws=400, tune=500, chains=2, cores=1)


def path(start: float, seed: int) -> np.ndarray:
    """A fall that slows down towards 1.4 children, with errors that half carry on."""
    rng, level, error = np.random.default_rng(seed), [start], 0.0
    for _ in YEARS[1:]:
        error = 0.4 * error + 0.015 * rng.standard_t(5)
        level.append(level[-1] - 0.05 * (level[-1] - 1.4) + error)
    return np.array(level)


# Costa Rica all but exactly; Panama the same truth by five surveys; Guatemala a register to 2018 and biased surveys.
TRUTH = {"CRI": path(3.4, 1), "GTM": path(4.5, 2), "PAN": path(3.4, 1)}
SURVEYS = (2001, 2006, 2011, 2016, 2021)


def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    truth = {country: dict(zip(YEARS.tolist(), values, strict=True)) for country, values in TRUTH.items()}
    rows = [("CRI", year, "register", truth["CRI"][year] + 0.002 * rng.standard_normal(), 0.002) for year in YEARS]
    for year in range(2004, 2019):
        rows.append(("GTM", year, "register", truth["GTM"][year] * (1.0 + 0.01 * rng.standard_normal()), None))
    for year in (2000, 2003, 2005, 2008, 2010, 2012, 2015, 2017):
        value = truth["GTM"][year] * (1.0 + BIAS) * (1.0 + 0.04 * rng.standard_normal())
        rows.append(("GTM", year, "survey", value, None))
    for year in SURVEYS:
        rows.append(("PAN", year, "survey", truth["PAN"][year] * (1.0 + 0.05 * rng.standard_normal()), None))
    return pd.DataFrame(rows, columns=["country", "year", "source", "tfr", "error"])


@pytest.fixture(scope="module")
def fitted() -> Posterior[xr.DataArray]:
    return MODEL.fit(observed(table()), seed=1, sampling=QUICK, accept_unconverged=True)


@pytest.fixture(scope="module")
def future(fitted: Posterior[xr.DataArray]) -> xr.DataArray:
    return fitted.forecast(until=2040, draws=2000, seed=1)


@pytest.fixture(scope="module")
def past(fitted: Posterior[xr.DataArray]) -> xr.DataArray:
    return joined(fitted)["tfr_past"]


def joined(fitted: Posterior[xr.DataArray]) -> xr.Dataset:
    """The draws of all chains along one axis, in the order that forecasts choose from."""
    return fitted.parameters.stack(sample=("chain", "draw")).reset_index("sample", drop=True)  # noqa: PD013


def width(draws: xr.DataArray, dim: str) -> xr.DataArray:
    low, high = (draws.quantile(at, dim) for at in (0.1, 0.9))
    return high - low


def test_a_table_becomes_figures_by_source() -> None:
    panel = observed(table())
    assert panel.sizes == {"country": 3, "year": 24, "category": 2}
    assert int(np.isfinite(panel["tfr"]).sum()) == len(table())
    chosen = {"country": "GTM", "year": 2008, "category": "survey"}
    row = table().query("country == 'GTM' and year == 2008 and source == 'survey'")
    assert float(panel["tfr"].sel(chosen)) == row["tfr"].item()
    assert np.isnan(panel["error"].sel(chosen))
    named = table()
    named.attrs = {"source": "DHS"}
    assert observed(named).dataset.attrs["source"] == "DHS"


def test_the_density_by_hand() -> None:
    """What the latent levels add: their changes as of an observed series, the observations, and the Jacobian."""
    spec = Fertility().change
    rows = table()[lambda t: (t["year"] >= 2008) & ((t["country"] != "PAN") | (t["year"] > 2012))]
    rows.loc[(rows["country"] == "CRI") & (rows["year"] > 2018), "tfr"] += 0.2  # a rebound
    panel = observed(rows)
    model = MODEL.build(panel)
    names = ("tfr_past", "tfr_change", "tfr_path", "tfr_log_scale", "tfr_country_log_scale", "tfr_bias", "tfr_error")
    added = [term for term in model.potentials if str(term.name).startswith(("tfr_past", "tfr_observed"))]
    outputs = model.replace_rvs_by_values([*(model[name] for name in names), sum(term.sum() for term in added)])
    evaluate = model.compile_fn(outputs, inputs=model.value_vars, mode="FAST_COMPILE")
    rng = np.random.default_rng(4)
    x, stated = (panel[name].transpose("country", "year", "category").to_numpy() for name in ("tfr", "error"))
    found, by_hand = [], []
    for _ in range(3):
        point = {key: rng.normal(0.0, 0.5, value.shape) for key, value in model.initial_point().items()}
        *values, total = evaluate(point)
        level, change, wander, log_scale, own, bias, error = values
        steps = steps_of(spec, level, np.arange(2008, 2024))
        off = steps.response - (steps.design * np.concatenate([change, wander], axis=1)[:, None]).sum(-1)
        density = stats.t(spec.tails, scale=np.exp(steps.scale @ log_scale + own[:, None])).logpdf(off)
        # Panama's path begins with its survey of 2016: its first change is that of 2017, which carries nothing on.
        first = 2016 - 2008
        before = steps_of(spec, level[2:, first:], np.arange(2016, 2024))
        off = before.response - (before.design * np.concatenate([change, wander], axis=1)[2:, None]).sum(-1)
        scale = np.exp(before.scale @ log_scale + own[2])
        expected = density[:2].sum() + stats.t(spec.tails, scale=scale).logpdf(off).sum()
        errors = np.where(np.isnan(stated), np.array([0.01, error[0]]) * x, stated)
        seen = stats.norm((1.0 + bias)[:, None] * level[..., None], errors).logpdf(x)
        expected += np.nansum(seen)
        ends = []
        for place in np.ndindex(level.shape):
            for step in (1e-5, -1e-5):
                moved = point["tfr_past_z"].copy()
                moved[place] += step
                ends.append(evaluate({**point, "tfr_past_z": moved})[0])
        slopes = (np.array(ends[::2]) - np.array(ends[1::2])) / 2e-5
        counted = np.ones(level.shape, dtype=bool)
        counted[2, :first] = False
        jacobian = slopes[counted.ravel()][:, counted]
        expected += np.linalg.slogdet(jacobian)[1] + 0.5 * (point["tfr_past_z"][counted] ** 2).sum()
        assert (level[2, : first + 1] == level[2, first]).all()
        found.append(float(total))
        by_hand.append(expected)
    # Years before a path begin are empty cells of fixed density.
    np.testing.assert_allclose(np.diff(found), np.diff(by_hand), rtol=1e-6)


def test_a_known_past_lies_in_its_bands(past: xr.DataArray) -> None:
    for country, truth in TRUTH.items():
        years = slice(int(table().query("country == @country")["year"].min()), None)
        low, high = (past.sel(country=country, year=years).quantile(at, "sample") for at in (0.025, 0.975))
        inside = (low <= truth[-low.size :]) & (truth[-low.size :] <= high)
        assert float(inside.mean()) > 0.8, country
    assert float(np.abs(past.sel(country="CRI").mean("sample") - TRUTH["CRI"]).max()) < 0.01


def test_a_register_reveals_the_bias_of_a_survey(fitted: Posterior[xr.DataArray]) -> None:
    bias = joined(fitted)["tfr_bias"].sel(tfr_source="survey")
    assert float(bias.sel(country="GTM").mean()) == pytest.approx(BIAS, abs=0.03)
    assert float((bias.sel(country="GTM") > 0.0).mean()) > 0.99
    # No survey of Costa Rica: what was believed. Panama has nothing to compare with.
    assert float(bias.sel(country="CRI").std()) == pytest.approx(0.05, rel=0.2)
    assert float(bias.sel(country="PAN").std()) > 1.5 * float(bias.sel(country="GTM").std())


def test_an_exact_past_gives_the_forecast_of_a_finished_series(future: xr.DataArray) -> None:
    """Ends of the 80 % bands to a tenth of their width, which is twice the sampling error of such short fits."""
    years = {"country": ["CRI"], "year": YEARS}
    tfr = xr.DataArray(
        TRUTH["CRI"][None], dims=("country", "year"), coords=years, attrs={"units": "children per woman"}
    )
    about = {"source": "simulated", "licence": "none", "revision": "1", "retrieved": "2026-11-25"}
    series = Fertility().fit(
        Panel(xr.Dataset({"tfr": tfr}, attrs=about)), seed=1, sampling=QUICK, accept_unconverged=True
    )
    other = series.forecast(until=2040, draws=2000, seed=2).sel(country="CRI")
    ours = future.sel(country="CRI")
    for year in (2024, 2030, 2040):
        span = float(width(other.sel(year=year), "draw"))
        for quantile in (0.1, 0.5, 0.9):
            apart = ours.sel(year=year).quantile(quantile) - other.sel(year=year).quantile(quantile)
            assert abs(float(apart)) < 0.1 * span, (year, quantile)


def test_larger_errors_widen_the_past_and_the_next_year(past: xr.DataArray, future: xr.DataArray) -> None:
    """Panama's truth is Costa Rica's."""
    then, now = width(past.sel(year=2021), "sample"), width(future.sel(year=2024), "draw")
    assert float(then.sel(country="PAN")) > 10.0 * float(then.sel(country="CRI"))
    assert float(now.sel(country="PAN")) > 1.5 * float(now.sel(country="CRI"))


def test_a_gap_at_the_end_is_forecast_through(past: xr.DataArray, future: xr.DataArray) -> None:
    """Guatemala's register ends in 2018, the others' figures later: its years to 2023 widen like a forecast."""
    spread = width(past.sel(country="GTM", year=slice(2018, 2023)), "sample")
    assert (np.diff(spread) > 0.0).all()
    assert float(spread[-1]) < float(width(future.sel(country="GTM", year=2024), "draw"))
    assert future["year"].to_numpy().tolist() == list(range(2024, 2041))


def test_every_future_starts_from_its_own_past(fitted: Posterior[xr.DataArray], past: xr.DataArray) -> None:
    size = past.sizes["sample"]
    chosen = np.random.default_rng(5).permutation(size)
    level = past.sel(country="PAN", year=2023).to_numpy()[chosen]
    next_year = fitted.forecast(until=2024, draws=size, seed=5).sel(country="PAN", year=2024)
    assert np.corrcoef(level, next_year)[0, 1] > 0.9


def test_pasts_of_one_level_give_the_paths_of_that_past(fitted: Posterior[xr.DataArray]) -> None:
    """`simulate_level_change` with the same past in every draw, with and without an axis for draws."""
    sample = joined(fitted).rename(sample="draw")
    spec, levels = Fertility().change, np.array(list(TRUTH.values()))
    each = np.broadcast_to(levels, (sample.sizes["draw"], *levels.shape))
    one, many = (
        simulate_level_change(spec, "tfr", sample, given, YEARS, 2030, (0.5, 9.0), np.random.default_rng(1))
        for given in (levels, each)
    )
    np.testing.assert_array_equal(one, many)


def test_a_posterior_comes_back_from_its_file(fitted: Posterior[xr.DataArray], tmp_path: Path) -> None:
    again = Posterior.load(fitted.save(tmp_path / "past.nc"), UncertainFertility(sources=dict(MODEL.sources)))
    assert again.panel.hash == fitted.panel.hash
    assert hash(again.model) == hash(MODEL)
    xr.testing.assert_identical(
        again.forecast(until=2030, draws=50, seed=1), fitted.forecast(until=2030, draws=50, seed=1)
    )


def test_one_observation_is_carried_by_the_worlds_prior() -> None:
    """Two years before it are added, so that there are changes."""
    one = pd.DataFrame({"country": ["GTM"], "year": [2015], "source": ["survey"], "tfr": [3.1]})
    model = MODEL.build(observed(one))
    assert model.coords["year"] == (2013, 2014, 2015)


def edited(**changes: object) -> pd.DataFrame:
    """Two sound rows, of which the second is changed."""
    row = {"country": "GTM", "year": 2010, "source": "survey", "tfr": 3.4, "error": 0.1}
    return pd.DataFrame([row, row | {"year": 2015} | changes])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (edited(tfr=25.0), "25"),
        (edited(tfr=np.inf), "row 1, column 'tfr'.*a number"),
        (edited(tfr="many"), "row 1, column 'tfr'.*'many'"),
        (edited(tfr=None), "drop rows without a figure"),
        (edited(year=2015.5), "a whole year"),
        (edited(year=215), "row 0, column 'year'|row 1, column 'year'"),
        (edited(year=2010), "one figure of a source for a country and year"),
        (edited(error=0.0), "column 'error'.*a positive number"),
        (edited(error="small"), "column 'error'.*'small'"),
        (edited(country="GUA"), "GUA"),
        (edited().drop(columns="source"), "no column 'source'"),
        (edited().iloc[:0], "no row"),
    ],
)
def test_tables_that_are_no_observations(rows: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        observed(rows)


def test_unknown_sources_and_impossible_beliefs_are_refused() -> None:
    with pytest.raises(DataError, match="sources among register, survey, found rumour"):
        MODEL.build(observed(edited(source="rumour")))
    with pytest.raises(DataError, match="as good as free of bias"):
        Source(bias=Normal(0.0, 0.0), error=0.05)
    with pytest.raises(DataError, match="a standard error of five percent"):
        Source(bias=Normal(0.0, 0.05), error=LogNormal(0.0, 0.3))
