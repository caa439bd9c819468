"""Flows between countries: what history says of them, what is recovered, and that margins add up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytensor.tensor as pt
import pytest
import xarray as xr
from poblar.data import DataError, Panel
from poblar.forecast import Diagnostics, DrawsError, Migration, Posterior, Sampling
from poblar.forecast._bilateral_history import History, Known
from poblar.forecast.bilateral import (
    SIZES,
    TAIL_SIZES,
    Bilateral,
    _expected,
    _stretched,
    margins,
    match_net,
    of_corridors,
)
from poblar.forecast.scores import covered

COUNTRIES = ["CAN", "USA", "MEX", "GTM", "HND", "SLV", "NIC", "CRI", "PAN", "COL", "VEN", "ECU", "PER", "BRA"]
YEARS = list(range(1980, 2020, 5))
KNOWN = {
    "response": np.array(0.15),
    "volatility": 0.02,
    "shock_log_scale": np.array([-1.2, -1.6]),
    "shock_alike": -0.6,
    "shock_tails": 6.0,
    "small": 0.8,
    "log_scale": np.full(len(SIZES), -1.2),
    "spread_scale": 0.0,
    "log_tails": np.full(len(TAIL_SIZES), -0.3),
    "skew": np.zeros(len(TAIL_SIZES)),
    "persistence": 0.75,
    "disagreement": 0.1,
    "own_weight": 1.0,
}
DIMS = {
    "shock_log_scale": ("direction",),
    "log_scale": ("size",),
    "log_tails": ("tail_size",),
    "skew": ("tail_size",),
}
ABOUT = {"source": "simulated", "licence": "none", "revision": "1", "retrieved": "2026-11-25", "year_step": 5}


def panel_of(flow: np.ndarray, years: list[int] = YEARS, **others: np.ndarray) -> Panel:
    """Flows (origin, destination, period), then the start of one more period; the diagonal is missing."""
    count, periods = len(flow), flow.shape[2]
    cells = ("origin", "destination", "year")
    methods = {"da_pb_closed": flow} | others
    attrs = {"units": "persons per five years", "missing": "declared", "missing_reason": "to come, or the same country"}
    padded = {}
    for name, values in methods.items():
        filled = np.full((count, count, periods + 1), np.nan)
        filled[:, :, :periods] = values
        padded[name] = (cells, filled, attrs)
    stock = np.full((count, count, periods + 1), 100.0)
    people = np.full((count, periods + 1), 2e7)
    labels = {"origin": COUNTRIES[:count], "destination": COUNTRIES[:count], "year": years[: periods + 1]}
    rest = {"stock": (cells, stock, {"units": "persons"}), "population": (cells[::2], people, {"units": "persons"})}
    return Panel(xr.Dataset(padded | rest, coords=labels, attrs=ABOUT))


def by_hand(panel: Panel, draws: int = 4, **changed: object) -> Posterior[xr.DataArray]:
    """A posterior that is sure of the known parameters."""
    values = KNOWN | changed
    parameters = xr.Dataset(
        {
            name: (("chain", "draw", *DIMS.get(name, ())), np.broadcast_to(value, (1, draws, *np.shape(value))).copy())
            for name, value in values.items()
        }
    )
    quality = Diagnostics(rhat=1.0, ess_bulk=900.0, ess_tail=900.0, divergent=0.0, worst="persistence")
    return Posterior(model=Bilateral(), panel=panel, parameters=parameters, diagnostics=quality, seed=1)


def first_flows(count: int, periods: int = 3, seed: int = 1) -> np.ndarray:
    """Corridors between a few and a hundred thousand persons, which keep their size."""
    rng = np.random.default_rng(seed)
    level = rng.normal(5.5, 2.0, (count, count, 1)) + 0.3 * rng.standard_normal((count, count, periods))
    flow = np.maximum(np.round(np.expm1(level)), 0.0)
    flow[np.arange(count), np.arange(count)] = np.nan
    return flow


@pytest.fixture(scope="module")
def small() -> Panel:
    return panel_of(first_flows(6))


@pytest.fixture(scope="module")
def simulated() -> np.ndarray:
    """Flows of seven periods, the last four from the known parameters."""
    begun = first_flows(len(COUNTRIES))
    later = by_hand(panel_of(begun)).forecast(until=YEARS[6], draws=1, seed=3).isel(draw=0)
    flow = np.concatenate([begun, later.to_numpy().astype(float)], axis=2)
    flow[np.arange(len(flow)), np.arange(len(flow))] = np.nan
    return flow[:, :, 2:]


@pytest.fixture(scope="module")
def fitted(simulated: np.ndarray) -> Posterior[xr.DataArray]:
    return Bilateral().fit(
        panel_of(simulated),
        seed=1,
        sampling=Sampling(draws=150, tune=200, chains=2, cores=1, target_accept=0.8),
        accept_unconverged=True,
    )


@pytest.mark.parametrize(
    ("name", "at", "true"),
    [
        ("persistence", None, 0.75),
        ("response", None, 0.15),
        ("shock_log_scale", 0, -1.2),
        ("shock_log_scale", 1, -1.6),
        ("shock_alike", None, -0.6),
        ("log_scale", 3, -1.2),
        ("log_scale", 4, -1.2),
        ("log_tails", 1, -0.3),
    ],
)
def test_known_parameters_are_recovered(
    fitted: Posterior[xr.DataArray], name: str, at: int | None, true: float
) -> None:
    values = fitted.parameters[name]
    values = values if at is None else values[..., at]
    off = (float(values.mean()) - true) / float(values.std())
    assert abs(off) < 3.0, f"{float(values.mean()):.3f} ± {float(values.std()):.3f}"


def test_bands_hold_what_the_known_parameters_make_of_the_same_past(fitted: Posterior[xr.DataArray]) -> None:
    draws = fitted.forecast(until=YEARS[5], draws=600, seed=1).isel(year=0)
    futures = by_hand(fitted.panel).forecast(until=YEARS[5], draws=60, seed=2).isel(year=0)
    apart = ~np.eye(len(COUNTRIES), dtype=bool)
    for level, low, high in ((80, 0.75, 0.86), (95, 0.92, 0.975)):
        rates = [covered(draws, futures.isel(draw=at), level).to_numpy()[apart].mean() for at in range(60)]
        assert low < np.mean(rates) < high


def test_true_parameters_cover_at_nominal_rates() -> None:
    """Twelve worlds, each forecast from the parameters that it comes from."""
    held = {80: [], 95: []}
    for seed in range(12):
        panel = panel_of(first_flows(8, seed=seed))
        came = by_hand(panel).forecast(until=1995, draws=1, seed=100 + seed).isel(draw=0, year=0)
        draws = by_hand(panel).forecast(until=1995, draws=300, seed=seed).isel(year=0)
        for level, rates in held.items():
            rates.append(covered(draws, came, level).to_numpy()[~np.eye(8, dtype=bool)].mean())
    assert np.mean(held[80]) == pytest.approx(0.80, abs=0.04)
    assert np.mean(held[95]) == pytest.approx(0.95, abs=0.025)


def one_corridor(**changed: float) -> Known:
    values = {"before": 8.0, "mean": 6.0, "count": 3.0, "spread": 0.0, "gravity": 4.0} | changed
    arrays = {name: np.array([value]) for name, value in values.items()}
    return Known(**arrays, back=np.zeros(1))


def test_a_corridor_returns_to_a_mean_between_its_own_and_gravity() -> None:
    # The mean is 4 + 3 / (3 + 1) of 2; a half of the distance to it is carried on.
    assert _expected(one_corridor(), 0.5, 0.2, 1.0, [0.0] * 3) == pytest.approx(5.5 + 0.5 * 2.5)


def test_where_the_methods_disagree_less_is_carried_on() -> None:
    # An error of measurement as large as the corridor's own variation halves what is carried on.
    known = one_corridor(spread=5.0)
    assert _expected(known, 0.5, 0.2, 1.0, [0.0] * 3) == pytest.approx(5.5 + 0.25 * 2.5)


def test_the_spread_of_the_methods_is_read(small: Panel) -> None:
    flow = small["da_pb_closed"].to_numpy()[..., :-1]
    panel = panel_of(flow, mig_rate=np.expm1(np.log1p(flow) + 1.0))
    past = History.read(panel, "da_pb_closed")
    np.testing.assert_allclose(past.spread[~np.eye(6, dtype=bool)], 0.5)


def test_net_is_in_less_out(small: Panel) -> None:
    draws = by_hand(small).forecast(until=2000, draws=20, seed=1)
    assert draws.dims == ("draw", "origin", "destination", "year")
    assert draws.attrs["units"] == "persons per five years"
    assert draws["year"].to_numpy().tolist() == [1995, 2000]
    found = margins(draws)
    net = draws.sum("origin").to_numpy().astype(float) - draws.sum("destination").to_numpy().astype(float)
    np.testing.assert_allclose(found["net_migration"].transpose("draw", "country", "year"), net, rtol=1e-6)
    np.testing.assert_array_equal(found["net_migration"], found["inflow"] - found["outflow"])
    np.testing.assert_allclose(found["net_migration"].sum("country"), 0.0, atol=1e-6)


def test_flows_are_whole_and_within_the_population(small: Panel) -> None:
    wild = by_hand(small, log_scale=np.full(len(SIZES), 1.5)).forecast(until=2000, draws=50, seed=1).to_numpy()
    assert (wild == np.round(wild)).all()
    assert wild.min() == 0.0
    assert wild.max() <= 0.25 * 2e7 + 1.0
    assert (wild[:, np.arange(6), np.arange(6)] == 0.0).all()


def test_a_seed_gives_the_same_draws_of_all_corridors_and_of_some(small: Panel) -> None:
    posterior = by_hand(small)
    whole = posterior.forecast(until=2000, draws=10, seed=5)
    part = of_corridors(posterior, origins=("GTM", "MEX"), destinations=("USA",)).forecast(until=2000, draws=10, seed=5)
    xr.testing.assert_equal(part, whole.sel(origin=["GTM", "MEX"], destination=["USA"]))


def test_a_corridor_that_no_method_has_seen_mostly_sleeps() -> None:
    flow = first_flows(6)
    flow[0, 1] = 0.0
    draws = by_hand(panel_of(flow)).forecast(until=1995, draws=500, seed=1)
    assert 0.01 < float((draws[:, 0, 1] > 0).mean()) < 0.15


def test_shocks_of_a_country_move_its_corridors_together(small: Panel) -> None:
    narrow = by_hand(small, log_scale=np.full(len(SIZES), -4.0), shock_log_scale=np.array([0.0, -6.0]))
    logs = np.log1p(narrow.forecast(until=1995, draws=400, seed=1).isel(year=0))
    assert xr.corr(logs[:, 0, 1], logs[:, 0, 2]) > 0.9
    assert abs(xr.corr(logs[:, 0, 1], logs[:, 3, 2])) < 0.3


def test_only_what_changes_no_flow_is_stretched() -> None:
    rng = np.random.default_rng(4)
    period, wide = np.array([2, 2, 2, 5, 5]), rng.uniform(0.02, 0.2, (2, 5))
    deviate = rng.normal(size=(2, 5))
    moved = wide * (np.asarray(_stretched(pt.as_tensor(deviate), wide, period).eval()) - deviate)
    for own in (period == 2, period == 5):
        shift = moved[0, own]
        np.testing.assert_allclose(shift, shift[0])  # of all outflows alike
        np.testing.assert_allclose(moved[1, own], -shift)  # and of all inflows the other way
        unit = np.where(own, np.array([[1.0], [-1.0]]) / wide, 0.0)
        across = np.where(own, deviate, 0.0) - unit * (unit * deviate).sum() / (unit**2).sum()
        np.testing.assert_allclose(_stretched(pt.as_tensor(across), wide, period).eval(), across, atol=1e-12)
        one = np.asarray(_stretched(pt.as_tensor(unit / np.sqrt((unit**2).sum())), wide, period).eval())
        assert np.abs(wide * one)[:, own].max() == pytest.approx(0.4 / np.sqrt(own.sum()))


def test_matched_flows_have_the_net_totals(small: Panel) -> None:
    draws = by_hand(small).forecast(until=2000, draws=5, seed=1)
    found = margins(draws)["net_migration"]
    wanted = (0.5 * found).mean("draw").assign_attrs(found.attrs)
    matched = match_net(draws, wanted)
    assert matched.dims == draws.dims
    after = margins(matched)["net_migration"]
    everyone = float(draws.sum(("origin", "destination")).max())
    assert float(abs(after - wanted).max()) < 1e-8 * everyone
    assert (matched.to_numpy() >= 0.0).all()
    assert ((matched == 0.0) == (draws == 0.0)).all()


def test_flows_with_the_net_totals_already_stay_as_they_are(small: Panel) -> None:
    draws = by_hand(small).forecast(until=1995, draws=3, seed=1)
    matched = match_net(draws, margins(draws)["net_migration"])
    np.testing.assert_allclose(matched, draws, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda net: (net + 1e6).assign_attrs(net.attrs), "add up to zero"),
        (lambda net: net.assign_attrs(units="persons per year"), "in the units of the flows"),
        (lambda net: net.isel(country=slice(1, None)), "each country of the flows"),
    ],
)
def test_net_totals_that_do_not_fit_are_refused(
    small: Panel, change: Callable[[xr.DataArray], xr.DataArray], message: str
) -> None:
    draws = by_hand(small).forecast(until=1995, draws=2, seed=1)
    with pytest.raises(DrawsError, match=message):
        match_net(draws, change(margins(draws)["net_migration"]))


def test_a_total_that_no_flow_can_make_is_refused() -> None:
    labels = {"origin": ["MEX", "USA"], "destination": ["MEX", "USA"]}
    flows = xr.DataArray([[0.0, 5.0], [0.0, 0.0]], coords=labels, dims=list(labels), attrs={"units": "persons"})
    net = xr.DataArray([3.0, -3.0], coords={"country": ["MEX", "USA"]}, dims="country", attrs={"units": "persons"})
    with pytest.raises(DrawsError, match="expected flows that can make the net totals"):
        match_net(flows, net)


def test_margins_need_all_corridors(small: Panel) -> None:
    part = of_corridors(by_hand(small), origins=("MEX",)).forecast(until=1995, draws=2, seed=1)
    with pytest.raises(DrawsError, match="all corridors"):
        margins(part)


def _with(panel: Panel, value: float, place: tuple[int, int, int]) -> Panel:
    dataset = panel.dataset.copy(deep=True)
    dataset["da_pb_closed"].to_numpy()[place] = value
    return Panel(dataset)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda panel: _with(panel, -3.0, (0, 1, 2)), "counts of 0 or more, found -3 from CAN to USA, 1990"),
        (lambda panel: _with(panel, 7.0, (1, 1, 0)), "another destination than the origin, found a flow from USA"),
        (lambda panel: _with(panel, np.nan, (0, 1, 2)), "found none of CAN to USA, 1990"),
        (lambda panel: panel.sel(origin=["CAN", "USA"]), "the same countries, in the same order"),
        (lambda panel: panel.sel(year=slice(1980, 1990)), "three or more periods"),
    ],
)
def test_bad_figures_are_refused(small: Panel, change: Callable[[Panel], Panel], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Bilateral().build(change(small))


def test_a_method_that_does_not_exist_is_refused(small: Panel) -> None:
    with pytest.raises(DataError, match="expected a method among da_pb_closed, found 'da_pb_open'"):
        Bilateral(method="da_pb_open").build(small)


@pytest.mark.parametrize(
    ("model", "until", "message"),
    [
        (Bilateral(), 1990, "after 1990, found 1990"),
        (Bilateral(), 1998, "until=1995"),
        (Bilateral(), "1995-01", "until=1995"),
        (Bilateral(origins=("FRA",)), 1995, "found FRA"),
        (Bilateral(budget_mb=1e-4), 1995, "within the budget"),
    ],
)
def test_forecasts_that_cannot_be_are_refused(small: Panel, model: Bilateral, until: int | str, message: str) -> None:
    with pytest.raises(DrawsError, match=message):
        replace(by_hand(small), model=model).forecast(until=until, draws=2, seed=1)


def test_only_a_bilateral_fit_has_corridors(small: Panel) -> None:
    with pytest.raises(DrawsError, match="expected a fit of Bilateral, found one of Migration"):
        of_corridors(replace(by_hand(small), model=Migration()))
