"""What a projection leaves: populations, flows and indicators by draw, country and year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import xarray as xr

from ._store import open_store
from .errors import DrawsError

__all__ = ["Projection"]


@dataclass(frozen=True, kw_only=True)
class Projection:
    """Draws of some countries' future, and all that it takes to project one more migrant.

    Parameters
    ----------
    stocks : xarray.Dataset
        At 1 January (draw, country, year): every indicator by its name, ``total_population``, ``dependency_ratio`` …;
        ``population`` (draw, country, year, sex, age), persons, where it was kept; ``foreign_born``, persons, where
        they were followed.
    flows : xarray.Dataset
        ``births``, ``deaths``, ``net_migration`` and ``emigration_limited``, the emigrants asked for whom no cohort
        held (draw, country, year), persons per year; ``immigration`` and ``emigration`` where flows say which they are;
        ``births_by_age`` of mothers, ``deaths_by_age`` and ``migrants_by_age``, by age at the year's end, where they
        were kept; ``moved`` (draw, origin, destination, year) between the countries of a system.
    inputs : mapping of str to xarray.Dataset
        The rates behind it by country: ``e0``, ``tfr``, ``fertility_share``, ``survival`` …; none for one that was
        opened from a store.

    Examples
    --------
    >>> from poblar.data import reference
    >>> from poblar.forecast import project
    >>> people = project(reference.region(("MEX", "GTM")))  # observed years only
    >>> people.growth_rate.sel(country="MEX").sizes
    Frozen({'draw': 1, 'year': 3})
    """

    stocks: xr.Dataset
    flows: xr.Dataset
    inputs: Mapping[str, xr.Dataset] = field(default_factory=dict)

    def sel(self, *, country: str | list[str]) -> Projection:
        """The projection of one country, or of some, every axis kept."""
        wanted = [country] if isinstance(country, str) else list(country)
        unknown = [name for name in wanted if name not in self.countries]
        if unknown:
            raise DrawsError(f"expected countries among {', '.join(self.countries)}, found {', '.join(unknown)}.")
        return Projection(
            stocks=self.stocks.sel(country=wanted),
            flows=self.flows.sel(country=wanted),
            inputs={name: self.inputs[name] for name in wanted if name in self.inputs},
        )

    def isel(self, *, draw: slice) -> Projection:
        """The projection of some of the draws."""
        return replace(
            self,
            stocks=self.stocks.isel(draw=draw),
            flows=self.flows.isel(draw=draw),
            inputs={name: inputs.isel(draw=draw) for name, inputs in self.inputs.items()},
        )

    @property
    def countries(self) -> tuple[str, ...]:
        """ISO codes of the countries."""
        return tuple(self.stocks["country"].to_numpy().tolist())

    @property
    def width(self) -> int:
        """Years of a period and of an age group, 1 or 5."""
        return int(self.stocks.attrs["width"])

    @property
    def population(self) -> xr.DataArray:
        """Persons at 1 January by sex and age (draw, country, year, sex, age)."""
        if "population" not in self.stocks:
            raise DrawsError(
                "expected the population by age, found a projection that kept indicators alone; "
                "project with ages=('population',)."
            )
        return self.stocks["population"]

    @property
    def total(self) -> xr.DataArray:
        """Persons at 1 January (draw, country, year)."""
        return self.stocks["total_population"]

    @property
    def growth_rate(self) -> xr.DataArray:
        """Total growth, P(t+1) / P(t) - 1 (draw, country, year), fraction per year; of five years, its yearly mean."""
        total = self.total
        start = self._at_start()
        later = total.isel(year=slice(1, None)).assign_coords(year=start["year"])
        rate = (later / start) ** (1.0 / self.width) - 1.0 if self.width > 1 else later / start - 1.0
        return rate.rename("growth_rate").assign_attrs(units="per year")

    @property
    def natural_growth(self) -> xr.DataArray:
        """Natural growth, (births - deaths) / P(t) (draw, country, year), fraction per year."""
        rate = (self.flows["births"] - self.flows["deaths"]) / self._at_start() / self.width
        return rate.rename("natural_growth").assign_attrs(units="per year")

    @property
    def social_growth(self) -> xr.DataArray:
        """Social growth, net migration / P(t) (draw, country, year), fraction per year."""
        rate = self.flows["net_migration"] / self._at_start() / self.width
        return rate.rename("social_growth").assign_attrs(units="per year")

    @property
    def dependency_ratio(self) -> xr.DataArray:
        """((0-14) + (65+)) / (15-64) at 1 January (draw, country, year); other limits: `poblar.forecast.indicators`."""
        return self.stocks["dependency_ratio"]

    @property
    def support_ratio(self) -> xr.DataArray:
        """Persons aged 15-64 per person aged 65+ at 1 January (draw, country, year)."""
        return self.stocks["support_ratio"]

    @property
    def share_foreign_born(self) -> xr.DataArray:
        """Foreign-born per person at 1 January (draw, country, year)."""
        if "foreign_born" not in self.stocks:
            raise DrawsError(
                "expected the foreign-born to have been followed, found a projection without; give project the "
                "foreign_born= of the first 1 January."
            )
        share = self.stocks["foreign_born"] / self.total
        return share.rename("share_foreign_born").assign_attrs(units="share")

    def save(self, path: str | Path) -> Path:
        """Write stocks, flows and inputs to one NetCDF file, and return its path."""
        parts = {"/stocks": self.stocks, "/flows": self.flows}
        parts |= {f"/inputs/{country}": inputs for country, inputs in self.inputs.items()}
        xr.DataTree.from_dict(parts).to_netcdf(path, engine="h5netcdf")
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a projection that `save` wrote, or open the store of `project`, whose figures are read when used."""
        if Path(path).is_dir():
            stocks, flows = open_store(Path(path))
            return cls(stocks=stocks, flows=flows)
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            if not {"stocks", "flows"} <= set(tree.children):
                raise DrawsError(f"{path}: expected a file written by Projection.save, found another file.")
            stocks, flows = (xr.DataTree.to_dataset(tree.children[name]).load() for name in ("stocks", "flows"))
            kept = tree.children["inputs"].children if "inputs" in tree.children else {}
            inputs = {name: xr.DataTree.to_dataset(node).load() for name, node in kept.items()}
        return cls(stocks=stocks, flows=flows, inputs=inputs)

    def _at_start(self) -> xr.DataArray:
        return self.total.sel(year=self.flows["year"])
