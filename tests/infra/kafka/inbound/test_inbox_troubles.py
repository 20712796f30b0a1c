"""Broker or database away, a wrong password, a topic made anew: each is told, and every command counts once."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import NewTopic
from kafka.structs import OffsetAndMetadata
from structlog.testing import capture_logs

from commands.wire.examples import EXAMPLES
from infra.kafka import clients
from infra.kafka.broker.server import Broker
from infra.kafka.inbound import inbox, session
from infra.kafka.names import Names
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import command_topics, ensure
from infra.postgres.pool import connect
from tests.api.cli.conftest import Cli
from tests.api.http.test_no_database import SCHEMA, Outage
from tests.desk import Desk
from tests.infra.kafka.inbound.conftest import Correspondence, correspondence, taking
from tests.infra.kafka.processes import environment, running
from tests.infra.kafka.relay.test_broker_troubles import UnstartedBroker
from tests.waiting import eventually

Lines = list[Any]


@pytest.fixture
def log() -> Iterator[Lines]:
    """The lines of the log."""
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def broker(kafka_bootstrap: str, tmp_path: Path) -> Iterator[Broker]:  # the shared one lest there be no jars
    """A broker of the test's own, not started."""
    made = UnstartedBroker(tmp_path / "broker")
    try:
        yield made
    finally:
        made.kill()


@pytest.fixture
def cli(database: str, schema: str) -> Cli:
    """Runs the command line."""
    return Cli(database, schema)


@pytest.fixture
def admin(kafka: KafkaSettings) -> Iterator[KafkaAdminClient]:
    """Who makes and deletes topics."""
    with closing(clients.admin_client(kafka)) as made:
        yield made


def register(customer: str) -> dict[str, Any]:
    return {"command": "register-customer", "data": EXAMPLES["register-customer"] | {"customer_id": customer}}


def await_line(log: Lines, event: str, **told: Any) -> Any:
    def said() -> Any:
        return next((line for line in log if line["event"].startswith(event) and told.items() <= line.items()), None)

    return eventually(said, 60)


def check_all_once(desk: Desk, post: Correspondence, number: int) -> None:
    """Every customer is registered once, and every command is answered once, with its first answer."""
    answers = post.replies(number, 60)
    assert sorted(answer.json["stream_id"] for answer in answers) == sorted(f"customer-c-{n}" for n in range(number))
    assert {answer.headers["status"] for answer in answers} == {"201"}
    assert all(len(desk.events(f"customer-c-{n}")) == 1 for n in range(number))
    assert len(post.read(post.names.replies)) == number


SENT = 1_000
TRIED_AGAIN = "no commands are taken from Kafka; it is tried again"


def test_a_broker_that_refuses_us_is_told_and_asked_again(
    desk: Desk, guarded_kafka: KafkaSettings, names: Names, log: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "FIRST_ANSWER_MS", 1_000)
    with taking(msgspec.structs.replace(guarded_kafka, password="wrong"), names, desk.dispatcher):
        said = await_line(log, TRIED_AGAIN)
    assert said["kind"] == "refused"
    assert said["error"] == "the broker refuses us: Authentication failed: Invalid username or password"


def test_a_broker_that_is_away_at_first_and_in_the_middle_costs_no_command_and_doubles_none(
    database: str, schema: str, desk: Desk, broker: Broker, names: Names, tmp_path: Path
) -> None:
    settings = msgspec.structs.replace(broker.settings, partitions=3)
    where = environment(database, schema, settings)
    with running("kafka-commands", output=tmp_path / "log", environment=where) as process:
        said = process.await_line(TRIED_AGAIN)
        assert said["kind"] == "broker_away"
        assert said["error"].startswith("the broker cannot be reached: ")
        broker.start()
        with correspondence(settings, names) as post:
            for number in range(SENT):
                post.post(register(f"c-{number}"), f"c-{number}")
            post.flush()
            post.replies(1, 60)
        broker.kill()  # no client of this process sees it, since they leave sockets open then
        assert process.await_line(TRIED_AGAIN, 2)["kind"] == "broker_away"
        broker.start()
        with correspondence(settings, names) as post:
            post.send(register(f"c-{SENT}"), "later")
            check_all_once(desk, post, SENT + 1)
        assert process.stop() == 0
        assert "Traceback" not in process.output


@pytest.fixture
def outage(postgres_dsn: str) -> Iterator[Outage]:
    """A database that can be shut to everybody."""
    made = Outage(postgres_dsn)
    made.execute("CREATE DATABASE {name}")
    yield made
    made.execute("DROP DATABASE {name} WITH (FORCE)")


