"""Model migration schedules: closed forms, published parameters recovered, the UN's schedules fitted, bad input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from poblar.data import DataError
from poblar.forecast import CATEGORIES, PROFILES, ConvergenceError, Migrants, Sampling
from poblar.forecast.chains import run_chains
from poblar.forecast.migrant_ages import (
    PRIORS,
    build_migrant_ages,
    dirichlet_multinomial,
    fit_migrant_ages,
    fit_schedule,
    grouped_curve,
    sample_migrant_ages,
)
from poblar.forecast.net_ages import NetAges, fit_net_ages
from poblar.forecast.rogers_castro import FORMS, PUBLISHED, MigrantAges, ModelSchedule, curve, schedule_of

FIVES = range(0, 85, 5)  # 80 and over is open
UNTIL_74 = [*range(0, 80, 5)]
STANDARD = PUBLISHED["fundamental"]
UPSLOPE = replace(STANDARD, elderly=0.0004, elderly_rise=0.04)
RETIRED = replace(STANDARD, retired=0.01, retired_decline=0.25, retired_peak=67.0, retired_rise=0.6)
BOTH = replace(RETIRED, elderly=0.0004, elderly_rise=0.04)
SHAPE = ("children_decline", "workers_decline", "workers_peak", "workers_rise")


def apart(one: xr.DataArray, other: xr.DataArray) -> float:
    """Index of dissimilarity: the part of the people who would have to be of another age."""
    return float(abs(one - other).sum()) / 2.0


def test_the_curve_is_the_formula_at_every_age() -> None:
    """By hand with thirteen parameters."""
    for x in (0, 17, 23, 67, 100):
        by_hand = (
            0.02 * np.exp(-0.1 * x)
            + 0.06 * np.exp(-0.1 * (x - 20) - np.exp(-0.4 * (x - 20)))
            + 0.01 * np.exp(-0.25 * (x - 67) - np.exp(-0.6 * (x - 67)))
            + 0.0004 * np.exp(0.04 * x)
            + 0.003
        )
        assert float(BOTH.rates().sel(age=x)) == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("schedule", [*PUBLISHED.values(), UPSLOPE, RETIRED, BOTH])
def test_shares_sum_to_one_and_groups_are_sums_of_single_years(schedule: ModelSchedule) -> None:
    single, fives = schedule.shares(), schedule.shares(FIVES)
    assert float(single.sum()) == pytest.approx(1.0, abs=1e-12)
    assert float(fives.sum()) == pytest.approx(1.0, abs=1e-12)
    assert float(fives.sel(age=20)) == pytest.approx(float(single.sel(age=slice(20, 24)).sum()), abs=1e-12)
    assert float(fives.sel(age=80)) == pytest.approx(float(single.sel(age=slice(80, 100)).sum()), abs=1e-12)
    minors = schedule.shares([0, 6, 12], oldest=17)
    assert float(minors.sel(age=6)) == pytest.approx(
        float(single.sel(age=slice(6, 11)).sum() / single.sel(age=slice(0, 17)).sum()), abs=1e-12
    )


def test_forms_are_nested() -> None:
    assert [one.parameters for one in (STANDARD, UPSLOPE, RETIRED, BOTH)] == [7, 9, 11, 13]
    empty = replace(BOTH, retired=0.0, elderly=0.0)
    np.testing.assert_array_equal(empty.shares(), STANDARD.shares())
    assert empty.parameters == 7


def test_the_labour_force_peaks_where_its_parameters_say() -> None:
    for schedule in PUBLISHED.values():
        alone = replace(schedule, children=0.0, constant=0.0)
        peak = alone.workers_peak + np.log(alone.workers_rise / alone.workers_decline) / alone.workers_rise
        assert abs(float(alone.shares().idxmax()) - peak) < 1.0


@pytest.mark.parametrize("form", [7, 9, 11, 13])
def test_the_curve_of_a_fit_is_the_schedules_and_its_slopes_are_right(form: int) -> None:
    names = FORMS[form]
    rng = np.random.default_rng(form)
    mean, sd = PRIORS.normal(names)
    theta = mean + 0.5 * sd * rng.standard_normal(len(names))
    shares, slopes = curve(theta, names)
    schedule = schedule_of(theta, names)
    assert schedule.parameters == form == len(names) + 1  # the fit leaves the total out
    np.testing.assert_allclose(schedule.rates(), shares, atol=1e-14)
    steps = 1e-6 * np.eye(len(names))
    numeric = [(curve(theta + step, names)[0] - curve(theta - step, names)[0]) / 2e-6 for step in steps]
    np.testing.assert_allclose(slopes, numeric, atol=1e-8)


@pytest.mark.parametrize("ages", [range(101), FIVES], ids=["single", "grouped"])
@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_parameters_are_recovered_from_their_own_schedule(name: str, ages: range) -> None:
    """Single years and five-year groups give the same schedule: groups are sums, not rates at a middle age."""
    truth = PUBLISHED[name]
    found = fit_schedule(truth.shares(ages))
    for parameter in SHAPE:
        assert getattr(found, parameter) == pytest.approx(getattr(truth, parameter), rel=0.002)
    for level in ("children", "constant"):
        assert getattr(found, level) / found.workers == pytest.approx(getattr(truth, level) / truth.workers, rel=0.005)
    assert apart(found.shares(), truth.shares()) < 1e-4


@pytest.mark.parametrize("ages", [range(101), range(0, 101, 5)], ids=["single", "grouped"])
@pytest.mark.parametrize("truth", [UPSLOPE, RETIRED, BOTH], ids=["9", "11", "13"])
def test_old_ages_are_recovered_by_the_form_and_by_thirteen_parameters(truth: ModelSchedule, ages: range) -> None:
    own, full = (fit_schedule(truth.shares(ages), parameters=form) for form in (truth.parameters, 13))
    assert apart(own.shares(), truth.shares()) < 1e-3
    assert apart(full.shares(), truth.shares()) < 2e-3
    assert own.workers_peak == pytest.approx(truth.workers_peak, rel=0.005)
    if truth.retired > 0:
        assert own.retired_peak == pytest.approx(67.0, abs=0.5)
    if truth.elderly > 0:
        assert own.elderly_rise == pytest.approx(0.04, rel=0.02)
    assert apart(fit_schedule(truth.shares(ages)).shares(), truth.shares()) > 10 * apart(own.shares(), truth.shares())


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_thirteen_parameters_find_no_peak_of_retirement_where_there_is_none(name: str) -> None:
    truth = PUBLISHED[name]
    found = fit_schedule(truth.shares(FIVES), parameters=13)
    assert apart(found.shares(), truth.shares()) < 0.003
    alone = replace(found, children=0.0, workers=0.0, constant=0.0, elderly=0.0)
    assert float(alone.rates().sum()) < 0.005
    assert found.retired_peak > found.workers_peak + 30.0  # as the prior has it


def test_ages_that_were_not_observed_are_not_needed() -> None:
    """Workers of 15-64 alone: the shape of the labour force is found, and nobody of other ages is made up."""
    truth, working = PUBLISHED["western male"], range(15, 65, 5)
    observed = truth.shares(working, oldest=64)
    found = fit_schedule(observed, oldest=64)
    assert apart(found.shares(working, oldest=64), observed) < 0.001
    assert found.workers_peak == pytest.approx(20.04, abs=0.2)
    ages = fit_migrant_ages(observed.expand_dims(sex=["female", "male"]) / 2.0, oldest=64)
    assert float(ages.shares.sel(age=slice(15, 64)).sum()) == pytest.approx(1.0, abs=1e-12)
    with pytest.raises(DataError, match=r"expected groups from age 15 on, .*found a first group from 20 on; add"):
        ages.grouped([20, 65])


def test_sexes_have_their_own_shapes_and_their_share() -> None:
    truth = MigrantAges(
        female=PUBLISHED["western female"], male=PUBLISHED["old workers male"], female_share=0.4, source="made up"
    )
    found = fit_migrant_ages(5e5 * truth.grouped(FIVES))
    assert found.female_share == pytest.approx(0.4, abs=1e-9)
    assert (found.female.workers_peak, found.male.workers_peak) == pytest.approx((20.632, 23.99), abs=0.05)
    assert apart(found.shares, truth.shares) < 1e-3


def test_few_people_leave_the_schedule_near_the_prior() -> None:
    truth = PUBLISHED["young workers male"]
    prior = schedule_of(PRIORS.normal(FORMS[7])[0], FORMS[7]).shares()
    three, many = (fit_schedule(people * truth.shares(FIVES)).shares() for people in (3.0, 1e5))
    assert apart(three, prior) < apart(three, truth.shares())
    assert apart(many, truth.shares()) < 0.001 < apart(many, prior)


def test_pymc_has_the_density_of_the_fit() -> None:
    bounds, names, rng = np.arange(0, 85, 5), FORMS[11], np.random.default_rng(2)
    counts = rng.integers(0, 50, (2, len(bounds))).astype(float)
    mean, sd = PRIORS.normal([*names, "concentration"])
    theirs = build_migrant_ages(counts, bounds, 100, names).compile_logp()
    values, ours = [], []
    for _ in range(3):
        theta = mean + 0.5 * sd * rng.standard_normal((2, len(mean)))
        point = {f"{name}_log__": theta[:, index] for index, name in enumerate([*names, "concentration"])}
        values.append(float(theirs(point)))
        ours.append(
            sum(
                dirichlet_multinomial(row, grouped_curve(at[:-1], names, bounds, 100)[0], float(np.exp(at[-1])))[0]
                - (0.5 * ((at - mean) / sd) ** 2 + np.log(sd) + 0.5 * np.log(2 * np.pi)).sum()
                for row, at in zip(counts, theta, strict=True)
            )
        )
    np.testing.assert_allclose(values, ours, rtol=1e-9)


def test_bands_hold_the_truth_as_often_as_they_say() -> None:
    """Twenty schedules drawn from the prior, a thousand people of each."""
    size, names, bounds, rng = 20, FORMS[7], np.arange(0, 85, 5), np.random.default_rng(1)
    mean, sd = PRIORS.normal([*names, "concentration"])
    theta = mean + sd * rng.standard_normal((size, len(mean)))
    truth = np.array([grouped_curve(row[:-1], names, bounds, 100)[0] for row in theta])
    kappa = np.exp(theta[:, -1:])
    counts = [rng.multinomial(1000, rng.dirichlet(np.maximum(row, 1e-9))) for row in kappa * truth]
    model = build_migrant_ages(np.array(counts, dtype=float), bounds, 100, names, rows=[str(i) for i in range(size)])
    sample, diverging = run_chains(model, seed=1, draws=120, tune=200, chains=2, cores=1, target_accept=0.9)
    assert float(diverging.mean()) <= 0.005
    logs = np.log([sample[name].transpose("sex", "chain", "draw").to_numpy().reshape(size, -1) for name in names])
    drawn = np.array(
        [[grouped_curve(one, names, bounds, 100)[0] for one in logs[:, row].T] for row in range(size)]
    ).transpose(1, 0, 2)
    for level, least, most in ((0.8, 0.70, 0.89), (0.95, 0.89, 0.995)):
        for known, values in ((truth, drawn), (theta[:, :-1].T, logs.transpose(2, 0, 1))):
            low, high = np.quantile(values, [0.5 - level / 2, 0.5 + level / 2], axis=0)
            assert least <= float(((low <= known) & (known <= high)).mean()) <= most


@pytest.fixture(scope="module")
def counts() -> xr.DataArray:
    """Three hundred people, 40 % women, with no peak at retirement."""
    truth = MigrantAges(female=STANDARD, male=PUBLISHED["old workers male"], female_share=0.4)
    return (300.0 * truth.grouped(FIVES)).round()


def test_draws_are_shares_with_the_uncertainty_of_the_figures(counts: xr.DataArray) -> None:
    """With thirteen parameters, which the figures do not ask for."""
    quick = Sampling(draws=80, tune=150, chains=2, cores=1)
    draws = sample_migrant_ages(counts, parameters=13, seed=3, sampling=quick, accept_unconverged=True)
    assert ", 0.00% divergent" in draws.attrs["diagnostics"]
    share = draws["share"]
    assert dict(share.sizes) == {"draw": 160, "sex": 2, "age": 101}
    assert (share.attrs["units"], share.attrs["seed"], share.attrs["converged"]) == ("share", 3, 0)
    np.testing.assert_allclose(share.sum(["sex", "age"]), 1.0, atol=1e-9)
    women = share.sel(sex="female").sum("age")
    assert float(women.mean()) == pytest.approx(0.4, abs=0.02)
    assert 0.02 < float(women.std()) < 0.04  # sqrt(0.4 * 0.6 / 300) = 0.028
    assert apart(share.mean("draw"), fit_migrant_ages(counts).shares) < 0.06


def test_draws_that_have_not_converged_are_refused(counts: xr.DataArray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two chains that found different schedules."""
    rng = np.random.default_rng(1)
    apart_chains = rng.standard_normal((2, 50, 2)) + np.array([0.0, 9.0])[:, None, None]
    chains = xr.Dataset({name: (("chain", "draw", "sex"), np.exp(apart_chains)) for name in FORMS[7]})
    never = xr.DataArray(np.zeros((2, 50)), dims=("chain", "draw"))
    monkeypatch.setattr("poblar.forecast.migrant_ages.run_chains", lambda *_, **__: (chains, never))
    with pytest.raises(ConvergenceError, match=r"expected R-hat <= 1.01.*found R-hat.*; sample longer"):
        sample_migrant_ages(counts, seed=3)


