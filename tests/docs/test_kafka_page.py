"""What docs/kafka.md tells readers runs as it stands, counts each event once, and says what the code says."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from api.cli.commands import FAULT
from api.cli.errors import UNAVAILABLE
from api.cli.reconcile_views import AWAY, FOUND, INTERRUPTED, NOTHING_TO_COMPARE
from api.http.document.asyncapi import asyncapi_document
from infra.kafka.names import DEFAULT_NAMES
from infra.kafka.reconcile.findings import MEANINGS
from infra.kafka.settings import NO_BROKER, KafkaSettings
from tests.docs.test_code_blocks import blocks_of
from tests.e2e.desk_process import ROOT
from tests.infra.kafka.relay.conftest import Relayed

PAGE = "docs/kafka.md"
TEXT = (ROOT / PAGE).read_text()


def counted(store: Path) -> dict[str, int]:
    with closing(sqlite3.connect(store)) as connection:
        return dict(connection.execute("SELECT customer, opened FROM tickets"))


def test_the_page_s_reader_counts_each_ticket_once_whatever_interrupts_it(
    database: str, schema: str, kafka: KafkaSettings, tmp_path: Path
) -> None:
    relayed = Relayed(database, schema, kafka)
    [code] = [block.code for block in blocks_of(PAGE) if block.language == "python"]
    program, store = tmp_path / "reader.py", tmp_path / "tickets.sqlite"
    place = '        store.execute("INSERT OR REPLACE INTO places'
    killed = """        if "KILLED" in os.environ and (3,) in store.execute("SELECT sum(opened) FROM tickets"):
            os._exit(9)  # in the midst of a transaction: what it began must not count
"""
    assert place in code
    program.write_text(code.replace(place, killed + place))
    customer = relayed.desk.customer()
    for _ in range(6):
        relayed.desk.ticket(customer)

    def read(**environment: str) -> int:
        return subprocess.run(
            [sys.executable, str(program)],
            env={
                **os.environ,
                "CASELOG_KAFKA_BOOTSTRAP": kafka.bootstrap[0],
                "TOPICS": relayed.names.prefix,
                "STORE": str(store),
                "STOP_AFTER_MS": "2000",
                **environment,
            },
            timeout=90,
            check=False,
        ).returncode

    with relayed.relaying():
        relayed.await_published()
        assert read(KILLED="1") == 9
        assert counted(store) == {customer: 2}
        assert read() == 0
        assert counted(store) == {customer: 6}
        relayed.desk.ticket(customer)
        relayed.await_published()
        assert read() == 0
        assert read() == 0
    assert counted(store) == {customer: 7}


@pytest.mark.parametrize(
    "name", asyncapi_document(DEFAULT_NAMES, NO_BROKER)["components"]["schemas"]["EventHeaders"]["properties"]
)
def test_the_page_names_each_header(name: str) -> None:
    assert f"`{name}`" in TEXT


def test_the_page_says_of_each_finding_what_the_command_says() -> None:
    for kind, meaning in MEANINGS.items():
        assert f"| {kind.replace('_', ' ')} | {meaning} |" in TEXT


def test_the_page_says_of_each_trouble_what_the_code_says() -> None:
    """What processes log is told in their own words; one that is worded anew is to be worded anew there."""
    _, _, table = TEXT.partition("## Where something is wrong")
    said = {words for words in re.findall("`([^`]+)`", table) if " " in words and not words.startswith("caselog ")}
    code = "".join(path.read_text() for path in [*ROOT.glob("infra/**/*.py"), *ROOT.glob("api/**/*.py")])
    assert len(said) >= 10
    assert [words for words in said if f'"{words}' not in code] == []


def test_the_page_has_each_exit_code_of_reconcile() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)}
    assert told == {0, FOUND, NOTHING_TO_COMPARE, AWAY, FAULT, INTERRUPTED}
    assert AWAY == UNAVAILABLE
