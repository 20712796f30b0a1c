"""The answer of a command: made once, kept with its events, and given again byte for byte."""

from collections.abc import Sequence

import msgspec

from commands.outcome import Outcome, PositionOf
from commands.ports import POSITION_MARK
from commands.problems import KeptRefusal, Problem
from domain.recorded import RecordedEvent
from domain.tags import tag_of


class Answer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the sender of a command gets. `body` is JSON text, `etag_version` the version of the stream it names."""

    status: int
    body: bytes
    etag_version: int
    location: str
    replayed: bool


class _Head(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    status: int
    etag_version: int
    location: str
    refused: bool = False


def etag(version: int) -> str:
    """Return the entity tag of a version of a stream."""
    return f'"{version}"'


_encode = msgspec.json.Encoder().encode
_decode_head = msgspec.json.Decoder(_Head).decode
_decode_problem = msgspec.json.Decoder(Problem).decode


def kept_text(outcome: Outcome, events: Sequence[RecordedEvent]) -> str:
    """Return the answer as it is kept: a line with status, version and location, then the body.

    Where a position goes, which only the append will give, it has the event's number within the append between marks.
    """
    number_of = {id(recorded.event): number for number, recorded in enumerate(events)}

    def mark(value: object) -> msgspec.Raw:
        if isinstance(value, PositionOf):
            return _mark(number_of[id(value.event)])
        raise TypeError(f"an answer cannot hold a {type(value).__name__}")

    head = _Head(201 if outcome.created and events else 200, outcome.stream.version, outcome.location)
    body = {
        "stream_id": outcome.stream.id,
        "version": outcome.stream.version,
        "position": _mark(max(len(events) - 1, 0)),
        "events": [
            {
                "stream_id": recorded.originator_id,
                "type": tag_of(type(recorded.event)),
                "version": recorded.originator_version,
                "position": _mark(number),
            }
            for number, recorded in enumerate(events)
        ],
        "result": outcome.result,
    }
    return (_encode(head) + b"\n" + msgspec.json.encode(body, enc_hook=mark)).decode()


def kept_refusal(problem: Problem) -> str:
    """Return a refusal as it is kept: a line as answers have it, then the problem document."""
    return (_encode(_Head(problem.status, 0, "", refused=True)) + b"\n" + _encode(problem)).decode()


def render(kept: str, first_position: int, *, replayed: bool) -> Answer:
    """Fill the positions into a kept answer. Raises `KeptRefusal` where it is a refusal.

    `first_position` is that of its first event, the others follow without a gap. Without events it is the head of the
    log, which the answer then names as its position.
    """
    head_text, _, body = kept.partition("\n")
    head = _decode_head(head_text.encode())
    if head.refused:
        raise KeptRefusal(_decode_problem(body))
    pieces = body.split(POSITION_MARK)
    pieces[1::2] = [str(first_position + int(number)) for number in pieces[1::2]]
    return Answer(
        status=head.status,
        body="".join(pieces).encode(),
        etag_version=head.etag_version,
        location=head.location,
        replayed=replayed,
    )


def _mark(number: int) -> msgspec.Raw:
    return msgspec.Raw(f"{POSITION_MARK}{number}{POSITION_MARK}".encode())
