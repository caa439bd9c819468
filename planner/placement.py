"""The standard placement question: one group of people, places with room that is uncertain, from a CSV file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from ..data import DataError
from ..data._table import numbers, read_table
from ..data.kinds import LARGEST
from ..optimize import PlacementPlan
from .errors import PlannerError

__all__ = ["placement_plan"]


def placement_plan(
    path: str | Path, *, people: float, spread: float, acceptance: float, probability: float, draws: int, seed: int
) -> PlacementPlan:
    """The offers that most adults are expected to find work by, with room for those who come.

    Room is lognormal about the figures of the file, half of its variance common to all places and kinds and half each
    one's own.

    Parameters
    ----------
    path : str or Path
        CSV file: ``locality``, ``employment`` (share of the adults expected to work there), and a column for each kind
        of room, in persons (jobs, housing, …).
    people : float
        Adults who can be offered a place.
    spread : float
        Standard deviation of the logarithm of room.
    acceptance : float
        Share of those offered a place who go.
    probability : float
        That no place has more people than room, all places together.
    draws, seed : int
        Of the worlds of room.

    Returns
    -------
    PlacementPlan

    Raises
    ------
    PoblarError
        If the file cannot be read or a figure is out of range.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "places.csv"
    >>> _ = path.write_text("locality,employment,jobs,housing\\nSaltillo,0.7,1500,1700\\nPuebla,0.5,700,900\\n")
    >>> problem = placement_plan(path, people=2000, spread=0.2, acceptance=0.8, probability=0.9, draws=1000, seed=1)
    >>> list(problem.room), problem.employment.sel(locality="Saltillo").item()
    (['jobs', 'housing'], 0.7)
    """
    text = read_table(path, columns=["locality", "employment"], largest=LARGEST)
    table = read_table(path, largest=LARGEST)
    kinds = [str(name) for name in table if name not in ("locality", "employment")]
    if not kinds or table["locality"].duplicated().any():
        raise DataError(
            expected="each locality once, and a column or more of room in persons, such as jobs or housing",
            found=f"columns {', '.join(map(str, table))}",
            remedy="add the column, or drop rows that stand there twice",
            file=path,
        )
    employment = numbers(text["employment"], path)
    room = {kind: numbers(table[kind], path) for kind in kinds}
    for name, column, most in (("employment", employment, 1.0), *((kind, room[kind], np.inf) for kind in kinds)):
        strange = (column < 0) | (column > most)
        if strange.any():
            raise DataError(
                expected="a share from 0 to 1" if most == 1.0 else "persons, zero or more",
                found=f"{column[strange].iloc[0]:g}",
                remedy="correct it",
                file=path,
                row=str(column.index[strange][0]),
                column=str(name),
            )
    if not (people > 0 and 0 <= spread < 2 and 0 < acceptance <= 1):
        raise PlannerError(
            f"expected people above zero, a spread from 0 to 2 and an acceptance above 0 and up to 1, found "
            f"{people:g}, {spread:g} and {acceptance:g}; change the options."
        )
    places = table["locality"].to_numpy().tolist()
    rng = np.random.default_rng(seed)
    common, half = rng.standard_normal((draws, 1)), spread / np.sqrt(2.0)
    worlds = {
        kind: (
            ("draw", "locality"),
            np.asarray(room[kind]) * np.exp(half * (common + rng.standard_normal((draws, len(places))))),
        )
        for kind in kinds
    }
    return PlacementPlan(
        people={"people": people},
        employment=xr.DataArray([np.asarray(employment)], coords={"group": ["people"], "locality": places}),
        room=xr.Dataset(worlds, coords={"locality": places}),
        acceptance=acceptance,
        probability=probability,
    )
