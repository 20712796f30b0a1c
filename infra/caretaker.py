"""What a desk does by itself, in one process: what falls due is recorded, and policies react to what happened."""

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

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
        """Run until stopped, or until one of the two fails: then the other stops too, and the error is raised.

        The thread that calls it waits for nothing that `request_stop` sets, so that a signal cannot meet itself.
        """
        for listener in self._listeners:
            listener.start()
        try:
            with ThreadPoolExecutor(2, "caretaker") as threads:
                running = [threads.submit(self._timekeeper.run), threads.submit(self._policies.run)]
                wait(running, return_when=FIRST_COMPLETED)
                self.request_stop()
            for each in running:
                each.result()
        finally:
            for listener in self._listeners:
                listener.stop()
