"""Download published tables at a pinned revision, verified by SHA-256, into a cache that stays whole."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pandas as pd
from pooch import HTTPDownloader, Pooch, create, file_hash, get_logger, os_cache

from ._checks import shown
from .errors import DataError

__all__ = ["available", "fetch", "folder", "verify"]

CACHE_VARIABLE: Final = "POBLAR_CACHE"
_REGISTRY: Final = Path(__file__).parent / "registry"
_TIMEOUT: Final = 30  # seconds without a byte before the network counts as unreachable

Progress = Callable[[str, int, int], None]
"""Called after each file with its name, the bytes at hand and the bytes of the whole."""


def fetch(
    name: str = "wpp2024",
    *,
    mirror: str | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Download the files of a source that are not in the cache yet, and verify all.

    A file reaches the cache only whole and with the hash that the registry states, so an interrupted or
    failed download leaves what was there as it was, and the next call goes on with the rest.

    Parameters
    ----------
    name : str
        Name among `available`.
    mirror : str, optional
        Address (http or https) of a folder that holds the same files by name, instead of the publisher's.
    cache : str or Path, optional
        Folder of the cache; by default the environment variable ``POBLAR_CACHE``, else the user's cache
        folder.
    progress : callable, optional
        Called after each file as ``progress(file, bytes_done, bytes_total)``.

    Returns
    -------
    Path
        Folder with the files.

    Raises
    ------
    DataError
        If the network or the file cannot be reached, or if size or hash of a file differ from the registry.

    Examples
    --------
    >>> fetch("wpp1066")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    DataError: expected a source among wpp2024, found 'wpp1066'; see poblar.data.fetch.available().
    """
    registry = _registry(name)
    files: dict[str, dict[str, Any]] = registry["files"]
    if mirror is not None and not mirror.startswith(("http://", "https://")):
        raise DataError(
            expected="a mirror that begins with http:// or https://",
            found=repr(mirror),
            remedy="give the address of the folder that holds the files",
        )
    target = folder(name, cache=cache)
    store = create(
        path=target,
        base_url="",
        registry={file: f"sha256:{entry['sha256']}" for file, entry in files.items()},
        urls={file: _address(registry, file, mirror) for file in files},
    )
    done, total = 0, sum(entry["bytes"] for entry in files.values())
    with _quiet(get_logger()):
        for file, entry in files.items():
            try:
                store.fetch(file, downloader=_Download(file, entry))
            except OSError as error:
                raise DataError(
                    expected="a cache folder that can be written",
                    found=str(error),
                    remedy=f"free space, or name another folder by cache= or {CACHE_VARIABLE}",
                    file=target / file,
                ) from error
            done += entry["bytes"]
            if progress is not None:
                progress(file, done, total)
    return target


def verify(name: str = "wpp2024", *, cache: str | Path | None = None) -> pd.DataFrame:
    """State of each file of a source in the cache.

    Parameters
    ----------
    name : str
        Name among `available`.
    cache : str or Path, optional
        As in `fetch`.

    Returns
    -------
    pandas.DataFrame
        Columns file, bytes (as the registry states), state: ``ok``, ``missing`` or ``wrong hash``.

    Raises
    ------
    DataError
        If there is no such source.

    Examples
    --------
    >>> import tempfile
    >>> set(verify("wpp2024", cache=tempfile.mkdtemp())["state"])
    {'missing'}
    """
    files = _registry(name)["files"]
    target = folder(name, cache=cache)
    rows = [(file, entry["bytes"], _state(target / file, entry["sha256"])) for file, entry in files.items()]
    return pd.DataFrame(rows, columns=["file", "bytes", "state"])


def available() -> pd.DataFrame:
    """Sources that `fetch` knows.

    Returns
    -------
    pandas.DataFrame
        Columns name, title, revision, files (their number), bytes, licence.

    Examples
    --------
    >>> available()["name"].tolist()
    ['wpp2024']
    """
    rows = []
    for path in sorted(_REGISTRY.glob("*.json")):
        entry = _registry(path.stem)
        size = sum(file["bytes"] for file in entry["files"].values())
        rows.append((path.stem, entry["title"], entry["revision"], len(entry["files"]), size, entry["licence"]))
    return pd.DataFrame(rows, columns=["name", "title", "revision", "files", "bytes", "licence"])


def folder(name: str = "wpp2024", *, cache: str | Path | None = None) -> Path:
    """Folder of the cache in which a source of this revision stands, whether fetched or not.

    Parameters
    ----------
    name : str
        Name among `available`.
    cache : str or Path, optional
        As in `fetch`.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If there is no such source.

    Examples
    --------
    >>> folder("wpp2024", cache="tables").as_posix()
    'tables/wpp2024/2da7768ae64f'
    """
    root = cache or os.environ.get(CACHE_VARIABLE) or os_cache("poblar")
    return Path(root).expanduser() / name / str(_registry(name)["revision"])[:12]


class _Download:
    """Downloader for pooch that says what was expected and found; pooch then moves the file in place."""

    def __init__(self, file: str, entry: dict[str, Any]) -> None:
        self._file, self._entry = file, entry
        self._http = HTTPDownloader(timeout=_TIMEOUT, stream=False)  # small files; no socket stays open

    def __call__(self, fname: str, action: Any, pooch: Pooch | None, *, check_only: bool | None = None) -> Any:
        try:
            answer = self._http(fname, action, pooch, check_only=bool(check_only))
        except (OSError, ValueError) as error:  # every error of requests is an OSError, some a ValueError too
            raise DataError(
                expected=f"an answer from {fname}",
                found=str(error),
                remedy="check the network and try again: files already here are kept; "
                "or name a mirror that has them (mirror=, --mirror URL)",
                file=self._file,
            ) from error
        if check_only:
            return answer
        size, digest = Path(action).stat().st_size, file_hash(str(action))
        if size != self._entry["bytes"]:
            raise DataError(
                expected=f"{self._entry['bytes']} bytes",
                found=f"{size} bytes",
                remedy="the download is cut short or not that file; try again or name another mirror",
                file=self._file,
            )
        if digest != self._entry["sha256"]:
            raise DataError(
                expected=f"SHA-256 {self._entry['sha256']}",
                found=digest,
                remedy="the file is not the pinned revision; name a mirror of that revision",
                file=self._file,
            )
        return None


def _registry(name: str) -> dict[str, Any]:
    known = [path.stem for path in sorted(_REGISTRY.glob("*.json"))]
    if name not in known:
        raise DataError(
            expected=f"a source among {shown(known)}",
            found=repr(name),
            remedy="see poblar.data.fetch.available()",
        )
    return json.loads((_REGISTRY / f"{name}.json").read_text(encoding="utf-8"))


def _address(registry: dict[str, Any], file: str, mirror: str | None) -> str:
    """A mirror holds all files in one folder; the publisher has them in several."""
    if mirror is not None:
        return f"{mirror.rstrip('/')}/{file}"
    return f"{registry['base']}/{registry['files'][file]['folder']}/{file}"


def _state(path: Path, sha256: str) -> str:
    if not path.exists():
        return "missing"
    return "ok" if file_hash(str(path)) == sha256 else "wrong hash"


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Without pooch's own lines: the caller shows progress."""
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)
