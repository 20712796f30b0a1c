"""How does a broker stay while a desk runs? A thread starts it again when it has died; the desk goes on meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from infra.kafka.broker.errors import BrokerError
from infra.kafka.broker.server import Broker

_LOOK_EVERY_SECONDS = 0.5
_PAUSE_SECONDS = 10.0

log = structlog.get_logger()


@contextmanager
def kept_running(broker: Broker) -> Iterator[str]:
    """Run a broker, and give its address; one that dies is started again, after a pause where that fails.

    Raises `BrokerError` where the first start fails.
    """
    stop = threading.Event()

    def revive() -> None:
        while not stop.wait(_LOOK_EVERY_SECONDS):
            if broker.pid is None:
                log.warning("Kafka has ended and is started again")
                try:
                    broker.start()
                except BrokerError as error:
                    log.warning("Kafka does not start", reason=str(error), again_in_seconds=_PAUSE_SECONDS)
                    stop.wait(_PAUSE_SECONDS)

    with broker:
        thread = threading.Thread(target=revive, name="Kafka", daemon=True)
        thread.start()
        try:
            yield broker.bootstrap
        finally:
            stop.set()
            thread.join()  # a start under way is not left alone: it would outlive us
