"""From a region and its forecasts to what the projection's kernel takes: one country's rates, period by period."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..data.axes import SEXES
from ..data.reference import Region
from ._cohort import Movers, Rates, survival_at
from ._fives import in_fives
from ._paths import Paths
from ._system import Links
from .ages import split_groups
from .errors import DrawsError
from .fertility_ages import GROUPS, fit_fertility_ages
from .lee_carter import fit_lee_carter
from .lifetable import SurvivalTable, life_expectancy, survival_ratios
from .migrants import Corridors, Migrants
from .schedules import PROFILES

Array = NDArray[np.float64]
Variables = dict[str, tuple[tuple[str, ...], NDArray[Any]]]  # axes and values, as xarray takes them

AGES = np.arange(101)
MOVES = 6  # years of shares of births that say how they move
AT_START = {"mid-year": 0.5, "end": 0.0}  # share of a period's migrants that joins at its start


def country_inputs(
    region: Region,
    country: str,
    paths: Paths | None,
    foreign_born: xr.DataArray | None,
    convention: str,
    width: int,
) -> xr.Dataset:
    """Everything the kernel needs to project one country, labelled: rates by draw and period, and who is there.

    Observed years come first, the same in every draw, and the forecasts after them.
    """
    past = _observed(region, country)
    if paths is not None:
        first = int(region.population["year"][-1]) + (not _at_january(region))
        follows = first + past.sizes["year"]  # none is observed where the base is of the January after the last
        if not first <= paths.years[0] <= follows or (np.diff(paths.years) != 1).any():
            raise DrawsError(
                f"expected forecasts of every year from {follows} on, found {paths.years.tolist()}; "
                "fit to all observed years, or give the years between."
            )
        past = past.sel(year=slice(None, int(paths.years[0]) - 1))
    years = past["year"].to_numpy() if paths is None else np.r_[past["year"].to_numpy(), paths.years]
    draws = np.array([0]) if paths is None else paths.draws
    table = survival_by_e0(region, country)
    share, girls = birth_shares(region, country, years), female_share(region, country, years)
    net = _net_ages(region, country)
    inputs = xr.Dataset(
        {
            "fertility_share": (("year", "age"), share),
            "female_share": ("year", girls),
            "survival": (("sex", "e0_level", "cohort"), table.survival),
        },
        coords={
            "draw": draws,
            "year": years,
            "sex": list(SEXES),
            "age": AGES,
            "cohort": np.arange(len(AGES) + 1),
            "e0_level": table.e0,
        },
        attrs={
            "country": country,
            "at_start": AT_START[convention],
            "width": width,
            "directed": int(paths is not None and all(flow.direction != "net" for flow in paths.migrants)),
        },
    )
    inputs = inputs.assign(
        _fertility(past["tfr"].to_numpy(), share, paths, country)
        | _mortality(past["e0"].to_numpy(), table, paths, country)
        | _migration(past["observed"].to_numpy(), net, paths, country, len(years))
    )
    low, high = float(inputs["e0"].min()), float(inputs["e0"].max())
    if "given_survival" not in inputs and (low < table.e0[0] or high > table.e0[-1]):
        raise DrawsError(
            f"{country}: expected life expectancies of {table.e0[0]:g} to {table.e0[-1]:g} years, found {low:.1f} to "
            f"{high:.1f}; mend the draws, or give death rates by age."
        )
    start = _start(region, country, table, net)
    inputs = inputs.assign(start=(("sex", "age"), start))
    if foreign_born is not None:
        inputs = inputs.assign(start_foreign=(("sex", "age"), _foreign(foreign_born, country, start)))
    return inputs if width == 1 else in_fives(inputs)


def _observed(region: Region, country: str) -> xr.Dataset:
    """Published TFR, e0 and net migration of the years that the base population has ahead."""
    first = int(region.population["year"][-1]) + (not _at_january(region))
    observed = xr.Dataset(
        {"tfr": region.tfr["tfr"], "e0": region.e0["e0"], "observed": region.net_migration["net_migration"]}
    )
    return observed.sel(country=country, year=slice(first, None)).transpose("year", "sex")


def _at_january(region: Region) -> bool:
    return region.population.dataset.attrs.get("reference_date") == "1 January"


def survival_by_e0(region: Region, country: str) -> SurvivalTable:
    """Survival ratios by life expectancy, from the country's recent death rates."""
    recent = region.mx_recent["mx"].sel(country=country)
    return fit_lee_carter(region.mx["mx"], country, recent=recent).table()


