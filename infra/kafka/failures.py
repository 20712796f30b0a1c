"""What went wrong between us and Kafka, in a word for figures and a sentence for people.

kafka-python tells of a broker that cannot be reached, and of credentials that are refused, by the same time-out; the
reason is only in what it logs on the way. `reasons_kept` keeps that, instead of a line for each of its tries.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from kafka import errors

from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import TopicMismatch
from infra.postgres.pool import DatabaseUnavailable

_LOGGER = "kafka"


class LoginRefused(Exception):
    """The broker has closed the connection while we logged in."""


_KINDS: tuple[tuple[str, tuple[type[Exception], ...]], ...] = (
    ("topic_mismatch", (TopicMismatch,)),
    ("database_away", (psycopg2.Error, DatabaseUnavailable)),
    (
        "refused",
        (
            LoginRefused,
            errors.SaslAuthenticationFailedError,
            errors.UnsupportedSaslMechanismError,
            errors.IllegalSaslStateError,
            errors.AuthorizationError,
        ),
    ),
    ("fenced", (errors.ProducerFencedError, errors.InvalidProducerEpochError)),
    ("record_too_large", (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)),
    ("broker_away", (errors.KafkaTimeoutError, errors.KafkaConnectionError, OSError)),
    ("kafka", (errors.KafkaError,)),
)


class Reasons(logging.Handler):
    """Keeps the last exception that kafka-python has logged, but that its time was up."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last: Exception | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the exception among a line's values, if there is one."""
        values = record.args if isinstance(record.args, tuple) else ()
        found = [
            each for each in values if isinstance(each, Exception) and not isinstance(each, errors.KafkaTimeoutError)
        ]
        if found:
            self.last = found[-1]


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


def cause_of(error: Exception, reasons: Reasons | None = None, settings: KafkaSettings | None = None) -> Exception:
    """Return what an error comes from: kafka-python hides it in another's values, or says it only in its log.

    The broker's answer to wrong credentials comes with the end of the connection, and kafka-python 3.0 drops what came
    with an end. So one that ends while we log in is taken for a refusal.
    """
    for value in error.args if isinstance(error, errors.KafkaError) else ():
        if isinstance(value, Exception):
            return cause_of(value)
    if isinstance(error, errors.KafkaTimeoutError) and reasons is not None and reasons.last is not None:
        if settings is not None and settings.security.startswith("SASL") and "socket disconnected" in str(reasons.last):
            return LoginRefused(
                f"it closed the connection while {settings.username} logged in by {settings.sasl_mechanism},"
                " as it does where name or password are wrong"
            )
        return reasons.last
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
            return f"the broker refuses us: {text}"
        case "fenced":
            return "another one with the same transactional id has begun, and this one may write no more"
        case _:
            return text