@pytest.fixture(scope="module")
def un(wpp_folder: Path) -> xr.DataArray:
    """The UN's projected net migrants of 2025-30, thousands, of countries with 5,000 or more (country, sex, age).

    Up to age 74: at 75-79 the projection fades out, and from 80 on it has next to nobody.
    """
    places = pd.read_csv(wpp_folder / "UNlocations.txt", sep="\t")
    countries = places.loc[places["location_type"] == 4, "country_code"]
    sexes = []
    for letter in "FM":
        table = pd.read_csv(wpp_folder / f"migration{letter}5.txt", sep="\t")
        wide = table[table["country_code"].isin(countries)].pivot_table("2025-2030", "country", "age")
        wide.columns = wide.columns.str.extract(r"(\d+)", expand=False).astype(int)
        sexes.append(wide.sort_index(axis="columns"))
    both = xr.DataArray(
        np.stack(sexes, axis=1),
        dims=("country", "sex", "age"),
        coords={"country": sexes[0].index.to_numpy(), "sex": ["female", "male"], "age": sexes[0].columns.to_numpy()},
    )
    both = both.sel(age=slice(0, 74))
    return both.sel(country=abs(both.sum(["sex", "age"])) > 5.0)


@pytest.fixture(scope="module")
def one_way(un: xr.DataArray) -> xr.DataArray:
    """Shares of those countries where every age gains or every age loses."""
    total, gross = un.sum(["sex", "age"]), abs(un).sum(["sex", "age"])
    shares = (un / total).sel(country=gross < 1.001 * abs(total)).clip(min=0.0)
    return shares / shares.sum(["sex", "age"])


