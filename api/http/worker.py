"""A worker process of the HTTP interface, as granian starts it."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def build_worker_app() -> "Flask":
    """Return the application of one worker process, over services of its own."""
    # Ctrl-C reaches the whole process group; a worker that gets both it and granian's own SIGTERM never ends.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    _end_with_parent()
    # Only now: they take most of a second, in which it may be told to stop, or lose its parent.
    from api.compose_http import worker_services  # noqa: PLC0415
    from api.http.admission import shed_load  # noqa: PLC0415
    from api.http.app import create_app  # noqa: PLC0415
    from infra.config import Config  # noqa: PLC0415
    from infra.logging import configure_logging  # noqa: PLC0415

    configure_logging("api")
    config = Config.from_environment(read_keys=False)
    app = create_app(worker_services(config))
    shed_load(
        app,
        places=config.threads,
        queue_size=config.queue_size,
        queue_wait_seconds=config.queue_wait_ms / 1000,
    )
    return app


def _end_with_parent() -> None:
    """Let this worker end when granian's main process has been killed: it would hold the port for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def end() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end, name="parent watch", daemon=True).start()
