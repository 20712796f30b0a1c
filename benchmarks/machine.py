"""How fast is the machine just now? Two fixed loops, run beside what is measured, make figures comparable."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

_ADDITIONS = 500_000
_SYNCS = 100
_PAGE = b"\0" * 8192


def additions_per_second(clock: Callable[[], float] = perf_counter) -> float:
    """Return additions a second of a Python loop in one thread; `clock` tells the seconds."""
    started = clock()
    total = 0
    for number in range(_ADDITIONS):
        total += number
    return _ADDITIONS / (clock() - started)


def syncs_per_second(folder: Path) -> float:
    """Return how many 8 KiB pages a second can be written and synced, one after another, in a folder."""
    with tempfile.TemporaryFile(dir=folder) as file:
        started = perf_counter()
        for _ in range(_SYNCS):
            file.seek(0)
            file.write(_PAGE)
            file.flush()
            os.fsync(file.fileno())
        return _SYNCS / (perf_counter() - started)
