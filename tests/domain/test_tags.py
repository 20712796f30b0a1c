"""What was ever stored must be read for ever: one line of the log as it was written, for every tag."""

from pathlib import Path

import msgspec
import pytest

from domain.tags import EVENT_TYPES, FORMER_TYPES, UPCASTERS, UnknownTag, decode, encode, stored_type, tag_of


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


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.tag)
def test_what_is_stored_under_a_tag_has_a_type_old_versions_included(golden: Golden) -> None:
    stored = msgspec.json.decode(golden.data, type=stored_type(golden.tag))
    assert encode(stored) == bytes(golden.data), "the type does not tell all that is stored"


def test_every_tag_that_is_upcast_has_the_type_that_it_was_stored_by() -> None:
    assert FORMER_TYPES.keys() == UPCASTERS.keys()


def test_every_tag_has_its_line() -> None:
    assert {golden.tag for golden in GOLDEN} == set(EVENT_TYPES)


def test_a_type_is_written_under_the_tag_it_is_read_by() -> None:
    for tag, event_type in EVENT_TYPES.items():
        if tag not in UPCASTERS:
            assert tag_of(event_type) == tag


def test_a_tag_of_newer_code_is_named() -> None:
    with pytest.raises(UnknownTag, match=r"TicketPainted\.v1"):
        decode("TicketPainted.v1", b"{}")
