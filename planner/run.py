"""Carry out a study: parts whose inputs are unchanged stay, the others are made anew, and a manifest says which."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from . import report, summary
from ._stages import Stages
from .errors import PlannerError
from .files import read_json, write_csv, write_json
from .fits import Fits, memory_mb
from .parts import PARTS, Part, code, figures_of
from .study import Study
from .work import PEOPLE, Work

__all__ = ["run_study"]

FITTED = {"people": PEOPLE, "staffing": ("backlog",)}
"""Models whose fits a part's record tells of."""


def run_study(
    study: Study,
    out: str | Path,
    *,
    console: Console,
    folder: str | Path = ".",
    fresh: bool = False,
    cache: str | Path | None = None,
) -> dict[str, Any]:
    """Carry a study out and leave its reports, summary, pictures and tables in a folder.

    From the same study, figures, seed and versions every file is the same to the byte, but ``summary.json`` and
    ``manifest.json``, which hold times. A run that was interrupted goes on from the parts that were finished, and of a
    study that was changed only the parts that depend on the change are made again.

    Parameters
    ----------
    study : Study
        What is asked.
    out : str or Path
        Folder to write; made if need be.
    console : rich.console.Console
        Where stages are shown.
    folder : str or Path
        Folder that the files of the study's own figures are in.
    fresh : bool
        Make everything anew, the fits too.
    cache : str or Path, optional
        Folder of the cache of fits.

    Returns
    -------
    dict
        What summary.json holds.

    Raises
    ------
    PoblarError
        If a figure, fit, forecast or plan cannot be made, or the folder cannot be written.

    Examples
    --------
    >>> run_study(Study(country="GTM"), "out/guatemala", console=Console(quiet=True))
    Traceback (most recent call last):
    ...
    poblar.planner.errors.PlannerError: expected a country with an asylum ledger, found GTM; ...
    """
    out = Path(out)
    _make(out)
    wanted = [part for part in PARTS if part.wanted(study)]
    with Stages(console) as stages:
        work = Work(study, stages, folder=folder, fresh=fresh, cache=cache)
        figures = figures_of(study, Path(folder))
        keys = {part.name: part.key(study, figures) for part in wanted}
        kept = {} if fresh else {name: was for name, key in keys.items() if (was := _kept(out, name, key)) is not None}
        if len(kept) < len(wanted):
            _ = work.panels  # what is not there is said before anything takes long
        for part in PARTS:
            if part.name not in keys:
                _drop(out, part.name)
            elif part.name in kept:
                with stages.stage(part.name, f"Keep {part.name}", "unchanged since an earlier run"):
                    pass
            else:
                kept[part.name] = _do(part, keys[part.name], work, out)
        record = _merged(study, [kept[part.name]["record"] for part in wanted])
        finish = hashlib.sha256(json.dumps([keys, study.outputs.model_dump(), code()]).encode()).hexdigest()
        written = None if fresh else _kept(out, "report", finish)
        if written is not None:
            record |= written["record"]
        else:
            _drop(out, "report")
            with stages.stage("pictures", "Draw the pictures") as say:
                pictures, drawn = report.draw(study, out)
                say(f"{len(drawn)} pictures")
            with stages.stage("report", "Write the report"):
                made = [*drawn, *report.write(study, record, pictures, out)]
                _note(out, "report", finish, made, {"figures": record["figures"]})
    fits = vars(work).get("fits", Fits(posteriors={}))
    peak = max(memory_mb(), work.peak_mb)
    seconds = stages.seconds | {"total": sum(stages.seconds.values())}
    fitted = {"seconds": fits.seconds, "from_cache": list(fits.cached)}
    record |= {"seconds": seconds, "peak_memory_mb": round(peak), "fitted": fitted}
    write_json(record, out / "summary.json")
    _write_manifest(study, out, keys, figures, seconds)
    return record


def _make(out: Path) -> None:
    try:
        (out / "figures").mkdir(parents=True, exist_ok=True)
        (out / "parts").mkdir(exist_ok=True)
    except OSError as error:
        raise PlannerError(
            f"expected a folder that can be written at {out}, found {error.strerror or error}; name another with --out."
        ) from error


def _do(part: Part, key: str, work: Work, out: Path) -> dict[str, Any]:
    """Make a part, and note it when its files are there."""
    made = part.make(work)
    files = [write_csv(table, out / f"{name}.csv") for name, table in made.tables.items()]
    fits = [fit for fit in summary.fit_records(work.fits) if fit["name"] in FITTED.get(part.name, ())]
    return _note(out, part.name, key, files, made.record | ({"fits": fits} if fits else {}))


def _note(out: Path, name: str, key: str, files: Iterable[Path], record: dict[str, Any]) -> dict[str, Any]:
    hashes = {path.relative_to(out).as_posix(): _sha256(path) for path in files}
    path = write_json({"key": key, "files": hashes, "record": record}, out / "parts" / f"{name}.json")
    return read_json(path)


def _kept(out: Path, name: str, key: str) -> dict[str, Any] | None:
    """What was noted of a part, if it was made of the same and its files are as they were left."""
    path = out / "parts" / f"{name}.json"
    if not path.exists():
        return None
    try:
        noted = read_json(path)
        whole = all(_sha256(out / file) == digest for file, digest in noted["files"].items())
    except (PlannerError, OSError, KeyError, AttributeError):
        return None
    return noted if whole and noted.get("key") == key else None


def _drop(out: Path, name: str) -> None:
    """Remove what an earlier run left of a part that is no longer asked for."""
    path = out / "parts" / f"{name}.json"
    if not path.exists():
        return
    try:
        files = list(read_json(path)["files"])
    except (PlannerError, KeyError, TypeError):
        files = []
    for file in files:
        target = (out / str(file)).resolve()
        if target.is_relative_to(out.resolve()):  # whatever the note says, nothing outside is removed
            target.unlink(missing_ok=True)
    path.unlink()


def _merged(study: Study, records: list[dict[str, Any]]) -> dict[str, Any]:
    """The summary: what the parts recorded, and what they have in common."""
    merged: dict[str, Any] = {
        "title": study.place,
        "study": study.model_dump(mode="json"),
        "draws": study.draws,
        "seed": study.seed,
        "versions": summary.versions(),
        "sources": summary.source_records(study),
        "findings": {},
        "last_observed": {},
        "fits": [],
    }
    for record in records:
        for name, value in record.items():
            if name == "fits":
                merged["fits"] += value
            elif name in ("findings", "last_observed"):
                merged[name] |= value
            else:
                merged[name] = value
    return merged


def _write_manifest(study: Study, out: Path, keys: dict[str, str], figures: str, seconds: dict[str, float]) -> None:
    files = {}
    for name in (*keys, "report"):
        files |= read_json(out / "parts" / f"{name}.json")["files"]
    write_json(
        {
            "study": study.model_dump(mode="json"),
            "seed": study.seed,
            "figures_sha256": figures,
            "code_sha256": code(),
            "parts": keys,
            "files": dict(sorted(files.items())),
            "versions": {"python": platform.python_version()} | dict(summary.versions()),
            "machine": platform.machine(),
            "seconds": seconds,
        },
        out / "manifest.json",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
