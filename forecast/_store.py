"""Where a projection's blocks go: arrays in memory, or a Zarr store that can be taken up again after a halt."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any, Final

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray

from ._engine import Block, Output
from .errors import DrawsError

LAYOUT: Final = 1  # of the store; another number cannot be taken up
FORMAT = 3  # of Zarr; the one before it may hold pickled objects, which run code when they are read


class Memory:
    """Arrays (draw, country, …) in memory."""

    def __init__(self, draws: int, countries: int, outputs: Mapping[str, Output]) -> None:
        self.arrays = {name: np.empty((draws, countries, *out.shape), out.dtype) for name, out in outputs.items()}

    def done(self, countries: slice, draws: slice) -> bool:  # noqa: ARG002
        """Nothing is there before it was written."""
        return False

    def write(self, countries: slice, draws: slice, block: Block) -> None:
        """Keep a block."""
        for name, values in block.items():
            self.arrays[name][draws, countries] = values


class Store:
    """A Zarr store with a chunk for each block and output, and a list of the blocks that are whole."""

    def __init__(
        self, path: Path, template: Mapping[str, xr.Dataset], outputs: Mapping[str, Output], size: int, fingerprint: str
    ) -> None:
        self.path, self.size = path, size
        begun = path.exists() and any(path.iterdir())
        self.root = zarr.open_group(path, mode="a", zarr_format=FORMAT)
        if begun and self.root.attrs.get("fingerprint") != fingerprint:
            raise DrawsError(
                f"{path}: expected the projection that this store was begun with, found other inputs, options or "
                "version; choose another store=, or remove this one."
            )
        if not begun:
            self._create(path, template, outputs, fingerprint)
        self.whole: Any = self.root["blocks"]
        self.arrays: dict[str, Any] = {
            name: self.root[f"{'stocks' if out.stock else 'flows'}/{name}"] for name, out in outputs.items()
        }

    def _create(
        self, path: Path, template: Mapping[str, xr.Dataset], outputs: Mapping[str, Output], fingerprint: str
    ) -> None:
        draws, countries = template["stocks"].sizes["draw"], template["stocks"].sizes["country"]
        for name, labels in template.items():
            labels.to_zarr(path, group=name, mode="w", consolidated=False, zarr_format=FORMAT)
            group: Any = self.root[name]
            for key, out in outputs.items():
                if out.stock == (name == "stocks"):
                    group.create_array(
                        key,
                        shape=(draws, countries, *out.shape),
                        chunks=(self.size, 1, *out.shape),
                        dtype=out.dtype,
                        dimension_names=("draw", out.first, *out.dims),
                        attributes={"units": out.units},
                    )
        blocks = -(-draws // self.size)
        self.root.create_array("blocks", shape=(countries, blocks), chunks=(1, 1), dtype="uint8", fill_value=0)
        self.root.attrs["layout"] = LAYOUT
        self.root.attrs["fingerprint"] = fingerprint  # last: a store without it was not begun in full

    def done(self, countries: slice, draws: slice) -> bool:
        """Whether this block was written whole."""
        return bool(np.all(self.whole[countries, draws.start // self.size]))

    def write(self, countries: slice, draws: slice, block: Block) -> None:
        """Write a block's chunks, and then that it is whole."""
        for name, values in block.items():
            self.arrays[name][draws, countries] = values
        self.whole[countries, draws.start // self.size] = 1


def open_store(path: Path) -> tuple[xr.Dataset, xr.Dataset]:
    """Stocks and flows of a store whose blocks are all whole; figures are read when they are used."""
    try:
        root = zarr.open_group(path, mode="r", zarr_format=FORMAT)
    except (FileNotFoundError, KeyError):
        root = None
    if root is None or "fingerprint" not in root.attrs:
        raise DrawsError(f"{path}: expected a store written by project(store=…), found another folder.")
    blocks: Any = root["blocks"]
    missing = int((blocks[:] == 0).sum())
    if missing:
        raise DrawsError(
            f"{path}: expected a whole projection, found {missing} of {blocks.size} blocks missing; call project again "
            "with the same inputs and store= to go on."
        )
    stocks, flows = (
        xr.open_zarr(path, group=group, consolidated=False, chunks=None, zarr_format=FORMAT)
        for group in ("stocks", "flows")
    )
    return stocks, flows


def fingerprint_of(arrays: Iterator[xr.DataArray | xr.Dataset], options: Mapping[str, Any]) -> str:
    """Hash of every number and option that the result depends on."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps({"layout": LAYOUT} | {key: _stated(value) for key, value in options.items()}).encode())
    for array in arrays:
        parts = (
            array.variables.values()
            if isinstance(array, xr.Dataset)
            else (array.variable, *array.coords.variables.values())
        )
        for part in parts:
            digest.update(repr((part.dims, part.shape, part.attrs.get("units"))).encode())
            values: NDArray[Any] = part.to_numpy()
            digest.update(
                np.ascontiguousarray(values).tobytes()
                if values.dtype.kind in "biuf"
                else repr(values.tolist()).encode()
            )
    return digest.hexdigest()


def _stated(value: Any) -> str:
    """An option in words; a function by its name and code, so that a changed one is another."""
    if isinstance(value, partial):
        return f"partial({_stated(value.func)}, {value.args!r}, {value.keywords!r})"
    code = getattr(value, "__code__", None)
    return repr(value) if code is None else f"{value.__qualname__}: {_code(code)}"


def _code(code: CodeType) -> str:
    """What a function does, without where it stands."""
    constants = [_code(item) if isinstance(item, CodeType) else repr(item) for item in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {constants}"
