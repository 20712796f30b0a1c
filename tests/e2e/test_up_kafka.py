"""`caselog up --kafka`: a desk and a broker in one folder; what is acknowledged over HTTP is on the topic."""

import signal
from contextlib import suppress
from pathlib import Path

import psutil
from kafka import TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from infra.kafka.broker.server import Broker
from infra.kafka.clients import consumer
from infra.kafka.records import ReceivedEvent, received
from infra.kafka.settings import KafkaSettings
from tests.e2e.desk_process import DeskProcess
from tests.e2e.test_up import has_ended, open_case
from tests.waiting import eventually

TOPIC = "caselog.events"
PATIENCE_SECONDS = 120.0
"""A bound alone: beside other tests a broker, a consumer group's first round and seven processes take their time."""


def address_of(desk: DeskProcess) -> str:
    found = Broker.find(desk.data / "kafka")
    assert found is not None
    return found


def java_of(desk: DeskProcess) -> psutil.Process | None:
    """Its broker, while one lives."""
    for each in psutil.Process(desk.process.pid).children(recursive=True):
        with suppress(psutil.Error):
            if each.name() == "java" and each.status() != psutil.STATUS_ZOMBIE:
                return each
    return None


def published(address: str, count: int) -> list[ReceivedEvent]:
    """The first events on the topic, in the order of the log."""
    reader = consumer(KafkaSettings(bootstrap=(address,)))
    reader.assign([TopicPartition(TOPIC, number) for number in range(6)])
    found: list[ReceivedEvent] = []

    def read() -> bool:
        came = [received(record) for records in reader.poll(500).values() for record in records]
        found.extend(each for each in came if isinstance(each, ReceivedEvent))
        return len(found) >= count

    eventually(read, PATIENCE_SECONDS)
    reader.close()
    return sorted(found, key=lambda event: event.position)


def is_fed_by_kafka(desk: DeskProcess, view: str) -> bool:
    (shown,) = [each for each in desk.get("/v1/projections").json["items"] if each["view"] == view]
    return (shown["fed_by"], shown["state"]) == ("kafka", "live")


def relay_has_published(desk: DeskProcess, position: int) -> bool:
    """Whether the desk says so where people look and where figures are taken."""
    relay = desk.get("/v1/projections").json.get("relay", {})
    if relay.get("position") != position:
        return False
    assert (relay["state"], relay["lag_events"], relay["lag_seconds"]) == ("publishing", 0, 0)
    families = text_string_to_metric_families(desk.get("/metrics").body.decode())
    figures = {each.name: each.value for family in families for each in family.samples if not each.labels}
    assert figures["caselog_relay_position"] == position
    assert figures["caselog_relay_lag_events"] == 0
    assert figures["caselog_relay_failing"] == 0
    return True


def test_every_event_is_on_the_topic_of_the_desks_own_broker_which_nobody_leaves_behind(
    kafka_bootstrap: str, folder: Path
) -> None:
    with DeskProcess(folder, "--kafka", "--kafka-view", "queue") as desk:
        address = address_of(desk)
        case = open_case(desk)
        eventually(lambda: is_fed_by_kafka(desk, "queue"), PATIENCE_SECONDS)
        events = desk.get("/v1/events?limit=500").json["items"]
        (shown,) = desk.get(f"/v1/queue?min_position={len(events)}&wait_ms=30000").json["items"]
        assert shown["case_number"] == case
        assert [event.tag for event in published(address, len(events))] == [event["type"] for event in events]
        eventually(lambda: relay_has_published(desk, len(events)), PATIENCE_SECONDS)

        killed = java_of(desk)
        assert killed is not None
        killed.kill()
        kept = desk.command("register-customer", customer_id="birch", name="Birch", contacts=[], products=["website"])
        assert kept.status == 201, "the desk goes on without its broker"
        position = kept.json["position"]

        eventually(lambda: java_of(desk), PATIENCE_SECONDS)
        family = [*psutil.Process(desk.process.pid).children(recursive=True), desk.postmaster()]
        assert desk.stop(signal.SIGINT) == 0
        eventually(lambda: all(has_ended(process) for process in family), seconds=2)
        assert Broker.find(desk.data / "kafka") is None

        desk.arguments = ("--kafka",)
        desk.start()
        assert "`caselog rebuild queue` brings it back to the log" in desk.output.read_text(), "it stands still now"
        assert address_of(desk) == address
        found = published(address, position)
        assert [event.position for event in found] == list(range(1, position + 1))
        assert found[-1].stream_id == "customer-birch"
        java = java_of(desk)
        assert java is not None
        desk.kill()
        eventually(lambda: has_ended(java), PATIENCE_SECONDS)
