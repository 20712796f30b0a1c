"""Who may do what: every route with every role, by a table written here by hand, and what a requester gets to see."""

import re
import threading
import time
from typing import Any

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace
from werkzeug.test import TestResponse

from api.http.app import create_app
from commands.wire.catalogue import COMMAND_TYPES
from commands.wire.examples import EXAMPLES
from domain.api_key import Role
from infra.access.rate_limits import RateLimits
from tests.api.http.conftest import Api, json_of, problem_of

ROLES: tuple[Role, ...] = ("requester", "agent", "manager", "auditor", "reporting", "service")

# A letter a role that may: Requester, Agent, Manager, aUditor, rePorting, Service; a dot where it may not.
TABLE = """
POST register-customer      ..M..S
POST update-customer        ..M..S
POST start-subscription     ..M..S
POST change-plan            ..M..S
POST cancel-subscription    ..M..S
POST buy-hours              ..M..S
POST close-period           ..M...
POST set-budget             ..M..S
POST open-ticket            RAM..S
POST add-reply              RAM..S
POST add-note               .AM..S
POST assign-ticket          .AM..S
POST escalate-ticket        .AM..S
POST set-urgency            .AM..S
POST set-complexity         .AM..S
POST set-category           .AM..S
POST request-emergency      RAM..S
POST decide-emergency       ..M...
POST rule-cause             ..M...
POST decide-scope           ..M...
POST schedule-call          .AM..S
POST log-call               .AM..S
POST plan-enhancement       .AM..S
POST propose-alternative    .AM..S
POST wait-for-customer      .AM..S
POST wait-for-partner       .AM..S
POST resume-ticket          .AM..S
POST log-work               .AM..S
POST correct-work           .AM..S
POST void-work              .AM..S
POST split-ticket           .AM..S
POST merge-ticket           .AM..S
POST resolve-ticket         .AM..S
POST reopen-ticket          RAM..S
POST close-ticket           .AM..S
POST declare-incident       .AM..S
POST post-incident-update   .AM..S
POST link-incident          .AM..S
POST resolve-incident       .AM..S
POST publish-article        .AM..S
POST revise-article         .AM..S
POST retire-article         .AM..S
POST publish-plan           ..M...
POST publish-calendar       ..M...
POST publish-sla-policy     ..M...
POST create-webhook         ..M..S
POST update-webhook         ..M..S
POST rotate-webhook-secret  ..M..S
POST disable-webhook        ..M..S
POST enable-webhook         ..M..S
POST delete-webhook         ..M..S
POST replay-webhook         ..M..S
POST retry-deliveries       ..M..S
POST drop-deliveries        ..M..S
POST /v1/commands           RAM..S
GET /v1/queue                                     .AMUPS
GET /v1/tickets                                   RAMUPS
GET /v1/tickets/<ticket>                          RAMUPS
GET /v1/tickets/<ticket>/history                  .AMU.S
GET /v1/tickets/<ticket>/diff                     .AMU.S
GET /v1/tickets/<ticket>/sla                      .AMUPS
GET /v1/sla                                       .AMUPS
GET /v1/upcoming                                  .AMUPS
GET /v1/pauses                                    .AMUPS
GET /v1/notices                                   .AMUPS
GET /v1/customers                                 .AMUPS
GET /v1/customers/<customer>                      RAMUPS
GET /v1/customers/<customer>/subscription         RAMUPS
GET /v1/customers/<customer>/statement            RAMUPS
GET /v1/customers/<customer>/statement/explain    .AMU.S
GET /v1/customers/<customer>/statement/diff       .AMU.S
GET /v1/customers/<customer>/budget               RAMUPS
GET /v1/incidents                                 .AMUPS
GET /v1/incidents/<incident>                      .AMUPS
GET /v1/status                                    RAMUPS
GET /v1/articles                                  RAMUPS
GET /v1/articles/<article>                        RAMUPS
GET /v1/ledger                                    .AMUPS
GET /v1/ledger/balances                           .AMUPS
GET /v1/projections                               .AMUPS
GET /v1/settings                                  .AMUPS
GET /v1/events                                    .AMU.S
GET /v1/webhooks                                  ..MU.S
GET /v1/webhooks/<webhook>                        ..MU.S
GET /metrics                                      ..MUPS
"""
LETTERS = {"R": "requester", "A": "agent", "M": "manager", "U": "auditor", "P": "reporting", "S": "service"}
ROUTES = [line.split() for line in TABLE.strip().splitlines()]
OPEN = {
    "/",
    "/openapi.json",
    "/asyncapi.json",
    "/problems/<code>",
    "/docs",
    "/docs/start.js",
    "/docs/<name>",
    "/health/live",
    "/health/ready",
}


