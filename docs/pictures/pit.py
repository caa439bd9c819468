"""Where what came lay among draws from 2005: ``python docs/pictures/pit.py`` writes ``pit.csv`` beside it.

Every country is fitted to its figures up to 2005 as in `benchmarks.skill`, whose downloaded tables it needs; about ten
minutes on two cores. Life expectancy without 2020 and 2021.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))  # benchmarks are a folder of the checkout, not of the package

from benchmarks.skill import PANDEMIC, SAMPLING  # noqa: E402
from benchmarks.worlds import FORMS, LAST, SERIES, add_folders, world  # noqa: E402

ORIGIN, BINS = 2005, 20


def main() -> None:
    parser = argparse.ArgumentParser()
    add_folders(parser)
    folder = parser.parse_args().data
    counts = {}
    for what, name in SERIES.items():
        past, truth = world(folder, name, ORIGIN), world(folder, name, LAST)[name]
        posterior = FORMS[what]["default"].fit(past, seed=1, sampling=SAMPLING, accept_unconverged=True)
        draws = posterior.forecast(until=LAST, draws=2000, seed=1)
        came = truth.sel(year=draws["year"], country=draws["country"])
        below = (draws < came).mean("draw")
        if what == "mortality":
            below = below.sel(year=[year for year in below["year"].to_numpy() if year not in PANDEMIC])
        for sex in below["sex"].to_numpy() if "sex" in below.dims else [None]:
            part = below if sex is None else below.sel(sex=sex)
            label = {"tfr": "TFR", "net_migration_rate": "net migration"}.get(name, f"life expectancy, {sex}")
            counts[label] = np.histogram(part, bins=np.linspace(0.0, 1.0, BINS + 1))[0]
    table = pd.DataFrame(counts)
    table.index.name = "twentieth"
    table.to_csv(HERE / "pit.csv")


if __name__ == "__main__":
    main()
