"""The planner's desk as a page: `poblar serve`."""

from __future__ import annotations

import gc
import logging
import socket
import threading
import time
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import panel as pn
from panel.io.server import Server
from rich.console import Console

from ..data import PoblarError
from ._page_answers import ANSWERS, answer
from ._page_controls import controls_of
from ._page_pool import Pool
from ._page_visit import Visit
from ._page_widgets import closed_page
from .desk import Desk
from .errors import PlannerError
from .language import ENGLISH, Language
from .study import Study

__all__ = ["serve"]

VISITS: Final = 50
"""Most visits at a time; whoever comes then is told so."""

WORKERS: Final = 2
OWN: Final = 4  # visits that wait for models of figures of their own
UPLOAD: Final = 8_000_000
"""Bytes of the longest message that a browser may send: a file of 5 MB, as it travels."""

log = logging.getLogger(__name__)


def serve(
    study: Study,
    *,
    console: Console,
    folder: str | Path = ".",
    host: str = "127.0.0.1",
    port: int = 5006,
    show: bool = False,
    cache: str | Path | None = None,
    fresh: bool = False,
) -> None:
    """Serve a study as a page in which its questions can be moved, until Ctrl-C.

    Only browsers on this machine reach it unless another host is given, and nothing that it shows is fetched from
    elsewhere. It knows no names and no passwords: on a host that others reach, everyone who does may use it.

    Parameters
    ----------
    study : Study
        What is asked at first.
    console : rich.console.Console
        Where its address, requests and progress are shown.
    folder : str or Path
        Folder that the files of the study's own figures are in.
    host : str
        Address to listen on.
    port : int
        Port; 0 takes a free one.
    show : bool
        Open it in the browser.
    cache, fresh : optional
        As in `poblar.planner.work.Work`.

    Raises
    ------
    PlannerError
        If the port is taken, or the host is none of this machine's.

    Examples
    --------
    >>> serve(Study(), console=Console(quiet=True), host="192.0.2.1")
    Traceback (most recent call last):
    ...
    poblar.planner.errors.PlannerError: expected to listen on 192.0.2.1, port 5006, found Cannot assign requested ...
    """
    handler = _Lines(console)
    loggers = [logging.getLogger(name) for name in ("tornado.access", "tornado.application", "poblar.planner")]
    levels = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        desk = Desk(study, console=console, folder=folder, cache=cache, fresh=fresh)
        server, pools = open_server(desk, host=host, port=port)
        try:
            address = f"http://{_named(host)}:{server.port}/"
            console.print(f"The desk is at {address} (Ctrl-C ends it)", markup=False, highlight=False, soft_wrap=True)
            if not _is_loopback(host):
                console.print(f"Whoever reaches {host} may use it; without --host only this machine can.", markup=False)
            gc.collect()
            gc.freeze()  # the libraries stay: looking through them again and again would hold up answers
            server.start()
            if show:
                server.io_loop.add_callback(server.show, "/")
            server.io_loop.start()
        except KeyboardInterrupt:
            pass
        finally:
            for pool in pools:
                pool.close()
            server.stop(wait=False)
    finally:
        for logger, level in levels:
            logger.removeHandler(handler)
            logger.setLevel(level)


def open_server(desk: Desk, *, host: str = "127.0.0.1", port: int = 5006) -> tuple[Server, tuple[Pool, ...]]:
    """A server of a desk, which begins to prepare it, and whose loop is the caller's to start.

    Parameters
    ----------
    desk : Desk
        What answers.
    host : str
        Address to listen on; sockets of browsers that were sent here by a page of another host are refused.
    port : int
        Port; 0 takes a free one.

    Returns
    -------
    Server, tuple of Pool
        All are the caller's to stop.

    Raises
    ------
    PlannerError
        If the address cannot be listened on.
    """
    pn.extension("plotly", inline=False)
    found = _free(host, port)
    pool, slow = Pool(workers=WORKERS, waiting=VISITS), Pool(workers=1, waiting=OWN)
    visits = _Visits()

    def page() -> Any:
        asked = {name: values[-1].decode("utf-8", "replace") for name, values in _arguments().items() if values}
        language = Language("es" if asked.get("lang") == "es" else "en")
        if not visits.come():
            said = "{n} visits are open, as many as this server takes; close one, or come back in some minutes."
            return closed_page(language.say(said, n=VISITS), language)
        try:
            visit = Visit(desk, pool, slow, asked, language)
        except PoblarError as error:
            visits.go()
            return closed_page(" ".join(str(error).split()), language)
        assert pn.state.curdoc is not None
        pn.state.curdoc.on_session_destroyed(lambda _context: visits.go())
        return visit.page()

    server = pn.io.server.get_server(
        {"/": page},
        address=host,
        port=found,
        websocket_origin=_origins(host, found),
        websocket_max_message_size=UPLOAD,
        unused_session_lifetime_milliseconds=20_000,
        check_unused_sessions_milliseconds=5_000,
        session_token_expiration=3_600,
        use_xheaders=False,
    )
    threading.Thread(target=_prepare, args=(desk,), name="poblar-prepare", daemon=True).start()
    return server, (pool, slow)


def _prepare(desk: Desk) -> None:
    started = time.perf_counter()
    try:
        desk.prepare()
        controls = controls_of(desk)
        for view in ANSWERS:  # what every visit asks first
            own = {control.name: control.default for control in controls if view in control.views}
            if any(control.views == (view,) for control in controls):
                for make in answer(desk, view, own, ENGLISH, lambda _text: None).figures:
                    make()
    except PoblarError as error:  # whoever asks is told the same
        log.warning("%s", " ".join(str(error).split()))
    except Exception:
        log.exception("the desk could not be prepared")
    else:
        log.info("ready after %.1f s", time.perf_counter() - started)


def _arguments() -> Mapping[str, list[bytes]]:
    context = None if pn.state.curdoc is None else pn.state.curdoc.session_context
    request = getattr(context, "request", None)
    return {} if request is None else request.arguments


class _Visits:
    """How many visits are open."""

    def __init__(self) -> None:
        self._open, self._lock = 0, threading.Lock()

    def come(self) -> bool:
        with self._lock:
            there_is_room = self._open < VISITS
            self._open += there_is_room
            return there_is_room

    def go(self) -> None:
        with self._lock:
            self._open -= 1


class _Lines(logging.Handler):
    """Log records as lines on the console."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{time.strftime('%H:%M:%S')} {record.getMessage()}"
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _origins(host: str, port: int) -> list[str]:
    """Hosts whose pages may open a socket: this server's own names, and no other's."""
    names = {host}
    if _is_loopback(host):
        names |= {"127.0.0.1", "localhost"}
    elif host in ("0.0.0.0", "::", ""):
        own = socket.gethostname()
        names = {"127.0.0.1", "localhost", own, socket.getfqdn(), *_addresses(own)}
    return [f"{_named(name)}:{port}" for name in sorted(names)]


def _addresses(name: str) -> set[str]:
    try:
        return {str(entry[4][0]) for entry in socket.getaddrinfo(name, None)}
    except OSError:
        return set()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _named(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _free(host: str, port: int) -> int:
    """The port, or a free one for 0, where it can be listened on."""
    try:
        with socket.create_server((host, port)) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        said = str(error.strerror or error).split(" (while")[0]
        raise PlannerError(
            f"expected to listen on {host}, port {port}, found {said}; name another with --host or --port, or end what "
            "listens there."
        ) from None
