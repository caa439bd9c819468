"""The forecasts that a projection is given, checked once: units, labels, ranges, years and draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..data.axes import SEXES
from ..data.reference import Region
from .errors import DrawsError
from .migrants import Corridors, Migrants

HIGHEST_TFR = 12.0  # children per woman; above any country's in any year


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Checked forecasts over the same countries, years and draws; an array without ``draw`` holds in every draw.

    Parameters
    ----------
    fertility : xarray.DataArray
        TFR, or birth rates by single year of ``age``.
    mortality : xarray.DataArray
        Life expectancy by sex, or death rates by sex and single year of ``age``.
    migrants : tuple of Migrants
        Every flow over the borders.
    corridors : Corridors or None
        Flows between the countries.
    years : array
        Calendar years of the forecasts.
    draws : array
        Labels of the draws.
    """

    fertility: xr.DataArray
    mortality: xr.DataArray
    migrants: tuple[Migrants, ...]
    corridors: Corridors | None
    years: NDArray[np.int64]
    draws: NDArray[np.int64]


def check(
    region: Region,
    fertility: xr.DataArray | None,
    mortality: xr.DataArray | None,
    migration: xr.DataArray | Migrants | Sequence[Migrants] | None,
    corridors: Corridors | None = None,
) -> Paths | None:
    """The forecasts as `Paths`; None where none is given and only observed years are projected."""
    given = {"fertility": fertility, "mortality": mortality, "migration": migration}
    absent = [name for name, value in given.items() if value is None]
    if fertility is None or mortality is None or migration is None:
        if len(absent) < 3 or corridors is not None:
            raise DrawsError(
                f"expected all of fertility=, mortality= and migration=, found none for {', '.join(absent)}; "
                "give all three, or none to project the observed years."
            )
        return None
    migrants = _as_migrants(migration)
    countries = list(region.countries)
    _check_labels(fertility, "fertility", countries, {"age"} if "age" in fertility.dims else set())
    _check_labels(mortality, "mortality", countries, {"sex", "age"} if "age" in mortality.dims else {"sex"})
    for flow in migrants:
        name = "migration" if flow.name == "net" else flow.name
        _check_labels(flow.total, name, countries, {"sex", "age"} if flow.by_age else set())
        if isinstance(flow.ages, xr.DataArray) and "country" in flow.ages.dims:
            _check_countries(flow.ages, f"{name}, ages", countries)
    _check_units(fertility, "fertility", "births per woman-year" if "age" in fertility.dims else "children per woman")
    _check_units(mortality, "mortality", "per person-year" if "age" in mortality.dims else "years")
    _check_range(fertility, "fertility", 0.0, 1.0 if "age" in fertility.dims else HIGHEST_TFR)
    _check_mortality(mortality)
    for flow in migrants:
        if not flow.is_count:
            _check_range(flow.total, "migration" if flow.name == "net" else flow.name, -1.0, 1.0)
    arrays = [fertility, mortality, *(flow.total for flow in migrants)]
    names = ["fertility", "mortality", *("migration" if flow.name == "net" else flow.name for flow in migrants)]
    if corridors is not None:
        _check_corridors(corridors, countries)
        arrays, names = [*arrays, corridors.total], [*names, "corridors"]
    years, draws = _same_axes(arrays, names)
    return Paths(
        fertility=fertility, mortality=mortality, migrants=migrants, corridors=corridors, years=years, draws=draws
    )


def _as_migrants(migration: xr.DataArray | Migrants | Sequence[Migrants]) -> tuple[Migrants, ...]:
    if isinstance(migration, xr.DataArray):
        if migration.attrs.get("units") not in ("persons per year", "per person-year"):
            _check_units(migration, "migration", "per person-year")
        return (Migrants(name="net", total=migration),)
    flows = (migration,) if isinstance(migration, Migrants) else tuple(migration)
    names = [flow.name for flow in flows]
    if len(set(names)) != len(names):
        raise DrawsError(f"migration: expected flows of different names, found {', '.join(names)}; rename one.")
    return flows


