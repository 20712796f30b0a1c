"""Serving the application under granian: processes, threads, and a clear word when the port is taken.

The application itself is made by the workers (`api.http.worker`); the process that starts them loads nothing of it.
"""

import errno
import multiprocessing
import socket

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from api.http.threads import threads_for
from infra.config import Config

KILL_AFTER_SECONDS = 30
"""How long a worker may take to finish what it has accepted once it is told to stop."""
RESPAWN_SECONDS = 0.5
BACKLOG = 1024
BACKPRESSURE = 4096
"""Connections, not requests: a low figure lets idle ones keep the health checks out."""


class PortInUse(Exception):
    """Another program already listens where the API was to."""


def serve(config: Config, worker: str = "api.http.worker:build_worker_app") -> None:
    """Serve until SIGINT or SIGTERM; what was accepted by then is finished. Raises `PortInUse`.

    Each worker process composes its own services, by the function that `worker` names: connections cannot be shared.
    """
    check_port_is_free(config.host, config.port)
    # A worker that is forked would have the threads' locks and the counters of this process, as they happened to be.
    multiprocessing.set_start_method("spawn", force=True)
    Granian(
        worker,
        factory=True,
        interface=Interfaces.WSGI,
        address=config.host,
        port=config.port,
        workers=config.workers,
        blocking_threads=threads_for(config.threads, config.queue_size),
        backlog=BACKLOG,
        backpressure=BACKPRESSURE,
        respawn_failed_workers=True,
        respawn_interval=RESPAWN_SECONDS,
        workers_kill_timeout=KILL_AFTER_SECONDS,
        websockets=False,
        log_level=LogLevels.error,
        # Its lines go where those of other libraries go, not as text to standard output.
        log_dictconfig={"formatters": {}, "handlers": {}, "loggers": {"_granian": {"propagate": True}}},
    ).serve()


def check_port_is_free(host: str, port: int) -> None:
    """Raise `PortInUse` if something listens there already.

    granian itself would share the port with another server of the same user, and each would get half of the requests.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise PortInUse(
                f"port {port} of {host} is in use by another program; set CASELOG_PORT to another"
            ) from None
