"""The one root of every error that poblar raises, and the error of bad data."""

from __future__ import annotations

from functools import partial
from pathlib import Path

__all__ = ["DataError", "PoblarError"]


class PoblarError(Exception):
    """An error that poblar raises on purpose; its text says what was expected, what was found and what to do.

    Every room derives its errors from this one and from the builtin that fits, so that
    ``except ValueError`` works as well as ``except PoblarError``.
    """


class DataError(PoblarError, ValueError):
    """Data that cannot be used.

    Parameters
    ----------
    expected, found, remedy : str
        What the reader needed, what stands there, and what the user can do about it.
    file : str or Path, optional
        File in which it stands.
    row : int or str, optional
        Row, counted as an editor counts lines (the header is line 1), or the label of the row.
    column : str, optional
        Column in which it stands.

    Examples
    --------
    >>> print(DataError(expected="a number", found="'n/a'", remedy="leave the cell empty",
    ...                 file="tfr.csv", row=7, column="2021"))
    tfr.csv, row 7, column '2021': expected a number, found 'n/a'; leave the cell empty.
    """

    def __init__(
        self,
        *,
        expected: str,
        found: str,
        remedy: str,
        file: str | Path | None = None,
        row: int | str | None = None,
        column: str | None = None,
    ) -> None:
        self.expected, self.found, self.remedy = expected, found, remedy
        self.file, self.row, self.column = file, row, column
        place = ", ".join(
            text
            for text in (
                str(file) if file is not None else "",
                f"row {row}" if row is not None else "",
                f"column {column!r}" if column is not None else "",
            )
            if text
        )
        super().__init__(f"{place + ': ' if place else ''}expected {expected}, found {found}; {remedy}.")

    def __reduce__(self) -> tuple[partial[DataError], tuple[()]]:
        """Let the error travel between processes."""
        return partial(
            DataError,
            expected=self.expected,
            found=self.found,
            remedy=self.remedy,
            file=self.file,
            row=self.row,
            column=self.column,
        ), ()
