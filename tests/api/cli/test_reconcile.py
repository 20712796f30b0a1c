"""`caselog reconcile` for people and for cron: what it says, and its exit codes."""

import gc
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import termios
from contextlib import closing, suppress
from functools import partial
from typing import Any

import pytest
from kafka import KafkaConsumer
from kafka.errors import KafkaConnectionError
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from api.cli import reconcile
from infra.kafka.clients import admin_client
from infra.kafka.log_rows import LogPage, read_page
from infra.kafka.reconcile import reading, topic
from infra.kafka.records import EventRecord
from infra.kafka.relay.checkpoint import Checkpoint, last_checkpoint
from infra.kafka.settings import KafkaSettings
from infra.postgres.pool import connect
from tests.api.cli.conftest import ROOT, Cli, Here
from tests.infra.kafka.reconcile.test_topic import publish, send
from tests.infra.kafka.relay.conftest import Relayed


@pytest.fixture
def relayed(database: str, schema: str, kafka: KafkaSettings) -> Relayed:
    return Relayed(database, schema, kafka)


@pytest.fixture
def here(
    database: str,
    schema: str,
    kafka: KafkaSettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Here:
    where = {
        "CASELOG_DATABASE_URL": database,
        "CASELOG_SCHEMA": schema,
        "CASELOG_KAFKA_BOOTSTRAP": kafka.bootstrap[0],
        "CASELOG_KAFKA_PARTITIONS": "3",
    }
    return Here("reconcile", where, monkeypatch, capsys)


def unused_port() -> int:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port: int = nobody.getsockname()[1]
        return port


def test_on_a_terminal_it_shows_a_bar(cli: Cli, relayed: Relayed) -> None:
    relayed.grow(2_000 - relayed.head())
    publish(relayed)
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (24, 100))
    where = {"CASELOG_KAFKA_BOOTSTRAP": relayed.settings.bootstrap[0], "CASELOG_KAFKA_PARTITIONS": "3"}
    with subprocess.Popen(
        [sys.executable, "-m", "api.cli", "reconcile"],
        cwd=ROOT,
        env={**cli.environment, **where},
        stdout=subprocess.PIPE,
        stderr=its,
        text=True,
    ) as process:
        os.close(its)
        shown = b""
        with suppress(OSError):  # so the end of a terminal is told
            while part := os.read(ours, 1 << 16):
                shown += part
        os.close(ours)
        said, _ = process.communicate()
    assert process.returncode == 0
    assert said.endswith("nothing is wrong\n")
    bar = shown.decode()
    assert re.search(r"\rreconciling: +(50|100)%\|█+ *\| [12]\.00k/2\.00k \[\d\d:\d\d<\d\d:\d\d, .* events/s\]", bar), (
        bar
    )
    assert bar.endswith("\r"), "it is gone once the result is told"
    assert "positions_per_second" not in bar, "lines of the log are for where there is no terminal"


def test_it_tells_what_is_wrong_with_places_and_ends_with_1_and_with_0_where_nothing_is(
    cli: Cli, here: Here, relayed: Relayed
) -> None:
    head = relayed.grow(60)
    publish(relayed)
    later = relayed.grow(5)
    right = cli("reconcile", CASELOG_KAFKA_BOOTSTRAP=relayed.settings.bootstrap[0], CASELOG_KAFKA_PARTITIONS="3")
    assert right.returncode == 0, right.stderr
    assert f"{head} events compared, positions 1 to {head}\n" in right.stdout
    assert f"not published yet: {head + 1} to {later} (5)\n" in right.stdout
    assert right.stdout.endswith("nothing is wrong\n")
    assert '"positions_per_second"' in right.stderr, "where there is no terminal, progress is lines of the log"
    beyond = here("--from", str(head + 1))
    assert beyond.returncode == 0
    assert "of these positions nothing is published" in beyond.stdout
    assert "no events compared\n" in beyond.stdout

    send(relayed, {1: [EventRecord(b"k", b"v", [])]})
    wrong = here()
    assert wrong.returncode == 1
    [line] = [line for line in wrong.stdout.splitlines() if "foreign" in line and "offset" in line]
    assert re.search(rf"foreign behind position {head} \(1\) in partition 1, first at offset \d+: its header", line)
    as_json = here("--json", "--from", "10")
    assert as_json.returncode == 1
    report = json.loads(as_json.stdout.splitlines()[-1])
    assert (report["after"], report["compared_to"], report["events"]) == (9, head, head - 9)
    assert [found["kind"] for found in report["findings"]] == ["foreign"]


