"""Whatever is sent, the answer is one that the document tells, and never a fault of ours."""

import json
import re
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.http.problems.command_failures import problem_types_of
from api.http.queries.catalogue import QUERIES
from commands.wire.examples import EXAMPLES
from tests.api.http.conftest import Api, json_of

QUICK = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

characters = st.characters(exclude_categories=["Cs"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(characters, max_size=20)
    | st.sampled_from(["2026-11-02T10:00:00-07:00", "2199-12-31T23:59:59Z", "1970-01-01", "24x7", "C-000001", "\x00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(characters, max_size=8), inner, max_size=3),
    max_leaves=6,
)


def sendable(text: str) -> str:
    """Return a text without the lone surrogates that no client can send."""
    return text.encode("utf-8", "replace").decode()


@st.composite
def nearly_right(draw: st.DrawFn) -> tuple[str, Any]:
    """A command whose example has one member somewhere replaced, taken away or added."""
    command = draw(st.sampled_from(sorted(EXAMPLES)))
    data = json.loads(json.dumps(EXAMPLES[command]))
    place: Any = data
    while True:
        names = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        if not names:
            return command, data
        name = draw(st.sampled_from(names))
        if isinstance(place[name], dict | list) and draw(st.booleans()):
            place = place[name]
            continue
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                place[name] = draw(values)
            case "remove":
                del place[name]
            case _ if isinstance(place, dict):
                place[draw(st.text(characters, max_size=8))] = draw(values)
            case _:
                place.append(draw(values))
        return command, data


@pytest.fixture(scope="module")
def busy(api: Api) -> Api:
    """The desk with the customer and the case that the examples name, so that commands reach their rules."""
    api.done("register-customer", **EXAMPLES["register-customer"])
    api.done("start-subscription", **EXAMPLES["start-subscription"])
    opened = api.ticket(EXAMPLES["open-ticket"]["customer_id"])
    assert opened["case_number"] == EXAMPLES["log-work"]["ticket"]
    api.clock.instant = datetime(2026, 11, 24, 17, tzinfo=UTC)
    return api


@QUICK
@given(sent=nearly_right())
def test_a_command_that_is_nearly_right_never_meets_a_fault(busy: Api, sent: tuple[str, Any]) -> None:
    command, data = sent
    answer = busy.client.post(f"/v1/commands/{command}", data=json.dumps(data), content_type="application/json")
    assert answer.status_code < 500, (command, data, answer.text)
    if answer.status_code >= 400:
        told = {(kind.status, kind.code) for kind in problem_types_of(command)}
        assert (answer.status_code, json_of(answer)["code"]) in told, (command, data)


@QUICK
@given(body=st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode()))
def test_a_body_of_any_bytes_never_meets_a_fault(api: Api, body: bytes) -> None:
    for path in ("/v1/commands/open-ticket", "/v1/commands"):
        answer = api.client.post(path, data=body, content_type="application/json")
        assert answer.status_code in {400, 411, 422}, answer.text


@QUICK
@given(
    query=st.sampled_from(QUERIES),
    name=st.text(min_size=1, max_size=20),
    parameters=st.dictionaries(
        st.sampled_from(
            ["limit", "cursor", "customer", "as_of", "period", "position", "version", "agent", "text", "after"]
        )
        | st.text(max_size=5),
        st.text(max_size=20) | st.sampled_from(["1", "0", "2026-11", "2026-11-02T00:00:00Z", "9223372036854775807"]),
        max_size=3,
    ),
)
def test_a_query_of_any_words_never_meets_a_fault(api: Api, query: Any, name: str, parameters: dict[str, str]) -> None:
    named = quote(sendable(name), safe="")
    path = re.sub(r"<\w+>", lambda _: named, query.path)
    answer = api.client.get(path, query_string={sendable(key): sendable(value) for key, value in parameters.items()})
    assert answer.status_code in {200, 404, 422}, (path, parameters, answer.text)


@QUICK
@given(
    query=st.sampled_from([query for query in QUERIES if "cursor" in query.parameters.fields]),
    place=st.lists(values, max_size=4),
)
def test_a_cursor_that_somebody_made_up_never_meets_a_fault(api: Api, query: Any, place: Any) -> None:
    cursor = urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")
    shown = {"show": "breaches"} if query.name == "sla" else {}
    answer = api.client.get(query.path, query_string={"cursor": cursor, **shown})
    assert answer.status_code in {200, 422}, (place, answer.text)
