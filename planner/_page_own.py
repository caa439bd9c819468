"""Figures of a visitor's own: each file is checked before anything is made of it, and gone when the visit is over."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from rich.console import Console

from ..data import kinds, own
from ..data.errors import DataError
from ._page_told import Tell
from .desk import Desk
from .study import Study

__all__ = ["LARGEST", "USED", "OwnFigures"]

LARGEST: Final = 5_000_000
"""Bytes of a file."""

USED: Final = ("rates", "population", "ledger")
"""Kinds of files that the page has use for."""

CODE: Final = "XAA"  # of a place that has none


class OwnFigures:
    """Files that a visitor gave, in a folder of their own.

    Examples
    --------
    >>> figures = OwnFigures()
    >>> figures.take("mine.csv", kinds.template("ledger"))
    'ledger'
    >>> figures.take("mine.csv", "=1+1,b\\n2,3\\n")
    Traceback (most recent call last):
    ...
    poblar.data.errors.DataError: mine.csv, row 1: expected the columns of a known kind (rates, population, ...
    >>> figures.close()
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="poblar-")
        self.kinds: dict[str, str] = {}

    @property
    def enough(self) -> bool:
        """Whether something can be forecast from them."""
        return {"rates", "population"} <= set(self.kinds) or "ledger" in self.kinds

    def take(self, name: str, text: str) -> str:
        """Check a file and keep it; what kind it is.

        Parameters
        ----------
        name : str
            What the visitor calls it, for messages alone.
        text : str
            What is in it.

        Returns
        -------
        str
            One of `USED`.

        Raises
        ------
        DataError
            If it is too large, of no kind that the page has use for, or cannot be read.
        """
        name = Path(name).name[:80] or "file.csv"
        content = text.encode("utf-8", "replace")
        if len(content) > LARGEST:
            raise DataError(
                expected=f"a file of at most {LARGEST:,} bytes", found=f"{len(content):,}", file=name,
                remedy="leave out what the page has no use for",
            )  # fmt: skip
        with tempfile.TemporaryDirectory(dir=self._folder.name) as folder:
            try:
                path = Path(folder) / "given.csv"
                path.write_bytes(content)
                kind = kinds.kind_of(path)
                self._check(kind, path)
            except DataError as error:
                raise DataError(
                    expected=error.expected, found=error.found, remedy=error.remedy,
                    file=name, row=error.row, column=error.column,
                ) from None  # fmt: skip
            path.replace(Path(self._folder.name) / f"{kind}.csv")
        self.kinds[kind] = name
        return kind

    def desk(self, study: Study, name: str, cache: str | Path | None, tell: Tell) -> Desk:
        """A desk of these figures, prepared; it takes as long as its fits.

        Parameters
        ----------
        study : Study
            Whose questions are asked of them.
        name : str
            What the place is called.
        cache : str or Path, optional
            Folder of the cache of fits.
        tell : callable
            Told what is being done.

        Returns
        -------
        Desk

        Raises
        ------
        PoblarError
            If the figures contradict each other, or a model cannot be fitted to them.
        """
        files = {kind: f"{kind}.csv" for kind in self.kinds}
        people = {"rates", "population"} <= set(files)
        used = files if people else {"ledger": files["ledger"]}
        asked = Study.model_validate(
            study.model_dump(mode="json")
            | {
                "country": CODE,
                "data": {"source": "own", "name": name.strip()[:80] or "My place"} | used,
                "quota": study.quota.model_dump(mode="json") if people and study.quota is not None else None,
                "scenarios": [future.model_dump(mode="json") for future in study.scenarios] if people else [],
                "staffing": study.staffing.model_dump(mode="json") if "ledger" in used and study.staffing else None,
            }
        )
        made = Desk(asked, console=Console(quiet=True), folder=self._folder.name, cache=cache)
        made.prepare(tell)
        return made

    def close(self) -> None:
        """Remove them."""
        self._folder.cleanup()

    def _check(self, kind: str, path: Path) -> None:
        """Read a file as the study will, as far as it can be read alone."""
        match kind:
            case "rates":
                own.read_rates(path)
            case "ledger":
                own.own_ledger(CODE, path)
            case "population":
                pass  # which year's it must be, the rates say
            case _:
                raise DataError(
                    expected=f"a file of {', '.join(USED)}", found=f"one of {kind}",
                    remedy=f"the page has no use for it, Python does: {kinds.KINDS[kind].used_for}", file=path,
                )  # fmt: skip
