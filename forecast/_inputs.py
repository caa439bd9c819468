"""From a region and its forecasts to what the projection's kernel takes: one country's rates, year by year."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..data.axes import SEXES
from ..data.reference import Region
from ._cohort import AGES, Rates, survival_at
from .ages import split_groups, survival_table
from .errors import DrawsError

BASE = 2020  # mid-year of the base population
UNITS = {"tfr": "children per woman", "e0": "years", "net_migration_rate": "per person-year"}


def aligned(
    region: Region,
    fertility: xr.DataArray | None,
    mortality: xr.DataArray | None,
    migration: xr.DataArray | None,
) -> xr.Dataset:
    """Observed figures from 2021 on, followed by the forecasts: tfr, e0, counts and rates over exact labels."""
    observed = xr.Dataset(
        {
            "tfr": region.tfr["tfr"],
            "e0": region.e0["e0"],
            "counts": region.net_migration["net_migration"],
        }
    ).sel(year=slice(BASE + 1, None))
    observed["rates"] = xr.zeros_like(observed["counts"])
    given = {"fertility": fertility, "mortality": mortality, "migration": migration}
    absent = [name for name, value in given.items() if value is None]
    if fertility is None or mortality is None or migration is None:
        if len(absent) < 3:
            raise DrawsError(
                f"expected all of fertility=, mortality= and migration=, found none for {', '.join(absent)}; "
                "give all three, or none to project the observed years."
            )
        return observed.expand_dims(draw=[0])
    countries = list(region.countries)
    zeros = xr.zeros_like(migration)
    is_count = migration.attrs.get("units") == "persons per year"
    arrays = {
        "tfr": _checked(fertility, "fertility", UNITS["tfr"], countries),
        "e0": _checked(mortality, "mortality", UNITS["e0"], countries),
        "counts" if is_count else "rates": _checked(
            migration, "migration", "persons per year" if is_count else UNITS["net_migration_rate"], countries
        ),
        "rates" if is_count else "counts": zeros.sel(country=countries),
    }
    try:
        arrays = dict(zip(arrays, xr.align(*arrays.values(), join="exact"), strict=True))
    except ValueError as error:
        shapes = ", ".join(
            f"{name} {array.sizes.get('draw', 1)} draws of {array['year'].values[0]}-{array['year'].values[-1]}"
            for name, array in arrays.items()
        )
        raise DrawsError(
            f"expected the same draws and years in all forecasts, found {shapes}; "
            "make them with the same until= and draws=."
        ) from error
    future = xr.Dataset(arrays)
    if "draw" not in future.dims:
        future = future.expand_dims(draw=[0])
    first, follows = int(future["year"][0]), int(observed["year"][-1]) + 1
    if first > follows or (np.diff(future["year"]) != 1).any():
        raise DrawsError(
            f"expected forecasts of every year from {follows} on, found {future['year'].values.tolist()}; "
            "fit to all observed years, or give the years between."
        )
    past = observed.sel(year=slice(None, first - 1)).expand_dims(draw=future["draw"])
    return xr.concat([past, future], "year", join="exact", data_vars="all")


def _checked(array: xr.DataArray, what: str, units: str, countries: list[str]) -> xr.DataArray:
    """A forecast with the right axes, units and countries, every value finite."""
    axes = {"draw", "country", "year", "sex"} if what == "mortality" else {"draw", "country", "year"}
    found = set(map(str, array.dims))
    if found | {"draw"} != axes:
        raise DrawsError(f"{what}: expected axes {sorted(axes)} (draw may be left out), found {sorted(found)}.")
    if array.attrs.get("units") != units:
        raise DrawsError(
            f"{what}: expected units {units!r}, found {array.attrs.get('units')!r}; convert, and set attrs['units']."
        )
    missing = [country for country in countries if country not in array["country"].values]
    if missing:
        raise DrawsError(
            f"{what}: expected countries {', '.join(countries)}, found none of {', '.join(missing)}; "
            "forecast them too, or project region.sel(country=…)."
        )
    if not bool(np.isfinite(array).all()):
        raise DrawsError(f"{what}: expected finite numbers, found NaN or infinity; mend the draws.")
    if what == "mortality" and tuple(array["sex"].values) != SEXES:
        raise DrawsError(f"mortality: expected sex {SEXES}, found {tuple(array['sex'].values)}; reorder.")
    return array.sel(country=countries)


def kernel_rates(inputs: xr.Dataset) -> Rates:
    """What the kernels take of one country's inputs, as contiguous float64 arrays."""
    levels = inputs["e0_level"].to_numpy()
    return Rates(
        e0=float_array(inputs["e0"], "draw", "year", "sex"),
        low=float(levels[0]),
        step=float(levels[1] - levels[0]),
        table=float_array(inputs["survival"], "sex", "e0_level", "cohort"),
        tfr=float_array(inputs["tfr"], "draw", "year"),
        pattern=float_array(inputs["fertility_share"], "year", "age"),
        female_share=float_array(inputs["female_share"], "year"),
    )


