"""Relays, workers and the broker killed under load: nothing is lost or doubled, on the topic and in the views."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from projections import ledger, queue
from tests.e2e.commands_over_http import Load
from tests.e2e.kafka_desk import KafkaDesk
from tests.infra.kafka.processes import CaselogProcess
from tests.waiting import eventually

VIEWS = (queue.VIEW, ledger.VIEW)
WORKER = ("kafka-project", *(view.name for view in VIEWS))
MOST_BETWEEN_KILLS = 150
"""So many commands are acknowledged at most between two kills: the moment is by chance."""


class Killing:
    """Kills processes that are at work, and starts them again."""

    def __init__(self, desk: KafkaDesk, relays: Sequence[CaselogProcess], workers: Sequence[CaselogProcess]) -> None:
        self._desk = desk
        self._relays, self._workers = relays, workers

    def relay(self) -> None:
        """The one that leads."""
        self._one(self._relays, "publishing to Kafka")

    def worker(self) -> None:
        """One that has partitions, or has had some."""
        self._one(self._workers, "partitions assigned")

    def broker(self) -> None:
        self._desk.broker.kill()
        self._desk.broker.start()

    def everybody(self) -> None:
        """All at once, the broker included."""
        processes = [*self._relays, *self._workers]
        for process in processes:
            process.kill()
        self.broker()
        for process in processes:
            process.start()

    def _one(self, processes: Sequence[CaselogProcess], at_work: str) -> None:
        victim = eventually(lambda: next((each for each in processes if each.lines(at_work)), None), 60)
        victim.kill()
        victim.start()


def sleep_in_mid_transaction(desk: KafkaDesk, worker: CaselogProcess) -> None:
    """Let the only worker stand still while it has places of its partitions locked."""

    def fell_asleep() -> bool:
        worker.freeze()
        if desk.has_idle_writer():
            return True
        worker.wake()
        return False

    eventually(fell_asleep)


def be_joined_by_two_asleep_and_leave(desk: KafkaDesk, first: CaselogProcess) -> list[CaselogProcess]:
    """One worker sleeps while two others take its partitions, wakes up, and leaves; return those that stay."""
    sleep_in_mid_transaction(desk, first)
    staying = [desk.process(*WORKER) for _ in range(2)]
    desk.views.await_members(queue.VIEW, 2)
    at = desk.views.head()
    for view in VIEWS:
        desk.views.await_fed(view, at)
    first.wake()
    for view in VIEWS:
        desk.views.await_members(view, 3)
    assert first.stop() == 0
    return staying


def check_acknowledged_once(desk: KafkaDesk, acknowledged: set[str]) -> None:
    """Each command that was acknowledged has events on the topic, all of them of one decision."""
    decisions = defaultdict(set)
    for event in desk.topic.events():
        decisions[event.metadata.correlation_id].add(event.metadata.command_id)
    assert {each: len(decisions[each]) for each in acknowledged} == dict.fromkeys(acknowledged, 1)


@pytest.mark.parametrize("kills", [10, pytest.param(100, marks=pytest.mark.soak)])
def test_whoever_dies_sleeps_or_joins_every_event_is_out_once_and_in_the_views_once(
    kills: int, database: str, schema: str, folder: Path, kafka_bootstrap: str
) -> None:
    random = Random()
    with KafkaDesk(database, schema, folder) as desk, desk.telling_on_failure():
        desk.process("api")
        desk.process("project")
        relays = [desk.process("relay") for _ in range(2)]
        desk.await_ready()
        with Load(desk.port, desk.key).running() as load:
            worker = desk.process(*WORKER)
            for view in VIEWS:
                desk.views.await_fed(view, 1)
            killing = Killing(desk, relays, be_joined_by_two_asleep_and_leave(desk, worker))
            victims = [*[killing.relay, killing.worker] * 4, killing.broker]
            for number in range(1, kills + 1):
                if number % 10 == 1:
                    random.shuffle(victims)
                load.await_more(random.randint(1, MOST_BETWEEN_KILLS))
                (victims[number % 10 - 1] if number % 10 else killing.everybody)()
        desk.await_all_seen(VIEWS)
        for view in VIEWS:
            stand = {(place.position, place.skipped) for place in desk.views.places(view)}
            assert stand == {(desk.views.head(), 0)}, "each partition at the log's end, and nothing foreign passed over"
        desk.check_reconciled(VIEWS)
        desk.topic.check_all_once_in_order()
        check_acknowledged_once(desk, load.acknowledged)