def test_a_database_that_is_away_costs_no_command_and_doubles_none(
    outage: Outage, post: Correspondence, kafka: KafkaSettings, names: Names, log: Lines
) -> None:
    desk = Desk(outage.dsn, SCHEMA)
    with closing(desk.application), taking(kafka, names, desk.dispatcher):
        for number in range(40):
            post.post(register(f"c-{number}"), f"c-{number}")
        post.flush()
        post.replies(1)
        outage.begin()
        for number in range(40, 60):
            post.post(register(f"c-{number}"), f"c-{number}")
        post.flush()
        await_line(log, "commands by Kafka wait and are tried again", code="unavailable")
        outage.end()
        check_all_once(desk, post, 60)
    assert post.read(names.dead_commands) == []


def test_a_desk_that_is_put_aside_for_a_restore_is_waited_for(
    database: str, schema: str, desk: Desk, post: Correspondence, kafka: KafkaSettings, names: Names, log: Lines
) -> None:
    with closing(connect(database)) as connection, taking(kafka, names, desk.dispatcher):
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER SCHEMA "{schema}" RENAME TO "{schema}_before"')
            try:
                post.send(register("c-0"), "c")
                await_line(log, "commands by Kafka wait and are tried again", code="unavailable")
            finally:
                cursor.execute(f'ALTER SCHEMA "{schema}_before" RENAME TO "{schema}"')
        check_all_once(desk, post, 1)


def test_topics_that_are_not_as_they_have_to_be_are_named_and_nothing_is_taken(
    cli: Cli, kafka: KafkaSettings, names: Names, admin: KafkaAdminClient
) -> None:
    wanted, *_ = command_topics(names, kafka)
    admin.create_topics([NewTopic(wanted.name, 2, 1, topic_configs={**wanted.settings, "cleanup.policy": "compact"})])
    admin.wait_for_topics([wanted.name])
    ended = cli("kafka-commands", CASELOG_KAFKA_BOOTSTRAP=kafka.bootstrap[0], CASELOG_KAFKA_PARTITIONS="3")
    assert ended.returncode == 1
    [line] = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert f"topic {wanted.name} has 2 partitions, and 3 are wanted" in line
    assert f"topic {wanted.name} has cleanup.policy=compact, and delete is wanted" in line


def make_anew(admin: KafkaAdminClient, kafka: KafkaSettings, names: Names) -> None:
    admin.delete_topics([names.commands])
    eventually(lambda: names.commands not in admin.list_topics())
    ensure(admin, command_topics(names, kafka), kafka)


def test_a_topic_that_is_made_anew_meanwhile_is_told_and_read_from_its_first_record(
    desk: Desk, post: Correspondence, kafka: KafkaSettings, names: Names, admin: KafkaAdminClient, log: Lines
) -> None:
    """Its first record stands where one stood that is answered, and has no key of its own: it is no repeat of that."""
    with taking(kafka, names, desk.dispatcher):
        post.send(register("c-0"), "c", 0)
        post.replies(1)
        make_anew(admin, kafka, names)
        for number in range(1, 4):
            post.post(register(f"c-{number}"), "c", 0)
        post.flush()
        said = await_line(log, "the topic of commands is another one")
        assert said["topic"] == names.commands
        check_all_once(desk, post, 4)


def test_a_topic_that_is_deleted_while_nothing_comes_is_told_and_made_again(
    desk: Desk,
    post: Correspondence,
    kafka: KafkaSettings,
    names: Names,
    admin: KafkaAdminClient,
    log: Lines,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "ASK_SECONDS", 0.1)
    with taking(kafka, names, desk.dispatcher):
        await_line(log, "joined the group")
        admin.delete_topics([names.commands])
        await_line(log, "the topic of commands is another one")
        eventually(lambda: names.commands in admin.list_topics())
        post.send(register("c-0"), "c")
        check_all_once(desk, post, 1)


def test_offsets_of_a_topic_that_is_gone_are_not_those_of_the_one_that_has_its_name(
    desk: Desk, post: Correspondence, kafka: KafkaSettings, names: Names, log: Lines
) -> None:
    place = TopicPartition(names.commands, 0)
    for number in range(3):
        post.send(register(f"c-{number}"), "c", 0)
    with clients.consumer(kafka, group=names.commands_group) as before:
        before.assign([place])
        before.commit({place: OffsetAndMetadata(2, "the id of another topic", -1)})
    with taking(kafka, names, desk.dispatcher):
        check_all_once(desk, post, 3)
    said = await_line(log, "the group's offset is of a topic that is gone")
    assert (said["partition"], said["offset"], said["topic_id"]) == (0, 2, "the id of another topic")