AS_REQUESTER = {"author": {"role": "requester", "name": "Ann", "email": "ann@example.com"}}
BODIES = {**EXAMPLES, "add-reply": EXAMPLES["add-reply"] | AS_REQUESTER}


def address(route: str) -> str:
    return route if route.startswith("/") else f"/v1/commands/{route}"


@pytest.fixture(scope="module")
def clients(api: Api) -> dict[str, FlaskClient]:
    customer = api.customer()
    return {role: api.client_as(role, customer if role == "requester" else None) for role in ROLES}


def send(client: FlaskClient, method: str, route: str) -> TestResponse:
    """Send a request to a route, of the right form, about what does not exist."""
    path = re.sub(r"<\w+>", "nothing", address(route))
    if method == "GET":
        return client.get(path)
    return client.post(path, json=BODIES.get(route, {"commands": [{"command": "none", "data": {}}]}))


def test_every_route_of_the_service_is_in_the_table_or_open(api: Api) -> None:
    served = {
        (method, rule.rule)
        for rule in api.app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in {"HEAD", "OPTIONS"} and rule.rule not in OPEN
    }
    listed = {(method, address(route)) for method, route, _ in ROUTES}
    one_by_one = {("POST", f"/v1/commands/{command}") for command in COMMAND_TYPES}
    assert served - {("POST", "/v1/commands/<command>")} | one_by_one == listed


@pytest.mark.parametrize(("method", "route", "letters"), ROUTES, ids=[f"{each[0]} {each[1]}" for each in ROUTES])
def test_a_route_is_for_the_roles_of_the_table_and_no_other(
    clients: dict[str, FlaskClient], method: str, route: str, letters: str
) -> None:
    allowed = {LETTERS[letter] for letter in letters if letter != "."}
    for role, client in clients.items():
        answer = send(client, method, route)
        if role in allowed:
            assert answer.status_code not in {401, 403}, (role, answer.text)
            assert answer.status_code < 500
        else:
            assert problem_of(answer, 403)["code"] == "forbidden", role
            assert role in json_of(answer)["detail"]


@pytest.mark.parametrize(("method", "route", "_letters"), ROUTES, ids=[f"{each[0]} {each[1]}" for each in ROUTES])
def test_nothing_is_done_without_a_key(api: Api, method: str, route: str, _letters: str) -> None:
    answer = send(api.app.test_client(), method, route)
    assert problem_of(answer, 401)["code"] == "unauthenticated"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "path", ["/", "/openapi.json", "/asyncapi.json", "/docs", "/problems/forbidden", "/health/live", "/health/ready"]
)
def test_health_and_documentation_need_no_key(api: Api, path: str) -> None:
    assert api.app.test_client().get(path).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer caselog_nobody",
        "Bearer a,Bearer b",
        "Bearer a b",
        "caselog_nobody",
    ],
)
def test_a_header_that_lets_nobody_in_is_refused(api: Api, sent: str) -> None:
    answer = api.app.test_client().get("/v1/queue", headers={"Authorization": sent})
    assert problem_of(answer, 401)["code"] == "unauthenticated"