# kafka-python leaves sockets open where nobody answers
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed:ResourceWarning")
def test_where_the_broker_is_away_or_refuses_us_it_says_so_in_one_line_and_ends_with_3(
    here: Here, relayed: Relayed, guarded_kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    relayed.grow(1)
    monkeypatch.setattr(topic, "admin_client", partial(admin_client, timeout_ms=500))
    away = here(CASELOG_KAFKA_BOOTSTRAP=f"127.0.0.1:{unused_port()}")
    gc.collect()
    assert away.returncode == 3
    assert re.fullmatch(r"caselog: the broker cannot be reached: .*\n", away.stderr)
    refused = here(
        CASELOG_KAFKA_BOOTSTRAP=guarded_kafka.bootstrap[0],
        CASELOG_KAFKA_SECURITY=guarded_kafka.security,
        CASELOG_KAFKA_SASL_MECHANISM=guarded_kafka.sasl_mechanism,
        CASELOG_KAFKA_USERNAME=guarded_kafka.username,
        CASELOG_KAFKA_PASSWORD="wrong",
    )
    gc.collect()
    assert refused.returncode == 3
    assert refused.stderr == ("caselog: the broker refuses us: Authentication failed: Invalid username or password\n")


def test_where_there_is_nothing_to_compare_it_says_why_in_one_line_and_ends_with_2(
    here: Here, relayed: Relayed
) -> None:
    relayed.grow(1)
    nothing = here()
    assert nothing.returncode == 2
    assert nothing.stderr == (
        f"caselog: there is no topic {relayed.names.events}: no relay of this desk has ever published to it\n"
    )
    unnamed = here(CASELOG_KAFKA_BOOTSTRAP="")
    assert unnamed.returncode == 2
    assert "CASELOG_KAFKA_BOOTSTRAP" in unnamed.stderr
    assert here("--from", "none").returncode == 2
    assert here("--from", "9", "--to", "3").returncode == 2
    assert here("--view", "queue", "--json").returncode == 2


def test_without_the_database_it_says_so_in_one_line_and_ends_with_3(
    here: Here, relayed: Relayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = here(CASELOG_DATABASE_URL=f"postgresql://127.0.0.1:{unused_port()}/desk")
    assert away.returncode == 3
    assert away.stderr.startswith("caselog: connection to server at "), away.stderr
    relayed.grow(60)
    publish(relayed)
    monkeypatch.setattr(reading, "LOG_PAGE", 20)

    def lost(connection: Connection, after: int, rows: int, *, up_to: int) -> LogPage:
        if after >= 40:
            with closing(connect(relayed.dsn)) as another, another, another.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        return read_page(connection, after, rows, up_to=up_to)

    monkeypatch.setattr(reading, "read_page", lost)
    ended = here()
    assert ended.returncode == 3
    assert ended.stderr.startswith("caselog: "), ended.stderr
    assert "Traceback" not in ended.stderr


def test_interrupted_it_tells_what_it_found_until_then_and_ends_with_130_or_with_1(
    here: Here, relayed: Relayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    relayed.grow(2_100)
    publish(relayed, lambda records: records[1].insert(600, EventRecord(b"k", b"v", [])))
    monkeypatch.setattr(reading, "LOG_PAGE", 500)
    shown = reconcile._Bar.__call__

    def interrupt(bar: reconcile._Bar, position: int, after: int, up_to: int) -> None:
        shown(bar, position, after, up_to)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(reconcile._Bar, "__call__", interrupt)
    ended = here()
    assert ended.returncode == 130, ended.stderr
    told = re.search(r"ended early: it was interrupted; --from (\d+) goes on from there\n", ended.stdout)
    assert told is not None
    assert "Traceback" not in ended.stderr
    monkeypatch.setattr(reconcile._Bar, "__call__", shown)
    assert here("--from", told[1]).returncode == 1

    def interrupt_early(*arguments: Any) -> Checkpoint | None:
        os.kill(os.getpid(), signal.SIGINT)
        return last_checkpoint(*arguments)

    monkeypatch.setattr(topic, "last_checkpoint", interrupt_early)
    ended = here()
    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr.endswith("caselog: it was interrupted before anything was compared\n")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("foreign", "code"), [(1, 1), (0, 3)])
def test_with_the_broker_lost_on_the_way_it_tells_what_it_found_until_then(
    here: Here, relayed: Relayed, monkeypatch: pytest.MonkeyPatch, foreign: int, code: int
) -> None:
    relayed.grow(2_100)

    def put_in(records: Any) -> None:
        records[1][20:20] = foreign * [EventRecord(b"k", b"v", [])]

    publish(relayed, put_in)
    monkeypatch.setattr(reading, "LOG_PAGE", 500)
    polled = KafkaConsumer.poll

    def lost(consumer: KafkaConsumer, *arguments: Any, **more: Any) -> Any:
        if any(consumer.position(place) > 300 for place in consumer.assignment()):
            raise KafkaConnectionError("it is gone")
        return polled(consumer, *arguments, max_records=100, **more)

    monkeypatch.setattr(KafkaConsumer, "poll", lost)
    ended = here()
    assert ended.returncode == code, ended.stderr
    assert ended.stdout.count("foreign behind position") == foreign
    assert re.search(
        r"ended early: the broker cannot be reached: .*it is gone; --from \d+ goes on from there\n"
        + ("1 foreign" if foreign else "nothing is wrong until there")
        + r"\n$",
        ended.stdout,
    )
    assert "Traceback" not in ended.stderr
