"""Speed of the planner's page in a real browser: ``python -m benchmarks.page [--drags N] [--port P]``.

A server of the study as it comes is started and left to prepare itself, its fits in the cache. A view is there when its
answer can be read and its pictures are drawn. A drag moves a slider, by the mouse or an arrow key, to a value that was
not asked before, and lasts until the answer says something else and every picture of the view is drawn anew.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from playwright.sync_api import Locator, Page, sync_playwright
from poblar.planner import Study

from .figures import figure

NAME = "page"
BROWSER = ("chromium", "chromium-browser", "google-chrome")
ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SLIDERS = {
    "admissions": {"growth": (-0.5, 0.8), "probability": (60, 96), "from": (2033, 2040), "to": (2045, 2056),
                   "first": (2026, 2033), "last": (2045, 2056)},
    "officers": {"wait": (5, 24), "sure": (60, 92), "in_post": (20, 600)},
}  # fmt: skip
"""Sliders of each view whose every move changes the answer, and how far: where no plan exists, many answers are one."""
DRAWN = "plots => plots.map(plot => plot.drawn || 0)"
COUNT = """plots => plots.forEach(plot => {
  if (plot.drawn === undefined) { plot.drawn = 0; plot.on("plotly_afterplot", () => { plot.drawn += 1; }); }
})"""
REQUESTS = 200
PATIENCE = 30.0  # seconds after which a drag is given up


@contextmanager
def serving(port: int) -> Iterator[float]:
    """A server in a process of its own; the seconds until it was ready for its first visitor."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.page", "--serve", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stderr.write(line)
            if "ready after" in line:
                break
        ready = time.perf_counter() - started
        threading.Thread(target=process.stdout.read, daemon=True).start()  # so that it never waits for us
        yield ready
    finally:
        process.kill()
        process.wait()


def first_view(page: Page, address: str) -> float:
    """Seconds from asking for a view to its answer and pictures."""
    started = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(".answer .sentence")
    page.wait_for_selector(".js-plotly-plot .main-svg .trace")
    return time.perf_counter() - started


def drags(page: Page, view: str, count: int, rng: np.random.Generator) -> list[float]:
    """Seconds of each of so many drags."""
    asked: set[tuple[str, str]] = set()
    seconds: list[float] = []
    page.locator(".js-plotly-plot").evaluate_all(COUNT)
    while len(seconds) < count:
        slider = page.locator(f"input[type=range][name={rng.choice(list(SLIDERS[view]))}]")
        name = str(slider.get_attribute("name"))
        low, high, step, value = (float(slider.evaluate(f"e => e.{what}")) for what in ("min", "max", "step", "value"))
        target = value + step * rng.choice([-3, -2, -1, 1, 2, 3])
        least, most = SLIDERS[view][name]
        if not least <= target <= most or (name, f"{target:.6g}") in asked:
            continue
        asked.add((name, f"{target:.6g}"))
        seconds.append(_drag(page, slider, round((target - value) / step), (value - low) / (high - low)))
    return seconds


def _drag(page: Page, slider: Locator, steps: int, at: float) -> float:
    """By an arrow key if it is one step, by the mouse if it is more."""
    plots, sentence = page.locator(".js-plotly-plot"), page.locator(".answer .sentence").first
    before, drawn = sentence.inner_text(), plots.evaluate_all(DRAWN)
    slider.evaluate("e => e.scrollIntoView({block: 'center'})")
    if abs(steps) == 1:
        slider.focus()
        started = time.perf_counter()
        page.keyboard.press("ArrowRight" if steps > 0 else "ArrowLeft")
    else:
        box = slider.bounding_box()
        assert box is not None
        thumb, middle = 16.0, box["y"] + box["height"] / 2
        x = box["x"] + thumb / 2 + at * (box["width"] - thumb)
        span = float(slider.evaluate("e => (e.max - e.min) / e.step"))
        page.mouse.move(x, middle)
        page.mouse.down()
        started = time.perf_counter()
        page.mouse.move(x + steps / span * (box["width"] - thumb), middle)
        page.mouse.up()
    while time.perf_counter() - started < PATIENCE:
        if sentence.inner_text() != before and all(
            now > then for now, then in zip(plots.evaluate_all(DRAWN), drawn, strict=True)
        ):
            return time.perf_counter() - started
        page.wait_for_timeout(5)
    again = [now - then for now, then in zip(plots.evaluate_all(DRAWN), drawn, strict=True)]
    raise TimeoutError(
        f"{slider.get_attribute('name')} moved to {slider.input_value()}: expected another answer than "
        f"{before!r} and every picture drawn again, found {sentence.inner_text()!r} and {again} drawings; {page.url}"
    )


def many(address: str) -> tuple[float, int]:
    """Seconds that so many requests at once take, and how many were answered."""

    def get(_number: int) -> bool:
        with urllib.request.urlopen(address, timeout=60) as answer:
            return answer.status == 200

    started = time.perf_counter()
    with ThreadPoolExecutor(REQUESTS) as pool:
        answered = sum(pool.map(get, range(REQUESTS)))
    return time.perf_counter() - started, answered


def measured(port: int, count: int) -> list[bool]:
    """All figures."""
    browser = next((path for name in BROWSER if (path := shutil.which(name))), None)
    if browser is None:
        raise SystemExit("expected chromium on PATH, found none; install it (apt-get install chromium).")
    address, results, rng = f"http://127.0.0.1:{port}/", [], np.random.default_rng(1)
    with serving(port) as ready, sync_playwright() as playwright:
        results.append(figure(NAME, "ready_s", ready, of="process start to prepared, fits in the cache", draws=1000))
        with playwright.chromium.launch(executable_path=browser, args=ARGS) as chromium:
            times: list[float] = []
            moves: dict[str, list[float]] = {}
            for view in ("population", "admissions", "officers", "admissions", "officers"):
                page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
                times.append(first_view(page, f"{address}?view={view}"))
                if len(times) in (2, 3):
                    page.wait_for_timeout(1000)
                    moves[view] = drags(page, view, count // 2, rng)
                page.context.close()
            results.append(figure(NAME, "first_view_s", max(times), "<= 5", of=f"slowest of {len(times)}"))
            every = [one for own in moves.values() for one in own]
            more = {"drags": len(every), "median": round(statistics.median(every), 3), "slowest": round(max(every), 3)}
            more |= {f"median_{view}": round(statistics.median(own), 3) for view, own in moves.items()}
            results.append(figure(NAME, "drag_p95_s", float(np.quantile(every, 0.95)), "<= 1", **more, seed=1))
            seconds, answered = many(address)
            results.append(
                figure(
                    NAME, "requests_answered", answered, f">= {REQUESTS}", at_once=REQUESTS, seconds=round(seconds, 2)
                )
            )
            page = chromium.new_page()
            page.wait_for_timeout(30_000)  # until the visits that nobody opened are over
            after = first_view(page, f"{address}?view=admissions")
            results.append(figure(NAME, "view_after_requests_s", after, "<= 5"))
    return results


def main() -> None:
    """Print every figure; exit code 1 if one misses its bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drags", type=int, default=50)
    parser.add_argument("--port", type=int, default=5207)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        from poblar.planner.page import serve
        from rich.console import Console

        serve(Study(), console=Console(width=200), port=asked.port)
        return
    sys.exit(0 if all(measured(asked.port, asked.drags)) else 1)


if __name__ == "__main__":
    main()
