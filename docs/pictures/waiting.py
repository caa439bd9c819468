"""Mexico's ledger of asylum forecast from 2019 and from 2022, and what came."""

import matplotlib.pyplot as plt
import pandas as pd
from poblar.data import reference
from poblar.data.cases import case_ledger, case_panel
from poblar.forecast import Caseload

ASYLUM = reference.region().asylum.sel(country="MEX")
table = ASYLUM.to_frame().rename(columns={"country": "office", "applications": "received"})
table["period"] = pd.to_datetime(table["year"].astype(str) + "-01-01")
table = table[["office", "period", "received", "recognized", "rejected", "closed", "pending"]]
ledger = case_ledger(table, months=12, unit="persons", adjusted="all stages in the stock", missing="2014")

figure, axes = plt.subplots(2, 2, figsize=(9.0, 5.6), sharex=True, sharey="row", layout="constrained")
for column, last in zip(axes.T, (2019, 2022), strict=True):
    part = ledger[ledger["period"].dt.year <= last]
    part.attrs = ledger.attrs
    posterior = Caseload().fit(case_panel(part, ASYLUM.dataset.attrs), seed=1)
    future = posterior.forecast(until=last + 3, draws=2000, seed=1).squeeze("office")
    for axis, name, words in zip(
        column, ("received", "pending"), ("received in the year", "waiting at its end"), strict=True
    ):
        years = future["month"].dt.year
        for level, shade in ((95, 0.16), (80, 0.22), (50, 0.34)):
            band = future[name].quantile([0.5 - level / 200, 0.5 + level / 200], "draw") / 1000
            axis.fill_between(years, *band, color="#0072b2", alpha=shade, linewidth=0, label=f"{level} %")
        axis.plot(years, future[name].median("draw") / 1000, color="#0072b2", linewidth=1.8)
        axis.plot(ledger["period"].dt.year, ledger[name] / 1000, "o-", color="#1a1a1a", markersize=3, linewidth=1.2)
        axis.axvline(last + 0.5, color="#595959", linewidth=0.8, linestyle=":")
        axis.set(xlim=(2012, 2026), ylim=(0, 800 if name == "pending" else 400))
        axis.set_title(f"{words}, seen from the end of {last}", loc="left", fontsize=10)
axes[0, 0].legend(frameon=False, loc="upper left")
for axis in axes[:, 0]:
    axis.set_ylabel("thousand persons")
figure.supxlabel("UNHCR, first instance; pending: all levels. Bands hold 50, 80 and 95 % of the draws.", fontsize=8)