def country_inputs(region: Region, country: str, paths: xr.Dataset, decline: xr.DataArray) -> xr.Dataset:
    """Everything the kernel needs to project one country, labelled."""
    years = paths["year"].to_numpy()
    table = survival_table(region.mx_recent["mx"].sel(country=country), decline)
    pattern = region.fertility_pattern["fertility_share"].sel(country=country)
    ratio = region.sex_ratio["sex_ratio_at_birth"].sel(country=country)
    # Patterns are kept after the last one observed; the sex ratio is that of the five-year period.
    latest = xr.DataArray(np.minimum(years, int(pattern["year"][-1])), dims="year", coords={"year": years})
    period = xr.DataArray(np.minimum(years // 5 * 5, int(ratio["year"][-1])), dims="year", coords={"year": years})
    inputs = paths.assign(
        fertility_share=split_groups(pattern.sel(year=latest).drop_vars("year").assign_coords(year=years)),
        female_share=1.0 / (1.0 + ratio.sel(year=period).drop_vars("year").assign_coords(year=years)),
        migrant_share=_signed_split(region.migrant_ages["migrant_share"].sel(country=country)),
        survival=(("sex", "e0_level", "cohort"), table.survival),
    ).assign_coords(e0_level=table.e0, cohort=np.arange(AGES + 1))
    return inputs.assign(start=_to_january(region, country, inputs)).drop_vars("country", errors="ignore")


def _signed_split(shares: xr.DataArray) -> xr.DataArray:
    """Net migrants by single year, where some groups gain and others lose; sums to one."""
    single = split_groups(shares.clip(min=0)) - split_groups(-shares.clip(max=0))
    return single / single.sum()


def _to_january(region: Region, country: str, inputs: xr.Dataset) -> xr.DataArray:
    """The population at 1 January 2021: the base at mid-2020 after half a year of the rates of 2020.

    Half of each cohort has its birthday in the half-year; births and migrants are half of the year's.
    """
    base = split_groups(region.population["population"].sel(country=country, year=BASE))
    people = float_array(base, "sex", "age")
    rates = kernel_rates(inputs)
    survival = np.empty((2, AGES + 1))
    e0 = float_array(region.e0["e0"].sel(country=country, year=BASE), "sex")
    survival_at(e0, rates.low, rates.step, rates.table, survival)
    half = np.sqrt(survival)
    staying = people * half[:, 1:]
    january = 0.5 * staying
    january[:, 1:] += 0.5 * staying[:, :-1]
    january[:, -1] += 0.5 * staying[:, -1]
    share = split_groups(region.fertility_pattern["fertility_share"].sel(country=country, year=BASE))
    asfr = float(region.tfr["tfr"].sel(country=country, year=BASE)) * float_array(share, "age")
    births = 0.5 * asfr @ people[0]
    female = float(inputs["female_share"][0])
    january[:, 0] += births * np.array([female, 1.0 - female]) * survival[:, 0]
    migrants = float(region.net_migration["net_migration"].sel(country=country, year=BASE))
    january += 0.5 * migrants * float_array(inputs["migrant_share"], "sex", "age")
    return xr.DataArray(
        np.maximum(january, 0.0), dims=("sex", "age"), coords={"sex": list(SEXES), "age": np.arange(AGES)}
    )


def float_array(array: xr.DataArray, *dims: str) -> NDArray[np.float64]:
    """A contiguous float64 array with the axes in this order."""
    return np.ascontiguousarray(array.transpose(*dims).to_numpy(), dtype=np.float64)
