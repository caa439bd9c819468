"""The standard question on sharing: offices from a CSV file, ways of sharing their staff, what each is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pandas as pd
import xarray as xr

from ..data.office_cases import read_office_cases
from ..forecast import bands
from ..forecast.office_cases import SEEN, OfficeCases
from ..optimize.sharing import WAYS, instead_of_sharing, share_staff

__all__ = ["Shared", "compare_sharing", "moves_of"]

TO_SPARE: Final = 1.05
"""Capacity where none is stated, in times the cases of the last year."""


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What is said of ways of sharing.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        For people, by what is said of the total: a row a way, medians with 80 % bands, and what fixed shares would need
        instead.
    bands : pandas.DataFrame
        Every figure: total, way, measure, units, median and 50, 80 and 95 %.
    sentences : tuple of str
        What comes out.
    assumptions : tuple of str
        What it rests on.

    Examples
    --------
    >>> list(Shared.__dataclass_fields__)
    ['tables', 'bands', 'sentences', 'assumptions']
    """

    tables: dict[str, pd.DataFrame]
    bands: pd.DataFrame
    sentences: tuple[str, ...]
    assumptions: tuple[str, ...]


def compare_sharing(
    path: str | Path,
    *,
    capacity: float | None = None,
    totals: Sequence[float] = (),
    moves: OfficeCases | None = None,
    lost: float = 0.0,
    start: str | None = None,
    years: int = 3,
    draws: int,
    seed: int,
) -> Shared:
    """Compare ways of sharing staff among the offices of a file, on the same draws.

    Parameters
    ----------
    path : str or Path
        CSV file, as `poblar.data.office_cases.read_office_cases` takes it.
    capacity : float, optional
        Cases that all staff together decide in a month; by default enough for 5 % more than came in the last year.
    totals : sequence of float
        Cases of past years in all: the years to come differ from one another as these do. Without them the total is as
        expected.
    moves : OfficeCases, optional
        How demand moves between offices; by default learned from 24 months or more, and assumed with fewer.
    lost : float
        Part of their time that staff lose who move or decide from afar.
    start : str, optional
        First month, such as "2027-01"; by default the one after the file's, January 2027 where it has none.
    years : int
        How many to look ahead.
    draws, seed : int
        Of the draws.

    Returns
    -------
    Shared

    Raises
    ------
    PoblarError
        If the file cannot be read, or an option is out of range.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("offices.csv").write_text("office,cases\\nEl Paso,4200\\nFresno,1100\\nDallas,2100\\n")
    >>> found = compare_sharing("offices.csv", draws=200, seed=1)
    >>> found.tables["as expected"]["way"].tolist()[:3]
    ['fixed', 'yearly', 'quarterly']
    """
    panel = read_office_cases(path)
    months = panel.sizes.get("month", 0)
    learned = moves is None and months >= SEEN
    moves = moves or (OfficeCases.learn(panel) if learned else OfficeCases())
    before = panel["cases"].isel(month=slice(-12, None)).sum("month") if months else panel["cases"]
    enough = TO_SPARE * float(before.sum()) / 12 if capacity is None else capacity
    start = start or (None if months else "2027-01")
    ways = {name: replace(way, lost=lost) if way.mobile or way.one_queue else way for name, way in WAYS.items()}
    tables, every, sentences = {}, [], []
    for total, past in {"as expected": (), **({"varies": tuple(totals)} if totals else {})}.items():
        cases = moves.forecast(panel, months=12 * years, start=start, totals=past, draws=draws, seed=seed)
        found = share_staff(cases, before, capacity=enough, ways=ways)
        instead = instead_of_sharing(cases, before, found, capacity=enough)
        every += [bands(found[measure]).assign(total=total, measure=str(measure)) for measure in found.data_vars]
        tables[total] = _table(found, instead)
        middle = found.median("draw")
        sentences.append(
            f"Where the total {total if total == 'varies' else 'is ' + total}, fixed shares decide "
            f"{_percent(middle['within_month'].sel(way='fixed'))} within a month and the worst office waits "
            f"{float(middle['worst_wait'].sel(way='fixed')):.1f} months; with 20 % mobile it is "
            f"{_percent(middle['within_month'].sel(way='20 % mobile'))} and "
            f"{float(middle['worst_wait'].sel(way='20 % mobile')):.1f}. Fixed shares would need "
            f"{_percent(instead['worst_wait'].sel(way='20 % mobile'))} more staff for that wait."
        )
    about = "learned from the file" if learned else "assumed" if moves == OfficeCases() else "as stated"
    kept = "" if moves.kept[0] == moves.kept[1] else f" to {moves.kept[1]:.2f}"
    assumptions = (
        f"All staff together decide {enough:,.0f} cases a month; {float(before.sum()):,.0f} came in the last year",
        f"Demand moves between offices, {about}: kinds drift apart by {moves.apart:.2f} in a year, offices wander by "
        f"{moves.own:.2f} and keep {moves.kept[0]:.2f}{kept} of it for a month",
        "Nobody waits at the start, and nobody withdraws; there are no seasons",
        "Staff instead is what fixed shares would need besides for the same worst wait, on average over all draws",
        *([f"Who moves or decides from afar loses {100 * lost:.0f} % of the time"] if lost else []),
    )
    named = ["total", "way", "measure"]
    all_bands = pd.concat(every, ignore_index=True)
    return Shared(
        tables=tables,
        bands=all_bands[named + [name for name in all_bands if name not in named]],
        sentences=tuple(sentences),
        assumptions=assumptions,
    )


def moves_of(apart: float | None, own: float | None) -> OfficeCases | None:
    """How demand moves where one of the two is stated, and the other assumed.

    Parameters
    ----------
    apart, own : float, optional
        Of `poblar.forecast.office_cases.OfficeCases`.

    Returns
    -------
    OfficeCases or None
        None where neither is.

    Examples
    --------
    >>> moves_of(0.3, None).apart, moves_of(None, None)
    (0.3, None)
    """
    if apart is None and own is None:
        return None
    usual = OfficeCases()
    return OfficeCases(apart=usual.apart if apart is None else apart, own=usual.own if own is None else own)


def _table(found: xr.Dataset, instead: xr.Dataset) -> pd.DataFrame:
    """A row a way, narrow enough for a terminal."""

    def spans(measure: str, factor: float, digits: int) -> list[str]:
        rows = factor * bands(found[measure])[["median", "lower80", "upper80"]].to_numpy()
        return [f"{m:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})" for m, low, high in rows]

    return pd.DataFrame(
        {
            "way": found["way"].to_numpy(),
            "within a month, %": spans("within_month", 100.0, 0),
            "worst wait, months": spans("worst_wait", 1.0, 1),
            "moved a year, %": [f"{100 * share:.0f}" for share in found["moved"].median("draw").to_numpy()],
            "staff instead, %": [
                f"{100 * more:.0f}" if more < 2 else "200+" for more in instead["worst_wait"].to_numpy()
            ],
        }
    )


def _percent(share: xr.DataArray) -> str:
    return f"{100 * float(share):.0f} %"
