"""What went wrong between us and Kafka, in a word for figures and a sentence for people.

kafka-python tells of a broker that cannot be reached, and of credentials that are refused, by the same time-out; the
reason is only in what it logs on the way. `reasons_kept` keeps that, instead of a line for each of its tries. That a
refusal gets there at all is the work of `infra.kafka.last_answers`.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from kafka import errors

from infra.kafka.topics import TopicMismatch
from infra.postgres.pool import DATABASE_AWAY

_LOGGER = "kafka"


_KINDS: tuple[tuple[str, tuple[type[Exception], ...]], ...] = (
    ("topic_mismatch", (TopicMismatch,)),
    ("database_away", DATABASE_AWAY),
    (
        "refused",
        (
            errors.SaslAuthenticationFailedError,
            errors.UnsupportedSaslMechanismError,
            errors.IllegalSaslStateError,
            errors.AuthorizationError,
        ),
    ),
    ("fenced", (errors.ProducerFencedError, errors.InvalidProducerEpochError)),
    ("record_too_large", (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)),
    (
        "broker_away",
        (
            errors.KafkaTimeoutError,
            errors.RequestTimedOutError,
            errors.KafkaConnectionError,
            errors.NodeNotReadyError,
            OSError,
        ),
    ),
    ("kafka", (errors.KafkaError,)),
)


class Reasons(logging.Handler):
    """Keeps why kafka-python did not get on, by what it has logged.

    That is a refusal, if there was one: what is tried once more until the time is up ends in other words. Else it is
    the last exception, but none that says only that the time was up.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last: Exception | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the exception among a line's values, if there is one."""
        if self.last is not None and kind_of(self.last) == "refused":
            return
        values = record.args if isinstance(record.args, tuple) else ()
        found = [each for each in values if isinstance(each, Exception) and not _says_only_that_time_is_up(each)]
        if found:
            self.last = found[-1]


def _says_only_that_time_is_up(error: Exception) -> bool:
    """Return whether an exception has no reason in it, even where kafka-python says it at once ("not ready after")."""
    return isinstance(error, errors.KafkaTimeoutError | errors.RequestTimedOutError) or "not ready after" in str(error)


@contextmanager
def reasons_kept() -> Iterator[Reasons]:
    """Keep kafka-python's lines from the log meanwhile, and the last reason in them."""
    logger, reasons = logging.getLogger(_LOGGER), Reasons()
    before = logger.propagate
    logger.addHandler(reasons)
    logger.propagate = False
    try:
        yield reasons
    finally:
        logger.removeHandler(reasons)
        logger.propagate = before


def cause_of(error: Exception, reasons: Reasons | None = None) -> Exception:
    """Return what an error comes from: kafka-python hides it in another's values, or says it only in its log."""
    for value in error.args if isinstance(error, errors.KafkaError) else ():
        if isinstance(value, Exception):
            return cause_of(value)
    if reasons is not None and reasons.last is not None and isinstance(error, errors.KafkaError):
        return reasons.last if kind_of(error) == "broker_away" else error
    return error


def kind_of(error: Exception) -> str:
    """Return one word for an error, `other` for what is no failure of Kafka's or the database's."""
    for kind, types in _KINDS:
        if isinstance(error, types):
            return kind
    return "other"


def sentence_of(error: Exception) -> str:
    """Return what to tell about it."""
    text = str(error).strip() or type(error).__name__
    match kind_of(error):
        case "broker_away":
            return f"the broker cannot be reached: {text}"
        case "refused":
            return f"the broker refuses us: {_told_by_the_broker(error) or text}"
        case "fenced":
            return "another one with the same transactional id has begun, and this one may write no more"
        case _:
            return text


def _told_by_the_broker(error: Exception) -> str:
    """Return its words, without the names that kafka-python puts before them."""
    return str(error.args[0]).removeprefix(f"{type(error).__name__}: ") if error.args else ""
