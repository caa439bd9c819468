"""Files that others open: CSV that no spreadsheet takes for a formula, and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

from .errors import PlannerError

__all__ = ["read_json", "write_csv", "write_json"]

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(table: pd.DataFrame, path: str | Path) -> Path:
    """Write a table; text that a spreadsheet would run as a formula gets an apostrophe in front.

    Parameters
    ----------
    table : pandas.DataFrame
        Tidy; columns of dates become ISO dates, numbers stay numbers.
    path : str or Path
        File to write; its folder is made.

    Returns
    -------
    Path

    Raises
    ------
    PlannerError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> table = pd.DataFrame({"name": ["=1+1", "Mexico"], "change": [-0.5, 0.5]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(write_csv(table, f"{folder}/table.csv").read_text())
    name,change
    '=1+1,-0.5
    Mexico,0.5
    <BLANKLINE>
    """
    safe = table.rename(columns=_harmless)
    for name in safe:
        if is_datetime64_any_dtype(safe[name]):
            safe[name] = safe[name].dt.strftime("%Y-%m-%d")
        elif not is_numeric_dtype(safe[name]):
            safe[name] = safe[name].map(_harmless)
    return _write(Path(path), safe.to_csv(index=False, lineterminator="\n", float_format="%.8g"))


def write_json(content: dict[str, Any], path: str | Path) -> Path:
    """Write JSON that any reader takes: no NaN, NumPy's numbers as numbers, times as ISO dates.

    Parameters
    ----------
    content : dict
        What to write.
    path : str or Path
        File to write; its folder is made.

    Returns
    -------
    Path

    Raises
    ------
    PlannerError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_json(write_json({"share": np.float64(0.5), "price": float("nan")}, f"{folder}/a.json"))
    {'share': 0.5, 'price': None}
    """
    text = json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    return _write(Path(path), text + "\n")


def read_json(path: str | Path) -> dict[str, Any]:
    """Read JSON that `write_json` wrote.

    Parameters
    ----------
    path : str or Path
        File to read.

    Returns
    -------
    dict

    Raises
    ------
    PlannerError
        If there is no such file, or it is not JSON.

    Examples
    --------
    >>> read_json("nowhere/summary.json")
    Traceback (most recent call last):
    ...
    poblar.planner.errors.PlannerError: expected nowhere/summary.json, found no such file; run `poblar demo` first, ...
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PlannerError(
            f"expected {path}, found no such file; run `poblar demo` first, or name the folder it wrote with --from."
        ) from None
    except (OSError, ValueError) as error:
        raise PlannerError(
            f"expected a summary in {path}, found what cannot be read ({error}); run `poblar demo` again."
        ) from error


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _plain(value: Any) -> Any:
    """The value in JSON's own types."""
    match value:
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple() | range():
            return [_plain(item) for item in value]
        case pd.Timestamp() | np.datetime64():
            return str(np.datetime64(value, "D"))
        case np.generic():
            return _plain(value.item())
        case float() if not np.isfinite(value):
            return None
        case _:
            return value


def _write(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PlannerError(
            f"expected to write {path}, found {error.strerror or error}; free space or name another place."
        ) from error
    return path
