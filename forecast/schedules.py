"""Named ages and sexes of migrants, by category: model schedules with their source, or an assumption that says so."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from .rogers_castro import PUBLISHED, MigrantAges, ModelSchedule

__all__ = ["CATEGORIES", "PROFILES", "rogers_castro"]


def rogers_castro(
    *,
    children: float,
    children_decline: float,
    workers: float,
    workers_decline: float,
    workers_peak: float,
    workers_rise: float,
    constant: float,
) -> NDArray[np.float64]:
    """Model migration schedule with seven parameters, as shares by single year of age: `ModelSchedule` as an array.

    Parameters
    ----------
    children, children_decline : float
        a1 and α1 (per year of age).
    workers, workers_decline, workers_peak, workers_rise : float
        a2, α2 (per year), μ2 (years) and λ2 (per year).
    constant : float
        c.

    Returns
    -------
    array, shape (101,)

    Examples
    --------
    >>> shares = rogers_castro(children=0.02, children_decline=0.1, workers=0.06, workers_decline=0.1,
    ...                        workers_peak=20.0, workers_rise=0.4, constant=0.003)
    >>> int(shares.argmax()), round(float(shares.sum()), 6)
    (23, 1.0)
    """
    schedule = ModelSchedule(
        children=children,
        children_decline=children_decline,
        workers=workers,
        workers_decline=workers_decline,
        workers_peak=workers_peak,
        workers_rise=workers_rise,
        constant=constant,
    )
    return schedule.shares().to_numpy()


def _workers(peak: float, rise: float, decline: float) -> ModelSchedule:
    """A labour force without children and constant."""
    return ModelSchedule(
        children=0.0,
        children_decline=0.1,
        workers=0.06,
        workers_decline=decline,
        workers_peak=peak,
        workers_rise=rise,
        constant=0.0,
    )


_STUDENTS = _workers(peak=18.0, rise=0.8, decline=0.25)
_CHILDREN = ModelSchedule(
    children=0.02,
    children_decline=0.1,
    workers=0.0,
    workers_decline=0.1,
    workers_peak=20.0,
    workers_rise=0.4,
    constant=0.0,
)

CATEGORIES = MappingProxyType(
    {
        "worker": MigrantAges(
            female=_workers(peak=22.0, rise=0.4, decline=0.1),
            male=_workers(peak=22.0, rise=0.4, decline=0.1),
            female_share=0.4,
            youngest=16,
            source="Rogers & Castro's (1981) labour force with a peak two years later, from 16 on, and 40 % women: "
            "assumptions of this project.",
        ),
        "family": MigrantAges(
            female=PUBLISHED["fundamental"],
            male=PUBLISHED["fundamental"],
            female_share=0.5,
            source="Rogers & Castro (1981), simplified standard schedule; half of them women: an assumption.",
        ),
        "student": MigrantAges(
            female=_STUDENTS,
            male=_STUDENTS,
            female_share=0.5,
            youngest=15,
            oldest=45,
            source="An assumption of this project: ages 15 to 45, most at 19, half of them women.",
        ),
        "refugee": MigrantAges(
            female=PUBLISHED["many children male"],
            male=PUBLISHED["many children male"],
            female_share=0.45,
            source="United Nations (1992), high dependency, males, for both sexes; 45 % women: an assumption.",
        ),
        "returning": MigrantAges(
            female=PUBLISHED["old workers female"],
            male=PUBLISHED["old workers male"],
            female_share=0.3,
            youngest=5,
            source="United Nations (1992), old labour force entry, from 5 on, as censuses ask where people lived five "
            "years ago. Of Mexicans in the United States 95.7 per 1,000 men and 46.6 per 1,000 women went back (El "
            "retorno en el nuevo escenario de la migración entre México y Estados Unidos, p. 81): about 30 % women if "
            "47 % of those there are, which is assumed.",
        ),
        "returning minor": MigrantAges(
            female=_CHILDREN,
            male=_CHILDREN,
            female_share=0.49,
            oldest=17,
            source="An assumption of this project: the children of Rogers & Castro's (1981) standard, up to 17.",
        ),
    }
)
"""Ages and sexes by category, as `MigrantAges`: "worker", "family", "student", "refugee", "returning", who go back to
the country they were born in, and "returning minor", children who were born abroad to them. Give
``CATEGORIES["student"].shares`` as ``ages=``; ``.source`` says where a shape comes from, or that it is assumed."""

PROFILES = {name: CATEGORIES[name].shares for name in ("worker", "family")}
"""Age and sex of those admitted, by name: "worker" (16 and over, 40 % women: an assumption) and "family"."""
