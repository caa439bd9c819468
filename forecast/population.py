"""Cohort-component projection over draws: single years of age, calendar years, both sexes.

The base is the population at mid-2020. A half-year step with the observed rates brings it to 1 January 2021; from
there calendar years are projected with observed figures as far as they go and with forecast draws after that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import xarray as xr

from ..data.axes import SEXES
from ..data.reference import Region
from ._cohort import AGES, project_draws
from ._inputs import aligned, country_inputs, float_array, kernel_rates
from .ages import decline_by_age
from .errors import DrawsError
from .indicators import dependency_ratio, growth_rate, support_ratio

__all__ = ["Projection", "project"]

TOLERANCE = 1e-6  # persons, largest residual of the accounting identity in any cell


@dataclass(frozen=True, kw_only=True)
class Projection:
    """Draws of a population's future, and all that it takes to project one more migrant.

    Parameters
    ----------
    stocks : xarray.Dataset
        ``population`` (draw, country, year, sex, age), persons at 1 January.
    flows : xarray.Dataset
        ``births``, ``deaths``, ``net_migration`` and ``emigration_limited``, the emigrants that the rates asked for
        and no cohort held (draw, country, year), persons per year.
    inputs : xarray.Dataset
        The rates behind it: ``e0``, ``tfr``, ``fertility_share``, ``female_share``, ``survival`` …

    Examples
    --------
    >>> from poblar.data import reference
    >>> people = project(reference.region(("MEX", "GTM")))  # observed years only
    >>> people.growth_rate.sel(country="MEX").sizes
    Frozen({'draw': 1, 'year': 3})
    """

    stocks: xr.Dataset
    flows: xr.Dataset
    inputs: xr.Dataset

    def sel(self, *, country: str | list[str]) -> Projection:
        """The projection of one country, or of some, every axis kept."""
        wanted = [country] if isinstance(country, str) else list(country)
        known = self.countries
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise DrawsError(f"expected countries among {', '.join(known)}, found {', '.join(unknown)}.")
        return Projection(
            stocks=self.stocks.sel(country=wanted),
            flows=self.flows.sel(country=wanted),
            inputs=self.inputs.sel(country=wanted),
        )

    def isel(self, *, draw: slice) -> Projection:
        """The projection of some of the draws."""
        return Projection(
            stocks=self.stocks.isel(draw=draw),
            flows=self.flows.isel(draw=draw),
            inputs=self.inputs.isel(draw=draw),
        )

    @property
    def countries(self) -> tuple[str, ...]:
        """ISO codes of the countries."""
        return tuple(self.stocks["country"].to_numpy().tolist())

    @property
    def population(self) -> xr.DataArray:
        """Persons at 1 January by sex and single year of age (draw, country, year, sex, age)."""
        return self.stocks["population"]

    @property
    def total(self) -> xr.DataArray:
        """Persons at 1 January (draw, country, year)."""
        total = self.population.sum(["sex", "age"], dtype="float64")
        return total.rename("total_population").assign_attrs(units="persons")

    @property
    def growth_rate(self) -> xr.DataArray:
        """Total growth, P(t+1) / P(t) - 1 (draw, country, year), fraction per year."""
        return growth_rate(self.population).rename("growth_rate")

    @property
    def natural_growth(self) -> xr.DataArray:
        """Natural growth, (births - deaths) / P(t) (draw, country, year), fraction per year."""
        rate = (self.flows["births"] - self.flows["deaths"]) / self._at_start()
        return rate.rename("natural_growth").assign_attrs(units="per year")

    @property
    def social_growth(self) -> xr.DataArray:
        """Social growth, net migration / P(t) (draw, country, year), fraction per year."""
        rate = self.flows["net_migration"] / self._at_start()
        return rate.rename("social_growth").assign_attrs(units="per year")

    @property
    def dependency_ratio(self) -> xr.DataArray:
        """((0-14) + (65+)) / (15-64) at 1 January (draw, country, year); other limits: `indicators`."""
        return dependency_ratio(self.population).rename("dependency_ratio")

    @property
    def support_ratio(self) -> xr.DataArray:
        """Persons aged 15-64 per person aged 65+ at 1 January (draw, country, year)."""
        return support_ratio(self.population).rename("support_ratio")

    def save(self, path: str | Path) -> Path:
        """Write stocks, flows and inputs to one NetCDF file, and return its path."""
        tree = xr.DataTree.from_dict({"/stocks": self.stocks, "/flows": self.flows, "/inputs": self.inputs})
        tree.to_netcdf(path, engine="h5netcdf")
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a projection that `save` wrote."""
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            if not {"stocks", "flows", "inputs"} <= set(tree.children):
                raise DrawsError(f"{path}: expected a file written by Projection.save, found another file.")
            stocks, flows, inputs = (
                xr.DataTree.to_dataset(tree.children[name]).load() for name in ("stocks", "flows", "inputs")
            )
        return cls(stocks=stocks, flows=flows, inputs=inputs)

    def _at_start(self) -> xr.DataArray:
        return self.total.sel(year=self.flows["year"])


