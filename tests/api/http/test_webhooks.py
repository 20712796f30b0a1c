"""Webhooks over HTTP: made, changed, listed, and their secrets shown to whoever made them and to nobody else."""

from contextlib import closing
from typing import Any

import psycopg2
import pytest
from msgspec.structs import replace
from standardwebhooks.webhooks import Webhook

from api.http.access.table import COMMANDS, QUERIES, roles_of_command
from commands.wire.examples import EXAMPLES
from infra.webhooks.secrets import WebhookSecrets, derive
from tests.api.http.conftest import Api, json_of, pointers_of, problem_of
from tests.api.http.shapes import fits

URL = "https://crm.example.com/caselog"


def made(api: Api, **other: Any) -> Any:
    return api.done("create-webhook", url=URL, **other)["result"]


def test_a_webhook_is_made_changed_disabled_and_deleted(api: Api) -> None:
    customer = api.customer()
    types = ["TicketResolved.v1", "TicketOpened.v1"]
    answer = api.post(
        "create-webhook", {"webhook_id": "crm", "url": URL, "types": types, "customer_id": customer, "label": "CRM"}
    )
    assert (answer.status_code, answer.headers["Location"]) == (201, "/v1/webhooks/crm")
    shown = fits("webhook", api.answer("/v1/webhooks/crm"))
    assert (shown["types"], shown["customer_id"], shown["label"]) == (sorted(types), customer, "CRM")
    assert (shown["state"], shown["parked"]) == ("enabled", [])

    api.done("update-webhook", webhook="crm", url=f"{URL}/2")
    changed = api.answer("/v1/webhooks/crm")
    assert (changed["url"], changed["types"], "customer_id" in changed) == (f"{URL}/2", [], False)

    api.done("disable-webhook", webhook="crm", reason="it moves")
    off = fits("webhook", api.answer("/v1/webhooks/crm"))
    assert (off["state"], off["disabled"]["cause"], off["disabled"]["reason"]) == ("disabled", "asked", "it moves")
    api.done("enable-webhook", webhook="crm")
    on = fits("webhook", api.answer("/v1/webhooks/crm"))
    assert (on["state"], "disabled" in on) == ("enabled", False)
    api.done("delete-webhook", webhook="crm")
    assert api.answer("/v1/webhooks/crm")["state"] == "deleted"
    assert "crm" not in {item["webhook_id"] for item in api.answer("/v1/webhooks")["items"]}
    assert [item["webhook_id"] for item in api.answer("/v1/webhooks", state="deleted")["items"]] == ["crm"]
    assert problem_of(api.post("enable-webhook", {"webhook": "crm"}), 422)["code"] == "webhook_deleted"


def test_webhooks_are_listed_by_id_page_by_page(api: Api) -> None:
    ids = [made(api, webhook_id=f"listed-{number}")["webhook_id"] for number in range(3)]
    found: list[str] = []
    page = fits("webhooks", api.answer("/v1/webhooks", limit=2))
    while True:
        found += [item["webhook_id"] for item in page["items"]]
        if "next" not in page:
            break
        page = api.answer("/v1/webhooks", limit=2, cursor=page["next"])
    assert found == sorted(found)
    assert set(ids) <= set(found)


def test_a_secret_is_shown_by_what_makes_it_and_by_a_repeat_under_its_key(api: Api) -> None:
    body = {"webhook_id": "shown", "url": URL}
    first = api.post("create-webhook", body, Idempotency_Key="make")
    secret = json_of(first)["result"]["secret"]
    Webhook(secret)  # of the form that the libraries take
    assert api.post("create-webhook", body, Idempotency_Key="make").data == first.data

    again = json_of(api.post("create-webhook", body))
    assert again["events"] == []
    assert "secret" not in again["result"], "who only says the same is not who made it"

    rotated = api.post("rotate-webhook-secret", {"webhook": "shown"}, Idempotency_Key="rotate")
    assert json_of(rotated)["result"]["secret_generation"] == 2
    assert json_of(rotated)["result"]["secret"] != secret
    assert api.post("create-webhook", body, Idempotency_Key="make").data == first.data, "as the first time"
    assert "secret" not in api.get("/v1/webhooks/shown").text.replace("secret_generation", "")


def test_a_batch_shows_the_secrets_that_it_makes(api: Api) -> None:
    batch = {"commands": [{"command": "create-webhook", "data": {"webhook_id": "batched", "url": URL}}]}
    (answer,) = json_of(api.client.post("/v1/commands", json=batch))["answers"]
    secrets = WebhookSecrets(api.services.connections)
    assert answer["answer"]["result"]["secret"] == secrets.secret("batched", 1)


