"""Whether a JSON text is one that every reader understands in the same way."""

import json
from typing import Any

import msgspec

MAX_DEPTH = 32
"""Deepest nesting of arrays and objects that is read; no command needs more than five."""

LEAST_INTEGER = -(2**63)
GREATEST_INTEGER = 2**63 - 1
"""Integers that PostgreSQL and every client with 64-bit integers can hold."""

_encoder = msgspec.json.Encoder(order="deterministic")


class MalformedJson(ValueError):
    """The text is no JSON, or JSON that two readers could take for different things."""


def decode_json(text: bytes) -> Any:
    """Return the value of a JSON text (RFC 8259, UTF-8), as plain Python values.

    Raises `MalformedJson` for anything else, and for what I-JSON (RFC 7493) forbids because readers differ over it:
    lone surrogates, repeated names in an object, integers over 64 bits; also for nesting deeper than `MAX_DEPTH`.
    """
    try:
        value = msgspec.json.decode(text)
    except RecursionError:
        raise MalformedJson(f"nested deeper than {MAX_DEPTH} levels") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedJson(str(error)) from None
    _check_depth_and_integers(value)
    # msgspec keeps the last of repeated names and says nothing; only a second, lenient reading shows them.
    json.loads(text, object_pairs_hook=_refuse_repeated_names)
    return value


def canonical_json(value: Any) -> bytes:
    """Return the one text of a JSON value that does not depend on spaces or on the order of names."""
    return _encoder.encode(value)


def _check_depth_and_integers(value: Any) -> None:
    level = [value]
    depth = 0
    while level:
        inner: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is int:
                if not LEAST_INTEGER <= item <= GREATEST_INTEGER:
                    raise MalformedJson("an integer does not fit into 64 bits")
            elif kind is dict:
                inner.extend(item.values())
                inner.append(None)
            elif kind is list:
                inner.extend(item)
                inner.append(None)
        # An empty array counts as a level too: the None appended for each container says that there was one.
        level = inner
        depth += 1
        if depth > MAX_DEPTH + 1:
            raise MalformedJson(f"nested deeper than {MAX_DEPTH} levels")


def _refuse_repeated_names(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) == len(names):
        return
    repeated = next(name for number, name in enumerate(names) if name in names[:number])
    raise MalformedJson(f"the name {json.dumps(repeated)} occurs twice in one object")