def test_a_revoked_key_opens_nothing(api: Api) -> None:
    secret = api.key("auditor")
    client = api.client_with(secret)
    assert client.get("/v1/queue").status_code == 200
    found = api.services.keys.find(secret)
    assert found is not None
    api.happen("revoke-api-key", key_id=found.created.key_id)
    deadline = time.monotonic() + 10
    while client.get("/v1/queue").status_code == 200:
        assert time.monotonic() < deadline
    assert "revoked" in problem_of(client.get("/v1/queue"), 401)["detail"]


def test_a_batch_asks_of_each_command_whether_its_sender_may(clients: dict[str, FlaskClient]) -> None:
    commands = [{"command": name, "data": EXAMPLES[name]} for name in ("register-customer", "add-note")]
    answers = json_of(clients["agent"].post("/v1/commands", json={"commands": commands}))["answers"]
    assert answers[0]["status"] == 403
    assert answers[1]["status"] in {200, 404}


def test_events_name_their_sender(api: Api) -> None:
    client = api.client_as("service")
    client.post("/v1/commands/register-customer", json=EXAMPLES["register-customer"] | {"customer_id": "named"})
    (event,) = json_of(api.client.get("/v1/events?stream=customer-named"))["items"]
    assert event["actor"] == "the service"


def test_an_idempotency_key_is_its_senders_own(api: Api) -> None:
    data = EXAMPLES["register-customer"] | {"customer_id": "twice"}
    for client in (api.client_as("service"), api.client_as("service")):
        answer = client.post("/v1/commands/register-customer", json=data, headers={"Idempotency-Key": "k"})
        assert "Idempotency-Replayed" not in answer.headers


# Requesters


@pytest.fixture(scope="module")
def own(api: Api) -> str:
    return api.customer()


@pytest.fixture(scope="module")
def requester(api: Api, own: str) -> FlaskClient:
    return api.client_as("requester", own)


def same_as_of_nothing(answer: TestResponse, nothing: TestResponse, name: str) -> None:
    """Hold that the answers differ in nothing but the name that was asked for."""
    assert answer.status_code == nothing.status_code == 404
    ours, theirs = ({**json_of(each), "correlation_id": ""} for each in (answer, nothing))
    assert str(ours).replace(name, "nothing") == str(theirs)


@pytest.mark.parametrize("path", ["", "/subscription", "/statement?period=2026-11", "/budget"])
def test_another_customer_does_not_exist_for_a_requester(api: Api, requester: FlaskClient, own: str, path: str) -> None:
    other = api.customer()
    api.get("/v1/customers")  # the views have seen it
    at = {"min_position": str(api.position), "wait_ms": "10000"}
    assert requester.get(f"/v1/customers/{own}{path}", query_string=at if "?" not in path else None).status_code == 200
    nothing = requester.get(f"/v1/customers/nothing{path}")
    same_as_of_nothing(requester.get(f"/v1/customers/{other}{path}"), nothing, other)


def test_another_customers_case_does_not_exist_for_a_requester(api: Api, requester: FlaskClient, own: str) -> None:
    mine, others = api.ticket(own), api.ticket(api.customer())
    api.answer("/v1/tickets")
    nothing = requester.get("/v1/tickets/nothing")
    for name in others.values():
        same_as_of_nothing(requester.get(f"/v1/tickets/{name}"), nothing, name)
    for name in mine.values():
        assert json_of(requester.get(f"/v1/tickets/{name}"))["customer_id"] == own


def test_a_requester_lists_own_cases_whatever_is_asked_for(api: Api, requester: FlaskClient, own: str) -> None:
    other = api.customer()
    mine, _ = api.ticket(own), api.ticket(other)
    api.answer("/v1/tickets")
    for path in ("/v1/tickets", f"/v1/tickets?customer={own}"):
        items = json_of(requester.get(path))["items"]
        assert {item["customer_id"] for item in items} == {own}
        assert mine["ticket_id"] in {item["ticket_id"] for item in items}
    assert json_of(requester.get(f"/v1/tickets?customer={other}"))["items"] == []