def test_the_uns_schedules_of_one_direction_are_fitted(one_way: xr.DataArray) -> None:
    """Half the countries within 1 % of the people, all within 3 %; the priors' medians are those of the fits."""
    assert one_way.sizes["country"] >= 100
    errors, rows = {}, []
    for country in one_way["country"].to_numpy():
        observed = one_way.sel(country=country)
        found = fit_migrant_ages(observed, oldest=74)
        errors[country] = apart(found.grouped(UNTIL_74).sel(age=slice(0, 74)), observed)
        for one in (found.female, found.male):
            children, workers, constant = (
                float(replace(one, **dict.fromkeys({"children", "workers", "constant"} - {stage}, 0.0)).rates().sum())
                for stage in ("children", "workers", "constant")
            )
            rows.append((children / workers, *(getattr(one, name) for name in SHAPE), constant / workers))
    print_errors("one direction", errors)
    assert np.median(list(errors.values())) < 0.01
    assert max(errors.values()) < 0.03
    medians = np.exp(PRIORS.normal(FORMS[7])[0])
    np.testing.assert_allclose(np.median(rows, axis=0), medians, rtol=0.1)


def test_the_uns_net_migrants_that_change_sign_are_a_difference_of_two_schedules(un: xr.DataArray) -> None:
    """The seven largest by gross size where ages differ in sign; errors as a part of the gross counts.

    The UN makes them so, and they are found to one in a thousand; but not those of the Gulf states, whose ages are
    those of contracts that end.
    """
    total, gross = un.sum(["sex", "age"]), abs(un).sum(["sex", "age"])
    mixed = gross.sel(country=gross > 1.05 * abs(total))
    errors = {}
    for country in mixed.sortby(mixed, ascending=False)["country"].to_numpy()[:7]:
        net = un.sel(country=country)
        found = fit_net_ages(net, oldest=74)
        errors[country] = apart(found.net(UNTIL_74).sel(age=slice(0, 74)), net) / float(gross.sel(country=country))
        assert found.arrivals - found.departures == pytest.approx(float(total.sel(country=country)), rel=1e-6)
        assert found.arrivals + found.departures > float(gross.sel(country=country))
    print_errors("both directions", errors)
    gulf = {"Saudi Arabia", "United Arab Emirates"}
    assert gulf < set(errors)
    assert max(error for country, error in errors.items() if country not in gulf) < 0.001
    assert max(errors.values()) < 0.08


