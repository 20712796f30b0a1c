"""A view takes from batches what it would take from the records one by one, however they are cut."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.article import ArticleRetired
from domain.customer import CustomerRegistered
from domain.personal import Personal
from domain.recorded import Metadata
from infra.kafka.consuming.unpacked import Unpacked, UnpackedBatch, UnpackedEvent, Unreadable
from infra.kafka.records import PositionMark
from infra.kafka.workers.batches import Part, Taking
from infra.projection.partitions import Place

HEAD = 30
HANDLED = CustomerRegistered(occurred_at=datetime(2026, 3, 1, tzinfo=UTC), customer_id="c", name=Personal("Alpine"))
OTHER = ArticleRetired(occurred_at=HANDLED.occurred_at, article_id="a")
METADATA = Metadata(event_id="e", correlation_id="c", actor="a", command_id="k")
EVENT, UNKNOWN, MARK, FOREIGN = range(4)
RECORDS = st.lists(
    st.tuples(st.sampled_from([EVENT] * 5 + [UNKNOWN, MARK, FOREIGN]), st.integers(-2, 6)), min_size=1, max_size=30
)


def records_of(drawn: Sequence[tuple[int, int]]) -> list[Unpacked]:
    """One at each offset; most of them further in the log than those before, some published again or made up."""
    position = 1
    came: list[Unpacked] = []
    for offset, (kind, step) in enumerate(drawn):
        position = max(1, position + step)
        if kind == FOREIGN:
            came.append(Unreadable(0, offset, "no header"))
        elif kind == MARK:
            came.append(PositionMark(0, offset, position))
        else:
            event = UnpackedEvent(offset, position, b"", 0)
            event.event = HANDLED if step % 2 else OTHER
            event.originator_id, event._metadata = "stream", METADATA
            event.error = LookupError("newer") if kind == UNKNOWN else None
            came.append(event)
    return came


def taken(batches: Sequence[UnpackedBatch], start: Place) -> tuple[Part, list[tuple[int, str]]]:
    skipped: list[tuple[int, str]] = []
    taking = Taking({CustomerRegistered}, lambda record: skipped.append((record.offset, record.reason)), lambda: HEAD)
    [part] = taking.batch({0: batches}, {0: start}).parts
    return part, skipped


@given(drawn=RECORDS, cuts=st.sets(st.integers(1, 29)), at=st.integers(0, 40), offset=st.integers(0, 29))
def test_however_records_are_cut_into_batches_the_view_takes_the_same(
    drawn: list[tuple[int, int]], cuts: set[int], at: int, offset: int
) -> None:
    came = records_of(drawn)
    start = Place(0, "a topic", next_offset=min(offset, len(came) - 1), position=at)
    bounds = [0, *sorted(cut for cut in cuts if cut < len(came)), len(came)]
    batches = [UnpackedBatch(begin, end, came[begin:end]) for begin, end in pairwise(bounds)]
    whole = UnpackedBatch(0, len(came), came)
    whole.first_position = whole.position = 0  # so that each record is looked at
    part, skipped = taken(batches, start)
    one_by_one, skipped_one_by_one = taken([whole], start)
    assert (part.end, part.records, part.undecodable) == (one_by_one.end, one_by_one.records, one_by_one.undecodable)
    assert skipped == skipped_one_by_one


def test_a_batch_that_was_taken_in_parts_tells_of_foreign_records_once() -> None:
    came = records_of([(FOREIGN, 0), (EVENT, 1), (FOREIGN, 0), (EVENT, 1)])
    part, skipped = taken([UnpackedBatch(0, 4, came)], Place(0, "a topic", next_offset=2, position=2, skipped=1))
    assert ([each.position for each in part.records], part.end.skipped, [offset for offset, _ in skipped]) == (
        [3],
        2,
        [2],
    )
