"""What a plan file may ask: levers and goals as a planner writes them, checked by those of the optimize room."""

from __future__ import annotations

import inspect
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from ..forecast import CATEGORIES, Scenario
from ..forecast.scenarios import Multiply, Replace, Shift
from ..optimize import (
    Admissions,
    BacklogSize,
    Births,
    DependencyRatio,
    FiscalBudget,
    GrowthRate,
    MedianAge,
    Overtime,
    PopulationGoal,
    PopulationSize,
    Staffing,
    SupportRatio,
    Surge,
    WaitingNow,
    WaitTime,
    WorkingAge,
)

__all__ = ["Admitted", "Future", "Officers", "Quota", "Section", "Staff", "Target", "span"]

TARGETS: Final = {
    "growth": (GrowthRate, "at_least"),
    "support_ratio": (SupportRatio, "at_least"),
    "dependency_ratio": (DependencyRatio, "at_most"),
    "population": (PopulationSize, "at_least"),
    "working_age": (WorkingAge, "at_least"),
    "births": (Births, "at_least"),
    "median_age": (MedianAge, "at_most"),
}
"""Goals of a population by the name a plan file gives them, and the side on which each stays."""


def span(years: tuple[int, int]) -> range:
    """Every year from the first to the last.

    Parameters
    ----------
    years : (int, int)
        First and last year.

    Returns
    -------
    range

    Examples
    --------
    >>> span((2035, 2037))
    range(2035, 2038)
    """
    return range(years[0], years[1] + 1)


def _words(name: str, field: FieldInfo) -> str:
    """What a key is, in words."""
    kinds: tuple[Any, ...] = (field.annotation, *get_args(field.annotation))
    inner = [kind.__name__ for kind in kinds if hasattr(kind, "model_fields")]
    return field.description or (f"a section: see `{inner[0]}`" if inner else f"the {name}")