def print_errors(what: str, errors: dict[str, float]) -> None:
    worst = sorted(errors, key=lambda country: -errors[country])[:5]
    print(
        f"{what}, {len(errors)} countries: median {np.median(list(errors.values())):.4f}, the farthest "
        + ", ".join(f"{country} {errors[country]:.4f}" for country in worst)
    )


def test_students_who_come_and_workers_who_go_are_told_apart() -> None:
    young, old = PUBLISHED["young workers male"], PUBLISHED["old workers male"]
    truth = NetAges(
        arriving=MigrantAges(female=young, male=young, female_share=0.5),
        leaving=MigrantAges(female=old, male=old, female_share=0.5),
        arrivals=90.0,
        departures=100.0,
    )
    net = truth.net(FIVES)
    found = fit_net_ages(net)
    assert apart(found.net(FIVES), net) < 0.01 * float(abs(net).sum())
    for sex in ("female", "male"):
        assert getattr(found.arriving, sex).workers_peak == pytest.approx(16.09, abs=1.0)
        assert getattr(found.leaving, sex).workers_peak == pytest.approx(23.99, abs=1.5)
    assert found.arrivals - found.departures == pytest.approx(-10.0, abs=1e-6)


def changed(by: Callable[[xr.DataArray], xr.DataArray]) -> xr.DataArray:
    return by(1000.0 * STANDARD.shares(FIVES))


