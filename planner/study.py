"""A study: the questions about one place, and what is assumed. A plan file is one, written down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .asked import Future, Name, Quota, Section, Staff, Year
from .names import country_name

__all__ = ["Data", "Models", "Outputs", "Study"]

Code = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="a code of three capital letters, such as MEX")]
File = Annotated[Path | None, Field(description="a file beside the plan file")]


class Data(Section):
    """Where the figures come from.

    Examples
    --------
    >>> Data().source
    'bundled'
    """

    source: Annotated[Literal["bundled", "wpp2024", "own"], Field(description="bundled, wpp2024 or own")] = "bundled"
    folder: Annotated[
        Path | None, Field(description="folder of wpp2024; by default the cache of `poblar data fetch`")
    ] = None
    name: Annotated[Name | None, Field(description="what your place is called in tables and pictures")] = None
    rates: File = None
    population: File = None
    ledger: File = None
    like: Annotated[Code, Field(description="bundled country whose age patterns stand in for your own")] = "MEX"
    origin: Annotated[str, Field(max_length=200, description="who published your figures, and when")] = "own figures"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.source != "own" and any((self.rates, self.population, self.ledger)):
            raise ValueError("expected source: own beside rates, population or ledger; write it, or drop the files")
        if self.source == "own" and (self.rates is None) != (self.population is None):
            raise ValueError("expected rates and population together: a projection needs both")
        if self.source == "own" and self.rates is None and self.ledger is None:
            raise ValueError("expected rates and population, or a ledger, beside source: own")
        return self


class Models(Section):
    """How the models are sampled.

    Examples
    --------
    >>> Models().sampling_draws
    1000
    """

    sampling_draws: Annotated[int, Field(ge=10, le=20_000, description="draws that each chain keeps")] = 1000
    sampling_tune: Annotated[int, Field(ge=10, le=20_000, description="draws that each chain adapts in")] = 1000
    accept_unconverged: Annotated[
        bool, Field(description="true: go on with a fit that fails its checks, marked so")
    ] = False


class Outputs(Section):
    """What is written.

    Examples
    --------
    >>> Outputs().languages
    ('en',)
    """

    languages: Annotated[
        tuple[Literal["en", "es"], ...], Field(min_length=1, description="languages of the report: en, es or both")
    ] = ("en",)
    workbook: Annotated[bool, Field(description="true: every table in one XLSX file too")] = True


class Study(Section):
    """The questions of a study of one place, and the assumptions behind its plans.

    Examples
    --------
    >>> Study().country, Study().staffing.promised.at_most
    ('MEX', '6 months')
    """

    version: Annotated[Literal[1], Field(description="1, the layout of plan files")] = 1
    country: Code = "MEX"
    data: Data = Data()
    until: Annotated[Year, Field(description="last year of the population's forecast")] = 2070
    draws: Annotated[int, Field(ge=100, le=20_000, description="simulated futures, 100 to 20,000")] = 6000
    seed: Annotated[int, Field(ge=0, le=2**31, description="a whole number; the same one gives the same figures")] = 1
    models: Models = Models()
    quota: Quota | None = Quota()
    staffing: Staff | None = Staff()
    scenarios: Annotated[tuple[Future, ...], Field(max_length=12, description="a list of up to 12 scenarios")] = ()
    outputs: Outputs = Outputs()

    @property
    def place(self) -> str:
        """What the place is called."""
        return self.data.name or country_name(self.country)

    @property
    def has_people(self) -> bool:
        """Whether there are figures of a population, and not of a queue alone."""
        return self.data.source != "own" or self.data.rates is not None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.quota is not None and self.quota.last > self.until:
            raise ValueError(f"expected until: {self.quota.last} or later, the last year of the quota plan")
        if not self.has_people and (self.quota is not None or self.scenarios):
            raise ValueError("expected data.rates and data.population for a quota plan or scenarios; add them")
        names = [scenario.name for scenario in self.scenarios]
        if len(set(names)) < len(names):
            raise ValueError(f"expected scenarios of different names, found {names}")
        return self
