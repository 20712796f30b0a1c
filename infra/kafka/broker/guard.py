"""Runs one program as long as standard input stays open, so that it ends when whoever started it does, by kill -9 too.

`python guard.py LOCK PROGRAM [ARGUMENT ...]`: the lock is held meanwhile, so that no two of them work in one folder;
the program's output goes where ours does. SIGTERM ends both; the exit code is the program's. It is started by its path,
from whatever folder, and imports nothing of Caselog.
"""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import psutil

IN_USE = 75
"""The exit code where another living process has the folder."""

_STOP_SECONDS = 30
_PREDECESSOR_SECONDS = 40
_STEP_SECONDS = 0.05


def main(lock_path: str, *command: str) -> int:
    """Take the lock, run the command, and return its exit code, or `IN_USE`."""
    lock = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600)
    if not _taken(lock):
        return IN_USE
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getppid()).encode(), 0)
    _end_leftovers(command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def end(*_: int | FrameType | None) -> None:
        child.terminate()
        threading.Timer(_STOP_SECONDS, child.kill).start()

    signal.signal(signal.SIGTERM, end)

    def end_with_the_starter() -> None:
        os.read(0, 1)
        end()

    threading.Thread(target=end_with_the_starter, daemon=True).start()
    code = child.wait()
    os._exit(code if code >= 0 else 128 - code)  # a timer may still wait


def _taken(lock: int) -> bool:
    """Whether the lock is ours now; where its holder's starter is dead, that holder is about to end and waited for."""
    deadline = time.monotonic() + _PREDECESSOR_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            starter = os.pread(lock, 20, 0)
            alive = starter.isdigit() and psutil.pid_exists(int(starter)) and int(starter) != os.getppid()
            if alive or time.monotonic() > deadline:
                return False
            time.sleep(_STEP_SECONDS)
        else:
            return True


def _end_leftovers(command: tuple[str, ...]) -> None:
    """Kill what such a command still runs as in this folder: its guard was killed, so nobody else ends it.

    Its last two words are the program's name and its settings; the others may be another release's.
    """
    here, name = os.path.realpath(os.curdir), Path(command[0]).name
    left = []
    for process in psutil.process_iter():
        try:
            if process.name() == name and process.cwd() == here and tuple(process.cmdline()[-2:]) == command[-2:]:
                process.kill()
                left.append(process)
        except psutil.Error:
            continue
    psutil.wait_procs(left)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
