"""A desk that runs: every part of it, over real HTTP and a real PostgreSQL, in this process."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from wsgiref.types import WSGIEnvironment

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import get_input_stream

from api import compose, compose_commands, compose_http
from api.http.app import create_app
from api.keys import create_key
from infra.clock import TestClock
from infra.config import Config
from infra.projection.projector import Projector
from projections.catalogue import VIEWS


class RunningDesk:
    """The processes of `caselog up` as threads, started one by one; what was started is stopped at the end."""

    def __init__(self, config: Config, url: str, parts: ExitStack) -> None:
        self._config = config
        self._url = url
        self._parts = parts
        self._timekeepers = ExitStack()
        self.address = ("", 0)
        self.secret = ""

    def start(self) -> None:
        """Start everything."""
        compose.prepare(self._config, self._url)
        self.secret = create_key(self._config, self._url, name="scenario", role="manager")
        projector = Projector(self._url, self._config.schema, VIEWS)
        projector.start()
        self._parts.callback(projector.stop)
        services = self._parts.enter_context(compose_http.api_services(self._config, self._url))
        server = make_server("127.0.0.1", 0, create_app(services), threaded=True, request_handler=_Quiet)
        self._parts.callback(server.server_close)
        self._parts.enter_context(_running(lambda: server.serve_forever(poll_interval=0.02), server.shutdown, "http"))
        self.address = "127.0.0.1", server.server_port
        self._parts.callback(self.stop_timekeeper)
        self.start_timekeeper()

    def start_timekeeper(self) -> None:
        """Let what falls due by itself be recorded again."""
        keeper = self._timekeepers.enter_context(compose_commands.timekeeper(self._config, self._url))
        self._timekeepers.enter_context(_running(keeper.run, keeper.request_stop, "timekeeper"))

    def stop_timekeeper(self) -> None:
        """From now on nothing is recorded by itself."""
        self._timekeepers.close()

    def set_clock_while_down(self, instant: datetime) -> None:
        """Let time pass with nobody there to record what falls due, and nobody who waits for it."""
        with compose.connection_pool(self._config, self._url, size=1) as pool:
            TestClock(pool).set(instant)


class _Quiet(WSGIRequestHandler):
    """Keeps connections open between requests, and writes no line for each of them."""

    protocol_version = "HTTP/1.1"

    def make_environ(self) -> WSGIEnvironment:
        """Let a body end where its length says, as servers for production do; this one would wait for more."""
        environ = super().make_environ()
        environ["wsgi.input"] = get_input_stream(environ)
        return environ

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing."""


@contextmanager
def _running(run: Callable[[], object], stop: Callable[[], object], name: str) -> Iterator[None]:
    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join()


@contextmanager
def running_desk(url: str, schema: str) -> Iterator[RunningDesk]:
    """Give a new desk in Denver with a test clock, everything of it running."""
    config = Config.from_environment(
        {"CASELOG_DATABASE_URL": url, "CASELOG_SCHEMA": schema, "CASELOG_TEST_CLOCK": "1", "CASELOG_POOL_SIZE": "4"}
    )
    with ExitStack() as parts:
        desk = RunningDesk(config, url, parts)
        desk.start()
        yield desk