def test_no_secret_is_kept_anywhere(api: Api, postgres_dsn: str) -> None:
    key = {"Idempotency_Key": "kept"}
    secret = json_of(api.post("create-webhook", {"webhook_id": "kept", "url": URL}, **key))["result"]["secret"]
    part = secret.removeprefix("whsec_")[:20]
    with closing(psycopg2.connect(postgres_dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (api.schema,))
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{api.schema}"."{table}" t WHERE t::text LIKE %s', (f"%{part}%",))
            assert cursor.fetchone() == (0,), table
        cursor.execute(f'SELECT count(*) FROM "{api.schema}".idempotency WHERE key = %s', ("kept",))
        assert cursor.fetchone() == (1,), "the answer is kept, without it"


def test_secrets_are_those_of_hkdf_and_differ_by_desk_webhook_and_generation(api: Api) -> None:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

    info = b"caselog webhook secret\0crm\x007"
    assert derive(b"k" * 32, "crm", 7) == HKDFExpand(SHA256(), 32, info).derive(b"k" * 32)
    derived = [derive(b"k" * 32, "crm", 7), derive(b"l" * 32, "crm", 7), derive(b"k" * 32, "crm", 8)]
    assert len({*derived, derive(b"k" * 32, "crn", 7)}) == 4
    one, other = (WebhookSecrets(api.services.connections).secret("crm", 1) for _ in range(2))
    assert one == other, "each process has the same key"


@pytest.mark.parametrize(
    "url",
    [
        "crm.example.com",
        "https://",
        "https:///caselog",
        "https://user:pass@crm.example.com/",
        "https://user@crm.example.com/",
        "https://crm.example.com/#part",
        "https://crm.example.com:0/",
        "https://crm.example.com:99999/",
        "https://[::1/",
        "https://crm.example.com/a b",
        "file:///etc/passwd",
        "https://crm.example.com/" + "a" * 2_000,
    ],
)
def test_an_address_of_the_wrong_form_is_refused(api: Api, url: str) -> None:
    assert pointers_of(api.post("create-webhook", {"url": url})) == {"/url"}


def test_plain_http_is_for_this_machine_alone(api: Api) -> None:
    refused = api.post("create-webhook", {"url": "http://crm.example.com/"})
    assert problem_of(refused, 422)["code"] == "webhook_url_not_secure"
    assert api.post("create-webhook", {"url": "http://127.0.0.1:9000/"}).status_code == 201


def test_a_type_or_customer_that_there_is_none_of_is_refused(api: Api) -> None:
    assert pointers_of(api.post("create-webhook", {"url": URL, "types": ["TicketOpened.v9"]})) == {"/types/0"}
    unknown = api.post("create-webhook", {"url": URL, "customer_id": "nobody"})
    assert problem_of(unknown, 404)["code"] == "unknown_customer"


OF_ONE = sorted(name for name, data in EXAMPLES.items() if "webhook" in data)


@pytest.mark.parametrize("command", OF_ONE)
def test_a_webhook_that_nobody_made_is_unknown(api: Api, command: str) -> None:
    body = {name: value for name, value in EXAMPLES[command].items() if name != "customer_id"}
    assert problem_of(api.post(command, body | {"webhook": "nothing"}), 404)["code"] == "unknown_webhook"
    assert problem_of(api.get("/v1/webhooks/nothing"), 404)["code"] == "unknown_webhook"


def test_a_version_can_be_insisted_on(api: Api) -> None:
    made(api, webhook_id="versioned")
    assert api.get("/v1/webhooks/versioned").headers["ETag"] == '"1"'
    assert api.post("rotate-webhook-secret", {"webhook": "versioned"}, If_Match='"1"').status_code == 200
    stale = api.post("rotate-webhook-secret", {"webhook": "versioned"}, If_Match='"1"')
    assert problem_of(stale, 412)["code"] == "version_mismatch"


def test_who_may_have_events_sent_may_read_them() -> None:
    of_webhooks = [name for name in COMMANDS if "webhook" in name or "deliveries" in name]
    assert len(of_webhooks) == 9
    for command in of_webhooks:
        assert roles_of_command(command) <= QUERIES["events"]


def test_nothing_is_made_if_the_secret_could_not_be_shown(api: Api) -> None:
    class Away:
        def connection(self) -> Any:
            raise psycopg2.OperationalError("away")

    class Spy:
        def execute(self, _: Any) -> Any:
            raise AssertionError("it was carried out")

    client = api.client_of(replace(api.services, commands=Spy(), connections=Away()))
    answer = client.post("/v1/commands/create-webhook", json={"url": URL})
    assert answer.status_code == 503
