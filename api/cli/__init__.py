"""The command `caselog`: what runs a desk, and what its people ask it from a shell.

Exit codes: 0 done, 1 done but with something to look at (rows not imported, vectors that differ), 2 wrong usage or
configuration, 3 the database or another service cannot be had, 70 a fault of the program, 130 interrupted.

The commands are in `commands`, which takes half a second to import; nothing here does.
"""

import os
import signal
from types import FrameType

from infra.supervised import PIPE


def main() -> None:
    """Run the command line; a failure is one sentence on standard error, a fault of the program a stack trace."""
    interrupts = signal.getsignal(signal.SIGINT)
    if PIPE in os.environ:  # Ctrl-C is the supervisor's, which blocked it for us until now
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    elif interrupts is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from api.cli.commands import run  # noqa: PLC0415 - see above

    run()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    """End at once: nothing has been begun. An exception would come up in the middle of an import."""
    os.write(2, b"interrupted\n")
    os._exit(130)
