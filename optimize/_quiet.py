"""The solver says its name once per process, from C; here it says it to nobody."""

from __future__ import annotations

import os
import sys
from functools import cache

import highspy

STANDARD_OUTPUT = 1


@cache
def hush_solver() -> None:
    """Let HiGHS print its banner where nobody looks; later runs are silent."""
    sys.stdout.flush()
    kept, nowhere = os.dup(STANDARD_OUTPUT), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STANDARD_OUTPUT)
    try:
        highspy.Highs().run()
    finally:
        os.dup2(kept, STANDARD_OUTPUT)
        os.close(kept)
        os.close(nowhere)
