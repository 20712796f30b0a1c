"""A process of the stress test: threads that append with rivals, without pause.

Arguments: libpq URL, schema, threads, appends a thread, number of streams that all processes fight for. It writes how
many events were acknowledged and how many conflicts were met.
"""

import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from eventsourcing.persistence import IntegrityError

from commands.ports import Claim, Guard
from infra.log.factory import LogFactory
from infra.log.recorders import LogApplicationRecorder
from infra.log.stored import LogEvent


def write(log: LogApplicationRecorder, appends: int, streams: int, seed: int) -> tuple[int, int]:
    """Append one or two events at a time, at versions that others append at too; return (events, conflicts)."""
    chance = random.Random(seed)
    events = conflicts = 0
    known = [0] * streams
    while appends:
        first, second = chance.sample(range(streams), 2)
        batch = [LogEvent(f"stream-{first}", known[first] + 1, "Tested.v1", b'{"a":1}', b"{}")]
        if chance.random() < 0.3:
            batch.append(LogEvent(f"stream-{second}", known[second] + 1, "Tested.v1", b'{"a":2}', b"{}"))
        claims = [Claim("key", str(chance.randrange(10**9)), f"stream-{first}")] if appends % 3 == 0 else []
        guards = [Guard(f"stream-{second}", known[second])] if len(batch) == 1 and appends % 4 == 0 else []
        try:
            log.append(batch, claims=claims, guards=guards)
        except IntegrityError:
            conflicts += 1
            for number in (first, second):
                last = log._store.reader.select_events(f"stream-{number}", desc=True, limit=1)
                known[number] = last[0].originator_version if last else 0
        else:
            appends -= 1
            events += len(batch)
            known[first] += 1
            known[second] += len(batch) - 1
    return events, conflicts


if __name__ == "__main__":
    dsn, schema, *numbers = sys.argv[1:]
    threads, appends, streams = map(int, numbers)
    factory = LogFactory({"CASELOG_DATABASE_URL": dsn, "CASELOG_SCHEMA": schema, "CREATE_TABLE": "n"})
    recorder = factory.application_recorder()
    sys.stdin.readline()  # all processes start together
    with ThreadPoolExecutor(threads) as pool:
        results = [pool.submit(write, recorder, appends, streams, random.randrange(10**9)) for _ in range(threads)]
        totals = [result.result() for result in results]
    factory.close()
    sys.stdout.write(f"{sum(events for events, _ in totals)} {sum(conflicts for _, conflicts in totals)}\n")
