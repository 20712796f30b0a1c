"""Does an import that is killed again and again come to the same log as one that is left alone?"""

import re
import select
import subprocess
import sys
from contextlib import closing

import pytest

from infra.log.tail import channel_of
from infra.postgres.migrations import migrate
from infra.postgres.pool import connect
from tests.e2e.imported_desk import ROOT, SAMPLE, import_into

KILLED_AT = (1, 30, 31, 200, 480, 700, 1000)
"""Heads of the log at which the process is killed."""

_MADE_IDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|C-\d{6}")


def start(dsn: str, schema: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.e2e.import_process", dsn, schema, str(SAMPLE)], cwd=ROOT)


def kill_when_head_reaches(head: int, process: subprocess.Popen[bytes], dsn: str, schema: str) -> None:
    """Kill the process as soon as the log says that it has come so far."""
    with closing(connect(dsn, schema)) as connection, closing(connection.cursor()) as cursor:
        connection.autocommit = True
        cursor.execute(f"LISTEN {channel_of(schema)}")
        cursor.execute("SELECT position FROM log_head")
        (reached,) = cursor.fetchone() or (0,)
        while reached < head and process.poll() is None:
            select.select([connection], [], [], 0.2)
            connection.poll()
            reached = max([reached, *(int(notice.payload) for notice in connection.notifies)])
            connection.notifies.clear()
    process.kill()
    process.wait()


def story(dsn: str, schema: str) -> list[tuple[str, int, str, str]]:
    """The log in its order, with the ids that the desk made in the order of their first use."""
    names: dict[str, str] = {}

    def named(text: str) -> str:
        return _MADE_IDS.sub(lambda found: names.setdefault(found[0], f"#{len(names)}"), text)

    with closing(connect(dsn, schema)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT stream_id, version, type, data::text FROM events"
            " WHERE metadata ->> 'imported' IS NOT NULL ORDER BY position"
        )
        return [(named(stream), version, tag, named(data)) for stream, version, tag, data in cursor]


@pytest.fixture
def other_schema(postgres_dsn: str, schema: str) -> str:
    return f"{schema}_killed"


def test_an_import_killed_again_and_again_comes_to_the_log_of_one_left_alone(
    postgres_dsn: str, schema: str, other_schema: str
) -> None:
    import_into(postgres_dsn, schema, SAMPLE)
    migrate(postgres_dsn, other_schema)
    for head in KILLED_AT:
        kill_when_head_reaches(head, start(postgres_dsn, other_schema), postgres_dsn, other_schema)
    with closing(connect(postgres_dsn, other_schema)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT state, (SELECT position FROM log_head) FROM imports")
        assert cursor.fetchone() is not None
    process = start(postgres_dsn, other_schema)
    assert process.wait() == 0
    report = import_into(postgres_dsn, other_schema, SAMPLE)
    assert (report.imported, report.failures) == (0, [])
    expected, found = story(postgres_dsn, schema), story(postgres_dsn, other_schema)
    assert len(found) == len(expected)
    assert found == expected
