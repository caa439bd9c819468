"""Cohort-component projection over draws: both sexes, single years of age and calendar years, or groups of five.

The base is the population at the middle of its last year, or at 1 January where it says so. A half-year step with that
year's observed rates brings a mid-year base to 1 January; from there calendar years are projected with observed figures
as far as they go and with forecast draws after that.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import xarray as xr

from ..data.axes import SEXES
from ..data.reference import Region
from ._engine import BY_AGE, Output, Task, block_size, bytes_per_draw, outputs_of, run_here, run_on
from ._inputs import AT_START, country_inputs, link_inputs
from ._paths import Paths, check
from ._store import Memory, Store, fingerprint_of
from .errors import DrawsError
from .indicators import INDICATORS, Indicator
from .migrants import Corridors, Migrants
from .projection import Projection
from .scenarios import Scenario

__all__ = ["project"]

logger = logging.getLogger(__name__)

NONE: Final[Mapping[str, Indicator]] = MappingProxyType({})


def project(
    region: Region,
    *,
    fertility: xr.DataArray | None = None,
    mortality: xr.DataArray | None = None,
    migration: xr.DataArray | Migrants | Sequence[Migrants] | None = None,
    corridors: Corridors | None = None,
    zero_sum: bool = False,
    foreign_born: xr.DataArray | None = None,
    scenario: Scenario | None = None,
    migrants_join: str = "mid-year",
    age_width: int = 1,
    indicators: Mapping[str, Indicator] = NONE,
    ages: Sequence[str] | None = None,
    memory: str = "2GB",
    store: str | Path | None = None,
    cluster: Any = None,
) -> Projection:
    """Project every country of a region over draws by the cohort-component method.

    ``P(t+1) = P(t) + births(t) - deaths(t) + net migration(t)`` in every cell, to 1e-6 persons. Deaths are a cohort's
    person-years times its rates, by the ratios L(x+1) / L(x) of the year's life table, infants by the a0 of Andreev &
    Kingkade (2015). Survival comes from each year's life expectancy by `fit_lee_carter` (Li & Lee 2005; Li, Lee &
    Gerland 2013); births from mid-year women, the mean of both ends, at the ages that `fit_fertility_ages` gives
    today's fertility. The latest sex ratio at birth is kept. Age patterns that are drawn as well, and follow each
    draw's fertility, are given as rates by age, which the methods `rates` of both make of the draws.

    Parameters
    ----------
    region : Region
        Base population, history and age schedules; `Region.sel` takes some of its countries.
    fertility : xarray.DataArray, optional
        TFR, axes ``country``, ``year`` and perhaps ``draw``, children per woman; or birth rates with ``age`` 0 … 100
        as well, births per woman-year.
    mortality : xarray.DataArray, optional
        Life expectancy at birth, with ``sex`` as well, years; or death rates with ``sex`` and ``age`` 0 … 100, per
        person-year.
    migration : xarray.DataArray, Migrants or sequence of Migrants, optional
        Net migration rate, per person-year, of the population at the year's end without it; or counts, persons per
        year, perhaps by ``sex`` and ``age``; or flows in and out, each with its ages. Without any of the three only
        observed years are projected; all or none. What has no ``draw`` holds in every draw.
    corridors : Corridors, optional
        Migrants between the region's countries: each is counted where it leaves and where it arrives, and `migration`
        is then with the rest of the world.
    zero_sum : bool
        What all countries gain by `migration` others lose in every year of the forecasts, sex and age: gains and
        losses both give way to their mean, each country's in proportion to its own, so that small countries' flows
        stay of their size.
    foreign_born : xarray.DataArray, optional
        Foreign-born at the first 1 January: persons by ``country``, ``sex`` and ``age``, or a share by ``country``.
        With it they are followed: their children are native; emigrants leave from both alike; whoever comes in is
        foreign-born unless the flow is ``returning``.
    scenario : Scenario, optional
        Levers to pull on these paths; see `poblar.forecast.scenarios`.
    migrants_join : {"mid-year", "end"}
        "mid-year": half of a year's migrants join at its start and half at its end, so that they live half a year
        under the country's rates (Preston, Heuveline & Guillot 2001, ch. 6). "end": all at its end, as the UN and
        bayesPop have it.
    age_width : {1, 5}
        Single ages and years, or five-year groups and periods (whose rates are means of the years').
    indicators : mapping of str to function, optional
        More indicators beside `poblar.forecast.indicators.INDICATORS`: functions of the population (draw, year, sex,
        age), which return an array over draw and year. They see float64, block by block.
    ages : sequence of str, optional
        What to keep by age: "population", "births_by_age", "deaths_by_age", "migrants_by_age". The population alone
        in memory and nothing in a store, unless said.
    memory : str
        What results in memory and the blocks under way may take together, such as "2GB"; more is refused, not swapped.
    store : str or Path, optional
        Folder of a Zarr store to stream to. A projection that was interrupted goes on from the blocks it finds there.
    cluster : dask.distributed.Client, optional
        Project on its workers (extra ``cluster``); the result is the same, bit for bit.

    Returns
    -------
    Projection
        From the first 1 January to the one after the last year of the forecasts.

    Raises
    ------
    DrawsError
        If the forecasts differ in years or draws, miss a country, have other units, hold NaN or numbers out of range,
        do not follow on the observed years, or would not fit in `memory`; if the store holds another projection.

    Examples
    --------
    >>> from poblar.data import reference
    >>> people = project(reference.region(("MEX",)))
    >>> round(float(people.total.sel(year=2024).squeeze()) / 1e6)  # the UN: 130.3 million
    130
    """
    _check_options(migrants_join, age_width)
    kept = _kept(ages, store)
    paths = check(region, fertility, mortality, migration, corridors)
    system = zero_sum or corridors is not None
    if system and (paths is None or age_width != 1):
        raise DrawsError("expected forecasts and age_width=1 for countries that move together, found other; give them.")
    if scenario is not None:
        if paths is None:
            raise DrawsError("expected forecasts for a scenario to change, found none; give fertility= and the others.")
        paths = scenario.apply(paths)
    countries, draws = list(region.countries), 1 if paths is None else len(paths.draws)
    inputs_of = partial(
        country_inputs,
        region,
        paths=paths,
        foreign_born=foreign_born,
        convention=migrants_join,
        width=age_width,
    )
    first = inputs_of(countries[0])
    taken = [name for name in indicators if name in INDICATORS]
    if taken:
        raise DrawsError(f"expected indicators of new names, found {', '.join(taken)}, which every projection has.")
    outputs = outputs_of(first, indicators, kept, len(countries) if system else 1)
    results = float(draws * len(countries) * bytes_per_draw(outputs))
    spare = size_in_bytes(memory) - (0.0 if store else results)
    if spare <= 0.0:
        raise DrawsError(
            f"expected at most {memory} of results, found {results / 1e9:.1f} GB ({draws} draws of {len(countries)} "
            "countries); stream them with store=, keep less by age with ages=(), thin the draws, or raise memory=."
        )
    groups = [countries] if system else [[country] for country in countries]
    size = block_size(draws, outputs, first, len(groups[0]), bool(indicators), spare)
    template = _template(first, countries, outputs)
    target: Memory | Store = Memory(draws, len(countries), outputs)
    if store is not None:
        options = {
            "join": migrants_join,
            "width": age_width,
            "zero_sum": zero_sum,
            "ages": kept,
            "size": size,
            "version": version("poblar"),
        }
        given = _given(region, paths, foreign_born)
        target = Store(Path(store), template, outputs, size, fingerprint_of(given, options | dict(indicators)))
    kept_inputs: dict[str, xr.Dataset] = {}

    def tasks() -> Iterator[Task]:
        for position, group in enumerate(groups):
            here = slice(position, position + len(group))
            blocks = [slice(low, min(low + size, draws)) for low in range(0, draws, size)]
            missing = [block for block in blocks if not target.done(here, block)]
            if not missing:
                continue
            inputs = tuple(inputs_of(country).assign_attrs(tied=int(system)) for country in group)
            links = None
            if system and paths is not None:
                links = link_inputs(paths.corridors, zero_sum, inputs, paths)
            if store is None:
                kept_inputs.update(zip(group, inputs, strict=True))
            logger.info("%s: %d of %d blocks to project", ", ".join(group), len(missing), len(blocks))
            yield from (Task(here, block, inputs, links, outputs, indicators) for block in missing)

    if cluster is None:
        run_here(tasks(), target)
    else:
        run_on(cluster, tasks(), target)
    if isinstance(target, Store):
        return Projection.load(target.path)
    filled = {
        name: labels.assign(
            {
                key: (("draw", out.first, *out.dims), target.arrays[key], {"units": out.units})
                for key, out in outputs.items()
                if out.stock == (name == "stocks")
            }
        )
        for name, labels in template.items()
    }
    return Projection(stocks=filled["stocks"], flows=filled["flows"], inputs=kept_inputs)


def size_in_bytes(text: str) -> float:
    """Bytes of "2GB", "500 MB" …"""
    match = re.fullmatch(r"\s*([\d.]+)\s*([KMGT]?)B\s*", text, re.IGNORECASE)
    if match is None:
        raise DrawsError(f"expected an amount of memory such as '2GB' or '500 MB', found {text!r}.")
    return float(match[1]) * 1000.0 ** " KMGT".index(match[2].upper() or " ")


def _check_options(migrants_join: str, age_width: int) -> None:
    if migrants_join not in AT_START:
        raise DrawsError(f"expected migrants_join among {', '.join(AT_START)}, found {migrants_join!r}.")
    if age_width not in (1, 5):
        raise DrawsError(f"expected age_width 1 or 5, found {age_width!r}.")


def _kept(ages: Sequence[str] | None, store: str | Path | None) -> tuple[str, ...]:
    """What is kept by age, in the order of `BY_AGE`."""
    wanted = (("population",) if store is None else ()) if ages is None else tuple(ages)
    unknown = [name for name in wanted if name not in BY_AGE]
    if unknown:
        raise DrawsError(f"expected ages among {', '.join(BY_AGE)}, found {', '.join(unknown)}.")
    return tuple(name for name in BY_AGE if name in wanted)


def _given(
    region: Region, paths: Paths | None, foreign_born: xr.DataArray | None
) -> Iterator[xr.DataArray | xr.Dataset]:
    """Every array that the result depends on."""
    for part in fields(region):
        panel = getattr(region, part.name)
        if panel is not None:
            yield panel.dataset
    if foreign_born is not None:
        yield foreign_born
    if paths is not None:
        yield from (paths.fertility, paths.mortality)
        if paths.corridors is not None:
            yield paths.corridors.total
            yield (
                xr.DataArray(str(paths.corridors.ages))
                if isinstance(paths.corridors.ages, str)
                else paths.corridors.ages
            )
        for flow in paths.migrants:
            yield flow.total.rename(f"{flow.name} {flow.direction} {flow.returning} {flow.ages}"[:80])
            if isinstance(flow.ages, xr.DataArray):
                yield flow.ages


def _template(inputs: xr.Dataset, countries: list[str], outputs: Mapping[str, Output]) -> dict[str, xr.Dataset]:
    """The labels of stocks and flows."""
    year, width = inputs["year"].to_numpy(), int(inputs.attrs["width"])
    labels = {"draw": inputs["draw"].to_numpy(), "country": countries}
    years = {"stocks": np.r_[year, year[-1] + width], "flows": year}
    dims = {
        name: {dim for out in outputs.values() if out.stock == (name == "stocks") for dim in (out.first, *out.dims)}
        for name in years
    }
    more = {"sex": list(SEXES), "age": inputs["age"].to_numpy(), "origin": countries, "destination": countries}
    return {
        name: xr.Dataset(
            coords=labels | {"year": at} | {dim: more[dim] for dim in more if dim in dims[name]},
            attrs={"width": width} | ({"reference_date": "1 January"} if name == "stocks" else {}),
        )
        for name, at in years.items()
    }
