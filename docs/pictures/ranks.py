"""Ranks of true parameters among posterior draws, of worlds made from the prior: flat where the sampler is right."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats

tables = {path.stem: pd.read_csv(path, index_col="fifth") for path in sorted(Path().glob("ranks_*.csv"))}
shown = [(name.removeprefix("ranks_"), key, table[key]) for name, table in tables.items() for key in table]
columns = 4
rows = -(-len(shown) // columns)
figure, axes = plt.subplots(rows, columns, figsize=(9.0, 1.9 * rows), sharex=True, layout="constrained", squeeze=False)
for axis in axes.flat[len(shown) :]:
    axis.set_axis_off()
for axis, (name, key, counts) in zip(axes.flat, shown, strict=False):
    total = int(counts.sum())
    low, high = stats.binom.ppf([0.025, 0.975], total, 1.0 / len(counts))
    axis.axhspan(low, high, color="#cccccc", alpha=0.6, linewidth=0)
    axis.bar(np.arange(len(counts)), counts, width=1.0, color="#0072b2", edgecolor="white")
    axis.set_title(f"{name}: {key}, {total:,} ranks", loc="left", fontsize=8)
    axis.set_xticks([])
    axis.tick_params(labelsize=7)