def _check_labels(array: xr.DataArray, what: str, countries: list[str], more: set[str]) -> None:
    """The right axes, both sexes in order, every single age, every country, every value finite."""
    axes = {"draw", "country", "year"} | more
    found = set(map(str, array.dims))
    if found | {"draw"} != axes:
        raise DrawsError(f"{what}: expected axes {sorted(axes)} (draw may be left out), found {sorted(found)}.")
    _check_countries(array, what, countries)
    if not bool(np.isfinite(array).all()):
        raise DrawsError(f"{what}: expected finite numbers, found NaN or infinity; mend the draws.")
    if "sex" in more and tuple(array["sex"].values) != SEXES:
        raise DrawsError(f"{what}: expected sex {SEXES}, found {tuple(array['sex'].values)}; reorder.")
    if "age" in more and not np.array_equal(array["age"], np.arange(101)):
        raise DrawsError(
            f"{what}: expected every age 0, 1, … 100, found {array.sizes['age']} from {int(array['age'][0])} to "
            f"{int(array['age'][-1])}; fill gaps, or spread groups with poblar.forecast.ages."
        )


def _check_corridors(corridors: Corridors, countries: list[str]) -> None:
    """Corridors between the region's own countries, all of them."""
    for axis in ("origin", "destination"):
        if sorted(corridors.total[axis].values.tolist()) != sorted(countries):
            raise DrawsError(
                f"corridors: expected {axis} {', '.join(countries)}, the countries projected, found "
                f"{', '.join(corridors.total[axis].values.tolist())}; give the rest of the world as migration=."
            )


def _check_countries(array: xr.DataArray, what: str, countries: list[str]) -> None:
    missing = [country for country in countries if country not in array["country"].values]
    if missing:
        raise DrawsError(
            f"{what}: expected countries {', '.join(countries)}, found none of {', '.join(missing)}; "
            "forecast them too, or project region.sel(country=…)."
        )


def _check_units(array: xr.DataArray, what: str, units: str) -> None:
    if array.attrs.get("units") != units:
        raise DrawsError(
            f"{what}: expected units {units!r}, found {array.attrs.get('units')!r}; convert, and set attrs['units']."
        )


def _check_range(array: xr.DataArray, what: str, low: float, high: float) -> None:
    worst = max(float(array.max()) - high, low - float(array.min()))
    if worst > 0.0:
        found = float(array.max()) if float(array.max()) > high else float(array.min())
        raise DrawsError(
            f"{what}: expected {low:g} to {high:g} {array.attrs['units']}, found {found:g}; check the "
            "figures and their unit (thousands, percent or per 1,000 have to be converted)."
        )


def _check_mortality(mortality: xr.DataArray) -> None:
    """Rates between 0 and 1 below the open group; women who do not die far before men."""
    women, men = mortality.sel(sex="female"), mortality.sel(sex="male")
    if "age" in mortality.dims:
        _check_range(mortality.isel(age=slice(None, -1)), "mortality", 0.0, 1.0)
        swapped = bool((women > men).mean() > 0.9)
    else:
        swapped = float((women - men).median()) < -2.0
    if swapped:
        raise DrawsError(
            "mortality: expected women to outlive men, or nearly, found the reverse in most years; check whether the "
            "labels of sex are swapped."
        )


def _same_axes(arrays: list[xr.DataArray], names: list[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Years and draws that all arrays share, label by label; those without draws hold in every draw."""
    years = arrays[0]["year"].to_numpy()
    drawn = [array["draw"].to_numpy() for array in arrays if "draw" in array.dims]
    draws = drawn[0] if drawn else np.array([0])
    same = all(np.array_equal(array["year"], years) for array in arrays)
    if not same or not all(np.array_equal(labels, draws) for labels in drawn):
        shapes = ", ".join(
            f"{name} {array.sizes.get('draw', 1)} draws of {array['year'].values[0]}-{array['year'].values[-1]}"
            for name, array in zip(names, arrays, strict=True)
        )
        raise DrawsError(
            f"expected the same draws and years in all forecasts, found {shapes}; "
            "make them with the same until= and draws=, and keep their labels."
        )
    return years, draws
