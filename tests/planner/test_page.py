"""The page in a real browser: what is read, moved, saved and refused; nothing is fetched from elsewhere."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from playwright import sync_api as playwright
from poblar.data import kinds
from poblar.planner import Study, page
from poblar.planner.desk import Desk
from poblar.planner.errors import PlannerError
from poblar.planner.plan_file import read_plan
from rich.console import Console

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
NAME = "<script>alert(1)</script>"
STUDY = Study.model_validate(
    {
        "models": {"sampling_draws": 60, "sampling_tune": 60, "accept_unconverged": True},
        "until": 2050,
        "draws": 600,
        "data": {"name": NAME},
    }
)
PATIENCE = 60_000  # milliseconds

# On a machine without a browser these tests say so; CI installs one, and fails if it cannot.
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium is found on PATH")


@pytest.fixture(scope="module")
def address(cache: Path) -> Iterator[str]:
    """A server of a small study on a free port."""
    desk = Desk(STUDY, console=Console(quiet=True), cache=cache)
    begun, opened = threading.Event(), []

    def run() -> None:
        asyncio.set_event_loop(asyncio.new_event_loop())
        server, pools = page.open_server(desk, port=0)
        opened.extend((server, pools))
        server.start()
        server.io_loop.add_callback(begun.set)
        server.io_loop.start()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert begun.wait(60.0)
    server, pools = opened
    desk.prepare()
    yield f"http://127.0.0.1:{server.port}/"
    for pool in pools:
        pool.close()
    server.io_loop.add_callback(server.io_loop.stop)
    thread.join(10.0)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    """One browser for all tests."""
    with playwright.sync_playwright() as started, started.chromium.launch(executable_path=BROWSER, args=ARGS) as found:
        yield found


@pytest.fixture
def tab(browser: playwright.Browser) -> Iterator[playwright.Page]:
    """A tab of its own, which must not complain, nor ask anything of another machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    found, wrong = context.new_page(), []
    found.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    found.on("pageerror", lambda error: wrong.append(str(error)))
    found.on("dialog", lambda dialog: wrong.append(f"a dialog: {dialog.message}"))
    found.on("request", lambda asked: None if is_local(asked.url) else wrong.append(f"asked for {asked.url}"))
    found.on("websocket", lambda asked: None if is_local(asked.url) else wrong.append(f"asked for {asked.url}"))
    yield found
    context.close()
    assert not wrong


def is_local(url: str) -> bool:
    return url.startswith(("data:", "blob:")) or urlsplit(url).hostname in ("127.0.0.1", "localhost")


def answer_of(tab: playwright.Page) -> str:
    return tab.locator(".answer .sentence").first.inner_text()


def opened(tab: playwright.Page, address: str, query: str = "") -> str:
    """The answer of a view, once its pictures are drawn."""
    tab.goto(address + query)
    tab.wait_for_selector(".answer .sentence")
    tab.wait_for_selector(".js-plotly-plot .main-svg .trace")
    return answer_of(tab)


def moved(tab: playwright.Page, name: str, key: str, times: int = 1) -> str:
    """The answer once a slider was moved by a key."""
    before = answer_of(tab)
    slider = tab.locator(f"input[type=range][name={name}]")
    slider.focus()
    for _ in range(times):
        tab.keyboard.press(key)
    tab.wait_for_function(
        """before => {
          const found = [];
          const look = (root) => root.querySelectorAll("*").forEach((one) => {
            if (one.matches(".answer .sentence")) found.push(one.innerText);
            if (one.shadowRoot) look(one.shadowRoot);
          });
          look(document);
          return found.length && found[0] !== before;
        }""",
        arg=before,
    )
    return answer_of(tab)


@needs_browser
def test_the_first_view_is_of_the_place_by_its_name(tab: playwright.Page, address: str) -> None:
    assert re.match(r"2050: .* \(80 % interval .* to .*\)", opened(tab, address).replace("\u00a0", " "))
    assert tab.locator(".answer .where").inner_text().startswith(f"{NAME}: Total growth")
    assert tab.locator("script:text('alert(1)')").count() == 0
    assert len(tab.screenshot()) > 20_000


@needs_browser
def test_a_plan_follows_its_controls_and_the_address_follows_both(tab: playwright.Page, address: str) -> None:
    first = opened(tab, address, "?view=admissions")
    assert "keeps the population from shrinking in 2035-2050 with 90" in first
    second = moved(tab, "growth", "ArrowRight")
    assert "keeps growth at 0.10" in second
    asked = parse_qs(urlsplit(tab.url).query)
    assert asked == {"view": ["admissions"], "growth": ["0.1"]}
    again = tab.context.new_page()
    assert opened(again, tab.url) == second
    assert again.locator("input[type=number][aria-label^='Growth']").input_value() == "0.1"


