"""Write a plan file to begin with, commented line by line."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..data import reference
from ..data.countries import nearest
from ..data.kinds import kind_of
from ..data.own import own_ledger
from .errors import PlannerError
from .names import country_name

__all__ = ["country_code", "write_plan"]

TEMPLATES = Path(__file__).parent / "templates"
OWN = "XAA"
A_YEAR = 150  # decisions of an officer, where a ledger does not tell how many there are
IN_POST = {"MEX": (140, 600), "USA": (700, 600), "CAN": (250, 200)}
"""Officers at the start and most hires in a quarter that a first plan assumes, by country."""


def write_plan(
    place: str, path: str | Path | None = None, *, files: tuple[Path, ...] = (), like: str = "MEX", force: bool = False
) -> Path:
    """Write a commented plan file for a bundled country, or for a place of one's own.

    Parameters
    ----------
    place : str
        Name or code of a bundled country; with `files`, what your place is called.
    path : str or Path, optional
        File to write; by default the name of the place, such as ``mexico.yaml``.
    files : tuple of Path
        Your own figures: CSV files of kinds that `poblar.data.kinds` knows, told apart by their columns.
    like : str
        Bundled country whose age patterns stand in for those of a place of one's own.
    force : bool
        Write over a file that is there.

    Returns
    -------
    Path

    Raises
    ------
    PlannerError
        If there is no such country, a file is not of a kind that a plan can use, or the plan file is there already.

    Examples
    --------
    >>> import tempfile
    >>> write_plan("guatemala", f"{tempfile.mkdtemp()}/plan.yaml").name
    'plan.yaml'
    """
    own = _own(files)
    code = OWN if own else country_code(place)
    name = place if own else country_name(code)
    path = Path(path) if path is not None else Path(_slug(name) + ".yaml")
    if path.exists() and not force:
        raise PlannerError(f"expected no file at {path} yet, found one; name another with --out, or add --force.")
    ledgers = reference.region().asylum
    assert ledgers is not None
    in_post, hires = _officers(own["ledger"]) if "ledger" in own else IN_POST.get(code, (0, None))
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=False,  # YAML, not HTML; what is not ours goes through tojson
    )  # fmt: skip
    text = environment.get_template("plan.yaml").render(
        country=code,
        name=" ".join(name.split()),
        file=path.name,
        schema=None,
        own=bool(own),
        rates=_beside(own.get("rates"), path),
        population=_beside(own.get("population"), path),
        ledger=_beside(own.get("ledger"), path),
        like=like,
        people=not own or "rates" in own,
        queue="ledger" in own if own else code in ledgers["country"].to_numpy(),
        in_post=in_post,
        hires=hires,
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PlannerError(
            f"expected to write {path}, found {error.strerror or error}; name another place with --out."
        ) from None
    return path


def country_code(place: str) -> str:
    """Code of a bundled country by its name or code.

    Parameters
    ----------
    place : str
        "Mexico", "mexico", "MEX", "united-states" …

    Returns
    -------
    str

    Raises
    ------
    PlannerError
        If it is none of the bundled countries.

    Examples
    --------
    >>> country_code("El Salvador"), country_code("usa")
    ('SLV', 'USA')
    """
    text = place.lower().replace("-", " ").strip()
    known = {name.lower(): code for code in reference.COUNTRIES for name in (code, country_name(code))}
    if text in known:
        return known[text]
    guess = nearest(place)
    meant = f"did you mean {country_name(guess)}?" if guess in reference.COUNTRIES else "name one of them."
    raise PlannerError(
        f"expected a country among {', '.join(country_name(code) for code in reference.COUNTRIES)}, found {place!r}; "
        f"{meant} For another place give your own figures (`poblar init PLACE --data FILE`), or a plan file with "
        "`source: wpp2024`."
    )


def _officers(ledger: Path) -> tuple[int, None]:
    """Officers to begin with: the last that the ledger states, else as many as decide what was decided last."""
    panel = own_ledger(OWN, ledger)
    stated = panel["staff"].to_series().dropna()
    if len(stated):
        return max(1, round(float(stated.iloc[-1]))), None
    decided = (panel["recognized"] + panel["rejected"]).to_series().dropna()
    return max(1, round(float(decided.iloc[-1]) / A_YEAR)) if len(decided) else 1, None


def _own(files: tuple[Path, ...]) -> dict[str, Path]:
    kinds: dict[str, Path] = {}
    for file in files:
        kind = kind_of(file)
        if kind not in ("rates", "population", "ledger"):
            raise PlannerError(
                f"expected files of rates, a population or a ledger, found {kind} in {file}; leave it out here: "
                "`poblar data check` says what it is for."
            )
        if kind in kinds:
            raise PlannerError(f"expected one file of {kind}, found {kinds[kind]} and {file}; give one.")
        kinds[kind] = file
    if kinds and ("rates" in kinds) != ("population" in kinds):
        absent = "population" if "rates" in kinds else "rates"
        raise PlannerError(
            f"expected rates and a population together, found no {absent}; add it (`poblar data template {absent}`)."
        )
    return kinds


def _beside(file: Path | None, plan: Path) -> str | None:
    """A file as the plan file names it."""
    if file is None:
        return None
    folder, file = plan.parent.resolve(), file.resolve()
    if not file.is_relative_to(folder):
        raise PlannerError(
            f"expected {file} in the folder of the plan file ({folder}), found it elsewhere; copy it there."
        )
    return file.relative_to(folder).as_posix()


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "plan"
