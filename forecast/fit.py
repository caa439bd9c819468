"""Sampling a model: the convergence gate, the record of the run, saving and loading."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Protocol, Self

import arviz as az
import numpy as np
import pymc as pm
import xarray as xr
from numpy.typing import NDArray
from pytensor.configdefaults import config

from ..data import Panel
from .chains import Progress, run_chains
from .errors import ConvergenceError, DrawsError

__all__ = ["Diagnostics", "Model", "Posterior", "Progress", "Sampling"]

log = logging.getLogger(__name__)

MAX_RHAT = 1.01
MIN_ESS = 400.0
MAX_DIVERGENT = 0.001
RECORDED = ("poblar", "pymc", "nutpie", "arviz", "numpy")


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How many draws to take, and of how many chains.

    Parameters
    ----------
    draws, tune : int
        Draws kept and spent on adaptation, per chain.
    chains : int
        Independent chains.
    cores : int
        Chains run at the same time.
    target_accept : float
        Acceptance rate that the step size aims at, between 0 and 1.

    Examples
    --------
    >>> Sampling(draws=500).chains
    4
    """

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    cores: int = 2
    target_accept: float = 0.9


class Model[Forecast: xr.DataArray | xr.Dataset](Protocol):
    """What every model is: a frozen spec that builds its statistics, is fitted, and simulates its future."""

    def build(self, panel: Panel) -> pm.Model:
        """Write the model of these figures down in PyMC."""
        ...

    def simulate(self, sample: xr.Dataset, panel: Panel, until: int | str, rng: np.random.Generator) -> Forecast:
        """Simulate the future, one trajectory for each draw of the parameters in `sample`."""
        ...

    def fit(
        self,
        panel: Panel,
        *,
        seed: int,
        sampling: Sampling = Sampling(),
        accept_unconverged: bool = False,
        store: str | Path | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Posterior[Forecast]:
        """Sample the posterior by NUTS and hold it to the convergence gate.

        Parameters
        ----------
        panel : Panel
            Figures to fit.
        seed : int
            The same seed gives the same draws, however many chains run at once.
        sampling : Sampling
            Numbers of draws and chains.
        accept_unconverged : bool
            Return a posterior that fails the gate, marked as such, instead of raising.
        store : str or Path, optional
            Folder that each chain is written to when it is finished. A fit that was interrupted reads the chains there
            and runs the others from their beginning: the draws are those of a fit that was not. One run at a time may
            use the folder; remove it when the posterior is saved.
        progress : callable, optional
            Called with a `Progress` about once a second. An exception that it raises stops the fit.

        Returns
        -------
        Posterior

        Raises
        ------
        ConvergenceError
            If R-hat > 1.01, an effective sample size < 400 or more than 0.1 % of the draws diverge.
        DrawsError
            If the store holds the chains of another fit.
        """
        versions = {package: version(package) for package in RECORDED}
        # With fast maths a function may add up in another order when it is compiled than when it is read from the cache
        # on disk, and a seed would give other draws on the first run of a machine than on all later ones.
        with config.change_flags(numba__fastmath=False):
            parameters, diverging = run_chains(
                self.build(panel),
                seed=seed,
                draws=sampling.draws,
                tune=sampling.tune,
                chains=sampling.chains,
                cores=sampling.cores,
                target_accept=sampling.target_accept,
                store=store,
                record={"spec": repr(self), "panel": panel.hash, "versions": versions},
                progress=progress,
            )
        name = type(self).__name__
        diagnostics = diagnose(parameters, diverging)
        log.info("%s: %s", name, diagnostics)
        if not diagnostics.converged and not accept_unconverged:
            raise ConvergenceError(
                f"{name}: expected R-hat <= {MAX_RHAT}, ESS >= {MIN_ESS:.0f} and at most {MAX_DIVERGENT:.1%} divergent "
                f"draws, found {diagnostics}; sample longer (sampling=Sampling(draws=4000, tune=2000)), or say "
                "accept_unconverged=True, and every table and picture will say so."
            )
        return Posterior(
            model=self,
            panel=panel,
            parameters=parameters,
            diagnostics=diagnostics,
            seed=seed,
            versions=versions,
        )


@dataclass(frozen=True)
class Diagnostics:
    """What the convergence gate looks at: the worst over every parameter.

    Parameters
    ----------
    rhat : float
        Largest rank-normalised split R-hat (Vehtari et al. 2021); at most 1.01 passes.
    ess_bulk, ess_tail : float
        Smallest effective sample sizes; at least 400 passes.
    divergent : float
        Share of draws that diverged; at most 0.001 passes.
    worst : str
        The parameter with the largest R-hat.

    Examples
    --------
    >>> Diagnostics(rhat=1.004, ess_bulk=900.0, ess_tail=1200.0, divergent=0.0, worst="tails").converged
    True
    """

    rhat: float
    ess_bulk: float
    ess_tail: float
    divergent: float
    worst: str

    @property
    def converged(self) -> bool:
        """Whether all four figures pass the gate."""
        return (
            self.rhat <= MAX_RHAT and min(self.ess_bulk, self.ess_tail) >= MIN_ESS and self.divergent <= MAX_DIVERGENT
        )

    def __str__(self) -> str:
        return (
            f"R-hat {self.rhat:.3f} ({self.worst}), ESS bulk {self.ess_bulk:.0f}, tail {self.ess_tail:.0f}, "
            f"{self.divergent:.2%} divergent"
        )


@dataclass(frozen=True, kw_only=True)
class Posterior[Forecast: xr.DataArray | xr.Dataset]:
    """A fitted model: parameters, the figures it was fitted to, and the record of the run.

    Parameters
    ----------
    model : Model
        The frozen spec that was fitted.
    panel : Panel
        The figures it was fitted to.
    parameters : xarray.Dataset
        Posterior draws, axes ``chain`` and ``draw`` and those of each parameter.
    diagnostics : Diagnostics
        What the convergence gate saw.
    seed : int
        Seed of the run.
    versions : dict of str
        Versions of the packages that made it.

    Examples
    --------
    A posterior made by hand, as a fit would return it:

    >>> import numpy as np, xarray as xr
    >>> from poblar.data import reference
    >>> from poblar.forecast import Migration
    >>> def known(value):
    ...     return (("chain", "draw", "country"), np.full((2, 50, 1), value))
    >>> parameters = xr.Dataset(
    ...     {"level": known(0.0), "persistence": known(0.8), "log_scale": known(-9.0),
    ...      "tails": (("chain", "draw"), np.full((2, 50), 5.0))})
    >>> figures = reference.region(("MEX",)).net_migration
    >>> quality = Diagnostics(rhat=1.0, ess_bulk=900.0, ess_tail=900.0, divergent=0.0, worst="tails")
    >>> fitted = Posterior(model=Migration(), panel=figures, parameters=parameters, diagnostics=quality, seed=1)
    >>> fitted.forecast(until=2030, draws=100, seed=1).sizes
    Frozen({'draw': 100, 'country': 1, 'year': 7})
    """

    model: Model[Forecast]
    panel: Panel
    parameters: xr.Dataset
    diagnostics: Diagnostics
    seed: int
    versions: dict[str, str] = field(default_factory=dict)

    def forecast(self, *, until: int | str, draws: int = 2000, seed: int) -> Forecast:
        """Simulate labelled draws of the future.

        Parameters
        ----------
        until : int or str
            Last year (2070), or last month ("2032-12") of a monthly model.
        draws : int
            Number of trajectories; draw i is the same world in every array made with it.
        seed : int
            Seed of the simulation.

        Returns
        -------
        xarray.DataArray or xarray.Dataset
            Axis ``draw`` first, then those of the model; units in ``attrs["units"]``.

        Raises
        ------
        DrawsError
            If `draws` is not positive or `until` is not after the last observation.
        """
        if draws < 1:
            raise DrawsError(f"expected at least one draw, found draws={draws}; ask for 1,000 or more.")
        rng = np.random.default_rng(seed)
        stacked = self.parameters.stack(sample=("chain", "draw")).reset_index("sample", drop=True)
        size = stacked.sizes["sample"]
        chosen = np.concatenate([rng.permutation(size) for _ in range(-(-draws // size))])[:draws]
        drawn = stacked.isel(sample=chosen).rename(sample="draw").transpose("draw", ...)
        future = self.model.simulate(drawn, self.panel, until, rng)
        future.coords["draw"] = np.arange(draws)
        future.attrs |= {
            "model": type(self.model).__name__,
            "seed": seed,
            "converged": int(self.diagnostics.converged),
            "panel_hash": self.panel.hash,
        }
        return future

    def save(self, path: str | Path) -> Path:
        """Write everything to one NetCDF file.

        Parameters
        ----------
        path : str or Path
            File to write; its folder must exist.

        Returns
        -------
        Path
            The file.
        """
        record = {
            "spec": repr(self.model),
            "diagnostics": asdict(self.diagnostics),
            "seed": self.seed,
            "versions": self.versions,
        }
        tree = xr.DataTree.from_dict({"/posterior": self.parameters, "/panel": self.panel.dataset})
        tree.attrs["poblar"] = json.dumps(record)
        tree.to_netcdf(path, engine="h5netcdf")
        return Path(path)

    @classmethod
    def load(cls, path: str | Path, model: Model[Forecast]) -> Self:
        """Read a saved posterior back.

        Parameters
        ----------
        path : str or Path
            File that `save` wrote.
        model : Model
            The spec that was fitted; another spec is refused.

        Returns
        -------
        Posterior

        Raises
        ------
        DrawsError
            If the file is not a posterior, or is one of another spec.
        """
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            if "poblar" not in tree.attrs:
                raise DrawsError(f"{path}: expected a posterior written by Posterior.save, found another file.")
            record = json.loads(tree.attrs["poblar"])
            parameters = tree["posterior"].to_dataset().load()
            panel = Panel(tree["panel"].to_dataset().load())
        if record["spec"] != repr(model):
            raise DrawsError(
                f"{path}: expected the posterior of {model!r}, found that of {record['spec']}; "
                "load it with the spec it was fitted with, or fit again."
            )
        return cls(
            model=model,
            panel=panel,
            parameters=parameters,
            diagnostics=Diagnostics(**record["diagnostics"]),
            seed=record["seed"],
            versions=record["versions"],
        )


def diagnose(parameters: xr.Dataset, diverging: xr.DataArray) -> Diagnostics:
    """Worst R-hat and effective sample sizes over every free parameter, and the share of divergent draws."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rhat, bulk, tail = (
            az.rhat(parameters),
            az.ess(parameters, method="bulk"),
            az.ess(parameters, method="tail"),
        )
    worst = max(rhat.data_vars, key=lambda name: float(rhat[name].max()))
    return Diagnostics(
        rhat=float(rhat[worst].max()),
        ess_bulk=_least(bulk),
        ess_tail=_least(tail),
        divergent=float(diverging.mean()),
        worst=str(worst),
    )


def _least(values: xr.Dataset) -> float:
    return min(float(array.min()) for array in values.data_vars.values())


def last_year(until: int | str, observed: NDArray[np.int64]) -> int:
    """Check that `until` is a year after the last observation, and return it."""
    if not isinstance(until, int) or isinstance(until, bool) or until <= observed[-1]:
        raise DrawsError(
            f"expected until= a year after the last observation {observed[-1]}, found {until!r}; "
            f"ask for until={observed[-1] + 1} or later."
        )
    return until
