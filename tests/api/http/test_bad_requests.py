"""Whatever is sent, the answer is a problem document that names what is wrong, and nothing is recorded."""

from contextlib import closing

import msgspec
import psycopg2
import pytest

from commands.wire.examples import EXAMPLES
from commands.wire.headers import LONGEST_BATCH, LONGEST_BODY
from infra.projection.positions import views_channel
from tests.api.http.conftest import Api, json_of, pointers_of, problem_of

LOG_WORK = "/v1/commands/log-work"


@pytest.fixture(autouse=True)
def _nothing_is_recorded(api: Api) -> object:
    """Every request of this module changes nothing."""
    before = json_of(api.client.get("/health/ready"))["position"]
    yield
    assert json_of(api.client.get("/health/ready"))["position"] == before


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"{",
        b"{'ticket': 1}",
        b"\xff\xfe{}",
        b'{"ticket": "\\ud800"}',
        b'{"ticket": NaN}',
        b'{"ticket": "a", "ticket": "b"}',
        b'{"duration_seconds": 18446744073709551616}',
        b"[" * 2_000,
        b"[" * 500_000,
        b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    ],
)
def test_a_body_that_is_no_sound_json_is_malformed(api: Api, body: bytes) -> None:
    answer = api.client.post(LOG_WORK, data=body, content_type="application/json")
    assert problem_of(answer, 400)["code"] == "malformed_json"


def test_every_wrong_field_is_named_at_once(api: Api) -> None:
    data = EXAMPLES["log-work"] | {
        "duration_seconds": 1.0,
        "started_at": "yesterday",
        "note": "NUL \x00 inside",
        "colour": "red",
    }
    del data["agent"]
    assert pointers_of(api.post("log-work", data)) == {
        "/agent",
        "/colour",
        "/duration_seconds",
        "/note",
        "/started_at",
    }


@pytest.mark.parametrize("data", [None, [], "text", 1, True])
def test_data_that_is_no_object_is_refused_as_a_whole(api: Api, data: object) -> None:
    assert pointers_of(api.post("log-work", data)) == {""}


def test_an_unknown_command_is_not_found_before_its_body_is_read(api: Api) -> None:
    answer = api.client.post("/v1/commands/make-coffee", data=b"{", content_type="text/plain")
    assert problem_of(answer, 404)["code"] == "unknown_command"


@pytest.mark.parametrize("path", ["/", "/v1/commands/log-work", "/health/ready", "/v1/queue", "/docs"])
def test_a_method_that_an_address_does_not_take_is_refused_with_those_that_it_takes(api: Api, path: str) -> None:
    answer = api.client.delete(path)
    assert problem_of(answer, 405)["code"] == "method_not_allowed"
    assert set(answer.headers["Allow"].split(", ")) <= {"GET", "HEAD", "OPTIONS", "POST"}
    assert answer.headers["Allow"]


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/v1",
        "/v1/queue/x",
        "//v1/queue",
        "/v1/queue/",
        "/v1//queue",
        "/docs/../README.md",
        "/docs/index.html",
        "/problems/x",
    ],
)
def test_an_address_without_anything_is_not_found_and_nobody_is_redirected(api: Api, path: str) -> None:
    assert problem_of(api.client.get(f"http://localhost{path}"), 404)["code"] == "not_found"


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
def test_a_body_of_another_type_is_refused(api: Api, content_type: str) -> None:
    answer = api.client.post(LOG_WORK, data=b"{}", content_type=content_type)
    assert problem_of(answer, 415)["code"] == "unsupported_media_type"


def test_a_compressed_body_is_refused(api: Api) -> None:
    answer = api.client.post(
        LOG_WORK, data=b"{}", content_type="application/json", headers={"Content-Encoding": "gzip"}
    )
    assert problem_of(answer, 415)["code"] == "unsupported_media_type"


