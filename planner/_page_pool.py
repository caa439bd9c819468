"""Who asks is answered by a few workers; of what one visitor asks, only the latest is worked on."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from ..data import PoblarError
from .errors import PlannerError

__all__ = ["Overtaken", "Pool"]

log = logging.getLogger(__name__)


class Overtaken(Exception):
    """Raised by work that is given up, since its owner has asked something else."""


@dataclass(frozen=True)
class _Job:
    work: Callable[[], Any]
    done: Callable[[Any], None]
    failed: Callable[[PoblarError], None]


class Pool:
    """Workers and a queue that cannot grow without end.

    Parameters
    ----------
    workers : int
        Threads that work.
    waiting : int
        Most who wait at a time; whoever comes then is told so.

    Examples
    --------
    >>> pool, heard = Pool(workers=1, waiting=10), threading.Event()
    >>> pool.submit("a visitor", lambda: 1 + 1, lambda found: heard.set(), print)
    >>> heard.wait(5.0)
    True
    >>> pool.close()
    """

    def __init__(self, *, workers: int, waiting: int) -> None:
        self.waiting = waiting
        self._jobs: OrderedDict[Hashable, _Job] = OrderedDict()
        self._changed = threading.Condition()
        self._busy: set[Hashable] = set()
        self._open = True
        self._threads = [threading.Thread(target=self._run, name=f"poblar-{n}", daemon=True) for n in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(
        self,
        owner: Hashable,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[PoblarError], None],
    ) -> None:
        """Have something done; what the same owner asked before and is not begun is dropped, its turn kept.

        Parameters
        ----------
        owner : hashable
            Whose work it is; one owner's is never done twice at a time.
        work : callable
            What to do.
        done, failed : callable
            Called with what it returned, or with the stated error, in the worker's thread.

        Raises
        ------
        PlannerError
            If too many wait.
        """
        with self._changed:
            if owner not in self._jobs and len(self._jobs) >= self.waiting:
                raise PlannerError(
                    f"expected at most {self.waiting} questions to wait for an answer, found as many; "
                    "move the control again in a moment."
                )
            self._jobs[owner] = _Job(work, done, failed)
            self._changed.notify()

    def overtaken(self, owner: Hashable) -> bool:
        """Whether an owner has asked something else since, so that what is being done need not be finished."""
        with self._changed:
            return owner in self._jobs

    def forget(self, owner: Hashable) -> None:
        """Drop what an owner waits for."""
        with self._changed:
            self._jobs.pop(owner, None)

    def close(self) -> None:
        """Drop what waits, and end when what is begun is done."""
        with self._changed:
            self._open = False
            self._jobs.clear()
            self._changed.notify_all()

    def _run(self) -> None:
        while (found := self._next()) is not None:
            owner, job = found
            try:
                self._work(job)
            finally:
                with self._changed:
                    self._busy.discard(owner)
                    self._changed.notify_all()

    def _next(self) -> tuple[Hashable, _Job] | None:
        """The first job of an owner for whom nothing is being done; None when the pool is closed."""
        with self._changed:
            while self._open:
                for owner in self._jobs:
                    if owner not in self._busy:
                        self._busy.add(owner)
                        return owner, self._jobs.pop(owner)
                self._changed.wait()
        return None

    def _work(self, job: _Job) -> None:
        try:
            found = job.work()
        except Overtaken:
            pass
        except PoblarError as error:
            job.failed(error)
        except Exception:  # a mistake of ours: it is logged whole, and the page says that there was one
            log.exception("a question could not be answered")
            job.failed(
                PlannerError(
                    "expected an answer, found a mistake in poblar itself; the server's log has it. "
                    "Move the control back, and please report it."
                )
            )
        else:
            job.done(found)
