"""JSON that two readers could take for different things is refused, and nothing else is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.wire.json_text import (
    GREATEST_INTEGER,
    LEAST_INTEGER,
    MAX_DEPTH,
    MalformedJson,
    canonical_json,
    decode_json,
)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(LEAST_INTEGER, GREATEST_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@given(json_values)
def test_every_json_value_is_read_as_it_was_written(value: object) -> None:
    assert decode_json(json.dumps(value).encode()) == value


@given(st.dictionaries(st.text("abc"), st.integers(0, 9), min_size=2))
def test_the_canonical_text_depends_neither_on_spaces_nor_on_the_order_of_names(value: dict[str, int]) -> None:
    backwards = dict(reversed(value.items()))
    assert canonical_json(decode_json(json.dumps(backwards, indent=3).encode())) == canonical_json(value)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"{} {}",
        b"{'a': 1}",
        b"NaN",
        b"[Infinity]",
        b"1e400",
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\x00"',
        b'{"a": "\\ud800"}',
        b'{"\\udc00": 1}',
        b'{"a": 1, "a": 1}',
        b'{"a": 1, "\\u0061": 2}',
        b'[{"b": {"a": 1, "c": 2, "a": 3}}]',
        str(GREATEST_INTEGER + 1).encode(),
        b'{"a": [' + str(LEAST_INTEGER - 1).encode() + b"]}",
        b"1" * 5000,
        b"[" * 2000,
        b"[" * 100_000,
        b'{"a":' * 2000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'{"a":' * MAX_DEPTH + b"[]" + b"}" * MAX_DEPTH,
    ],
)
def test_a_text_that_readers_understand_differently_or_not_at_all_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedJson):
        decode_json(text)


@pytest.mark.parametrize("edge", [GREATEST_INTEGER, LEAST_INTEGER])
def test_the_outermost_64_bit_integers_are_read(edge: int) -> None:
    assert decode_json(str(edge).encode()) == edge


def test_the_deepest_nesting_allowed_is_read() -> None:
    decode_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    decode_json(b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH)


def test_the_repeated_name_is_told() -> None:
    with pytest.raises(MalformedJson, match='"subject"'):
        decode_json(b'{"subject": "a", "body": "b", "subject": "c"}')
