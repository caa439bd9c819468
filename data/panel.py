"""Panel: aligned, labelled, unit-carrying figures, validated once at the door."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr

from ._checks import PROVENANCE, check, outside, range_text, shown
from ._table import numbers, whole_numbers
from .axes import SEXES
from .errors import DataError

__all__ = ["Panel"]


@dataclass(frozen=True, eq=False, repr=False)
class Panel:
    """Published figures with exact labels, units and provenance; the only thing that models accept.

    Parameters
    ----------
    dataset : xarray.Dataset
        Variables over axes among `poblar.data.axes.AXES`, each with ``attrs["units"]``; the dataset's
        attributes ``source``, ``licence``, ``revision`` and ``retrieved`` say where the figures come from.
        ``year_step`` (default 1) is the spacing of the years. A variable with NaN declares it by
        ``missing="declared"`` and ``missing_reason``. A partial range of ages is declared by
        ``dataset["age"].attrs["age_range"]``. The panel keeps a copy.

    Raises
    ------
    DataError
        On an unknown dimension, a coordinate that is missing, repeated, unsorted or has a gap, a code that is
        not ISO 3166-1 alpha-3, other units than the name has, a value that is undeclared missing, infinite or
        implausible, or missing provenance.

    Examples
    --------
    >>> import xarray as xr
    >>> tfr = xr.DataArray(
    ...     [[2.0, 1.9]],
    ...     coords={"country": ["MEX"], "year": [2020, 2021]},
    ...     dims=["country", "year"],
    ...     attrs={"units": "children per woman"},
    ... )
    >>> about = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-24"}
    >>> panel = Panel(xr.Dataset({"tfr": tfr}, attrs=about))
    >>> panel
    Panel(tfr [children per woman]; country: MEX; year: 2020 to 2021; source: example, revision 1)
    """

    dataset: xr.Dataset

    def __post_init__(self) -> None:
        if not isinstance(self.dataset, xr.Dataset):
            raise DataError(
                expected="an xarray.Dataset",
                found=type(self.dataset).__name__,
                remedy="use Panel.from_frame for a table, or DataArray.to_dataset(name=…)",
            )
        # A copy, so that nobody changes figures behind a panel that was found valid.
        object.__setattr__(self, "dataset", self.dataset.copy(deep=True))
        check(self.dataset)

    def __getitem__(self, name: str) -> xr.DataArray:
        """One variable, e.g. ``panel["tfr"]``.

        Parameters
        ----------
        name : str
            Name of a variable or a coordinate.

        Returns
        -------
        xarray.DataArray

        Raises
        ------
        DataError
            If the panel has no such name.
        """
        if name not in self.dataset.variables:
            raise DataError(
                expected=f"one of {shown(self.names)}", found=repr(name), remedy="choose a name the panel has"
            )
        return self.dataset[name]

    def __repr__(self) -> str:
        variables = ", ".join(f"{name} [{self[name].attrs['units']}]" for name in self.names)
        axes = [f"{dim}: {_span(self.dataset.indexes[dim])}" for dim in self.dataset.dims]
        attrs = self.dataset.attrs
        return "Panel(" + "; ".join([variables, *axes, f"source: {attrs['source']}, revision {attrs['revision']})"])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables."""
        return tuple(str(name) for name in self.dataset.data_vars)

    @property
    def sizes(self) -> dict[str, int]:
        """Length of each axis."""
        return {str(name): size for name, size in self.dataset.sizes.items()}

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hexadecimal) of values, labels and units, whatever the order of the variables."""
        digest = hashlib.sha256()
        for name in sorted(str(name) for name in self.dataset.variables):
            variable = self.dataset[name]
            digest.update(repr((name, variable.dims, variable.shape, variable.attrs.get("units"))).encode())
            if variable.dtype.kind in "iuf":
                digest.update(np.ascontiguousarray(variable.to_numpy(), dtype="<f8").tobytes())
            else:
                digest.update(repr([str(value) for value in variable.to_numpy().ravel()]).encode())
        return digest.hexdigest()

    def sel(self, **labels: Any) -> Panel:
        """The part of the panel with these labels; every axis stays.

        Parameters
        ----------
        **labels : label, sequence of labels or slice
            By axis, e.g. ``country="MEX"``, ``country=["MEX", "GTM"]`` or ``year=slice(1980, 2020)``, which
            has both ends in it and is cut to the years there are.

        Returns
        -------
        Panel

        Raises
        ------
        DataError
            On an axis or label that the panel does not have; the message lists those it has.

        Examples
        --------
        >>> from poblar.data import reference
        >>> tfr = reference.region().tfr
        >>> tfr.sel(country="MEX", year=slice(2000, 2010)).sizes
        {'country': 1, 'year': 11}
        """
        chosen: dict[str, Any] = {}
        for dim, wanted in labels.items():
            if dim not in self.dataset.dims:
                raise DataError(
                    expected=f"an axis among {shown(list(self.sizes))}",
                    found=repr(dim),
                    remedy="select along an axis of the panel",
                )
            index = self.dataset.indexes[dim]
            if isinstance(wanted, slice):
                chosen[dim] = index[index.slice_indexer(wanted.start, wanted.stop, wanted.step)]
            else:
                chosen[dim] = [wanted] if isinstance(wanted, str) or np.ndim(wanted) == 0 else list(wanted)
            unknown = [label for label in chosen[dim] if label not in index]
            if unknown or not len(chosen[dim]):
                raise DataError(
                    expected=f"{dim} among {shown(index)}",
                    found=shown(unknown) if unknown else "an empty selection",
                    remedy="choose labels the panel has",
                )
        part = self.dataset.sel(chosen).copy(deep=True)
        for name in part.data_vars:
            if not bool(np.isnan(part[name]).any()):  # what was missing is not in this part
                part[name].attrs.pop("missing", None)
                part[name].attrs.pop("missing_reason", None)
        return Panel(part)

    def to_frame(self) -> pd.DataFrame:
        """Tidy table: a column for each axis and each variable, a row for each cell.

        Returns
        -------
        pandas.DataFrame

        Examples
        --------
        >>> from poblar.data import reference
        >>> reference.region().tfr.sel(country="MEX", year=slice(2020, 2021)).to_frame().columns.tolist()
        ['country', 'year', 'tfr']
        """
        extra = [name for name in self.dataset.coords if name not in self.dataset.dims]
        dims = [str(dim) for dim in self.dataset.dims]
        return self.dataset.drop_vars(extra).to_dataframe(dim_order=dims).reset_index()

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        dims: Sequence[str],
        units: Mapping[str, str],
        provenance: Mapping[str, str],
        missing: Mapping[str, str] | None = None,
        year_step: int = 1,
        age_range: str | None = None,
        file: str | Path | None = None,
    ) -> Self:
        """Panel of a tidy table.

        Parameters
        ----------
        frame : pandas.DataFrame
            A column for each axis and each variable, one row for each cell; other columns are left out.
            Messages name a row by its index label.
        dims : sequence of str
            Columns that are axes, in the order wanted.
        units : mapping
            Unit of each variable, by column.
        provenance : mapping
            ``source``, ``licence``, ``revision``, ``retrieved``; further keys become attributes too.
        missing : mapping, optional
            By variable, the reason why values are missing; no other variable may have empty cells.
        year_step : int
            Years between two years of the table.
        age_range : str, optional
            Range of ages in words, e.g. ``"10 to 54"``, where the table does not start at age 0.
        file : str or Path, optional
            File that messages name.

        Returns
        -------
        Panel

        Raises
        ------
        DataError
            On a missing column, a repeated row, a missing combination of labels, text where a number belongs,
            and all that `Panel` refuses.

        Examples
        --------
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"country": "MEX", "year": [2020, 2021], "tfr": [1.9, 1.8]})
        >>> about = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-24"}
        >>> units = {"tfr": "children per woman"}
        >>> Panel.from_frame(frame, dims=["country", "year"], units=units, provenance=about).sizes
        {'country': 1, 'year': 2}
        """
        missing = dict(missing or {})
        table = _tidy(frame, dims, list(units), missing, file)
        labels = {dim: _labels(dim, table[dim]) for dim in dims}
        cells = table.set_index(list(dims))
        full = pd.MultiIndex.from_product(list(labels.values()), names=list(dims))
        if len(cells) < len(full) and not set(units) <= set(missing):
            absent = next(cell for cell in itertools.product(*labels.values()) if cell not in _cells(cells, dims))
            raise DataError(
                expected=f"a row for every combination of {', '.join(dims)} ({len(full)} rows)",
                found=f"{len(cells)} rows, none for {_named(dims, absent)}",
                remedy="add the row, with empty cells declared missing if the figure is unknown",
                file=file,
            )
        cells = cells.reindex(full if len(dims) > 1 else full.get_level_values(0))
        shape = [len(values) for values in labels.values()]
        attrs: dict[str, Any] = dict(provenance) | ({"year_step": year_step} if year_step != 1 else {})
        dataset = xr.Dataset(
            {
                name: (
                    tuple(dims),
                    cells[name].to_numpy(dtype=float).reshape(shape),
                    {"units": unit}
                    | (
                        {"missing": "declared", "missing_reason": missing[name]}
                        if name in missing and cells[name].isna().any()
                        else {}
                    ),
                )
                for name, unit in units.items()
            },
            coords=labels,
            attrs={key: attrs.pop(key) for key in PROVENANCE if key in attrs} | attrs,
        )
        if age_range is not None:
            dataset["age"].attrs["age_range"] = age_range
        return cls(dataset)


def _tidy(
    frame: pd.DataFrame,
    dims: Sequence[str],
    names: list[str],
    missing: dict[str, str],
    file: str | Path | None,
) -> pd.DataFrame:
    """The columns wanted, as numbers and labels, with no row twice."""
    for column in (*dims, *names):
        if column not in frame.columns:
            raise DataError(
                expected=f"the column {column!r}",
                found=f"columns {shown(frame.columns)}",
                remedy="rename or add the column",
                file=file,
            )
    table = pd.DataFrame(index=frame.index)
    for dim in dims:
        table[dim] = whole_numbers(frame[dim], file) if dim in ("year", "age", "draw") else frame[dim]
    for name in names:
        table[name] = numbers(frame[name], file, allow_missing=name in missing)
        wrong = outside(name, table[name].to_numpy())
        if wrong.any():
            raise DataError(
                expected=range_text(name),
                found=f"{table[name][wrong].iloc[0]:g}",
                remedy="correct the figure or its unit",
                file=file,
                row=_row(table, dims, wrong),
                column=name,
            )
    repeated = table.duplicated(list(dims)).to_numpy()
    if repeated.any():
        raise DataError(
            expected=f"one row for each combination of {', '.join(dims)}",
            found="the same combination again",
            remedy="drop or merge the repeated rows",
            file=file,
            row=_row(table, dims, repeated),
        )
    return table


def _labels(dim: str, column: pd.Series) -> list[Any]:
    """Labels of an axis: numbers and dates ascending, sexes in their order, the rest as they come."""
    found = list(column.unique())
    if dim == "sex" and set(found) == set(SEXES):
        return list(SEXES)
    return sorted(found) if dim in ("year", "age", "draw", "month") else found


def _cells(cells: pd.DataFrame, dims: Sequence[str]) -> set[tuple[Any, ...]]:
    return {(key,) for key in cells.index} if len(dims) == 1 else set(cells.index)


def _named(dims: Sequence[str], labels: Sequence[object]) -> str:
    return ", ".join(f"{dim} {label}" for dim, label in zip(dims, labels, strict=True))


def _row(table: pd.DataFrame, dims: Sequence[str], mask: np.ndarray) -> str:
    """Index label of the first row of a mask, with the cell it stands for."""
    first = int(np.flatnonzero(mask)[0])
    return f"{table.index[first]} ({_named(dims, [table[dim].iloc[first] for dim in dims])})"


def _span(index: pd.Index) -> str:
    return f"{index[0]} to {index[-1]}" if index.dtype.kind in "iuM" and len(index) > 1 else shown(index)
