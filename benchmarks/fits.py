"""Convergence and cost of the fits of all countries: ``python -m benchmarks.fits fertility``.

With ``--write FOLDER`` what the fits say of the parameters that all countries share is written there, to be bundled as
the prior of local fits. ``backlog`` fits the 40 largest of UNHCR's ledgers jointly, and the UK's by itself.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import arviz as az
from poblar.data import reference
from poblar.data.case_tables import read_uk_ledger, read_unhcr_ledgers
from poblar.data.cases import case_panel
from poblar.forecast import Caseload, Fertility, Migration, Mortality, Posterior, Sampling
from poblar.forecast.world import summarise

from .backlog import COMPLETE, LARGEST, SOURCE, complete_at, largest
from .figures import figure, peak_memory_mb
from .worlds import BESIDE, FORMS, LAST, SERIES, add_folders, world

SAMPLING = {"default": Sampling(draws=5000, target_accept=0.8), "double-logistic": Sampling(draws=1500)}
ANCHOR_ESS = {"fertility": 0.009, "mortality": 0.07}  # least of bayesTFR 7.4-4, bayesLife 5.3-1, per CPU second
TIMES = {"default": 100, "double-logistic": 20}
MINUTES = {"fertility": 20, "mortality": 20, "migration": 5}


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.fits")
    parser.add_argument("what", choices=[*sorted(FORMS), "backlog"])
    parser.add_argument("--form", choices=["default", "double-logistic"], default="default")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, help="folder of the posteriors to bundle")
    add_folders(parser)
    given = parser.parse_args()
    if given.what == "backlog":
        return 0 if ledgers(BESIDE / "data" / "asylum", given.seed) else 1
    model, sampling = FORMS[given.what][given.form], SAMPLING[given.form]
    panel = world(given.data, SERIES[given.what], LAST)
    started, cpu = time.perf_counter(), time.process_time()
    posterior = model.fit(panel, seed=given.seed, sampling=sampling, accept_unconverged=True)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    met = report(given.what, given.form, posterior, seconds, cpu)
    if given.what == "migration":
        met &= local(given.seed)
    if given.write is not None and met and isinstance(model, Fertility | Mortality):
        for name, spec in model.series.items():
            summarise(posterior, name, spec).to_netcdf(given.write / f"{name}.nc", engine="h5netcdf")
    return 0 if met else 1


def report(what: str, form: str, posterior: Posterior, seconds: float, cpu: float) -> bool:
    """Print the figures of one fit and whether all bars are met."""
    found = posterior.diagnostics
    shared = posterior.parameters.drop_vars(
        [name for name, values in posterior.parameters.items() if {"country", "some", "settled"} & set(values.dims)]
    )
    least = min(float(values.min()) for values in az.ess(shared, method="bulk").data_vars.values())
    more = {
        "form": form,
        "countries": posterior.panel.dataset.sizes["country"],
        "seed": posterior.seed,
        "peak_memory_mb": round(peak_memory_mb()),
        "cpu_seconds": round(cpu, 1),
    }
    name = f"fits/{what}"
    bar = f">= {TIMES[form] * ANCHOR_ESS[what]:g}" if what in ANCHOR_ESS else ""
    return all(
        [
            figure(name, "rhat", found.rhat, "<= 1.01", parameter=found.worst, **more),
            figure(name, "ess_bulk", found.ess_bulk, ">= 400", **more),
            figure(name, "ess_tail", found.ess_tail, ">= 400", **more),
            figure(name, "divergent", found.divergent, "< 0.001", **more),
            figure(name, "minutes", seconds / 60.0, f"< {MINUTES[what]}", **more),
            figure(name, "least_ess_per_cpu_second", least / cpu, bar, **more),
        ]
    )


def ledgers(folder: Path, seed: int) -> bool:
    """Print the figures of the fit of 40 ledgers, and of that of one whose model was compiled before."""
    whole = read_unhcr_ledgers(folder)
    names = complete_at(whole, [name for group in largest(whole) for name in group], whole["period"].max(), COMPLETE)[
        :LARGEST
    ]
    forty = whole[whole["office"].isin(names)]
    forty.attrs = whole.attrs
    met = True
    for name, table, bar in (("40 ledgers", forty, "< 8"), ("one ledger", read_uk_ledger(folder), "< 1")):
        panel = case_panel(table, SOURCE)
        if name == "one ledger":
            Caseload().fit(panel, seed=seed + 1, sampling=Sampling(draws=100, tune=100), accept_unconverged=True)
        started = time.perf_counter()
        found = Caseload().fit(panel, seed=seed, sampling=Sampling(draws=2000), accept_unconverged=True).diagnostics
        minutes = (time.perf_counter() - started) / 60.0
        more = {"of": name, "seed": seed, "peak_memory_mb": round(peak_memory_mb())}
        met &= all(
            [
                figure("fits/backlog", "rhat", found.rhat, "<= 1.01", parameter=found.worst, **more),
                figure("fits/backlog", "ess_bulk", found.ess_bulk, ">= 400", **more),
                figure("fits/backlog", "ess_tail", found.ess_tail, ">= 400", **more),
                figure("fits/backlog", "divergent", found.divergent, "< 0.001", **more),
                figure("fits/backlog", "minutes", minutes, bar, **more),
            ]
        )
    return met


def local(seed: int) -> bool:
    """Print the seconds of a fit of six countries whose model was compiled before."""
    region, model = reference.region(), Migration()
    model.fit(region.net_migration, seed=seed)
    started = time.perf_counter()
    found = model.fit(region.net_migration, seed=seed + 1).diagnostics
    seconds = time.perf_counter() - started
    return figure("fits/migration", "local_seconds", seconds, "< 20", countries=6, rhat=found.rhat, seed=seed + 1)


if __name__ == "__main__":
    sys.exit(main())
