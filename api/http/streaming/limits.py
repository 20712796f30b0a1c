"""How many lists at once, and how long may a client leave its own untaken?"""

import os
import socket
import stat
from contextlib import suppress

import msgspec

STALLED_SECONDS = 60.0


class Limits(msgspec.Struct, frozen=True):
    """How many lists may be on their way at once, and for how long each may stand still."""

    at_once: int
    stalled_seconds: float = STALLED_SECONDS


def end_stalled(port: int, seconds: float) -> None:
    """Let the kernel end connections to that port of this process whose clients have taken nothing for so long.

    A client that stands still keeps a thread of granian's, which has no limit of its own. Where the system has no such
    option (it is Linux's) nothing is limited.
    """
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is None:
        return
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - names of descriptors, not of files
        with suppress(OSError):  # it was closed meanwhile
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                with socket.socket(fileno=os.dup(int(name))) as each:
                    if each.family in {socket.AF_INET, socket.AF_INET6} and each.getsockname()[1] == port:
                        each.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))