def birth_shares(region: Region, country: str, years: NDArray[np.int64]) -> Array:
    """Births by age as shares (year, age): observed ones, then those that fit_fertility_ages gives today's fertility.

    They do not follow each draw's fertility, so that all draws share them. Where the observed ones are too few to say
    how they move, or of other ages, the last ones are kept.
    """
    pattern = region.fertility_pattern["fertility_share"]
    first, last = int(pattern["year"][0]), int(pattern["year"][-1])
    wanted, place = np.unique(np.clip(years, first, last), return_inverse=True)
    shares = split_groups(pattern.sel(country=country, year=wanted)).transpose("year", "age").to_numpy()[place]
    known = last - first >= MOVES and pattern.sizes["year"] == last - first + 1
    if years[-1] > last and known and pattern["age"].to_numpy().tolist() == GROUPS.tolist():
        model = fit_fertility_ages(pattern, region.tfr["tfr"], country)
        ahead = np.arange(last + 1, years[-1] + 1)
        today = xr.DataArray(np.full(len(ahead), model.tfr), dims="year", coords={"year": ahead})
        shares[years > last] = (model.rates(today) / today).transpose("year", "age").sel(year=years[years > last])
    return np.ascontiguousarray(shares)


def female_share(region: Region, country: str, years: NDArray[np.int64]) -> Array:
    """Girls' share of births (year,); the last observed one is kept."""
    ratio = region.sex_ratio["sex_ratio_at_birth"].sel(country=country)
    period = np.clip(years // 5 * 5, int(ratio["year"][0]), int(ratio["year"][-1]))  # the ratio is that of five years
    return 1.0 / (1.0 + ratio.sel(year=period).to_numpy())


def _after(past: Array, future: xr.DataArray, paths: Paths, country: str, *more: str) -> Array:
    """Observed figures (year, …) and then a forecast, as (draw, year, …)."""
    own = future.sel(country=country)
    own = own.transpose("draw", "year", *more) if "draw" in own.dims else own.transpose("year", *more)
    values = np.empty((len(paths.draws), len(past) + own.sizes["year"], *past.shape[1:]))
    values[:, : len(past)] = past
    values[:, len(past) :] = own.to_numpy()
    return values


def _fertility(
    past: Array, share: Array, paths: Paths | None, country: str
) -> dict[str, tuple[tuple[str, ...], Array]]:
    """TFR and, where they are given, birth rates by age."""
    if paths is None:
        return {"tfr": (("draw", "year"), past[None])}
    if "age" not in paths.fertility.dims:
        return {"tfr": (("draw", "year"), _after(past, paths.fertility, paths, country))}
    asfr = _after(past[:, None] * share[: len(past)], paths.fertility, paths, country, "age")
    return {"tfr": (("draw", "year"), asfr.sum(-1)), "asfr": (("draw", "year", "age"), asfr)}


def _mortality(past: Array, table: SurvivalTable, paths: Paths | None, country: str) -> Variables:
    """Life expectancy and, where death rates by age are given, their survival ratios."""
    if paths is None:
        return {"e0": (("draw", "year", "sex"), past[None])}
    if "age" not in paths.mortality.dims:
        return {"e0": (("draw", "year", "sex"), _after(past, paths.mortality, paths, country, "sex"))}
    own = paths.mortality.sel(country=country)
    before = np.stack([survival_in(table, e0) for e0 in past]) if len(past) else np.empty((0, 2, len(AGES) + 1))
    ratios, e0 = [], []
    for sex in SEXES:
        mx = own.sel(sex=sex).transpose(..., "year", "age").to_numpy()
        ratios.append(survival_ratios(mx, sex))
        e0.append(life_expectancy(mx, sex))
    labels = {"country": [country], "year": paths.years}
    drawn = ("draw", "year") if "draw" in own.dims else ("year",)
    given = xr.DataArray(np.stack(ratios, -2)[None], dims=("country", *drawn, "sex", "cohort"), coords=labels)
    reached = xr.DataArray(np.stack(e0, -1)[None], dims=("country", *drawn, "sex"), coords=labels)
    return {
        "e0": (("draw", "year", "sex"), _after(past, reached, paths, country, "sex")),
        "given_survival": (("draw", "year", "sex", "cohort"), _after(before, given, paths, country, "sex", "cohort")),
    }


def _migration(past: Array, net: Array, paths: Paths | None, country: str, years: int) -> Variables:
    """Counts and rates by flow, the ages of each, and counts by age; the observed years are the flow "observed"."""
    observed = np.zeros((1 if paths is None else len(paths.draws), years))
    observed[:, : len(past)] = past
    names, returning = ["observed"], [False]
    counts, rates, ages = [observed], [np.zeros_like(observed)], [np.broadcast_to(net, (years, *net.shape))]
    cells = None
    for flow in () if paths is None else paths.migrants:
        assert paths is not None
        if flow.by_age:
            nobody = np.zeros((len(past), 2, len(AGES)))
            own = flow.sign * _after(nobody, flow.total, paths, country, "sex", "age")
            cells = own if cells is None else cells + own
            continue
        total = flow.sign * _after(np.zeros(len(past)), flow.total, paths, country)
        names.append(flow.name)
        returning.append(flow.returning)
        counts.append(total if flow.is_count else np.zeros_like(total))
        rates.append(np.zeros_like(total) if flow.is_count else total)
        ages.append(_flow_ages(flow, net, country, len(past), years))
    found = {
        "flow": (("flow",), np.array(names)),
        "counts": (("flow", "draw", "year"), np.stack(counts)),
        "rates": (("flow", "draw", "year"), np.stack(rates)),
        "migrant_share": (("flow", "year", "sex", "age"), np.stack(ages)),
        "returning": (("flow",), np.array(returning)),
    }
    return found if cells is None else found | {"cells": (("draw", "year", "sex", "age"), cells)}


def _flow_ages(flow: Migrants, net: Array, country: str, past: int, years: int) -> Array:
    """Shares (year, 2, 101) of one flow."""
    ages = flow.ages
    if ages is None:
        values = net if flow.direction == "net" else np.asarray(PROFILES["family"])
    elif isinstance(ages, str):
        values = np.asarray(PROFILES[ages])
    else:
        own = ages.sel(country=country) if "country" in ages.dims else ages
        values = own.transpose(..., "sex", "age").to_numpy()
    if values.ndim == 3:  # by year: none before the forecast
        values = np.concatenate([np.broadcast_to(values[:1], (past, *values.shape[1:])), values])
    return np.broadcast_to(values, (years, 2, len(AGES)))


def _net_ages(region: Region, country: str) -> Array:
    """Net migrants by single year (2, 101), where some groups gain and others lose; sums to one."""
    shares = region.migrant_ages["migrant_share"].sel(country=country).transpose("sex", "age")
    single = split_groups(shares.clip(min=0)) - split_groups(-shares.clip(max=0))
    return (single / single.sum()).to_numpy()


def survival_in(table: SurvivalTable, e0: Array) -> Array:
    """Survival ratios (2, 102) of a table at each sex's e0."""
    survival = np.empty((2, table.survival.shape[2]))
    survival_at(np.asarray(e0, dtype=float), table.e0[0], table.e0[1] - table.e0[0], table.survival, survival)
    return survival


def _start(region: Region, country: str, table: SurvivalTable, net: Array) -> Array:
    """The population at 1 January of the first year: given, or the mid-year base after half a year of its rates.

    Half of each cohort has its birthday in the half-year; births and migrants are half of the year's.
    """
    base = int(region.population["year"][-1])
    groups = region.population["population"].sel(country=country, year=base).transpose("sex", "age")
    _check_base(region, country, base, groups)
    people = split_groups(groups).to_numpy()
    if _at_january(region):
        return people
    ratios = survival_in(table, region.e0["e0"].sel(country=country, year=base).transpose("sex").to_numpy())
    half = np.sqrt(ratios)
    staying = people * half[:, 1:]
    january = 0.5 * staying
    january[:, 1:] += 0.5 * staying[:, :-1]
    january[:, -1] += 0.5 * staying[:, -1]
    now = np.array([base])
    share, girls = birth_shares(region, country, now), female_share(region, country, now)
    births = 0.5 * float(region.tfr["tfr"].sel(country=country, year=base)) * share[0] @ people[0]
    january[:, 0] += births * np.array([girls[0], 1.0 - girls[0]]) * ratios[:, 0]
    migrants = float(region.net_migration["net_migration"].sel(country=country, year=base))
    january += 0.5 * migrants * net
    return np.maximum(january, 0.0)


def _foreign(foreign_born: xr.DataArray, country: str, start: Array) -> Array:
    """Foreign-born by sex and age at the first 1 January."""
    units, dims = foreign_born.attrs.get("units"), set(map(str, foreign_born.dims))
    if country not in foreign_born["country"] or (units, dims) not in (
        ("persons", {"country", "sex", "age"}),
        ("share", {"country"}),
    ):
        raise DrawsError(
            f"foreign_born: expected persons by country, sex and age, or a share by country, for {country} too, found "
            f"{units!r} by {', '.join(sorted(dims))}."
        )
    own = foreign_born.sel(country=country)
    people = own.transpose("sex", "age").to_numpy() if units == "persons" else float(own) * start
    if people.shape != start.shape or not ((people >= 0.0) & (people <= start * (1.0 + 1e-9))).all():
        raise DrawsError(
            f"foreign_born: expected no more than the population of {country} in any cell of sex and age 0 … 100, and "
            "none below zero; check ages and units."
        )
    return np.minimum(people, start)


def _check_base(region: Region, country: str, base: int, groups: xr.DataArray) -> None:
    """Ages without gaps up to 100, and a sum that agrees with the published total."""
    ages = groups["age"].to_numpy()
    if ages[0] != 0 or ages[-1] != 100 or len(set(np.diff(ages))) != 1:
        raise DrawsError(
            f"{country}: expected a base population at every age 0, 1, … 100 or 0, 5, … 100, found {ages.tolist()}; "
            "fill the gaps, and add up what is older than 100."
        )
    published = region.total["population"].sel(country=country)
    around = published.sel(year=[year for year in (base, base + 1) if year in published["year"]])
    if around.size and not 0.5 < float(groups.sum() / around.mean()) < 2.0:
        raise DrawsError(
            f"{country}: expected a base population of about {float(around.mean()):,.0f} persons in {base}, the "
            f"published total, found {float(groups.sum()):,.0f}; convert thousands to persons."
        )


def link_inputs(corridors: Corridors | None, balanced: bool, inputs: Sequence[xr.Dataset], paths: Paths) -> xr.Dataset:
    """What ties the countries of a system together, labelled; the observed years have no corridors of their own."""
    draw, year, countries = inputs[0]["draw"].to_numpy(), inputs[0]["year"].to_numpy(), len(inputs)
    counts = np.zeros((len(draw), len(year), countries, countries))
    rates = np.zeros_like(counts)
    ages: str | xr.DataArray = "family"
    names = [str(one.attrs["country"]) for one in inputs]
    if corridors is not None:
        own = corridors.total.sel(origin=names, destination=names)
        own = own.transpose(*(("draw",) if "draw" in own.dims else ()), "year", "origin", "destination")
        (counts if corridors.is_count else rates)[:, -len(paths.years) :] = own.to_numpy()
        ages = corridors.ages
    shares = PROFILES[ages] if isinstance(ages, str) else ages
    shares = shares.sel(origin=names) if "origin" in shares.dims else shares.expand_dims(origin=names)
    pairs = ("draw", "year", "origin", "destination")
    return xr.Dataset(
        {
            "corridors": (pairs, counts),
            "corridor_rates": (pairs, rates),
            "balanced": ("year", balanced & (year >= paths.years[0])),
            "corridor_share": (("origin", "sex", "age"), shares.transpose("origin", "sex", "age").to_numpy()),
        },
        coords={"draw": draw, "year": year, "origin": names, "destination": names},
    )


def kernel_links(links: xr.Dataset, draws: slice) -> Links:
    """What the system's kernel takes of the ties, for some of the draws."""
    part = links.isel(draw=draws)
    pairs = ("draw", "year", "origin", "destination")
    return Links(
        counts=float_array(part["corridors"], *pairs),
        rates=float_array(part["corridor_rates"], *pairs),
        ages=float_array(part["corridor_share"], "origin", "sex", "age"),
        balanced=links["balanced"].to_numpy(),
    )


def kernel_rates(inputs: xr.Dataset, draws: slice = slice(None)) -> Rates:
    """What the kernels take of one country's survival and fertility, for some of its draws."""
    levels, part = inputs["e0_level"].to_numpy(), inputs.isel(draw=draws)
    years, ages = inputs.sizes["year"], inputs.sizes["age"]
    survival, asfr = np.empty((0, years, 2, ages + 1)), np.empty((0, years, ages))
    if "given_survival" in inputs:
        survival = float_array(part["given_survival"], "draw", "year", "sex", "cohort")
    if "asfr" in inputs:
        asfr = float_array(part["asfr"], "draw", "year", "age")
    return Rates(
        e0=float_array(part["e0"], "draw", "year", "sex"),
        low=float(levels[0]),
        step=float(levels[1] - levels[0]),
        table=float_array(inputs["survival"], "sex", "e0_level", "cohort"),
        survival=survival,
        tfr=float_array(part["tfr"], "draw", "year"),
        pattern=float_array(inputs["fertility_share"], "year", "age"),
        asfr=asfr,
        female_share=float_array(inputs["female_share"], "year"),
    )


def kernel_movers(inputs: xr.Dataset, draws: slice = slice(None)) -> Movers:
    """What the kernels take of one country's migrants, for some of its draws."""
    part = inputs.isel(draw=draws)
    cells = np.empty((0, inputs.sizes["year"], 2, inputs.sizes["age"]))
    if "cells" in inputs:
        cells = float_array(part["cells"], "draw", "year", "sex", "age")
    return Movers(
        counts=float_array(part["counts"], "draw", "flow", "year"),
        rates=float_array(part["rates"], "draw", "flow", "year"),
        ages=float_array(inputs["migrant_share"], "flow", "year", "sex", "age"),
        returning=inputs["returning"].to_numpy(),
        cells=cells,
        at_start=float(inputs.attrs["at_start"]),
    )


def float_array(array: xr.DataArray, *dims: str) -> Array:
    """A contiguous float64 array with the axes in this order."""
    return np.ascontiguousarray(array.transpose(*dims).to_numpy(), dtype=np.float64)
