"""What the parts of a study are made of: figures, fits, draws, projection, queue, each made when first asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import xarray as xr

from ..data import Panel, Region, fetch, reference
from ..data.own import own_ledger, own_region
from ..data.world import read_world
from ..forecast import Projection, Sampling, project
from ._stages import Say, Stages
from .errors import PlannerError
from .fits import WHAT, Fits, fit_panels, memory_mb, panels_of
from .study import Study

__all__ = ["PEOPLE", "Work"]

PEOPLE = ("fertility", "mortality", "migration")
"""Models that a projection needs."""

NAMES = {"fertility": "tfr", "mortality": "e0", "migration": "net"}


class Work:
    """A study's figures and draws; nothing is read, fitted or simulated before it is needed.

    Parameters
    ----------
    study : Study
        What is asked.
    stages : Stages
        Where progress is shown and seconds are kept.
    models : tuple of str, optional
        Models to fit at once, of `poblar.planner.fits.WHAT`; by default those that the study needs.
    folder : str or Path
        Folder that the files of the study's own figures are in.
    fresh : bool
        Fit anew whatever the cache holds.
    cache : str or Path, optional
        Folder of the cache of fits.

    Raises
    ------
    PoblarError
        When asked for what the figures do not give.

    Examples
    --------
    >>> from rich.console import Console
    >>> Work(Study(staffing=None), Stages(Console(quiet=True))).models
    ('fertility', 'mortality', 'migration')
    """

    def __init__(
        self,
        study: Study,
        stages: Stages,
        *,
        models: tuple[str, ...] | None = None,
        folder: str | Path = ".",
        fresh: bool = False,
        cache: str | Path | None = None,
    ) -> None:
        self.study, self.stages, self.folder, self.fresh, self.cache = study, stages, Path(folder), fresh, cache
        needed = (*(PEOPLE if study.has_people else ()), *(("backlog",) if study.staffing is not None else ()))
        self.models = needed if models is None else models
        self.peak_mb = 0.0

    @cached_property
    def region(self) -> Region | None:
        """Figures of the countries that are fitted together; None where there is a ledger alone."""
        with self.stages.stage("read", "Read the published figures") as say:
            found = self._read()
            if found is not None:
                last = int(found.tfr["year"][-1])
                countries = len(found.countries)
                what = "1 country" if countries == 1 else f"{countries} countries"
                say(f"{what}, {int(found.tfr['year'][0])} to {last}")
        return found

    @cached_property
    def own(self) -> Region:
        """Figures of the study's place alone."""
        if self.region is None:
            raise PlannerError(
                f"expected rates and a population of {self.study.place}, found a ledger alone; "
                "add data.rates and data.population to the plan file."
            )
        return self.region.sel(country=self.study.country)

    @cached_property
    def panels(self) -> dict[str, Panel]:
        """What each model is fitted to."""
        data = self.study.data
        if self.region is None:
            assert data.ledger is not None
            everything = {"backlog": own_ledger(self.study.country, self.folder / data.ledger, origin=data.origin)}
            return {name: panel for name, panel in everything.items() if name in self.models}
        return panels_of(self.region, self.models, self.study.country)

    @cached_property
    def fits(self) -> Fits:
        """Posteriors of the models."""
        panels, models = self.panels, self.study.models
        with self.stages.stage("fit", f"Fit {len(panels)} models" if len(panels) > 1 else "Fit the model") as say:
            states: dict[str, str] = {}

            def tell(name: str, state: str) -> None:
                states[name] = state
                say(", ".join(f"{name} {state}" for name, state in states.items()))

            fits = fit_panels(
                panels,
                seed=self.study.seed,
                sampling=Sampling(draws=models.sampling_draws, tune=models.sampling_tune),
                accept_unconverged=models.accept_unconverged,
                fresh=self.fresh,
                cache=self.cache,
                progress=tell,
            )
            self.peak_mb = memory_mb() + fits.workers_mb  # of this process and those that fitted beside it
            _say_cached(fits, say)
        return fits

    def rate(self, model: str) -> xr.DataArray:
        """Draws of a rate of every country fitted: of "fertility", "mortality" or "migration"."""
        return self.fits[model].forecast(until=self.study.until, draws=self.study.draws, seed=self.study.seed)

    @cached_property
    def rates(self) -> dict[str, xr.DataArray]:
        """Draws of ``tfr``, ``e0`` and ``net``, the net migration rate, of the place."""
        _ = self.fits  # its own stage comes first
        with self.stages.stage("forecast", "Forecast", f"{self.study.draws:,} draws to {self.study.until}"):
            return {NAMES[model]: self.rate(model).sel(country=[self.study.country]) for model in PEOPLE}

    @cached_property
    def people(self) -> Projection:
        """The place's population."""
        own, rates = self.own, self.rates
        with self.stages.stage("project", "Project the population", f"{self.study.draws:,} draws, single years of age"):
            return project(own, fertility=rates["tfr"], mortality=rates["e0"], migration=rates["net"])

    @cached_property
    def queue(self) -> xr.Dataset:
        """Draws of what drives the queue."""
        fits, asked = self.fits["backlog"], self.study.staffing
        assert asked is not None
        with self.stages.stage("queue", "Forecast the asylum queue", f"{self.study.draws:,} draws to {asked.until}"):
            return fits.forecast(until=asked.until, draws=self.study.draws, seed=self.study.seed)

    def _read(self) -> Region | None:
        data, code = self.study.data, self.study.country
        if data.source == "bundled":
            reference.region([code])  # refuses an unknown country before anything takes long
            return reference.region()
        if data.source == "wpp2024":
            return read_world(data.folder or fetch.folder("wpp2024"), countries=[code])
        if data.rates is None or data.population is None:
            return None
        return own_region(
            code,
            rates=self.folder / data.rates,
            population=self.folder / data.population,
            ledger=None if data.ledger is None else self.folder / data.ledger,
            like=data.like,
            origin=data.origin,
        )


def _say_cached(fits: Fits, say: Say) -> None:
    if not fits.cached:
        say("fitted now")
    elif len(fits.cached) == len(fits.posteriors):
        say("read from the cache of an earlier fit")
    else:
        say(f"{', '.join(name for name in WHAT if name in fits.cached)} read from the cache, the others fitted now")
