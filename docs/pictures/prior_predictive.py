"""Futures drawn from the priors alone, from the figures of 1970 on: spaghetti, and what came."""

import matplotlib.pyplot as plt
from poblar.data import reference
from poblar.forecast import Fertility, Mortality, prior_predictive

REGION = reference.region(("MEX", "USA"))
SHOWN, DRAWS, START = 40, 400, 1970
figure, axes = plt.subplots(2, 2, figsize=(9.0, 6.0), sharex=True, layout="constrained")
for row, prior in zip(axes, ("vague", "world"), strict=True):
    for axis, model, panel, unit in (
        (row[0], Fertility(prior=prior), REGION.tfr, "children per woman"),
        (row[1], Mortality(prior=prior), REGION.e0, "life expectancy, women, years"),
    ):
        paths = prior_predictive(model, panel.sel(year=slice(None, START)), until=2100, draws=DRAWS, seed=1)
        came = panel[str(paths.name)]
        if "sex" in paths.dims:
            paths, came = paths.sel(sex="female"), came.sel(sex="female")
        for country, colour in (("MEX", "#0072b2"), ("USA", "#d55e00")):
            own = paths.sel(country=country)
            axis.plot(own["year"], own[:SHOWN].T, color=colour, linewidth=0.5, alpha=0.35)
            axis.plot(own["year"], own.quantile([0.1, 0.9], "draw").T, color=colour, linewidth=1.2, linestyle="--")
            axis.plot(came["year"], came.sel(country=country), color=colour, linewidth=2.2, label=country)
        axis.set_title(f'prior="{prior}"', loc="left", fontsize=10)
        axis.set_ylabel(unit)
axes[0, 0].legend(frameon=False)