class Section(BaseModel):
    """A part of a plan file: frozen, and without keys that nobody reads.

    Examples
    --------
    >>> Section(colour="red")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    ValidationError: 1 validation error for Section
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def __pydantic_init_subclass__(cls, **_options: Any) -> None:
        """Put what the schema says of every key into the docstring, so that it is written once."""
        keys = "\n".join(f"{name}\n    {_words(name, field)}." for name, field in cls.model_fields.items())
        summary, _, examples = inspect.cleandoc(cls.__doc__ or "").partition("\n\nExamples")
        parts = [summary, f"Parameters\n----------\n{keys}", *([f"Examples{examples}"] if examples else [])]
        cls.__doc__ = "\n\n".join(parts)


def _in_order(years: tuple[int, int]) -> tuple[int, int]:
    if years[1] < years[0]:
        raise ValueError(f"expected the first year before the last, found {years[0]} and {years[1]}")
    return years


Year = Annotated[int, Field(ge=1950, le=2300)]
Years = Annotated[
    tuple[Year, Year], AfterValidator(_in_order), Field(description="first and last year, such as [2035, 2050]")
]
Month = Annotated[
    str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="a month such as 2031-01")
]  # fmt: skip
Chance = Annotated[float, Field(gt=0, lt=1, description="a probability above 0 and below 1, such as 0.9")]
Name = Annotated[str, Field(min_length=1, max_length=80, description="a name of up to 80 letters")]
Persons = Annotated[float, Field(ge=0, description="a number of persons, zero or more")]
Length = Annotated[
    str, Field(pattern=r"^\d+ (day|week|month|year)s?$", description='a length such as "6 months"')
]  # fmt: skip


class Admitted(Section):
    """People admitted each year in one category: a lever.

    Examples
    --------
    >>> Admitted(category="students", profile="student").lever().years[0]
    2027
    """

    category: Name = "workers"
    profile: Annotated[
        Literal["worker", "family", "student", "refugee", "free"],
        Field(description="worker, family, student, refugee or free: the ages and sexes of those admitted"),
    ] = "worker"
    years: Years = (2027, 2050)
    at_least: Persons = 0.0
    at_most: Annotated[float | None, Field(ge=0, description="most persons in a year; leave it out for no limit")] = (
        None
    )
    change_at_most: Annotated[
        float | None, Field(ge=0, le=1, description="largest change from year to year as a share: 0.1 is ten percent")
    ] = None
    every: Annotated[int, Field(ge=1, description="years that a number holds for (1: every year has its own)")] = 1

    def lever(self) -> Admissions:
        """The lever of the optimize room."""
        return Admissions(
            self.category,
            profile="free" if self.profile == "free" else CATEGORIES[self.profile].shares,
            years=span(self.years),
            at_least=self.at_least,
            at_most=self.at_most,
            change_at_most=self.change_at_most,
            every=self.every,
        )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        self.lever()
        return self


class Target(Section):
    """What a population must be in some years, and how surely.

    Examples
    --------
    >>> Target(goal="support_ratio", at_least=3.0, years=(2040, 2050)).made().describe()
    'at least 3.00 persons aged 15-64 per person aged 65+ in 2040-2050'
    """

    goal: Annotated[
        Literal["growth", "support_ratio", "dependency_ratio", "population", "working_age", "births", "median_age"],
        Field(description=f"one of {', '.join(TARGETS)}"),
    ]
    at_least: Annotated[float | None, Field(description="the least it may be; growth is a fraction: 0.01 is 1 %")] = (
        None
    )
    at_most: Annotated[float | None, Field(description="the most it may be")] = None
    years: Years
    probability: Chance = 0.9
    together: Annotated[bool, Field(description="true: in all years at once; false: in each year by itself")] = True

    @property
    def bound(self) -> float:
        """What it is held to."""
        return float(getattr(self, TARGETS[self.goal][1]))

    def made(self) -> PopulationGoal:
        """The goal of the optimize room."""
        kind, side = TARGETS[self.goal]
        held = {side: self.bound, "years": span(self.years), "probability": self.probability}
        return kind(**held, together=self.together)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        side = TARGETS[self.goal][1]
        other = {"at_least": "at_most", "at_most": "at_least"}[side]
        if getattr(self, side) is None or getattr(self, other) is not None:
            raise ValueError(f"expected {side} for {self.goal} and no {other}")
        self.made()
        return self


class Quota(Section):
    """A plan of admissions.

    Examples
    --------
    >>> Quota().goals[0].goal
    'growth'
    """

    levers: Annotated[
        tuple[Admitted, ...], Field(min_length=1, description="a list of categories of those admitted")
    ] = (Admitted(change_at_most=0.10),)
    goals: Annotated[tuple[Target, ...], Field(min_length=1, description="a list of goals of the population")] = (
        Target(goal="growth", at_least=0.0, years=(2035, 2050)),
    )
    objective: Annotated[
        Literal["fewest", "smoothest", "cheapest"],
        Field(description="fewest, smoothest or cheapest"),
    ] = "fewest"

    @property
    def years(self) -> tuple[int, int]:
        """First and last year of admissions."""
        return min(lever.years[0] for lever in self.levers), max(lever.years[1] for lever in self.levers)

    @property
    def last(self) -> int:
        """Last year that the plan looks at."""
        return max(self.years[1], *(goal.years[1] for goal in self.goals))


class Officers(Section):
    """Officers who are hired, trained, kept and released: a lever.

    Examples
    --------
    >>> Officers(cost=30_000).made().training
    '6 months'
    """

    lever: Annotated[Literal["officers"], Field(description="officers")] = "officers"
    cost: Annotated[float, Field(gt=0, description="cost of an officer in post for a year")] = 24_000.0
    currency: Name = "USD"
    recruitment_lag: Length = "4 months"
    training: Length = "6 months"
    at_most: Annotated[float | None, Field(ge=1, description="most officers in post")] = None
    hires_at_most: Annotated[float | None, Field(ge=1, description="most officers hired in a quarter")] = None
    attrition: Annotated[float, Field(ge=0, lt=1, description="share that leaves in a year, such as 0.08")] = 0.08
    output: Annotated[float, Field(gt=0, description="cases of an officer over those of the ledger's, such as 1")] = 1.0
    name: Name = "officers"

    def made(self) -> Staffing:
        """The lever of the optimize room."""
        return Staffing(**self.model_dump(exclude={"lever"}))


class Hours(Section):
    """Hours beyond those agreed: a lever."""

    lever: Literal["overtime"]
    cost: Annotated[float, Field(gt=0, description="cost of what an officer more would do in a year")]
    at_most: Annotated[float, Field(gt=0, le=1, description="share of the hours agreed, such as 0.1")] = 0.1

    def made(self) -> Overtime:
        """The lever of the optimize room."""
        return Overtime(cost=self.cost, at_most=self.at_most)


class Teams(Section):
    """Officers on loan for a while: a lever."""

    lever: Literal["surge"]
    cost: Annotated[float, Field(gt=0, description="cost of an officer on loan for a year")]
    length: Length = "6 months"
    lag: Length = "1 month"
    at_most: Annotated[float | None, Field(gt=0, description="most officers on loan at a time")] = None

    def made(self) -> Surge:
        """The lever of the optimize room."""
        return Surge(cost=self.cost, length=self.length, lag=self.lag, at_most=self.at_most)


class Wait(Section):
    """No longer wait than this, for those who apply from a month on."""

    goal: Literal["wait"] = "wait"
    at_most: Length = "6 months"
    since: Month = "2031-01"
    share: Annotated[float, Field(gt=0, le=1, description="share of the applicants it holds for: 1 is all")] = 1.0
    probability: Chance = 0.9

    def made(self) -> WaitTime:
        """The goal of the optimize room."""
        return WaitTime(at_most=self.at_most, since=self.since, share=self.share, probability=self.probability)


class Waiting(Section):
    """Those who wait at the start are decided by a month."""

    goal: Literal["waiting_now"]
    by: Month
    share: Annotated[float, Field(gt=0, le=1, description="share of them it holds for: 1 is all")] = 1.0
    probability: Chance = 0.9

    def made(self) -> WaitingNow:
        """The goal of the optimize room."""
        return WaitingNow(by=self.by, share=self.share, probability=self.probability)


class Queue(Section):
    """No more people waiting than this."""

    goal: Literal["backlog"]
    at_most: Persons
    since: Month
    until: Month | None = None
    probability: Chance = 0.9

    def made(self) -> BacklogSize:
        """The goal of the optimize room."""
        return BacklogSize(at_most=self.at_most, since=self.since, until=self.until, probability=self.probability)


class Staff(Section):
    """A plan of officers.

    Examples
    --------
    >>> Staff().promised.at_most
    '6 months'
    """

    start: Month = "2027-01"
    until: Annotated[Month, Field(description="last month of the queue's forecast")] = "2034-12"
    in_post: Annotated[float, Field(ge=0, description="officers in post since the ledger's end and at the start")] = 140
    levers: Annotated[
        tuple[Annotated[Officers | Hours | Teams, Field(discriminator="lever")], ...],
        Field(min_length=1, description="a list of officers, overtime and surge"),
    ] = (Officers(hires_at_most=600),)
    goals: Annotated[
        tuple[Annotated[Wait | Waiting | Queue, Field(discriminator="goal")], ...],
        Field(min_length=1, description="a list of wait, waiting_now and backlog"),
    ] = (Wait(),)
    objective: Annotated[
        Literal["cheapest", "fastest", "smoothest", "least waiting"],
        Field(description="cheapest, fastest, smoothest or least waiting"),
    ] = "cheapest"
    budget: Annotated[float | None, Field(gt=0, description="most to spend in a calendar year")] = None

    @property
    def officers(self) -> Officers:
        """The first lever of officers."""
        return next(lever for lever in self.levers if isinstance(lever, Officers))

    @property
    def promised(self) -> Wait | None:
        """The first goal of a wait, if there is one."""
        return next((goal for goal in self.goals if isinstance(goal, Wait)), None)

    def fiscal(self) -> FiscalBudget | None:
        """The budget of the optimize room."""
        return None if self.budget is None else FiscalBudget(at_most=self.budget)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not any(isinstance(lever, Officers) for lever in self.levers):
            raise ValueError("expected one lever of officers at least, found none")
        if self.until <= self.start:
            raise ValueError(f"expected until after start ({self.start}), found {self.until}")
        for part in (*self.levers, *self.goals):
            part.made()
        return self


class Change(Section):
    """What is different in a scenario."""

    change: Annotated[Literal["multiply", "shift", "replace"], Field(description="multiply, shift or replace")]
    on: Annotated[
        Literal["fertility", "mortality", "migration"], Field(description="fertility, mortality or migration")
    ]
    by: Annotated[float, Field(description="a factor, an amount, or the new figure")]
    units: Annotated[
        Literal["persons per year", "per person-year", "children per woman", "years"] | None,
        Field(description="of an amount: persons per year, per person-year, children per woman or years"),
    ] = None
    years: Annotated[Years | None, Field(description="first and last year; leave it out for all years")] = None
    ages: Annotated[Literal["worker", "family"] | None, Field(description="worker or family: whose ages they have")] = (
        None
    )

    def made(self) -> Multiply | Shift | Replace:
        """The lever of the forecast room."""
        years = None if self.years is None else span(self.years)
        if self.change == "multiply":
            return Multiply(on=self.on, by=self.by, years=years)
        kind = Shift if self.change == "shift" else Replace
        return kind(on=self.on, by=self.by, units=self.units, years=years, ages=self.ages)


class Future(Section):
    """A scenario: what is different from the forecast, and why.

    Examples
    --------
    >>> Future(name="nobody moves", changes=[{"change": "multiply", "on": "migration", "by": 0}]).made().name
    'nobody moves'
    """

    name: Name
    because: Annotated[str, Field(max_length=500, description="why, in a sentence")] = ""
    changes: Annotated[tuple[Change, ...], Field(min_length=1, description="a list of what is different")]

    def made(self) -> Scenario:
        """The scenario of the forecast room."""
        assumptions = [self.because] if self.because else []
        return Scenario(name=self.name, levers=[change.made() for change in self.changes], assumptions=assumptions)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        self.made()
        return self