def test_a_requester_writes_to_own_cases_alone_and_as_requester(api: Api, requester: FlaskClient, own: str) -> None:
    mine, others = api.ticket(own), api.ticket(api.customer())
    reply: dict[str, Any] = {**AS_REQUESTER, "body": "Yes."}

    def replies(ticket: str, **changed: Any) -> TestResponse:
        return requester.post("/v1/commands/add-reply", json={"ticket": ticket} | reply | changed)

    assert replies(mine["case_number"]).status_code == 200
    nothing = replies("nothing")
    for name in others.values():
        same_as_of_nothing(replies(name), nothing, name)
        batch = {"commands": [{"command": "add-reply", "data": {"ticket": name} | reply}]}
        (answer,) = json_of(requester.post("/v1/commands", json=batch))["answers"]
        assert answer["problem"]["code"] == "unknown_ticket"
    staff = {"role": "staff", "name": "Kim", "email": "kim@example.com"}
    assert problem_of(replies(mine["case_number"], author=staff), 403)["code"] == "forbidden"
    opened = requester.post("/v1/commands/open-ticket", json=EXAMPLES["open-ticket"] | {"customer_id": "somebody"})
    assert problem_of(opened, 404)["code"] == "unknown_customer"


# How often


def test_a_caller_is_told_its_quota_and_refused_beyond_it(api: Api) -> None:
    client = api.client_with(api.key("auditor", requests_per_minute=30))
    answers = [client.get("/v1/status") for _ in range(40)]
    first, last = answers[0], answers[-1]
    assert first.headers["RateLimit-Policy"] == '"default";q=30;w=60'
    assert re.fullmatch(r'"default";r=29;t=[1-6]?[0-9]', first.headers["RateLimit"])
    refused = [each for each in answers if each.status_code == 429]
    assert len(refused) >= 10 or first.headers["RateLimit"].endswith("t=1")  # unless a minute ended meanwhile
    assert problem_of(last, 429)["code"] == "too_many_requests"
    assert 1 <= int(last.headers["Retry-After"]) <= 60


def test_a_batch_counts_as_its_commands(api: Api) -> None:
    client = api.client_with(api.key("service", requests_per_minute=10))
    batch = {"commands": [{"command": "none", "data": {}}] * 6}
    first, *others = [client.post("/v1/commands", json=batch) for _ in range(3)]
    assert first.status_code == 200
    refused = next(each for each in others if each.status_code != 200)  # the first of them may be of the next minute
    assert problem_of(refused, 429)["code"] == "too_many_requests"


def test_a_batch_that_no_minute_takes_is_told_so(api: Api) -> None:
    client = api.client_with(api.key("service", requests_per_minute=5))
    batch = {"commands": [{"command": "add-note", "data": {}}] * 6}
    problem = problem_of(client.post("/v1/commands", json=batch), 422)
    assert [error["pointer"] for error in problem["errors"]] == ["/commands"]


def test_processes_share_a_quota_and_never_give_more_than_it(api: Api) -> None:
    secret = api.key("auditor", requests_per_minute=100)
    answered: list[int] = []

    def ask() -> None:
        services = replace(api.services, rate_limits=RateLimits(api.services.connections))
        client = create_app(services).test_client()
        sent = {"Authorization": f"Bearer {secret}"}
        answered.extend([client.get("/v1/status", headers=sent).status_code for _ in range(40)])

    minute = time.time() // 60
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answered) <= {200, 429}
    assert answered.count(200) <= 100 * (1 + (time.time() // 60 - minute))
    assert answered.count(200) >= 90, "nearly all of the quota is of use"


def test_open_routes_and_failed_senders_count_for_nobody(api: Api) -> None:
    assert "RateLimit" not in api.app.test_client().get("/health/live").headers
    assert "RateLimit" not in api.app.test_client().get("/v1/queue").headers
