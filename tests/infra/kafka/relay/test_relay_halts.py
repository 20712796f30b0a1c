"""What only a person can put right is named, and nothing is published meanwhile."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.kafka.clients import admin_client
from infra.kafka.relay import pump
from infra.kafka.relay import relay as relaying
from infra.kafka.relay.checkpoint import (
    AnotherDesk,
    CheckpointLost,
    LogWentBack,
    RelayHalted,
    TopicMadeAnew,
    last_checkpoint,
)
from infra.kafka.relay.pump import BegunAlready
from infra.kafka.relay.resetting import resetting
from infra.kafka.topics import TopicMismatch, events_topic, relay_topic
from infra.leadership import Leadership
from infra.postgres.pool import connect
from tests.infra.kafka.processes import environment, running
from tests.infra.kafka.relay.conftest import Relayed
from tests.waiting import eventually


@pytest.fixture
def admin(relayed: Relayed) -> Iterator[KafkaAdminClient]:
    with closing(admin_client(relayed.settings)) as client:
        yield client


@pytest.fixture
def connection(relayed: Relayed) -> Iterator[Connection]:
    with closing(connect(relayed.dsn, relayed.schema)) as opened:
        opened.autocommit = True
        yield opened


def publish(relayed: Relayed) -> None:
    relayed.grow(20)
    with relayed.relaying():
        relayed.await_published()


def halted(relayed: Relayed, reason: type[Exception], **more: int) -> str:
    """Run a relay that ends by itself, and return why; nothing has been published by it."""
    before = relayed.records()
    with pytest.raises(reason) as error:
        relayed.relay(**more).run()
    assert relayed.records() == before
    now = relayed.standing()
    assert now is not None
    assert (now.state, now.last_error) == ("halted", str(error.value))
    return str(error.value)


def not_to_be_reset(relayed: Relayed, reason: type[Exception]) -> None:
    before = last_checkpoint(relayed.settings, relayed.names)
    with (
        pytest.raises(reason, match=relayed.names.events),
        resetting(relayed.dsn, relayed.schema, relayed.settings) as reset,
    ):
        reset.write(0)
    assert last_checkpoint(relayed.settings, relayed.names) == before


def delete(admin: KafkaAdminClient, *topics: str) -> None:
    admin.delete_topics(list(topics))
    eventually(lambda: not set(topics) & set(admin.list_topics()))


def test_a_topic_with_too_few_partitions_ends_the_process_with_the_reason(
    relayed: Relayed, admin: KafkaAdminClient, tmp_path: Path
) -> None:
    admin.create_topics([NewTopic(relayed.names.events, 2, 1)])
    where = environment(relayed.dsn, relayed.schema, relayed.settings)
    with running("relay", output=tmp_path / "log", environment=where) as process:
        assert process.popen.wait(60) == 1
        said = process.output
    assert f"topic {relayed.names.events} has 2 partitions, and 3 are wanted" in said
    assert f"topic {relayed.names.events} has retention.ms=" in said
    assert "Traceback" not in said
    with pytest.raises(TopicMismatch, match="2 partitions"):
        relayed.relay().run()
    assert "2 partitions" in str(relayed.await_state("halted").last_error)


def test_topics_that_would_throw_away_what_has_to_stay_are_named(relayed: Relayed, admin: KafkaAdminClient) -> None:
    events, relay = events_topic(relayed.names, relayed.settings), relay_topic(relayed.names)
    changed = [
        (events, {"cleanup.policy": "compact", "retention.ms": "1000"}),
        (relay, {"cleanup.policy": "delete"}),
    ]
    admin.create_topics(
        [
            NewTopic(topic.name, topic.partitions, 1, topic_configs={**topic.settings, **other})
            for topic, other in changed
        ]
    )
    with pytest.raises(TopicMismatch) as mismatch:
        relayed.relay().run()
    for told in (
        f"topic {events.name} has cleanup.policy=compact, and delete is wanted",
        f"topic {events.name} has retention.ms=1000, and -1 is wanted",
        f"topic {relay.name} has cleanup.policy=delete, and compact is wanted",
    ):
        assert told in str(mismatch.value)
    assert relayed.records() == {}


@pytest.fixture
def led_elsewhere(relayed: Relayed) -> Iterator[Leadership]:
    """Let another process lead."""
    lead = Leadership(relayed.dsn, relayed.schema, "relay")
    assert lead.try_acquire()
    yield lead
    lead.release()


def test_one_that_stands_by_names_a_topic_with_too_few_partitions_as_well_and_ends(
    relayed: Relayed, admin: KafkaAdminClient, led_elsewhere: Leadership
) -> None:
    admin.create_topics([NewTopic(relayed.names.events, 2, 1)])
    relay = relayed.relay()
    at_the_latest = Timer(20, relay.request_stop)
    at_the_latest.start()
    with pytest.raises(TopicMismatch, match=f"topic {relayed.names.events} has 2 partitions, and 3 are wanted"):
        relay.run()
    at_the_latest.cancel()
    assert led_elsewhere.held()
    assert relayed.standing() is None, "how the relay stands is for the one that leads to say"
    assert relayed.names.relay not in admin.list_topics(), "and so is making topics"


def test_the_topic_of_another_desk(relayed: Relayed, connection: Connection) -> None:
    publish(relayed)
    with connection.cursor() as cursor:
        cursor.execute('UPDATE events SET metadata = \'{"event_id":"of another"}\' WHERE position = 1')
    assert "another desk" in halted(relayed, AnotherDesk)
    not_to_be_reset(relayed, AnotherDesk)


@pytest.mark.parametrize("grown_since", [0, 40])
def test_a_log_restored_from_an_older_backup(relayed: Relayed, connection: Connection, grown_since: int) -> None:
    publish(relayed)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events WHERE position > %s", (relayed.head() - 10,))
        cursor.execute("UPDATE log_head SET position = position - 10")
    if grown_since:
        relayed.grow(grown_since, ids="another history")
    assert "restored from an older backup" in halted(relayed, LogWentBack)
    not_to_be_reset(relayed, LogWentBack)


def test_a_topic_that_was_deleted_and_made_again(relayed: Relayed, admin: KafkaAdminClient) -> None:
    publish(relayed)
    delete(admin, relayed.names.events)
    with pytest.raises(TopicMadeAnew, match="--reset-to 0"):
        relayed.relay().run()
    assert relayed.records() == {}


def test_a_topic_whose_checkpoint_is_lost(relayed: Relayed, admin: KafkaAdminClient) -> None:
    publish(relayed)
    delete(admin, relayed.names.relay)
    said = halted(relayed, CheckpointLost)
    assert "the highest `ce_position` on the topic" in said
    assert f"delete topic {relayed.names.events}" in said
    with resetting(relayed.dsn, relayed.schema, relayed.settings) as reset:
        assert "can feed no views" in reset.consequences(relayed.head())
        now = reset.write(relayed.head())
    assert (now.begun_after, now.gap_after) == (0, 0)


def test_both_topics_deleted_is_a_beginning(relayed: Relayed, admin: KafkaAdminClient) -> None:
    publish(relayed)
    delete(admin, relayed.names.events, relayed.names.relay)
    publish(relayed)
    relayed.check_all_once_in_order()


def test_a_new_topic_may_begin_after_a_position_and_one_that_has_begun_may_not(relayed: Relayed) -> None:
    middle = relayed.grow(20)
    relayed.grow(20)
    with relayed.relaying(begin_after=middle):
        relayed.await_published()
    relayed.check_all_once_in_order(after=middle)
    checkpoint = last_checkpoint(relayed.settings, relayed.names)
    assert checkpoint is not None
    assert checkpoint.begun_after == middle
    relayed.grow(20)
    with relayed.relaying(begin_after=middle):  # as a service that is started again with the same words
        relayed.await_published()
    assert f"begun after position {middle} already" in halted(relayed, BegunAlready, begin_after=5)
    relayed.check_all_once_in_order(after=middle)


def test_a_position_that_the_log_has_not_come_to_is_refused(relayed: Relayed, tmp_path: Path) -> None:
    where = environment(relayed.dsn, relayed.schema, relayed.settings)
    with running("relay", "--from-position", "9999", output=tmp_path / "log", environment=where) as process:
        assert process.popen.wait(60) == 2
        assert "the log ends at position" in process.output


def test_an_event_larger_than_the_topic_takes_is_named_and_waited_before(
    relayed: Relayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pump, "LARGEST_RECORD_BYTES", 50_000)
    relayed.grow(30)
    large = relayed.grow(1, data='{"text":"%s"}' % ("x" * 60_000))
    relayed.grow(30)
    with relayed.relaying():
        relayed.await_published(large - 1)
        now = relayed.await_state("halted")
        assert f"position {large} (WorkLogged.v1 of ticket-{large}, 60011 bytes)" in str(now.last_error)
        assert now.position == large - 1
        monkeypatch.undo()
        relayed.await_published()
        assert relayed.await_state("publishing").last_error
    relayed.check_all_once_in_order()


def test_what_is_found_later_does_not_end_the_process(
    relayed: Relayed, admin: KafkaAdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relaying, "PATIENCE_SECONDS", 2.0)
    with relayed.relaying():
        relayed.await_published()
        delete(admin, relayed.names.events)
        relayed.grow(10)
        now = relayed.await_state("halted")
        assert "deleted and made again" in str(now.last_error)
        delete(admin, relayed.names.relay, relayed.names.events)
        relayed.grow(10)
        relayed.await_published()
    relayed.check_all_once_in_order()


def test_halts_have_words_of_their_own_in_the_figures() -> None:
    kinds = [kind.kind for kind in RelayHalted.__subclasses__()]
    assert len(set(kinds)) == len(kinds)
