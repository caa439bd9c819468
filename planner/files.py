"""Files that others open: CSV that no spreadsheet takes for a formula, and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

from .errors import PlannerError

__all__ = ["plain", "read_json", "read_tables", "write_csv", "write_json"]

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


def read_tables(folder: str | Path) -> dict[str, pd.DataFrame]:
    """Read every table that `write_csv` left in a folder, by name; months of bands as dates.

    Parameters
    ----------
    folder : str or Path
        Folder of CSV files.

    Returns
    -------
    dict of str to pandas.DataFrame

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> _ = write_csv(pd.DataFrame({"year": [2030], "median": [1.5]}), f"{folder}/bands.csv")
    >>> read_tables(folder)["bands"]["median"].tolist()
    [1.5]
    """
    tables = {}
    for path in sorted(Path(folder).glob("*.csv")):
        table = pd.read_csv(path, keep_default_na=False, na_values=[""])
        if "month" in table and len(str(table["month"].iloc[0])) == len("2027-01-01"):
            table["month"] = pd.to_datetime(table["month"])
        tables[path.stem] = table
    return tables


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
    text = json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False)
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
    poblar.planner.errors.PlannerError: expected nowhere/summary.json, found no such file; run `poblar run` first, ...
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError(f"a {type(content).__name__} in place of keys")
        return content
    except FileNotFoundError:
        raise PlannerError(
            f"expected {path}, found no such file; run `poblar run` first, or name the folder it wrote with --from."
        ) from None
    except (OSError, ValueError) as error:
        raise PlannerError(
            f"expected a summary in {path}, found what cannot be read ({error}); run `poblar run` again."
        ) from error


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def plain(value: Any) -> Any:
    """A value in JSON's own types: no NaN, NumPy's numbers as numbers, times as ISO dates.

    Parameters
    ----------
    value : Any
        Numbers, texts, dates, paths, and mappings and sequences of them.

    Returns
    -------
    Any

    Examples
    --------
    >>> plain({"share": np.float64(0.5), "price": float("nan"), "years": range(2)})
    {'share': 0.5, 'price': None, 'years': [0, 1]}
    """
    match value:
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | range():
            return [plain(item) for item in value]
        case pd.Timestamp() | np.datetime64():
            return str(np.datetime64(value, "D"))
        case Path():
            return str(value)
        case np.generic():
            return plain(value.item())
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
