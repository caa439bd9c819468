"""What a Panel must be: each check refuses with a DataError that names the variable and the label."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from .axes import AXES, SEXES, UNITS
from .countries import is_country, nearest
from .errors import DataError

PROVENANCE: Final = ("source", "licence", "revision", "retrieved")
"""Attributes that every Panel carries: where its figures come from."""

_NONNEGATIVE: Final = (0.0, np.inf)
RANGES: Final = {
    "tfr": (0.1, 12.0),
    "e0": (5.0, 110.0),
    "mx": (0.0, 6.0),
    "sex_ratio_at_birth": (0.8, 1.3),
    "fertility_share": (0.0, 1.0),
    "migrant_share": (-1.0, 1.0),  # a schedule of mixed sign has negative shares
    "net_migration_rate": (-0.75, 0.75),
    "population": _NONNEGATIVE,
    "births": _NONNEGATIVE,
    "deaths": _NONNEGATIVE,
    "applications": _NONNEGATIVE,
    "recognized": _NONNEGATIVE,
    "rejected": _NONNEGATIVE,
    "closed": _NONNEGATIVE,
    "pending": _NONNEGATIVE,
    "staff": _NONNEGATIVE,
}
"""Least and greatest plausible value of each known name: what lies outside is a slip, not a figure."""

ALTERNATIVES: Final = {"pending": "cases"}
"""A second unit that a name may have."""

_NUMERIC_AXES: Final = ("draw", "year", "age")
_SHOWN: Final = 6


def check(dataset: xr.Dataset) -> None:
    """Refuse a dataset that a Panel must not hold."""
    if not dataset.data_vars:
        raise DataError(expected="at least one variable", found="none", remedy="name the figures, e.g. tfr")
    _check_provenance(dataset)
    for name in dataset.dims:
        _check_axis(dataset, name)
    for name, values in dataset.data_vars.items():
        _check_variable(str(name), values)


def outside(name: str, values: np.ndarray) -> np.ndarray:
    """Mask of the values that are implausible for a known name; NaN is not judged here."""
    low, high = RANGES.get(name, (-np.inf, np.inf))
    return (values < low) | (values > high)


def range_text(name: str) -> str:
    """The plausible range of a known name, in words."""
    low, high = RANGES[name]
    return f"{name} of {low:g} or more" if np.isinf(high) else f"{name} from {low:g} to {high:g}"


def shown(labels: object) -> str:
    """The first few labels, for a message."""
    texts = [str(label) for label in np.asarray(labels).ravel()]
    return ", ".join(texts[:_SHOWN]) + (f" … ({len(texts)} in all)" if len(texts) > _SHOWN else "")


def _check_provenance(dataset: xr.Dataset) -> None:
    for key in PROVENANCE:
        if not str(dataset.attrs.get(key, "")).strip():
            raise DataError(
                expected=f"the attribute {key!r} (with {', '.join(PROVENANCE)})",
                found="none",
                remedy=f"say where the figures come from: dataset.attrs[{key!r}] = …",
            )


def _check_axis(dataset: xr.Dataset, name: Hashable) -> None:
    if name not in AXES:
        raise DataError(expected=f"dimensions among {', '.join(AXES)}", found=repr(name), remedy="rename the dimension")
    if name not in dataset.coords:
        raise DataError(
            expected=f"a coordinate for the dimension {name!r}",
            found="none",
            remedy=f"label it: dataset.assign_coords({name}=[…])",
        )
    labels = dataset.indexes[name]
    if not len(labels):
        raise DataError(
            expected=f"labels on the axis {name!r}",
            found="none",
            remedy="check the selection before this step",
        )
    if labels.hasnans:
        raise DataError(
            expected=f"labels on the axis {name!r}",
            found="a missing label",
            remedy="label every place of the axis",
        )
    if labels.has_duplicates:
        raise DataError(
            expected=f"each label of {name!r} once",
            found=f"{labels[labels.duplicated()][0]} more than once",
            remedy="drop or merge the repeated rows",
        )
    if name in _NUMERIC_AXES:
        _check_numbers(str(name), labels)
    if name == "month" and not isinstance(labels, pd.DatetimeIndex):
        raise DataError(
            expected="month as the first day of each month (datetime64)",
            found=f"dtype {labels.dtype}",
            remedy="convert with pandas.to_datetime",
        )
    if name in (*_NUMERIC_AXES, "month") and not labels.is_monotonic_increasing:
        raise DataError(
            expected=f"{name!r} in ascending order", found=shown(labels), remedy=f"dataset.sortby({name!r})"
        )
    if name == "country":
        _check_countries(labels)
    elif name == "sex" and tuple(labels) != SEXES:
        raise DataError(
            expected="sex ('female', 'male') in that order",
            found=str(tuple(labels)),
            remedy="dataset.reindex(sex=['female', 'male']) puts both sexes in order",
        )
    elif name == "year":
        _check_step(labels, dataset.attrs.get("year_step", 1))
    elif name == "month":
        _check_months(labels)
    elif name == "age":
        _check_ages(labels, dataset["age"].attrs)


def _check_numbers(name: str, labels: pd.Index) -> None:
    if not pd.api.types.is_integer_dtype(labels.dtype):
        raise DataError(
            expected=f"{name!r} as whole numbers",
            found=f"dtype {labels.dtype} ({shown(labels)})",
            remedy=f"convert the coordinate: dataset.assign_coords({name}=dataset.{name}.astype(int))",
        )


def _check_countries(labels: pd.Index) -> None:
    for label in labels:
        if not is_country(str(label)):
            guess = nearest(str(label))
            raise DataError(
                expected="ISO 3166-1 alpha-3 codes",
                found=repr(str(label)),
                remedy=f"did you mean {guess!r}?" if guess else "look the code up, e.g. 'MEX' for Mexico",
            )


def _check_step(years: pd.Index, step: object) -> None:
    if not isinstance(step, (int, np.integer)) or step < 1:
        raise DataError(
            expected="year_step as a whole number of years",
            found=repr(step),
            remedy="set dataset.attrs['year_step'], e.g. 10 for decades",
        )
    gaps = np.flatnonzero(np.diff(years.to_numpy()) != step)
    if gaps.size:
        before, after = years[gaps[0]], years[gaps[0] + 1]
        raise DataError(
            expected=f"a year every {step} year(s)",
            found=f"{before} followed by {after}",
            remedy=(
                f"add the years between (NaN declared missing if unknown), "
                f"or set dataset.attrs['year_step'] = {after - before} if that is the spacing"
            ),
        )


def _check_months(months: pd.Index) -> None:
    full = pd.date_range(months[0], months[-1], freq="MS")
    if not months.equals(full):
        odd = months.symmetric_difference(full)
        raise DataError(
            expected="every month by its first day",
            found=f"a slip at {odd[0]:%Y-%m-%d}",
            remedy="write months as 2027-01-01 and add those between, declared missing if unknown",
        )


def _check_ages(ages: pd.Index, attrs: dict[Hashable, object]) -> None:
    if ages[0] < 0 or (ages[0] != 0 and not attrs.get("age_range")):
        raise DataError(
            expected="ages from 0, or an age_range",
            found=f"{ages[0]} first",
            remedy="state a partial range where it is meant: dataset['age'].attrs['age_range'] = '10 to 54'",
        )


def _check_variable(name: str, values: xr.DataArray) -> None:
    kind = values.dtype.kind
    if kind not in "iuf":
        raise DataError(
            expected="numbers (integer or floating point)",
            found=f"dtype {values.dtype}",
            remedy="convert the column; text hides in it if that fails",
            column=name,
        )
    _check_units(name, values.attrs.get("units"))
    array = values.to_numpy()
    if np.isinf(array).any():
        raise DataError(
            expected="finite numbers",
            found="an infinite value",
            remedy="look for a division by zero before this step",
            row=_place(values, np.isinf(array)),
            column=name,
        )
    _check_missing(name, values, np.isnan(array) if kind == "f" else np.zeros(array.shape, bool))
    wrong = outside(name, array)
    if wrong.any():
        raise DataError(
            expected=range_text(name),
            found=f"{array[wrong][0]:g}",
            remedy="correct the figure or its unit",
            row=_place(values, wrong),
            column=name,
        )


def _check_units(name: str, units: object) -> None:
    expected = UNITS.get(name)
    if not isinstance(units, str) or not units.strip():
        raise DataError(
            expected="the attribute 'units'" + (f" ({expected!r})" if expected else ""),
            found="none",
            remedy=f"set dataset[{name!r}].attrs['units']",
            column=name,
        )
    if expected is not None and units not in (expected, ALTERNATIVES.get(name)):
        remedy = f"convert the figures to {expected}"
        if units.startswith("thousand"):
            remedy = f"multiply by 1000 and set units to {expected!r}"
        elif "percent" in units or "%" in units:
            remedy = f"divide by 100 and set units to {expected!r}"
        raise DataError(expected=f"units {expected!r}", found=repr(units), remedy=remedy, column=name)


def _check_missing(name: str, values: xr.DataArray, missing: np.ndarray) -> None:
    declared = values.attrs.get("missing")
    reason = str(values.attrs.get("missing_reason", "")).strip()
    if declared is not None and (declared != "declared" or not reason):
        raise DataError(
            expected="missing='declared' together with a missing_reason",
            found=f"missing={declared!r}, missing_reason={reason!r}",
            remedy="say why the figures are missing, or remove the attribute",
            column=name,
        )
    if missing.any() and declared is None:
        raise DataError(
            expected="no missing value",
            found=f"{int(missing.sum())} NaN",
            remedy="fill in, or declare it: attrs.update(missing='declared', missing_reason='…')",
            row=_place(values, missing),
            column=name,
        )


def _place(values: xr.DataArray, mask: np.ndarray) -> str:
    """Labels of the first cell of a mask, e.g. ``country MEX, year 1950``."""
    first = np.argwhere(mask)[0]
    return ", ".join(f"{dim} {values.indexes[dim][i]}" for dim, i in zip(values.dims, first, strict=True))
