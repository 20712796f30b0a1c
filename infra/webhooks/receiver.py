"""What does a receiver make of a message? One POST over a connection that is kept, within one deadline."""

import io
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException
from time import monotonic
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

import msgspec

from infra.webhooks.addresses import AddressRefused, Network, resolve

CONNECT_SECONDS = 5.0
IDLE_SECONDS = 20.0
"""How long a connection is kept without use."""

MOST_READ = 65_536
"""Bytes of an answer that are read, so that the connection can be used again; nobody looks at them."""

Kind = Literal["delivered", "gone", "rejected", "timeout", "unreachable", "refused"]


class Attempt(msgspec.Struct, frozen=True):
    """What came of an attempt: `delivered` is any 2xx, `gone` 410, `rejected` any other answer (a redirect too).

    `refused`: the desk itself does not send there. `reason` is for people; `retry_after_seconds` as the receiver asked.
    """

    kind: Kind
    reason: str = ""
    retry_after_seconds: float = 0.0


class Receiver:
    """The desk's side of one webhook's receiver. For one thread at a time; `abort` may be called by another.

    `timeout_seconds` is for an attempt as a whole: connecting, sending and reading the answer, however slowly it drips.
    """

    def __init__(
        self, *, allowed: Sequence[Network], timeout_seconds: float, tls: ssl.SSLContext | None = None
    ) -> None:
        self._allowed = tuple(allowed)
        self._timeout_seconds = timeout_seconds
        self._tls = tls or ssl.create_default_context()
        self._kept: _Wire | None = None
        self._origin = ("", "")
        self._aborted = False

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Attempt:
        """Send a message and return what came of it."""
        parts = urlsplit(url)
        if self._kept and (self._origin != (parts.scheme, parts.netloc) or self._kept.is_stale):
            self.close()
        deadline = monotonic() + self._timeout_seconds
        try:
            if self._kept is not None:
                try:
                    return self._exchange(self._kept, parts, headers, body, deadline)
                except ConnectionError:
                    if self._aborted:
                        raise
                    self.close()  # it closed the connection while nothing was sent: no failure of the message
            return self._exchange(self._open(parts, deadline), parts, headers, body, deadline)
        except Exception as error:  # noqa: BLE001 - whatever a receiver does, it is the answer
            self.close()
            return _failed(error)

    def abort(self) -> None:
        """End the attempt under way, if there is one: it fails at once. For good: there will be no other."""
        self._aborted = True
        if (wire := self._kept) is not None:
            wire.abort()

    def close(self) -> None:
        """Let go of the connection."""
        if self._kept is not None:
            self._kept.end()
            self._kept = None

    def _open(self, parts: SplitResult, deadline: float) -> "_Wire":
        plain, host = parts.scheme == "http", parts.hostname or ""
        addresses = resolve(host, parts.port or (80 if plain else 443), allowed=self._allowed, plain=plain)
        failure: Exception = AddressRefused("the host has no address")
        for family, address in addresses:
            raw = socket.socket(family, socket.SOCK_STREAM)
            self._kept, self._origin = _Wire(raw), (parts.scheme, parts.netloc)
            try:
                raw.settimeout(min(CONNECT_SECONDS, _left(deadline)))
                raw.connect(address)
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if not plain:
                    raw.settimeout(_left(deadline))
                    self._kept.secured(self._tls.wrap_socket(raw, server_hostname=host))
            except OSError as error:
                failure = error
                self.close()
                continue
            return self._kept
        raise failure

    def _exchange(
        self, wire: "_Wire", parts: SplitResult, headers: Mapping[str, str], body: bytes, deadline: float
    ) -> Attempt:
        wire.deadline = deadline
        connection = HTTPConnection("receiver")  # that it is connected already is told by its socket
        connection.sock = wire
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, {"Host": parts.netloc, **headers})
        response = connection.getresponse()
        wire.answered()
        asked_for = _retry_after(response.getheader("Retry-After"))
        status = response.status
        try:
            kept = len(response.read(MOST_READ)) < MOST_READ and not response.will_close
        except (OSError, HTTPException):
            kept = False  # its status has been heard; the rest is of no interest
        if not kept:
            self.close()
        if status == 410:
            return Attempt("gone", "answered 410")
        if 200 <= status < 300:
            return Attempt("delivered")
        return Attempt("rejected", f"answered {status}", asked_for)


class _Wire(io.RawIOBase):
    """A socket as `http.client` wants one, on which nothing outlasts the deadline."""

    def __init__(self, raw: socket.socket) -> None:
        self._socket = raw
        self.deadline = 0.0
        self._used_at = monotonic()

    @property
    def is_stale(self) -> bool:
        return monotonic() - self._used_at > IDLE_SECONDS

    def secured(self, over_tls: socket.socket) -> None:
        self._socket = over_tls

    def answered(self) -> None:
        self._used_at = monotonic()

    def sendall(self, data: Any) -> None:
        self._socket.settimeout(_left(self.deadline))
        self._socket.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Unclosing(self))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(_left(self.deadline))
        return self._socket.recv_into(buffer)

    def close(self) -> None:
        """`http.client` closes early, and reads on what it has opened; `end` is for us."""

    def abort(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        self._socket.close()
        super().close()


class _Unclosing(io.RawIOBase):
    """What reads on a wire and leaves it open when it is done."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._wire.readinto(buffer)


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _failed(error: Exception) -> Attempt:
    match error:
        case AddressRefused():
            return Attempt("refused", str(error))
        case TimeoutError():
            return Attempt("timeout", "no answer in time")
        case socket.gaierror():
            return Attempt("unreachable", "the host's name cannot be resolved")
        case ssl.SSLCertVerificationError():
            return Attempt("unreachable", f"its certificate is not valid: {error.verify_message}")
        case HTTPException():
            return Attempt("rejected", "answered what is no HTTP")
        case OSError():
            return Attempt("unreachable", error.strerror or type(error).__name__)
        case _:
            return Attempt("unreachable", type(error).__name__)


def _retry_after(value: str | None) -> float:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3), 0 where there is none that makes sense."""
    if value is None:
        return 0.0
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        instant = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return max(0.0, (instant - datetime.now(UTC)).total_seconds())
