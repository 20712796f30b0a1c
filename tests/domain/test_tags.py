"""What was ever stored must be read for ever: one line of the log as it was written, for every tag."""

from pathlib import Path

import msgspec
import pytest

from domain.tags import EVENT_TYPES, UPCASTERS, UnknownTag, decode, encode, tag_of


class Golden(msgspec.Struct, frozen=True):
    """An event as the log once got it. Lines are added, never changed."""

    tag: str
    data: msgspec.Raw


GOLDEN = [
    msgspec.json.decode(line, type=Golden)
    for line in (Path(__file__).parent / "golden_events.jsonl").read_bytes().splitlines()
]


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.tag)
def test_an_event_stored_once_is_read_in_full(golden: Golden) -> None:
    event = decode(golden.tag, bytes(golden.data))

    assert type(event) is EVENT_TYPES[golden.tag]
    if golden.tag not in UPCASTERS:
        # Nothing that was written is lost on reading: it would be written the same again.
        assert encode(event) == bytes(golden.data)


def test_every_tag_has_its_line() -> None:
    assert {golden.tag for golden in GOLDEN} == set(EVENT_TYPES)


def test_a_type_is_written_under_the_tag_it_is_read_by() -> None:
    for tag, event_type in EVENT_TYPES.items():
        if tag not in UPCASTERS:
            assert tag_of(event_type) == tag


def test_a_tag_of_newer_code_is_named() -> None:
    with pytest.raises(UnknownTag, match=r"TicketPainted\.v1"):
        decode("TicketPainted.v1", b"{}")
