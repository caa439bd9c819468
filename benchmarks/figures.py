"""One line of JSON for each figure, and what it was measured with."""

from __future__ import annotations

import json
import operator
import resource
import sys
from collections.abc import Callable
from typing import Any

COMPARE: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, "<": operator.lt, ">=": operator.ge}


def figure(benchmark: str, metric: str, value: float, bar: str = "", **more: Any) -> bool:
    """Print a figure and whether it meets its bar, such as "<= 60" or "0.77 to 0.85"; no bar is always met."""
    ok = True
    if " to " in bar:
        low, high = map(float, bar.split(" to "))
        ok = low <= value <= high
    elif bar:
        sign, limit = bar.split()
        ok = COMPARE[sign](value, float(limit))
    line = {"benchmark": benchmark, "metric": metric, "value": round(value, 4), "bar": bar, "ok": ok}
    sys.stdout.write(json.dumps(line | more) + "\n")
    sys.stdout.flush()
    return ok


def peak_memory_mb() -> float:
    """Most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