@pytest.mark.parametrize(("path", "most"), [(LOG_WORK, LONGEST_BODY), ("/v1/commands", LONGEST_BATCH)])
def test_a_body_over_the_limit_is_refused(api: Api, path: str, most: int) -> None:
    answer = api.client.post(path, data=b" " * (most + 1), content_type="application/json")
    assert problem_of(answer, 413)["code"] == "body_too_large"
    at_the_limit = api.client.post(path, data=b" " * most, content_type="application/json")
    assert problem_of(at_the_limit, 400)["code"] == "malformed_json"


def test_a_body_that_ends_early_is_not_taken_for_a_whole_one(api: Api) -> None:
    body = msgspec.json.encode(EXAMPLES["register-customer"])
    answer = api.client.post(
        "/v1/commands/register-customer",
        data=body,
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": str(len(body) + 1)},
    )
    assert problem_of(answer, 400)["code"] == "incomplete_body"


def test_a_body_without_a_length_is_refused(api: Api) -> None:
    answer = api.client.post(
        LOG_WORK,
        input_stream=None,
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True},
    )
    assert problem_of(answer, 411)["code"] == "length_required"


@pytest.mark.parametrize("accept", ["text/html", "text/csv", "application/json;q=0", "image/*"])
def test_a_form_that_we_do_not_answer_in_is_not_acceptable_and_the_command_is_not_carried_out(
    api: Api, accept: str
) -> None:
    answer = api.post("register-customer", EXAMPLES["register-customer"], Accept=accept)
    assert problem_of(answer, 406)["code"] == "not_acceptable"
    assert problem_of(api.client.get("/v1/status", headers={"Accept": accept}), 406)["code"] == "not_acceptable"


@pytest.mark.parametrize("key", ["", " ", "two words", "a,b", "é", "x" * 256])
def test_an_idempotency_key_that_is_none_is_refused_rather_than_ignored(api: Api, key: str) -> None:
    answer = api.client.post(
        "/v1/commands/register-customer",
        data=msgspec.json.encode(EXAMPLES["register-customer"]),
        content_type="application/json",
        environ_overrides={"HTTP_IDEMPOTENCY_KEY": key},
    )
    assert problem_of(answer, 400)["code"] == "invalid_header"


@pytest.mark.parametrize("tag", ["", "3", "*", '"1", "2"', "'3'"])
def test_an_if_match_that_is_no_version_in_quotes_is_refused(api: Api, tag: str) -> None:
    assert problem_of(api.post("log-work", EXAMPLES["log-work"], If_Match=tag), 400)["code"] == "invalid_header"


