"""Reading a delimited file as text, so that nothing becomes a number before it was looked at."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from ._checks import shown
from .errors import DataError

LONGEST = 1_000_000  # characters of a line; no table that anybody publishes comes near


def read_table(
    path: str | Path, *, sep: str = ",", columns: Sequence[str] | None = None, largest: float = np.inf
) -> pd.DataFrame:
    """The file as a table of text whose index is the row as an editor counts it (the header is line 1).

    Parameters
    ----------
    path : str or Path
        File, gzip-compressed where its name ends in ``.gz``.
    sep : str
        Separator of the columns.
    columns : sequence of str, optional
        Columns to keep; all must be there.
    largest : float
        Most characters, unpacked: what is larger is refused while it is read, before it fills the memory.
    """
    path = Path(path)
    try:
        with _opened(path) as stream:
            reader = csv.reader(_lines(stream, path, largest), delimiter=sep)
            header = next(reader, [])
            if not any(header):
                raise _bad(path, "a header and rows", "an empty file", "fetch or export the file again")
            if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
                remedy = "separate columns by commas and decimals by points: export the file again"
                raise _bad(path, f"columns separated by {sep!r}", repr(header[0][:80]), remedy, row=1)
            keep = _positions(path, header, columns)
            lines: list[int] = []
            rows: list[list[str]] = []
            for row in reader:
                if len(row) != len(header):
                    raise _bad(
                        path,
                        f"{len(header)} columns",
                        f"{len(row)}",
                        "the row is cut short or has a separator too many; fetch or export the file again",
                        row=reader.line_num,
                        column=header[len(row)] if len(row) < len(header) else None,
                    )
                lines.append(reader.line_num)
                rows.append([row[i] for i in keep])
    except FileNotFoundError:
        raise _bad(path, "a file", "none", "check the path, or fetch the data first") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _bad(path, "a whole gzip file", str(error), "fetch the file again") from error
    except UnicodeDecodeError as error:
        raise _bad(path, "UTF-8 text", str(error), "save the file as UTF-8") from error
    except csv.Error as error:
        raise _bad(path, "a table of plain cells", str(error), "export the file again, as CSV") from error
    except OSError as error:
        raise _bad(path, "a file that can be read", error.strerror or str(error), "name a file you may read") from error
    if not rows:
        raise _bad(path, "rows below the header", "none", "fetch or export the file again")
    return pd.DataFrame(rows, columns=[header[i] for i in keep], index=pd.Index(lines, name="row"), dtype=str)


def numbers(column: pd.Series, file: str | Path | None = None, *, allow_missing: bool = False) -> pd.Series:
    """The column as floats; a DataError names the first row that is text or, unless allowed, empty."""
    text = column.astype(str).str.strip()
    empty = column.isna() | text.isin(["", "nan"])
    values = pd.to_numeric(column.where(~empty), errors="coerce").astype(float)
    wrong = (values.isna() & ~empty) | (empty & (not allow_missing))
    if wrong.any():
        found = text[wrong].iloc[0]
        raise DataError(
            expected="a number",
            found="an empty cell" if empty[wrong].iloc[0] else repr(found),
            remedy="write the figure as plain digits, or declare the column missing with its reason",
            file=file,
            row=column.index[wrong][0],
            column=str(column.name),
        )
    return values


def whole_numbers(column: pd.Series, file: str | Path | None = None) -> pd.Series:
    """The column as integers; a DataError names the first row that is none."""
    values = numbers(column, file)
    wrong = ~np.isfinite(values) | (values % 1 != 0)
    if wrong.any():
        raise DataError(
            expected="a whole number",
            found=repr(str(column[wrong].iloc[0])),
            remedy="write years and ages as whole numbers",
            file=file,
            row=column.index[wrong][0],
            column=str(column.name),
        )
    return values.astype(int)


def own_provenance(path: str | Path) -> dict[str, str]:
    """Provenance of a file of one's own: its name and hash."""
    path = Path(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"source": path.name, "licence": "not stated", "revision": f"SHA-256 {digest[:12]}", "retrieved": "as given"}


@contextmanager
def _opened(path: Path) -> Iterator[io.TextIOBase]:
    # utf-8-sig: the UN's bulk files begin with a byte order mark.
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as stream:
            yield stream
    else:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            yield stream


def _lines(stream: io.TextIOBase, path: Path, largest: float) -> Iterator[str]:
    """The lines one by one, as long as they are lines and not too many."""
    read = 0
    while line := stream.readline(LONGEST):
        read += len(line)
        if read > largest or len(line) == LONGEST:
            size = f"{largest / 1e6:,.0f} million characters" if read > largest else f"{LONGEST:,} characters in a line"
            raise _bad(path, f"at most {size}", "more", "keep the rows and columns that are needed", row=None)
        yield line


def _positions(path: Path, header: list[str], columns: Sequence[str] | None) -> list[int]:
    repeated = [name for i, name in enumerate(header) if name in header[:i]]
    if repeated:
        raise _bad(path, "each column once", f"{repeated[0]!r} twice", "rename or drop one", row=1)
    for name in columns or ():
        if name not in header:
            raise _bad(path, f"the column {name!r}", f"columns {shown(header)}", "fetch or export it again", row=1)
    return [header.index(name) for name in columns or header]


def _bad(
    path: Path, expected: str, found: str, remedy: str, *, row: int | None = None, column: str | None = None
) -> DataError:
    return DataError(expected=expected, found=found, remedy=remedy, file=path, row=row, column=column)
