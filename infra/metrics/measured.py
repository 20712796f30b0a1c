"""Commands are counted and timed around whoever carries them out, who need not know."""

from time import perf_counter

from eventsourcing.persistence import PersistenceError
from structlog.contextvars import bound_contextvars

from commands.answers import Answer
from commands.dispatch import Commands, Request
from commands.errors import RequestError
from commands.problems import KeptRefusal
from domain.refusal import Refusal
from infra.metrics.instruments import COMMAND_SECONDS, COMMANDS


class MeasuredCommands:
    """Counts commands by outcome: `accepted`, `replayed`, the code of a refusal, `unavailable` or `failed`.

    What is logged on the way says which piece of work it belongs to.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def execute(self, request: Request) -> Answer:
        """Return the answer; raises what the commands do."""
        started = perf_counter()
        outcome = "failed"
        try:
            with bound_contextvars(command=request.command, correlation_id=request.correlation_id):
                answer = self._commands.execute(request)
            outcome = "replayed" if answer.replayed else "accepted"
        except Exception as error:
            outcome = outcome_of(error)
            raise
        else:
            return answer
        finally:
            COMMANDS.labels(request.command, outcome).inc()
            COMMAND_SECONDS.labels(request.command).observe(perf_counter() - started)


def outcome_of(error: Exception) -> str:
    """Return the outcome of a command that raised."""
    if isinstance(error, Refusal | RequestError):
        return error.code
    if isinstance(error, KeptRefusal):
        return "replayed"
    return "unavailable" if isinstance(error, PersistenceError) else "failed"
