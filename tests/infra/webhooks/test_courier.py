"""The process that delivers: lanes side by side, one leader, and what it does when others are away."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from infra.postgres.pool import ConnectionPool
from infra.webhooks.addresses import LOOPBACK
from infra.webhooks.courier import Courier
from infra.webhooks.schedule import Schedule
from tests.infra.webhooks.conftest import Hooks, body_of_event
from tests.infra.webhooks.receiving import Message, RealReceiver, Reply, receiving


@contextmanager
def running(hooks: Hooks, dsn: str, schema: str, *, timeout: float = 60.0, threads: int = 4) -> Iterator[Courier]:
    """Run a courier as a process does, with a pool of its own."""
    with ExitStack() as stack:
        pool = ConnectionPool(dsn, schema, 4, 5)
        stack.callback(pool.close)
        courier = Courier(
            dsn,
            schema,
            pool=pool,
            commands=hooks.desk.dispatcher,
            clock=hooks.desk.clock,
            body=body_of_event,
            schedule=Schedule([0.05, 0.05]),
            allowed=LOOPBACK,
            timeout_seconds=timeout,
            threads=threads,
        )
        thread = threading.Thread(target=courier.run)
        thread.start()
        try:
            yield courier
        finally:
            courier.request_stop()
            thread.join(60)
            assert not thread.is_alive()


def at_least(positions: list[int]) -> Any:
    return lambda messages: set(positions) <= {message.position for message in messages}


def test_what_happens_while_it_runs_is_sent_at_once(hooks: Hooks, database: str, schema: str) -> None:
    with running(hooks, database, schema):
        hooks.webhook()
        positions = hooks.happen(20)
        messages = hooks.receiver.await_messages(at_least(positions))
        assert all(message.verified for message in messages)
        assert [message.position for message in messages] == sorted(message.position for message in messages)
        hooks.desk.send("disable-webhook", webhook="crm", reason="for a while")
        hooks.desk.send("enable-webhook", webhook="crm", missed="send")
        hooks.receiver.await_messages(at_least(hooks.happen(3)))


def test_a_slow_receiver_holds_up_no_other(hooks: Hooks, database: str, schema: str) -> None:
    answered = threading.Event()

    def slow(_: Message) -> Reply:
        answered.wait(60)
        return Reply()

    with ExitStack() as stack:
        stuck: RealReceiver = stack.enter_context(receiving())
        stuck.answer = slow
        hooks.desk.send("create-webhook", webhook_id="stuck", url=stuck.url)
        hooks.webhook()
        stack.enter_context(running(hooks, database, schema, timeout=60))
        stack.callback(answered.set)
        stuck.await_messages(lambda messages: len(messages) == 0)
        positions = hooks.happen(30)
        stuck.await_messages(lambda messages: len(messages) == 1)
        hooks.receiver.await_messages(at_least(positions))
        assert len(stuck.messages) == 1, "which is still waiting for its answer"


def test_more_webhooks_than_threads_all_get_their_turn(hooks: Hooks, database: str, schema: str) -> None:
    for number in range(8):
        hooks.webhook(f"w{number}")
    with running(hooks, database, schema, threads=2):
        positions = hooks.happen(5)

        def everybody(messages: list[Message]) -> bool:
            return sum(message.position in positions for message in messages) >= 8 * len(positions)

        hooks.receiver.await_messages(everybody)


def test_a_stop_ends_an_attempt_that_hangs_and_the_next_process_makes_it_again(
    hooks: Hooks, database: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.webhooks.courier.GRACE_SECONDS", 0.2)
    answered = threading.Event()
    hooks.receiver.answer = lambda _: Reply(204 if answered.wait(60) else 500)
    hooks.webhook()
    (position,) = hooks.happen()
    with running(hooks, database, schema, timeout=60):
        hooks.receiver.await_messages(at_least([position]))
    answered.set()
    with running(hooks, database, schema):
        messages = hooks.receiver.await_messages(lambda messages: len(messages) == 2)
    assert len({message.id for message in messages}) == 1
    assert "last_failure" not in hooks.deliver.standing("crm"), "being stopped is no failure of the receiver"


def test_of_two_one_leads_and_the_other_takes_over(hooks: Hooks, database: str, schema: str) -> None:
    hooks.webhook()
    with ExitStack() as second:
        with running(hooks, database, schema):
            hooks.receiver.await_messages(at_least(hooks.happen(3)))
            second.enter_context(running(hooks, database, schema))
            hooks.receiver.await_messages(at_least(hooks.happen(3)))
            assert len(hooks.receiver.messages) == 6, "nothing twice while one leads"
        positions = hooks.happen(3)
        hooks.receiver.await_messages(at_least(positions))


def test_a_break_with_the_database_is_got_over(hooks: Hooks, database: str, schema: str) -> None:
    hooks.webhook()
    with running(hooks, database, schema):
        hooks.receiver.await_messages(at_least(hooks.happen(3)))
        with hooks.pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s"
                " AND pid <> pg_backend_pid()",
                (f"caselog {schema} webhooks%",),
            )
        hooks.receiver.await_messages(at_least(hooks.happen(3)))


def test_a_receiver_that_is_gone_is_disabled_by_a_command_of_the_desk(hooks: Hooks, database: str, schema: str) -> None:
    hooks.webhook()
    hooks.receiver.answer = lambda _: Reply(410)
    with receiving() as witness:
        hooks.desk.send("create-webhook", webhook_id="witness", url=witness.url, types=["WebhookDisabled.v1"])
        with running(hooks, database, schema):
            hooks.happen()
            (message,) = witness.await_messages(lambda messages: len(messages) == 1)
    assert message.event["data"]["cause"] == "gone"
    assert message.event["actor"] == "webhooks"


def test_deliveries_are_parked_and_retried_while_it_runs(hooks: Hooks, database: str, schema: str) -> None:
    poison: list[int] = []
    hooks.receiver.answer = lambda message: Reply(500 if message.position in poison else 204)
    hooks.webhook()
    poison += hooks.happen()
    with running(hooks, database, schema):
        hooks.receiver.await_messages(lambda messages: sum(each.position in poison for each in messages) == 3)
        with receiving() as witness:
            hooks.desk.send("create-webhook", webhook_id="witness", url=witness.url)
            while not hooks.deliver.parked("crm"):
                witness.await_messages(at_least(hooks.happen()))
        (position,) = poison
        poison.clear()
        hooks.desk.send("retry-deliveries", webhook="crm", positions=[position])
        hooks.receiver.await_messages(lambda messages: sum(each.position == position for each in messages) == 4)
