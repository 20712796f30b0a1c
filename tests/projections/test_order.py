"""Which views come out the same in whatever order the facts of several customers arrive? All that Kafka may feed.

A topic keeps the order of one key's events, and none between keys.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from secrets import token_hex
from typing import Any

import msgspec
import psycopg2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.generator import generate
from domain.customer import CustomerRegistered
from domain.event import Event
from domain.recorded import RecordedEvent
from domain.ticket.events import TicketOpened
from infra.kafka.records import key_of, partition_of
from infra.postgres.migrations import migrate
from projections.catalogue import VIEWS
from projections.folding import Folded, fold, work_for
from projections.view import Key, Row, Table, View
from tests.desk import MONDAY, Desk
from tests.projections.busy_desk import live, log_of
from tests.projections.stories import desk_story, recorded

Log = Sequence[RecordedEvent]

PARTITIONS = 6
NEED_NO_ORDER = [view for view in VIEWS if view.total_order is None]


class ArrivalRow(Row, frozen=True, kw_only=True):
    """Who came after whom."""

    desk: str
    arrivals: tuple[str, ...] = ()


arrivals = Table("arrivals", ArrivalRow, key=("desk",))
ARRIVALS = View(
    "arrivals", version=1, tables=(arrivals,), total_order="Customers stand in the order in which they came."
)


@arrivals.on_each(CustomerRegistered, TicketOpened, keys=lambda _: [("desk",)])
def arrived(row: ArrivalRow | None, event: Event, at: RecordedEvent, _: Key) -> ArrivalRow:
    """One row for the desk: what it says depends on the order between customers."""
    return ArrivalRow(desk="desk", arrivals=(*(row.arrivals if row else ()), at.originator_id))


NEED_ORDER = [*(view for view in VIEWS if view.total_order is not None), ARRIVALS]


def kafka_key(record: RecordedEvent) -> bytes:
    return key_of(record.metadata, record.originator_id)


def interleaved(log: Log, chance: random.Random, longest: int) -> list[RecordedEvent]:
    """The events as a reader of all partitions may get them: in runs of one partition, each partition in its order."""
    topic: dict[int, list[RecordedEvent]] = {}
    for record in log:
        topic.setdefault(partition_of(kafka_key(record), PARTITIONS), []).append(record)
    left = [iter(each) for each in topic.values()]
    got: list[RecordedEvent] = []
    while left:
        partition = chance.choice(left)
        for _ in range(chance.randint(1, longest)):
            following = next(partition, None)
            if following is None:
                left.remove(partition)
                break
            got.append(following)
    assert len(got) == len(log)
    return got


def outcome(folded: Folded) -> Any:
    """All rows of a view; a journal's are told apart by their key, not by when they were added."""
    journals = {name: sorted(rows, key=msgspec.json.encode) for name, rows in folded.journals.items()}
    return folded.tables, journals, folded.totals


def keys_behind(view: View, log: Log) -> dict[tuple[str, Key], set[bytes]]:
    """The Kafka keys of the events that each row of a view follows from."""
    behind: dict[tuple[str, Key], set[bytes]] = {}
    for table in view.tables:
        for key, _, record in work_for(table, log)[0]:
            behind.setdefault((table.name, key), set()).add(kafka_key(record))
    return behind


def by_chance() -> Log:
    """Many cases of seven customers, of all that can happen to one."""
    records = recorded(desk_story(60, seed=5))
    openings = [each.event for each in records if isinstance(each.event, TicketOpened)]
    customers = {f"ticket-{opening.ticket_id}": opening.customer_id for opening in openings}
    return [
        RecordedEvent(
            each.originator_id,
            each.originator_version,
            each.event,
            msgspec.json.encode(msgspec.structs.replace(each.metadata, customer_id=customers[each.originator_id])),
            each.position,
        )
        for each in records
    ]


@pytest.fixture(scope="module")
def logs(postgres_dsn: str) -> Iterator[list[Log]]:
    """A desk where everything happens, cases by chance, and a support desk's log in miniature."""
    busy, generated = f"test_order_{token_hex(4)}", f"test_order_{token_hex(4)}"
    migrate(postgres_dsn, busy)
    desk = Desk(postgres_dsn, busy)
    live(desk)
    desk.application.close()
    generate(postgres_dsn, generated, 1_500, seed=3, at=MONDAY)
    yield [log_of(postgres_dsn, busy), by_chance(), log_of(postgres_dsn, generated)]
    with closing(psycopg2.connect(postgres_dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {busy} CASCADE; DROP SCHEMA {generated} CASCADE")


def test_the_logs_have_all_that_changes_a_view_and_more_than_one_customer(logs: list[Log]) -> None:
    happened = {type(record.event) for log in logs for record in log}
    handled = frozenset[type[Event]]().union(*(view.handles for view in VIEWS))
    # its rows are those of the work that is carried over: a hold that outlives its month is all that is missing here
    assert {each.__name__ for each in handled - happened} <= {"PendingWorkCarriedOver"}
    assert all(len({kafka_key(record) for record in log}) > 5 for log in logs)


def test_the_events_of_a_stream_have_one_key(logs: list[Log]) -> None:
    for log in logs:
        keys: dict[str, set[bytes]] = {}
        for record in log:
            keys.setdefault(record.originator_id, set()).add(kafka_key(record))
        assert {stream_id: found for stream_id, found in keys.items() if len(found) > 1} == {}


@pytest.mark.parametrize("view", NEED_NO_ORDER, ids=lambda view: view.name)
def test_a_row_follows_from_the_events_of_one_key(view: View, logs: list[Log]) -> None:
    for log in logs:
        assert {row: keys for row, keys in keys_behind(view, log).items() if len(keys) > 1} == {}


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), longest=st.sampled_from([1, 3, 30, 1_000]))
def test_a_view_comes_out_as_from_the_log_however_partitions_are_interleaved(
    logs: list[Log], seed: int, longest: int
) -> None:
    # a generator of hypothesis' own is drawn from thousands of times here, which is more than its data has room for
    chance = random.Random(seed)
    for log in logs:
        as_it_came = interleaved(log, chance, longest)
        for view in NEED_NO_ORDER:
            assert outcome(fold(view, as_it_came)) == outcome(fold(view, log)), view


@pytest.mark.parametrize("view", NEED_ORDER, ids=lambda view: view.name)
def test_a_view_that_needs_the_order_of_the_log_comes_out_otherwise_without_it(view: View, logs: list[Log]) -> None:
    chance = random.Random(1)
    assert any(outcome(fold(view, interleaved(log, chance, 30))) != outcome(fold(view, log)) for log in logs)
    assert any(len(keys) > 1 for log in logs for keys in keys_behind(view, log).values())


def test_why_a_view_needs_the_order_of_the_log_is_said_in_a_sentence() -> None:
    for view in NEED_ORDER:
        assert view.total_order is not None
        assert view.total_order.endswith(".")
        assert "\n" not in view.total_order
