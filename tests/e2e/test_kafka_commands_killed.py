"""Commands by Kafka are lost by no kill, counted twice by none, and answered once, whoever wakes up late."""

import random
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from commands.wire.examples import EXAMPLES
from domain.recorded import RecordedEvent
from infra.kafka.names import Names
from infra.kafka.settings import KafkaSettings
from tests.desk import Desk
from tests.infra.kafka.inbound.conftest import Correspondence, correspondence
from tests.infra.kafka.processes import environment, running
from tests.waiting import eventually

KEYS = 40
STATUSES = ("201", "404", "201")
"""What the commands of the load are answered with, one after the other."""


class Load:
    """Customers, registered under ids that the desk makes: a command that counts twice makes two of them.

    And for each of those one of an id of its own, told to be renamed before it is there: refused, and carried out by
    whoever takes that record again without knowing so.
    """

    def __init__(self, post: Correspondence) -> None:
        self._post = post
        self.sent = 0

    def send(self, number: int) -> None:
        for _ in range(number):
            key, step = f"k-{self.sent // 3 % KEYS}", self.sent % 3
            command, data = "register-customer", EXAMPLES["register-customer"] | {"name": f"{key} {self.sent}"}
            data.pop("customer_id", None)
            if step:
                data["customer_id"] = f"c-{self.sent // 3}"
            if step == 1:
                command, data = "update-customer", {"customer_id": data["customer_id"], "name": "Renamed"}
            self._post.post({"command": command, "data": data}, key, correlation_id=f"{key}/{self.sent}")
            self.sent += 1
        self._post.flush()


def carried_out(desk: Desk) -> list[RecordedEvent]:
    """Return what the log has of commands by Kafka."""
    log: Any = desk.application.event_log
    found = log.select_notifications(start=1, limit=1_000_000, topics=[])
    mapper: Any = desk.application.mapper
    return [event for event in map(mapper.to_domain_event, found) if event.metadata.actor == "kafka"]


@pytest.mark.parametrize("kills", [4, pytest.param(40, marks=pytest.mark.soak)])
def test_every_command_counts_once_and_is_answered_once_in_the_order_of_its_key(
    database: str, schema: str, kafka: KafkaSettings, tmp_path: Path, kills: int
) -> None:
    chance = random.Random(schema)
    names = Names(schema)
    desk = Desk(database, schema)
    with ExitStack() as stack:
        post = stack.enter_context(correspondence(kafka, names))
        load = Load(post)
        where = environment(database, schema, kafka)
        processes = [
            stack.enter_context(running("kafka-commands", output=tmp_path / f"{number}.log", environment=where))
            for number in range(2)
        ]
        load.send(400)
        for number in range(kills):
            enough = len(post.read(names.replies)) + 1
            load.send(chance.randrange(200, 600))
            post.replies(enough, 60)
            victim = processes[number % 2]
            if number == 1:
                # Stopped, so that the group goes on without it; it wakes up when another has done its work.
                victim.freeze()
                eventually(lambda: len(post.read(names.replies)) == load.sent, 60)
                victim.wake()
            else:
                victim.kill()
                victim.start()
        load.send(300)
        answers = post.replies(load.sent, 90)
        assert [process.stop() for process in processes] == [0, 0]
        answers = post.read(names.replies)
    assert Counter(answer.headers["correlation-id"] for answer in answers).most_common(1)[0][1] == 1
    assert len(answers) == load.sent
    for answer in answers:
        assert answer.headers["status"] == STATUSES[int(answer.headers["correlation-id"].partition("/")[2]) % 3]
    events = carried_out(desk)
    assert sorted(event.metadata.correlation_id for event in events) == sorted(
        answer.headers["correlation-id"] for answer in answers if answer.headers["status"] == "201"
    )
    numbers: dict[str, int] = {}
    for event in events:
        key, _, count = event.metadata.correlation_id.partition("/")
        assert numbers.get(key, -1) < int(count), "the order of a key"
        numbers[key] = int(count)
    desk.application.close()


def test_a_broker_that_is_away_is_waited_for_and_a_stop_is_heeded_meanwhile(
    database: str, schema: str, tmp_path: Path
) -> None:
    where = environment(database, schema, KafkaSettings(bootstrap=("127.0.0.1:1",)))
    with running("kafka-commands", output=tmp_path / "log", environment=where) as process:
        eventually(lambda: "the broker cannot be reached" in process.output, 60)
        assert process.stop() == 0
    assert "Traceback" not in process.output


def test_without_a_broker_named_the_start_says_what_is_missing(database: str, schema: str, tmp_path: Path) -> None:
    where = environment(database, schema, KafkaSettings(bootstrap=("",)))
    with running("kafka-commands", output=tmp_path / "log", environment=where) as process:
        assert process.popen.wait(30) == 2
    assert "CASELOG_KAFKA_BOOTSTRAP: this process talks to Kafka" in process.output
