"""Of all that kafka-python says while it tries again, the reason is kept that somebody can do something about."""

import logging

import pytest
from kafka import errors

from infra.kafka.failures import cause_of, kind_of, reasons_kept, sentence_of

AWAY = errors.KafkaConnectionError("[Errno 111] Connection refused")
REFUSED = errors.SaslAuthenticationFailedError("SaslAuthenticationFailedError: Invalid username or password")
TIMED_OUT = errors.RequestTimedOutError("Request timed out after 32 ms")
NOT_READY = errors.KafkaConnectionError("Node 1 not ready after 10000 ms")
TIME_IS_UP = errors.KafkaTimeoutError("Unable to bootstrap from ['broker:9092']")


@pytest.mark.parametrize(
    ("logged", "kind"),
    [
        ((), "broker_away"),
        ((AWAY,), "broker_away"),
        ((REFUSED,), "refused"),
        ((REFUSED, TIMED_OUT), "refused"),
        ((REFUSED, AWAY), "refused"),
        ((AWAY, REFUSED, TIME_IS_UP), "refused"),
        ((TIMED_OUT,), "broker_away"),
    ],
)
def test_a_refusal_is_told_whatever_else_was_met(logged: tuple[Exception, ...], kind: str) -> None:
    with reasons_kept() as reasons:
        for reason in logged:
            logging.getLogger("kafka.net").warning("connection to %s failed: %s", "bootstrap-0", reason)
    for error in (TIME_IS_UP, AWAY, TIMED_OUT):
        assert kind_of(cause_of(error, reasons)) == kind
    fault = errors.TopicAuthorizationFailedError("caselog.events")
    assert cause_of(fault, reasons) is fault


def test_that_time_is_up_is_no_reason() -> None:
    with reasons_kept() as reasons:
        for said in (AWAY, NOT_READY, TIMED_OUT, TIME_IS_UP):
            logging.getLogger("kafka.net").warning("again: %s", said)
    assert reasons.last is AWAY


def test_a_refusal_is_told_in_the_brokers_words() -> None:
    assert sentence_of(REFUSED) == "the broker refuses us: Invalid username or password"
    assert "SaslAuthenticationFailedError" in sentence_of(errors.SaslAuthenticationFailedError())