def project(
    region: Region,
    *,
    fertility: xr.DataArray | None = None,
    mortality: xr.DataArray | None = None,
    migration: xr.DataArray | None = None,
    memory_gb: float = 2.0,
) -> Projection:
    """Project every country of a region over draws by the cohort-component method.

    ``P(t+1) = P(t) + births(t) - deaths(t) + net migration(t)`` in every cell, to 1e-6 persons. Survival comes from
    each year's life expectancy and the country's recent death rates shifted along one pattern of decline (Lee &
    Carter 1992; Li & Lee 2005); births from mid-year women; migrants join half at the start and half at the end of
    the year (Preston, Heuveline & Guillot 2001, ch. 6). The latest age pattern of fertility and sex ratio at birth
    are kept.

    Parameters
    ----------
    region : Region
        Base population, history and age schedules; `Region.sel` takes some of its countries.
    fertility : xarray.DataArray, optional
        TFR, axes ``country``, ``year`` and perhaps ``draw``; children per woman.
    mortality : xarray.DataArray, optional
        Life expectancy at birth, with ``sex`` as well; years.
    migration : xarray.DataArray, optional
        Net migration rate, per person-year, of the population at the year's end without it; or counts, persons per
        year. Without any of the three only observed years are projected; all or none.
    memory_gb : float
        What the draws of the population may take; more is refused, not swapped.

    Returns
    -------
    Projection
        From 1 January 2021 to 1 January after the last year of the forecasts.

    Raises
    ------
    DrawsError
        If the forecasts differ in years or draws, miss a country, have other units, hold NaN, do not follow on
        the observed years, or would not fit in `memory_gb`.

    Examples
    --------
    >>> from poblar.data import reference
    >>> people = project(reference.region(("MEX",)))
    >>> round(float(people.total.sel(year=2024).squeeze()) / 1e6)  # the UN: 130.3 million
    130
    """
    paths = aligned(region, fertility, mortality, migration)
    draws, years = paths.sizes["draw"], paths["year"].to_numpy()
    needed = 4e-9 * draws * len(region.countries) * (len(years) + 1) * 2 * AGES
    if needed > memory_gb:
        raise DrawsError(
            f"expected at most {memory_gb:g} GB of population draws, found {needed:.1f} GB "
            f"({draws} draws of {len(region.countries)} countries); thin the draws, take fewer countries with "
            "region.sel(country=…), or raise memory_gb."
        )
    decline = decline_by_age(region.mx["mx"])
    pieces = [_project_country(region, paths.sel(country=[country]), decline) for country in region.countries]
    stocks, flows, inputs = zip(*pieces, strict=True)
    return Projection(
        stocks=xr.concat(stocks, "country", join="exact").transpose("draw", "country", ...),
        flows=xr.concat(flows, "country", join="exact").transpose("draw", "country", ...),
        inputs=xr.concat(inputs, "country", join="exact").transpose("country", ...),
    )


def _project_country(
    region: Region, paths: xr.Dataset, decline: xr.DataArray
) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset]:
    """Stocks, flows and inputs of one country."""
    country = str(paths["country"].item())
    inputs = country_inputs(region, country, paths.squeeze("country", drop=True), decline)
    draws, years = inputs.sizes["draw"], inputs.sizes["year"]
    population = np.empty((draws, years + 1, 2, AGES), dtype=np.float32)
    births, deaths, migration, asked = (np.empty((draws, years)) for _ in range(4))
    no_detail = np.empty((0, years, 2, AGES))
    residual = project_draws(
        *kernel_rates(inputs),
        start=float_array(inputs["start"], "sex", "age"),
        counts=float_array(inputs["counts"], "draw", "year"),
        rates=float_array(inputs["rates"], "draw", "year"),
        schedule=float_array(inputs["migrant_share"], "sex", "age"),
        population=population,
        births=births,
        deaths=deaths,
        migration=migration,
        asked=asked,
        cell_deaths=no_detail,
        cell_moved=no_detail,
    )
    if not residual <= TOLERANCE:
        raise DrawsError(
            f"{country}: expected the accounting identity to hold to {TOLERANCE} persons, found a residual of "
            f"{residual:g}; check the inputs for implausible rates."
        )
    draw, year = inputs["draw"].to_numpy(), inputs["year"].to_numpy()
    stocks = xr.DataArray(
        population,
        dims=("draw", "year", "sex", "age"),
        coords={"draw": draw, "year": np.r_[year, year[-1] + 1], "sex": list(SEXES), "age": np.arange(AGES)},
        name="population",
        attrs={"units": "persons", "reference_date": "1 January"},
    )
    flows = xr.Dataset(
        {
            name: (("draw", "year"), values, {"units": "persons per year"})
            for name, values in (
                ("births", births),
                ("deaths", deaths),
                ("net_migration", migration),
                ("emigration_limited", migration - asked),
            )
        },
        coords={"draw": draw, "year": year},
    )
    one, another, third = (part.expand_dims(country=[country]) for part in (stocks.to_dataset(), flows, inputs))
    return one, another, third
