"""A real receiver: an HTTP server that verifies what it gets with the library of the specification."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import msgspec
from standardwebhooks.webhooks import Webhook, WebhookVerificationError


class Message(NamedTuple):
    """What came: the message's id, its CloudEvent, its headers with small letters, and whether a secret verified it."""

    id: str
    event: Any
    headers: dict[str, str]
    verified: bool

    @property
    def position(self) -> int:
        return int(self.event["position"])


class Reply(NamedTuple):
    """What the receiver answers."""

    status: int = 204
    headers: dict[str, str] = {}  # noqa: RUF012
    body: bytes = b""


class RealReceiver:
    """Takes messages and answers as `answer` says; raising in it breaks the connection off."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.messages: list[Message] = []
        self.secrets: list[str] = []
        self.answer: Callable[[Message], Reply] = lambda _: Reply()
        self.connections = 0
        self.arrived = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                receiver.connections += 1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    reply = receiver.take(body, {name.lower(): value for name, value in self.headers.items()})
                except ConnectionAbortedError:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """A sender that has gone away is none of our business."""

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?of=caselog"

    def take(self, body: bytes, headers: dict[str, str]) -> Reply:
        message = Message(headers["webhook-id"], msgspec.json.decode(body), headers, self._verified(body, headers))
        with self.arrived:
            self.messages.append(message)
            self.arrived.notify_all()
        return self.answer(message)

    def _verified(self, body: bytes, headers: dict[str, str]) -> bool:
        for secret in self.secrets:
            try:
                Webhook(secret).verify(body, headers)
            except WebhookVerificationError:
                continue
            return True
        return False

    @property
    def positions(self) -> list[int]:
        return [message.position for message in self.messages]

    def await_messages(self, enough: Callable[[list[Message]], bool], seconds: float = 60) -> list[Message]:
        """Wait until enough has come, and return it."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: enough(self.messages), seconds), self.positions
            return list(self.messages)


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[RealReceiver]:
    """Run a receiver."""
    receiver = RealReceiver(tls)
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()
