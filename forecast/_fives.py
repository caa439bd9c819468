"""The projection's second mode: age groups 0-4, 5-9 … 100+ and periods of five years, from single ages and years."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .errors import DrawsError

Array = NDArray[np.float64]

GROUPS = np.arange(0, 101, 5)
WIDTH = 5


def in_fives(inputs: xr.Dataset) -> xr.Dataset:
    """One country's inputs by five-year groups and periods: rates are means, people and migrants are sums."""
    years = inputs["year"].to_numpy()
    if len(years) % WIDTH:
        raise DrawsError(
            f"expected whole periods of five years, found {len(years)} years, {years[0]} to {years[-1]}; forecast "
            f"until {years[0] + len(years) // WIDTH * WIDTH - 1} or {years[0] + len(years) // WIDTH * WIDTH + 4}."
        )
    if "given_survival" in inputs:
        raise DrawsError("expected life expectancies with age_width=5, found death rates by age; use age_width=1.")
    means = ("tfr", "e0", "female_share", "fertility_share", "migrant_share", "asfr")
    found: dict[str, tuple[tuple[str, ...], Array]] = {}
    for name, array in inputs.data_vars.items():
        values, dims = array.to_numpy(), tuple(map(str, array.dims))
        if "year" in dims:
            place = dims.index("year")
            values = values.reshape(*values.shape[:place], -1, WIDTH, *values.shape[place + 1 :])
            values = values.mean(place + 1) if name in means else values.sum(place + 1)
        if "age" in dims:
            values = grouped(values)
        if "cohort" in dims:
            values = five_year_ratios(values)
        found[str(name)] = (dims, values)
    coords = {
        "draw": inputs["draw"],
        "year": years[::WIDTH],
        "sex": inputs["sex"],
        "age": GROUPS,
        "cohort": np.arange(len(GROUPS) + 1),
        "e0_level": inputs["e0_level"],
        "flow": inputs["flow"],
    }
    return xr.Dataset(found, coords=coords, attrs=inputs.attrs)


def grouped(values: Array) -> Array:
    """Sums over 0-4, 5-9 … 95-99 and 100+ of single ages along the last axis."""
    return np.add.reduceat(values, GROUPS, axis=-1)


def five_year_ratios(ratios: Array) -> Array:
    """Survival over five years of births to 0-4, of 0-4 to 5-9 … and within 100+, from single-year ratios (…, 102).

    Ratios of the person-years that a birth lives in each group, as in the single-year table they come from.
    """
    lived = np.cumprod(ratios[..., :101], axis=-1)  # person-years at 0 … 99, and between 100 and 101
    groups = np.add.reduceat(lived[..., :100], GROUPS[:-1], axis=-1)
    within = ratios[..., 101] ** WIDTH
    last = ratios[..., 101]
    # Of those aged 95-99, whoever lives is 100-104: person-years that fall off as within the open group.
    reached = lived[..., 100] * np.where(last < 1.0, (1.0 - within) / np.maximum(1.0 - last, 1e-12), WIDTH)
    later = np.concatenate([groups[..., 1:], reached[..., None]], axis=-1)
    moved = np.divide(later, groups, out=np.zeros_like(later), where=groups > 0)
    return np.concatenate([groups[..., :1] / WIDTH, moved, within[..., None]], axis=-1)
