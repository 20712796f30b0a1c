"""What a desk does by itself, in one process: what falls due is recorded, and policies react to what happened."""

import threading
from collections.abc import Sequence

from infra.policies import PolicyRunner
from infra.projection.listening import Listener
from infra.timekeeper import Timekeeper


class Caretaker:
    """A timekeeper and the policies, each in a thread and with a lead of its own, so that neither waits for the other.

    `listeners` are started and stopped with them.
    """

    def __init__(self, timekeeper: Timekeeper, policies: PolicyRunner, listeners: Sequence[Listener] = ()) -> None:
        self._timekeeper = timekeeper
        self._policies = policies
        self._listeners = tuple(listeners)

    def request_stop(self) -> None:
        """Let `run` return after what is under way (a signal handler may call this)."""
        self._timekeeper.request_stop()
        self._policies.request_stop()

    def run(self) -> None:
        """Run until stopped."""
        reacting = threading.Thread(target=self._policies.run, name="policies", daemon=True)
        for listener in self._listeners:
            listener.start()
        reacting.start()
        try:
            self._timekeeper.run()
        finally:
            self._policies.request_stop()
            reacting.join()
            for listener in self._listeners:
                listener.stop()
