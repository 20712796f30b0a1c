"""Many commands in one request, each answered for itself, in order."""

from typing import Any, Protocol

from msgspec import UNSET

from api.http.problems.errors import problem_of_any
from commands.answers import Answer
from commands.problems import TIMED_OUT, UNAVAILABLE
from commands.wire.batch import BatchAnswer, read_one


class Execute(Protocol):
    """Carries out one command."""

    def __call__(self, command: str, data: Any, key: str | None, if_match: int | None) -> Answer:
        """Return its answer; raises whatever it fails with."""


_LASTING = (UNAVAILABLE.code, TIMED_OUT.code)


def answer_batch(commands: list[Any], execute: Execute) -> dict[str, list[BatchAnswer]]:
    """Carry out the commands one after the other and answer each in its place.

    What is wrong with one of them is that one's answer. Once the database is gone, or takes too long, the rest is
    answered the same without a try: each would wait in vain.
    """
    answers: list[BatchAnswer] = []
    for item in commands:
        before = answers[-1].problem if answers else UNSET
        if before is not UNSET and before.code in _LASTING:
            answers.append(BatchAnswer.of(before))
        else:
            answers.append(_answer(item, execute))
    return {"answers": answers}


def _answer(item: Any, execute: Execute) -> BatchAnswer:
    try:
        one = read_one(item)
        return BatchAnswer.of(execute(one.command, one.data, one.idempotency_key, one.if_match))
    except Exception as error:  # noqa: BLE001 - one failure is one answer; the others still get theirs
        return BatchAnswer.of(problem_of_any(error))