@needs_browser
def test_a_drag_by_the_mouse_moves_the_officers(tab: playwright.Page, address: str) -> None:
    first = opened(tab, address, "?view=officers")
    slider = tab.locator("input[type=range][name=wait]")
    box = slider.bounding_box()
    assert box is not None
    tab.mouse.move(box["x"] + 0.15 * box["width"], box["y"] + box["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + box["height"] / 2, steps=5)
    tab.mouse.up()
    months = tab.locator("input[type=number][aria-label^='Decided within']").input_value()
    tab.wait_for_selector(f".answer .sentence:has-text('decides within {months} months')")
    assert answer_of(tab) != first
    assert tab.locator(".js-plotly-plot").count() == 3


@needs_browser
def test_two_futures_stand_side_by_side_with_their_difference(tab: playwright.Page, address: str) -> None:
    opened(tab, address, "?indicator=net_migration")
    tab.locator("select[name=beside]").select_option("nobody migrates")
    tab.wait_for_selector(".answer .sentence:has-text('“nobody migrates” less “forecast”')")
    # Pictures come one after the other.
    playwright.expect(tab.locator(".js-plotly-plot:visible")).to_have_count(3, timeout=30_000)


@needs_browser
def test_what_is_seen_can_be_saved(tab: playwright.Page, address: str, tmp_path: Path) -> None:
    opened(tab, address, "?view=admissions&growth=0.2")
    saved = {}
    for label, name in (
        ("Table (CSV)", "table.csv"),
        ("Pictures (HTML)", "page.html"),
        ("Plan file (YAML)", "plan.yaml"),
    ):
        with tab.expect_download() as download:
            tab.get_by_text(label).click()
        saved[name] = tmp_path / name
        download.value.save_as(saved[name])
    table = pd.read_csv(saved["table.csv"])
    assert table["year"].tolist() == list(range(2027, 2051))
    study = read_plan(saved["plan.yaml"])
    assert study.quota is not None
    assert study.quota.goals[0].at_least == pytest.approx(0.002)
    assert study.place == NAME
    page_text = saved["page.html"].read_text(encoding="utf-8")
    assert "Plotly.newPlot" in page_text
    assert "<script>alert(1)" not in page_text
    with tab.expect_download() as download:
        tab.locator(".js-plotly-plot").first.hover()
        tab.locator(".modebar-btn[data-title*='png' i]").first.click()
    download.value.save_as(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


@needs_browser
def test_an_impossible_plan_says_what_can_be_reached(tab: playwright.Page, address: str) -> None:
    assert "No plan within these limits" in opened(tab, address, "?view=admissions&cap=10")
    assert "can be reached" in answer_of(tab)
    assert tab.locator(".answer.none .badge").inner_text() == "no plan"


@needs_browser
def test_years_out_of_order_are_a_paragraph_with_the_remedy(tab: playwright.Page, address: str) -> None:
    tab.goto(f"{address}?view=admissions&first=2045&last=2030")
    tab.wait_for_selector(".answer.none .sentence")
    assert "expected the first year before the last, found 2045 and 2030" in answer_of(tab)


@needs_browser
def test_nonsense_in_the_address_is_said_and_the_default_used(tab: playwright.Page, address: str) -> None:
    opened(tab, address, "?view=admissions&growth=99&goal=%3Cb%3E&probability=nan&nobody=knows")
    notes = tab.locator(".note").all_inner_texts()
    assert len(notes) == 3
    assert any("Growth of at least: expected -1 to 2, found '99'; 0 is used." in note for note in notes)
    assert any("'<b>'" in note for note in notes)
    assert parse_qs(urlsplit(tab.url).query) == {"view": ["admissions"]}


@needs_browser
def test_figures_of_ones_own_are_checked_as_they_come(tab: playwright.Page, address: str, tmp_path: Path) -> None:
    tab.goto(f"{address}?view=own")
    (tmp_path / "bad.csv").write_text("=cmd(),<b>\n1,2\n")
    (tmp_path / "large.csv").write_bytes(b"1" * 5_000_001)
    (tmp_path / "rates.csv").write_text(kinds.template("rates"))
    choice, button = tab.locator("input[type=file]"), tab.get_by_role("button", name="Forecast with these figures")
    choice.set_input_files(tmp_path / "bad.csv")
    tab.wait_for_selector(".note:has-text('bad.csv, row 1: expected the columns of a known kind')")
    choice.set_input_files(tmp_path / "large.csv")
    tab.wait_for_selector("strong:has-text('more than 5 MB')")
    choice.set_input_files(tmp_path / "rates.csv")
    tab.wait_for_selector("li:has-text('rates: rates.csv, checked')")
    assert button.is_disabled()  # rates alone are no population


@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_screen_and_every_control_has_a_label(
    tab: playwright.Page, address: str, width: int
) -> None:
    tab.set_viewport_size({"width": width, "height": 800})
    opened(tab, address, "?view=admissions")
    for view in ("Officers", "Help", "Own figures", "Admissions"):
        tab.get_by_role("button", name=view, exact=True).click()
        tab.wait_for_selector(f"nav button[aria-current]:has-text('{view}')")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for control in tab.locator("input:visible, select:visible").all():
        name = control.evaluate("e => (e.labels && e.labels.length && e.labels[0].innerText) || e.ariaLabel || ''")
        assert name.strip()


def test_two_hundred_requests_at_once_leave_the_server_answering(address: str) -> None:
    def status(_number: int) -> int:
        with urllib.request.urlopen(address, timeout=60) as found:
            return found.status

    started = time.monotonic()
    with ThreadPoolExecutor(200) as pool:
        assert set(pool.map(status, range(200))) == {200}
    assert time.monotonic() - started < 45
    with urllib.request.urlopen(address, timeout=10) as found:
        assert b"visits are open" in found.read() or found.status == 200


def test_a_socket_from_another_host_s_page_is_refused(address: str) -> None:
    parts = urlsplit(address)
    for origin, status in (("http://evil.example", b"403"), (f"http://{parts.netloc}", b"101")):
        with socket.create_connection((parts.hostname, parts.port), timeout=20) as raw:
            raw.sendall(
                f"GET /ws HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Origin: {origin}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: bokeh, none\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            )
            assert raw.recv(64).split()[1] == status


def test_a_port_that_is_taken_is_a_stated_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PlannerError, match=rf"expected to listen on 127.0.0.1, port {port}, found Address already"):
            page.serve(STUDY, console=Console(quiet=True), port=port)
