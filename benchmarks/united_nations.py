"""Forecasts of 2050 beside the UN's: ``python -m benchmarks.united_nations fertility --form double-logistic``.

All countries, fitted to the estimates of World Population Prospects 2024 and held against its probabilistic projection:
medians, and the widths of its 80 and 95 % intervals. Countries whose medians differ by more than the limit are listed.
The share within the limit is printed for those countries too that the published software forecasts: bayesLife leaves
out 21 where HIV was widespread, whose medians the UN makes by another model.
"""

from __future__ import annotations

import argparse
import sys
import time

import pandas as pd
import xarray as xr
from poblar.data.countries import from_m49
from poblar.data.neighbours import subregion
from poblar.data.wpp import read_wide
from poblar.forecast import Sampling
from poblar.forecast.scores import width

from .figures import figure, peak_memory_mb
from .skill import ANCHORS
from .worlds import FORMS, LAST, SERIES, add_folders, world

YEAR = 2050
WITHIN = {"tfr": 0.15, "e0": 1.5}  # children per woman, years
PROJECTIONS = {"tfr": "tfrproj", "e0": "e0Fproj"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.united_nations")
    parser.add_argument("what", choices=sorted(FORMS))
    parser.add_argument("--form", choices=["default", "double-logistic"], default="default")
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    add_folders(parser)
    given = parser.parse_args()
    started, name = time.perf_counter(), SERIES[given.what]
    past = world(given.data, name, LAST)
    sampling = Sampling(target_accept=0.8)
    posterior = FORMS[given.what][given.form].fit(past, seed=given.seed, sampling=sampling, accept_unconverged=True)
    sys.stderr.write(f"{posterior.diagnostics}\n")
    draws = posterior.forecast(until=YEAR, draws=given.draws, seed=given.seed).sel(year=YEAR)

    def projected(end: str) -> xr.DataArray:
        table = read_wide(given.data / f"{PROJECTIONS[name]}{end}.txt", name)[name]
        return table.sel(year=YEAR, country=draws["country"])

    median, bounds = projected("Med" if name == "tfr" else ""), [projected(end) for end in ("80l", "80u", "95l", "95u")]
    about = {"form": given.form, "draws": given.draws, "seed": given.seed, "year": YEAR}
    about |= {"seconds": round(time.perf_counter() - started, 1), "peak_memory_mb": round(peak_memory_mb())}
    met = True
    for sex in draws["sex"].to_numpy() if "sex" in draws.dims else [None]:
        pick = {} if sex is None else {"sex": sex}
        low80, high80, low95, high95 = (bound.sel(pick) for bound in bounds)
        off = draws.sel(pick).median("draw") - median.sel(pick)
        label = name if sex is None else f"{name} {sex}"
        limit, more = WITHIN[name], about | {"series": label}
        bar = ">= 0.90" if given.form == "double-logistic" else ""
        benchmark = f"united_nations/{given.what}"
        met &= figure(benchmark, "share_within_limit", float((abs(off) <= limit).mean()), bar, limit=limit, **more)
        stored = given.anchors / ANCHORS[label]
        if stored.is_file():
            known = pd.read_csv(stored)["country_code"].map(from_m49).unique()
            own = off.sel(country=off["country"].isin(known))
            share = float((abs(own) <= limit).mean())
            figure(benchmark, "share_within_limit_of_theirs", share, countries=own.size, limit=limit, **more)
        figure(benchmark, "mean_difference", float(off.mean()), **more)
        figure(benchmark, "median_absolute_difference", float(abs(off).median()), **more)
        ours80, ours95 = (width(draws.sel(pick), level).mean() for level in (80, 95))
        figure(benchmark, "width80_over_theirs", float(ours80 / (high80 - low80).mean()), **more)
        figure(benchmark, "width95_over_theirs", float(ours95 / (high95 - low95).mean()), **more)
        area = xr.DataArray([subregion(country) for country in off["country"].to_numpy()], dims="country", name="area")
        for name_of_area, own in off.groupby(area):
            figure(
                benchmark,
                "mean_difference_of_area",
                float(own.mean()),
                area=str(name_of_area),
                countries=own.size,
                **more,
            )
        for country, value in sorted(off.to_series().items(), key=lambda pair: -abs(pair[1])):
            if abs(value) > limit:
                figure(
                    benchmark,
                    "difference",
                    float(value),
                    country=str(country),
                    theirs=float(median.sel(pick | {"country": country})),
                    **more,
                )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
