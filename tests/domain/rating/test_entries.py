from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.rating.entries import Entries, Entry

START = datetime(2026, 11, 1, tzinfo=UTC)


def entry(second: int, entry_id: str = "", duration_seconds: int = 60) -> Entry:
    at = START + timedelta(seconds=second)
    return Entry(
        entry_id=entry_id or f"e-{second}",
        ticket_id="t-1",
        agent="Ann",
        started_at=at,
        duration_seconds=duration_seconds,
        rating_at=at,
        work_class="included",
        billed_seconds=900,
        rate_cents_per_hour=150_00,
        multiplier=2,
    )


def of(entries: list[Entry]) -> Entries:
    found = Entries()
    for each in entries:
        found = found.put(each)
    return found


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["a", "b", "B", "ä"])), unique_by=lambda key: key[1]))
def test_entries_are_in_order_whatever_order_they_were_put_in(keys: list[tuple[int, str]]) -> None:
    entries = of([entry(second, entry_id) for second, entry_id in keys])
    expected = sorted((START + timedelta(seconds=second), entry_id.encode()) for second, entry_id in keys)
    assert [(each.started_at, each.entry_id.encode()) for each in entries] == expected
    assert len(entries) == len(keys)


def test_many_entries_are_found_and_listed_from_any_place_in_whatever_order_they_came() -> None:
    seconds = [number * 7919 % 3000 for number in range(3000)]
    entries = of([entry(second) for second in seconds])
    assert [each.started_at for each in entries] == [START + timedelta(seconds=second) for second in range(3000)]
    assert max(map(len, entries.chunks)) <= 512
    for second in (0, 1, 255, 256, 257, 1500, 2999):
        at = START + timedelta(seconds=second)
        found = entries.get(f"e-{second}")
        assert found is not None
        assert found.started_at == at
        assert len(entries.since((at,))) == 3000 - second
        assert len(entries.since((at, at, f"e-{second}"))) == 3000 - second
        assert len(entries.since((at, at, "f"))) == 2999 - second
    assert entries.since((START + timedelta(seconds=3000),)) == []
    for unknown in ("", "e", "e-3000", "f"):
        assert entries.get(unknown) is None


def test_an_entry_put_again_takes_its_own_place() -> None:
    entries = of([entry(second) for second in range(1000)])
    changed = entries.put(entry(500, duration_seconds=61))
    assert [each.duration_seconds for each in changed] == [60] * 500 + [61] + [60] * 499
    assert [each.duration_seconds for each in entries] == [60] * 1000


def test_putting_an_entry_copies_one_chunk_only() -> None:
    entries = of([entry(second) for second in range(0, 20_000, 2)])
    changed = entries.put(entry(9_999))
    assert sum(a is b for a, b in zip(entries.chunks, changed.chunks, strict=False)) > 10
    assert max(map(len, changed.chunks)) <= 512


def test_an_entry_with_another_rating_time_moves_to_its_place() -> None:
    entries = of([entry(second) for second in range(1000)])
    moved = entries.put(entry(2000, "e-500"))
    assert [each.entry_id for each in moved] == [f"e-{second}" for second in range(1000) if second != 500] + ["e-500"]
    found = moved.get("e-500")
    assert found is not None
    assert found.rating_at == START + timedelta(seconds=2000)
    assert len(entries.since((START,))) == 1000


def test_the_last_entry_of_a_chunk_can_move_away() -> None:
    entries = of([entry(1)]).put(entry(2, "e-1"))
    assert [(each.entry_id, each.started_at) for each in entries] == [("e-1", START + timedelta(seconds=2))]
