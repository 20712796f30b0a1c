"""Three processes of eight threads fight for a few streams under a tail: nothing is lost, doubled or swapped."""

import subprocess
import sys
from pathlib import Path

from infra.log.recorders import LogApplicationRecorder
from tests.infra.log.conftest import Query
from tests.infra.log.test_tail import following

WRITER = Path(__file__).with_name("writer_process.py")
PROCESSES, THREADS, APPENDS, STREAMS = 3, 8, 40, 60


def test_rivals_of_three_processes_make_one_log_that_a_tail_sees_in_order_each_event_once(
    log: LogApplicationRecorder, database: str, schema: str, query: Query
) -> None:
    acknowledged, conflicts, seen = run(log, database, schema)
    [(rows, lowest, highest)] = query("SELECT count(*), min(position), max(position) FROM events")
    assert (rows, lowest, highest) == (acknowledged, 1, acknowledged)
    assert query("SELECT position FROM log_head") == [(acknowledged,)]
    assert seen == list(range(1, acknowledged + 1))
    assert conflicts > 0, "no rivalry, so nothing was shown"
    assert query("SELECT 1 FROM events GROUP BY stream_id HAVING max(version) <> count(*)") == []


def test_the_stress_test_sees_a_log_whose_head_is_not_locked(
    log: LogApplicationRecorder, database: str, schema: str, query: Query
) -> None:
    [(source,)] = query("SELECT pg_get_functiondef('append_to_log'::regproc)")
    lock = "FROM log_head h FOR UPDATE"
    assert lock in source
    # Without the lock two appends take the same positions. A unique index would save the log, so it goes too.
    query("ALTER TABLE events DROP CONSTRAINT events_pkey")
    query(source.replace(lock, "FROM log_head h"))
    acknowledged, _, seen = run(log, database, schema)
    [(rows, highest)] = query("SELECT count(*), max(position) FROM events")
    assert not (rows == highest == acknowledged and seen == list(range(1, acknowledged + 1)))


def run(log: LogApplicationRecorder, database: str, schema: str) -> tuple[int, int, list[int]]:
    """Let the processes write; return the events acknowledged, the conflicts, and the positions seen by a live tail."""
    arguments = [sys.executable, str(WRITER), database, schema, str(THREADS), str(APPENDS), str(STREAMS)]
    writers = [
        subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)
    ]
    with following(log.tail(batch_size=50)) as follower:
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        totals = [tuple(map(int, writer.communicate(timeout=120)[0].split())) for writer in writers]
        assert [writer.returncode for writer in writers] == [0] * PROCESSES
        head = log.max_notification_id() or 0
        seen: list[int] = []
        while not seen or seen[-1] < head:
            position = follower.seen.get(timeout=20)
            assert position is not None
            seen.append(position)
    return sum(events for events, _ in totals), sum(conflicts for _, conflicts in totals), seen