@pytest.mark.parametrize(
    ("observed", "message"),
    [
        (changed(lambda x: -x), "expected migrants of one direction.*found negative counts.*; count those who leave"),
        (changed(lambda x: x - 20.0), "found both signs, the least -.*; fit net migration with fit_net_ages"),
        (changed(lambda x: x.isel(age=[1, 0, 2])), "expected lower bounds of age groups.*found .5, 0, 10.; sort them"),
        (changed(lambda x: 0.0 * x), "expected migrants in some group, found none in all; take a year"),
        (changed(lambda x: x.where(x["age"] != 20)), "expected a finite number in every group, found NaN"),
        (changed(lambda x: x.expand_dims(sex=["female", "male"])), "expected figures over age, found axes sex, age"),
        (changed(lambda x: x.assign_coords(age=x["age"] + 0.5)), "expected lower bounds of age groups"),
        (changed(lambda x: x.assign_coords(age=x["age"] + 40)), "from 0 to 100 at most, found .*; sort them, and say"),
    ],
)
def test_figures_that_are_no_schedule_are_refused(observed: xr.DataArray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fit_schedule(observed)


def test_forms_sexes_and_persons_that_are_none_are_refused() -> None:
    figures = STANDARD.shares(FIVES)
    with pytest.raises(DataError, match="expected a form with 7, 9, 11 or 13 parameters, found parameters=8"):
        fit_schedule(figures, parameters=8)
    with pytest.raises(DataError, match="expected persons above zero, found -5"):
        fit_schedule(figures, persons=-5.0)
    both = figures.expand_dims(sex=["male", "female"])
    with pytest.raises(DataError, match=r"expected both sexes, .*found \['male', 'female'\]; rename and order"):
        fit_migrant_ages(both)
    with pytest.raises(DataError, match="expected migrants of both sexes, found one sex without any"):
        fit_migrant_ages(both.assign_coords(sex=["female", "male"]) * xr.DataArray([1.0, 0.0], dims="sex"))
    with pytest.raises(DataError, match="expected migrants in some group, found none"):
        fit_net_ages(0.0 * both.assign_coords(sex=["female", "male"]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"children": -0.1}, "expected children zero or more, found -0.1"),
        ({"workers_rise": 0.0}, "expected workers_rise above zero, found 0"),
        ({"workers_peak": np.nan}, "expected workers_peak above zero, found nan"),
        ({"children": 0.0, "workers": 0.0, "constant": 0.0}, "expected a schedule of somebody, found all levels zero"),
        (
            {"retired": 0.1, "retired_peak": 19.0},
            "expected a retirement peak after that .* at 20, found retired_peak=19",
        ),
    ],
)
def test_parameters_that_are_no_schedule_are_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        replace(STANDARD, **values)


def test_categories_are_shares_of_their_ages_with_a_source() -> None:
    for name, category in CATEGORIES.items():
        shares = category.shares
        assert float(shares.sum()) == pytest.approx(1.0, abs=1e-12)
        inside = shares.sel(age=slice(category.youngest, category.oldest))
        assert float(inside.sum()) == pytest.approx(1.0, abs=1e-12)
        assert float(shares.sel(sex="female").sum()) == pytest.approx(category.female_share, abs=1e-12)
        assert "assum" in category.source or "United Nations" in category.source, name
        total = xr.DataArray([[1000.0]], dims=("country", "year"), coords={"country": ["MEX"], "year": [2030]})
        Migrants(name=name, total=total.assign_attrs(units="persons per year"), direction="in", ages=shares)
    for name, profile in PROFILES.items():
        xr.testing.assert_identical(profile, CATEGORIES[name].shares)