@pytest.mark.parametrize("tag", ['"abc"', 'W/"3"', '""', '"-1"', '"99999999999999999999"'])
def test_an_if_match_that_no_version_can_have_never_matches(api: Api, tag: str) -> None:
    assert problem_of(api.post("log-work", EXAMPLES["log-work"], If_Match=tag), 412)["code"] == "version_mismatch"


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("/v1/queue?limit=0", {"/limit"}),
        ("/v1/queue?limit=501&agent=&colour=red", {"/limit", "/agent", "/colour"}),
        ("/v1/queue?limit=ten", {"/limit"}),
        ("/v1/queue?limit=1.0", {"/limit"}),
        ("/v1/queue?limit=99999999999999999999", {"/limit"}),
        ("/v1/queue?limit=%D9%A1", {"/limit"}),
        ("/v1/queue?workable_now=yes", {"/workable_now"}),
        ("/v1/queue?agent=a&agent=b", {"/agent"}),
        ("/v1/queue?agent=a%00b", {"/agent"}),
        ("/v1/queue?customer=a%2Fb", {"/customer"}),
        ("/v1/queue?cursor=nonsense", {"/cursor"}),
        ("/v1/queue?cursor=WzFd", {"/cursor"}),
        ("/v1/queue?min_position=-1&wait_ms=30001", {"/min_position", "/wait_ms"}),
        ("/v1/tickets?status=lost&urgency=extreme", {"/status", "/urgency"}),
        ("/v1/tickets?received_from=2026-11-02", {"/received_from"}),
        ("/v1/tickets/C-000001/history?as_of=now", {"/as_of"}),
        ("/v1/tickets/C-000001/history?version=1&position=2", {"/version", "/position"}),
        ("/v1/tickets/C-000001/history?version=0", {"/version"}),
        ("/v1/customers/c/statement", {"/period"}),
        ("/v1/customers/c/statement?period=2026-13", {"/period"}),
        ("/v1/customers/c/statement?period=2026-1&as_of=x", {"/period", "/as_of"}),
        ("/v1/customers?cursor=W10", {"/cursor"}),
        ("/v1/sla?cursor=WzFd", {"/cursor"}),
        ("/v1/sla?show=all", {"/show"}),
        ("/v1/ledger?period=november", {"/period"}),
        ("/v1/events?after=-1&type=Nothing.v1", {"/after", "/type"}),
    ],
)
def test_every_wrong_parameter_of_a_query_is_named(api: Api, path: str, wrong: set[str]) -> None:
    assert pointers_of(api.client.get(path)) == wrong


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/tickets/C-999999", "unknown_ticket"),
        ("/v1/tickets/%00", "unknown_ticket"),
        ("/v1/tickets/%F0%9F%8E%89", "unknown_ticket"),
        ("/v1/tickets/" + "x" * 500, "unknown_ticket"),
        ("/v1/tickets/C-999999/history", "unknown_ticket"),
        ("/v1/tickets/C-999999/sla", "unknown_ticket"),
        ("/v1/customers/nobody", "unknown_customer"),
        ("/v1/customers/nobody/subscription", "unknown_customer"),
        ("/v1/customers/nobody/statement?period=2026-11", "unknown_customer"),
        ("/v1/customers/a%00b/statement?period=2026-11", "unknown_customer"),
        ("/v1/customers/nobody/statement?period=2026-11&as_of=2026-11-02T00:00:00Z", "unknown_customer"),
    ],
)
def test_what_is_not_there_is_unknown_by_its_kind(api: Api, path: str, code: str) -> None:
    assert problem_of(api.client.get(path), 404)["code"] == code


@pytest.mark.parametrize(
    ("command", "changes", "code"),
    [
        ("log-work", {"ticket": "C-999999"}, "unknown_ticket"),
        ("open-ticket", {"customer_id": "nobody"}, "unknown_customer"),
        ("start-subscription", {"customer_id": "nobody"}, "unknown_customer"),
        ("buy-hours", {"customer_id": "nobody"}, "unknown_customer"),
        ("close-ticket", {"ticket": "no-such-ticket"}, "unknown_ticket"),
    ],
)
def test_a_command_about_what_is_not_there_is_refused_by_its_kind(
    api: Api, command: str, changes: dict[str, str], code: str
) -> None:
    assert problem_of(api.post(command, EXAMPLES[command] | changes), 404)["code"] == code


def test_the_test_clock_is_not_there_on_a_desk_that_does_not_run_with_one(api: Api) -> None:
    answer = api.client.post("/v1/test-clock", json={"now": "2026-12-01T00:00:00Z"})
    assert problem_of(answer, 404)["code"] == "not_found"


def test_a_position_that_no_event_has_yet_is_waited_for_and_then_the_view_is_behind(api: Api) -> None:
    answer = api.client.get("/v1/queue?min_position=9223372036854775807&wait_ms=20")
    assert problem_of(answer, 503)["code"] == "view_behind"
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_view_that_has_gone_back_is_behind_whatever_was_told_of_it(api: Api, postgres_dsn: str) -> None:
    """After a crash of the database: what was told came before it, what is read comes after."""
    told = msgspec.json.encode({"queue": 9_000_000_000}).decode()
    with closing(psycopg2.connect(postgres_dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", (views_channel(api.schema), told))
    wait_ms, detail = 500, ""
    while "not reached" not in detail:  # until the position has been asked for again
        answer = api.client.get(f"/v1/queue?min_position=9000000000&wait_ms={wait_ms}")
        problem = problem_of(answer, 503)
        assert problem["code"] == "view_behind"
        wait_ms, detail = 0, problem["detail"]
