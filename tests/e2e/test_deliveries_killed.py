"""`caselog deliver` killed under load, again and again: every event arrives, and always under the same id."""

import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import msgspec

from infra.postgres.pool import ConnectionPool
from infra.webhooks.secrets import WebhookSecrets
from tests.desk import Desk, body_of
from tests.infra.webhooks.conftest import body_of_event
from tests.infra.webhooks.receiving import Message, receiving

ROOT = Path(__file__).parents[2]
EVENTS = 400
KILLS = 4


@contextmanager
def delivering(dsn: str, schema: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `caselog deliver` in a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CASELOG_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "deliver"],
        cwd=ROOT,
        env={**clean, "CASELOG_DATABASE_URL": dsn, "CASELOG_SCHEMA": schema, "CASELOG_WEBHOOK_RETRY_SECONDS": "0.1,1"},
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def reached(position: int) -> Callable[[list[Message]], bool]:
    """Whether a message of an event from that position on has come."""
    return lambda messages: any(message.position >= position for message in messages)


def test_killed_under_load_it_loses_nothing_and_repeats_under_the_same_id(database: str, schema: str) -> None:
    desk = Desk(database, schema)
    with closing(desk.application), ExitStack() as stack:
        pool = stack.enter_context(closing(ConnectionPool(database, schema, 2, 5)))
        receiver = stack.enter_context(receiving())
        desk.send("create-webhook", webhook_id="crm", url=receiver.url)
        receiver.secrets = [WebhookSecrets(pool).secret("crm", 1)]
        process = stack.enter_context(delivering(database, schema))
        standby = stack.enter_context(delivering(database, schema))
        positions = []
        for number in range(EVENTS):
            answer = desk.send("publish-article", title="A", body=f"{number}", topics=[])
            positions.append(body_of(answer)["position"])
            if number % (EVENTS // KILLS) == EVENTS // KILLS // 2:
                receiver.await_messages(reached(positions[-20]))
                process.send_signal(signal.SIGKILL)
                process, standby = standby, stack.enter_context(delivering(database, schema))
        messages = receiver.await_messages(lambda messages: {m.position for m in messages} >= set(positions))
        hold(desk, messages)


def hold(desk: Desk, messages: list[Message]) -> None:
    """Hold what has to be true of all messages that came, repeats included."""
    ids = defaultdict(set)
    for message in messages:
        ids[message.position].add(message.id)
    assert all(len(each) == 1 for each in ids.values())
    assert all(message.verified for message in messages)
    first = list(dict.fromkeys(message.position for message in messages))
    assert first == sorted(first), "each for the first time in order"
    shown = {each.position: each for number in {m.event["subject"] for m in messages} for each in desk.events(number)}
    for message in messages[:20]:
        assert message.event == msgspec.json.decode(body_of_event(shown[message.position])), "as the feed shows it"
