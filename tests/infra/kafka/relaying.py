"""A relay of the test's own process."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from infra.kafka.relay.relay import Relay


@contextmanager
def running(relay: Relay) -> Iterator[Relay]:
    """Run a relay in a thread meanwhile; that it ends when it is asked to is held to."""
    thread = Thread(target=relay.run, daemon=True)
    thread.start()
    try:
        yield relay
    finally:
        relay.request_stop()
        thread.join(5)
        assert not thread.is_alive()
