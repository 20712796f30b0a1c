"""`caselog reconcile` for people and for cron: what it says, and its exit codes."""

import json
import re
import socket

import pytest

from infra.kafka.records import EventRecord
from infra.kafka.settings import KafkaSettings
from tests.api.cli.conftest import Cli
from tests.infra.kafka.reconcile.test_topic import publish, send
from tests.infra.kafka.relay.conftest import Relayed


@pytest.fixture
def relayed(database: str, schema: str, kafka: KafkaSettings) -> Relayed:
    return Relayed(database, schema, kafka)


def test_it_tells_what_is_wrong_with_places_and_ends_with_1_and_with_0_where_nothing_is(
    cli: Cli, relayed: Relayed
) -> None:
    broker = {"CASELOG_KAFKA_BOOTSTRAP": relayed.settings.bootstrap[0], "CASELOG_KAFKA_PARTITIONS": "3"}
    head = relayed.grow(60)
    publish(relayed)
    later = relayed.grow(5)
    right = cli("reconcile", **broker)
    assert right.returncode == 0, right.stderr
    assert f"{head} events compared, positions 1 to {head}\n" in right.stdout
    assert f"not published yet: {head + 1} to {later} (5)\n" in right.stdout
    assert right.stdout.endswith("nothing is wrong\n")
    assert '"positions_per_second"' in right.stderr, "where there is no terminal, progress is lines of the log"

    send(relayed, {1: [EventRecord(b"k", b"v", [])]})
    wrong = cli("reconcile", **broker)
    assert wrong.returncode == 1
    [line] = [line for line in wrong.stdout.splitlines() if "foreign" in line and "offset" in line]
    assert re.search(rf"foreign behind position {head} \(1\) in partition 1, first at offset \d+: its header", line)
    as_json = cli("reconcile", "--json", "--from", "10", **broker)
    assert as_json.returncode == 1
    report = json.loads(as_json.stdout)
    assert (report["after"], report["compared_to"], report["events"]) == (9, head, head - 9)
    assert [found["kind"] for found in report["findings"]] == ["foreign"]


def test_where_it_cannot_compare_it_says_why_in_one_line_and_ends_with_2(
    cli: Cli, relayed: Relayed, kafka_bootstrap: str
) -> None:
    relayed.grow(1)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = cli("reconcile", CASELOG_KAFKA_BOOTSTRAP=f"127.0.0.1:{nobody.getsockname()[1]}")
    assert away.returncode == 2
    assert re.fullmatch(r"caselog: the broker cannot be reached: .*\n", away.stderr)
    nothing = cli("reconcile", CASELOG_KAFKA_BOOTSTRAP=kafka_bootstrap)
    assert nothing.returncode == 2
    assert nothing.stderr == (
        f"caselog: there is no topic {relayed.names.events}: no relay of this desk has ever published to it\n"
    )
    unnamed = cli("reconcile")
    assert unnamed.returncode == 2
    assert "CASELOG_KAFKA_BOOTSTRAP" in unnamed.stderr
