"""A relay that is killed in mid transaction, or sleeps through its end, leaves each event in the topic once."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import InvalidProducerEpochError, ProducerFencedError

from infra.kafka.clients import consumer
from infra.metrics.instruments import RELAY_ERRORS
from infra.postgres.pool import connect
from tests.infra.kafka.processes import CaselogProcess, environment, running
from tests.infra.kafka.relay.conftest import Relayed
from tests.waiting import eventually

KILLS = 2


class Transactions:
    """Sees whether a transaction is open on the topic: there are records behind what readers may see."""

    def __init__(self, relayed: Relayed) -> None:
        self._places = [TopicPartition(relayed.names.events, number) for number in range(relayed.settings.partitions)]
        self._all: KafkaConsumer = consumer(relayed.settings, isolation_level="read_uncommitted")
        self._committed: KafkaConsumer = consumer(relayed.settings)

    def is_open(self) -> bool:
        seen = self._committed.end_offsets(self._places)
        there = self._all.end_offsets(self._places)
        return any(there[place] > seen[place] for place in self._places)

    def close(self) -> None:
        self._all.close()
        self._committed.close()


@contextmanager
def relay(relayed: Relayed, folder: Path, name: str) -> Iterator[CaselogProcess]:
    where = environment(relayed.dsn, relayed.schema, relayed.settings)
    with running("relay", output=folder / f"{name}.log", environment=where) as process:
        yield process


def leading(relays: Iterable[CaselogProcess]) -> CaselogProcess:
    """Wait until one of them publishes, and return it."""
    return eventually(lambda: next((each for each in relays if each.lines("publishing to Kafka")), None))


def await_mid_transaction(relayed: Relayed, transactions: Transactions) -> None:
    """Give the relay something to publish and look, without a pause, until it is seen at it: that takes it moments."""
    for _ in range(50):
        head = relayed.grow(6_000)
        while not relayed.has_published(head):
            if transactions.is_open():
                return
    pytest.fail("it was never seen in mid-transaction")


def kill_in_mid_transaction(relayed: Relayed, folder: Path, kills: int) -> None:
    with ExitStack() as stack:
        names = (f"relay-{number}" for number in count())
        alive = [stack.enter_context(relay(relayed, folder, next(names))) for _ in range(2)]
        relayed.await_published()
        transactions = stack.enter_context(closing(Transactions(relayed)))
        for left in reversed(range(kills)):
            leader = leading(alive)
            await_mid_transaction(relayed, transactions)
            leader.kill()
            alive.remove(leader)
            if left:
                alive.append(stack.enter_context(relay(relayed, folder, next(names))))
            relayed.await_published()
    relayed.check_all_once_in_order()


def test_killed_in_mid_transaction_again_and_again(relayed: Relayed, tmp_path: Path) -> None:
    kill_in_mid_transaction(relayed, tmp_path, KILLS)


@pytest.mark.soak
def test_killed_in_mid_transaction_a_hundred_times(relayed: Relayed, tmp_path: Path) -> None:
    kill_in_mid_transaction(relayed, tmp_path, 100)


def test_one_that_sleeps_through_its_end_changes_nothing_when_it_wakes(relayed: Relayed, tmp_path: Path) -> None:
    with relay(relayed, tmp_path, "zombie") as zombie:
        relayed.await_published()
        fall_asleep_in_mid_transaction(relayed, zombie)
        take_the_lead_from(relayed)
        with relayed.relaying():
            relayed.await_published()
            relayed.grow(100)
            relayed.await_published()
            zombie.wake()
            zombie.await_line("standing by")
            relayed.grow(100)
            relayed.await_published()
    relayed.check_all_once_in_order()


def fall_asleep_in_mid_transaction(relayed: Relayed, zombie: CaselogProcess) -> None:
    with closing(Transactions(relayed)) as transactions:
        for _ in range(20):
            await_mid_transaction(relayed, transactions)
            zombie.freeze()
            if transactions.is_open():
                return
            zombie.wake()  # a moment too late
            relayed.await_published()
    pytest.fail("it never fell asleep in mid-transaction")


def test_two_that_both_think_they_lead_lose_time_alone(relayed: Relayed) -> None:
    told = RELAY_ERRORS.labels("fenced")._value
    with relayed.relaying():
        relayed.await_published()
        for _ in range(2):
            fenced_before = told.get()
            with relayed.pump() as rival:
                rival.open()
                relayed.grow(50)  # the relay finds itself fenced, begins again, and fences the rival
                relayed.await_published()
                assert told.get() > fenced_before
                with pytest.raises((ProducerFencedError, InvalidProducerEpochError)):
                    rival.advance()
    relayed.check_all_once_in_order()


def take_the_lead_from(relayed: Relayed) -> None:
    """End the session that holds the lock, as a database does whose client has gone silent."""
    with closing(connect(relayed.dsn, relayed.schema)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(a.pid, 5000) FROM pg_stat_activity a JOIN pg_locks l USING (pid)"
            " WHERE l.locktype = 'advisory' AND l.granted AND a.application_name = %s",
            (f"caselog {relayed.schema} relay lock",),
        )
        assert cursor.fetchall() == [(True,)]
