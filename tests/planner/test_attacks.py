"""Files that were made to do harm are refused, and nothing in them is executed; see test_plan_file and test_own too."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from poblar.data import DataError
from poblar.data.own import own_ledger
from poblar.forecast import DrawsError, Migration, Posterior, Projection
from poblar.planner.errors import PlannerError
from poblar.planner.report import again


class Payload:
    """Unpickled, it leaves a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


@pytest.fixture
def owned(tmp_path: Path) -> Path:
    """What a payload would make."""
    return tmp_path / "owned"


def test_the_payload_works(owned: Path) -> None:
    pickle.loads(pickle.dumps(Payload(owned)))
    assert owned.exists()


def test_pickled_objects_in_netcdf_stay_bytes(tmp_path: Path, owned: Path) -> None:
    path = tmp_path / "posterior.nc"
    with h5py.File(path, "w") as file:
        file.attrs["poblar"] = np.void(pickle.dumps(Payload(owned)))
        group = file.create_group("posterior")
        group["log_scale"] = np.void(pickle.dumps(Payload(owned)))
    with pytest.raises((DrawsError, ValueError, TypeError, KeyError)):
        Posterior.load(path, Migration())
    assert not owned.exists()


def test_a_store_of_pickled_objects_is_not_opened(tmp_path: Path, owned: Path) -> None:
    """Zarr's second format names a filter by which an array is unpickled."""
    for folder in (tmp_path / "store", tmp_path / "store" / "stocks", tmp_path / "store" / "flows"):
        folder.mkdir()
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
    (tmp_path / "store" / ".zattrs").write_text('{"fingerprint": "x", "layout": 1}')
    blocks = tmp_path / "store" / "blocks"
    blocks.mkdir()
    about = {
        "zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "compressor": None, "fill_value": None,
        "order": "C", "filters": [{"id": "pickle", "protocol": 5}],
    }  # fmt: skip
    (blocks / ".zarray").write_text(json.dumps(about))
    (blocks / "0").write_bytes(pickle.dumps(Payload(owned)))
    with pytest.raises(DrawsError, match="expected a store written by project"):
        Projection.load(tmp_path / "store")
    assert not owned.exists()


@pytest.mark.parametrize("cell", ["=cmd|' /C calc'!A0", "+1+1", "@SUM(A1)", "-2+3", "1e999", "inf", "1,000"])
def test_a_formula_or_no_finite_number_is_no_figure(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "ledger.csv"
    quoted = '"' + cell.replace('"', '""') + '"'
    path.write_text(f"year,applications,recognized,rejected,closed,pending\n2020,{quoted},1,1,1,10\n2021,5,1,1,1,11\n")
    with pytest.raises(DataError, match="expected"):
        own_ledger("XAA", path)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"study": 5}', '{"study": {"country": "MEX", "colour": 1}}', "{", '{"study": {}}', "\x00"]
)
def test_a_summary_that_was_tampered_with_is_a_stated_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(PlannerError, match="expected"):
        again(tmp_path)
