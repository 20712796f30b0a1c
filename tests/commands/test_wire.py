"""Every command's data is checked strictly, and every wrong field is named at once."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from marshmallow.validate import Range

from commands.wire.catalogue import COMMAND_TYPES
from commands.wire.customers import OfSubscription
from commands.wire.examples import EXAMPLES
from commands.wire.field_errors import InvalidData
from commands.wire.settings import TermsData
from domain.plan import Terms, check_terms


def errors_of(command: str, data: Any) -> dict[str, str]:
    with pytest.raises(InvalidData) as caught:
        COMMAND_TYPES[command].load(data)
    return {error.pointer: error.detail for error in caught.value.errors}


def log_work(**changes: Any) -> dict[str, Any]:
    return EXAMPLES["log-work"] | changes


def test_every_command_has_an_example_and_every_example_a_command() -> None:
    assert EXAMPLES.keys() == COMMAND_TYPES.keys()


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_example_of_a_command_loads_whole(command: str) -> None:
    loaded = COMMAND_TYPES[command].load(EXAMPLES[command])
    assert loaded.keys() == EXAMPLES[command].keys()


@pytest.mark.parametrize("command", EXAMPLES)
def test_all_required_fields_that_are_missing_are_named_at_once_together_with_an_unknown_one(command: str) -> None:
    schema = COMMAND_TYPES[command].schema
    required = {f"/{name}" for name, field in schema.fields.items() if field.required}
    if isinstance(schema, OfSubscription):
        required.add("/customer_id")  # or else the subscription's
    errors = errors_of(command, {"unheard/of~": 1})
    assert set(errors) == required | {"/unheard~1of~0"}


@pytest.mark.parametrize("command", EXAMPLES)
@pytest.mark.parametrize("data", [None, [], "text", 1, True])
def test_data_that_is_no_object_is_an_error_of_the_whole(command: str, data: Any) -> None:
    assert errors_of(command, data) == {"": "must be an object"}


@pytest.mark.parametrize("command", EXAMPLES)
def test_a_null_is_not_the_same_as_a_field_left_out(command: str) -> None:
    nulls = dict.fromkeys(EXAMPLES[command])
    assert set(errors_of(command, nulls)) == {f"/{name}" for name in nulls}


@pytest.mark.parametrize("command", EXAMPLES)
def test_a_value_of_the_wrong_json_type_is_named_in_every_field(command: str) -> None:
    wrong = dict.fromkeys(EXAMPLES[command], 1.0)
    assert set(errors_of(command, wrong)) == {f"/{name}" for name in wrong}


def test_errors_within_arrays_and_objects_are_pointed_at_where_they_are() -> None:
    errors = errors_of(
        "register-customer",
        {
            "name": "Alpine Lodge",
            "contacts": [{"name": "Ann", "email": "ann"}, {"email": "b@example.com", "phone": "1"}, "Carl"],
            "products": ["website", "fax"],
        },
    )
    assert set(errors) == {"/contacts/0/email", "/contacts/1/name", "/contacts/1/phone", "/contacts/2", "/products/1"}


def test_errors_of_a_calendar_name_the_day_they_are_in() -> None:
    calendar = EXAMPLES["publish-calendar"] | {
        "overrides": {"2026-12-24": 5, "2026-02-30": "", "2026-12-31": "09:00-12:00"},
        "hours": {"mon-fri": "from nine"},
    }
    assert set(errors_of("publish-calendar", calendar)) == {
        "/overrides/2026-12-24",
        "/overrides/2026-02-30",
        "/hours/mon-fri",
    }


@pytest.mark.parametrize("wrong", [1.0, True, "900", -1, 0, 86_401, [900]])
def test_an_integer_is_an_integer_within_its_bounds(wrong: Any) -> None:
    assert set(errors_of("log-work", log_work(duration_seconds=wrong))) == {"/duration_seconds"}


@pytest.mark.parametrize("edge", [1, 86_400])
def test_the_bounds_of_an_integer_belong_to_it(edge: int) -> None:
    assert COMMAND_TYPES["log-work"].load(log_work(duration_seconds=edge))["duration_seconds"] == edge


@pytest.mark.parametrize("wrong", [0, 1, "true", "yes"])
def test_a_boolean_is_true_or_false_and_nothing_like_it(wrong: Any) -> None:
    policy = EXAMPLES["publish-sla-policy"]
    targets = [policy["targets"][0] | {"when": {"emergency": wrong}}]
    assert set(errors_of("publish-sla-policy", policy | {"targets": targets})) == {"/targets/0/when/emergency"}


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-23T09:00:00-07:00", datetime(2026, 11, 23, 16, tzinfo=UTC)),
        ("2026-11-23t09:00:00z", datetime(2026, 11, 23, 9, tzinfo=UTC)),
        ("2026-11-23T09:00:00.25Z", datetime(2026, 11, 23, 9, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-11-23T09:00:00.123456789Z", datetime(2026, 11, 23, 9, 0, 0, 123_456, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("2199-12-31T23:59:59Z", datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_an_instant_is_loaded_as_utc_to_the_microsecond(text: str, instant: datetime) -> None:
    loaded = COMMAND_TYPES["log-work"].load(log_work(started_at=text))["started_at"]
    assert loaded == instant
    assert loaded.tzinfo is UTC


@pytest.mark.parametrize(
    "wrong",
    [
        "2026-11-23T09:00:00",
        "2026-11-23 09:00:00Z",
        "2026-11-23",
        "2026-W48-1T09:00:00Z",
        "20261123T090000Z",
        "2026-02-30T09:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T23:59:60Z",
        "2026-11-23T09:00:00+25:00",
        "2026-11-23T09:00:00Z\n",
        "２０２６-11-23T09:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "1969-12-31T23:59:59Z",
        "2199-12-31T23:59:59-01:00",
        "",
        1763888400,
    ],
)
def test_what_is_no_instant_with_an_offset_is_refused(wrong: Any) -> None:
    assert set(errors_of("log-work", log_work(started_at=wrong))) == {"/started_at"}


@pytest.mark.parametrize(
    "wrong", ["20261123", "2026-W48-1", "2026-13-01", "2026-02-30", "2026-11-23\n", "1969-12-31", 5]
)
def test_what_is_no_date_is_refused(wrong: Any) -> None:
    assert set(errors_of("open-ticket", EXAMPLES["open-ticket"] | {"requested_for": wrong})) == {"/requested_for"}


def test_a_date_is_loaded_as_a_date() -> None:
    assert COMMAND_TYPES["open-ticket"].load(EXAMPLES["open-ticket"])["requested_for"] == date(2026, 12, 1)


@pytest.mark.parametrize("wrong", ["", " ", "\n", "NUL \x00 inside", "x" * 100_001])
def test_free_text_must_hold_something_without_nul_within_its_length(wrong: str) -> None:
    assert set(errors_of("add-reply", EXAMPLES["add-reply"] | {"body": wrong})) == {"/body"}


def test_free_text_may_have_lines_tabs_and_any_script() -> None:
    body = "Grüße\n\tこんにちは 🎉" + "x" * 99_900
    assert COMMAND_TYPES["add-reply"].load(EXAMPLES["add-reply"] | {"body": body})["body"] == body


@pytest.mark.parametrize("wrong", ["two\nlines", "tab\there", "x" * 501, "\x7f", " "])
def test_a_subject_is_one_line(wrong: str) -> None:
    assert set(errors_of("open-ticket", EXAMPLES["open-ticket"] | {"subject": wrong})) == {"/subject"}


@pytest.mark.parametrize("wrong", ["a b", "a/b", "..", "", "é", "x" * 129, "a\n", "-a", 7])
def test_an_identifier_fits_into_an_address(wrong: Any) -> None:
    assert set(errors_of("log-work", log_work(entry_id=wrong))) == {"/entry_id"}


@pytest.mark.parametrize("right", ["a", "C-000123", "x" * 128, "0195f2a0-7c1e-7e5f-9d6a-1f2e3d4c5b6a", "a:b.c@d"])
def test_common_forms_of_identifiers_are_taken(right: str) -> None:
    assert COMMAND_TYPES["log-work"].load(log_work(entry_id=right))["entry_id"] == right


@pytest.mark.parametrize(
    "wrong", ["ann", "ann@", "@example.com", "a b@example.com", "a@b@c", "a@b\n", f"{'a' * 251}@b.c"]
)
def test_an_address_looks_like_one(wrong: str) -> None:
    author = EXAMPLES["add-note"]["author"] | {"email": wrong}
    assert set(errors_of("add-note", EXAMPLES["add-note"] | {"author": author})) == {"/author/email"}


def test_a_target_of_none_and_a_pack_that_never_expires_are_null() -> None:
    policy = EXAMPLES["publish-sla-policy"]
    targets = [policy["targets"][0] | {"target_seconds": None}]
    loaded = COMMAND_TYPES["publish-sla-policy"].load(policy | {"targets": targets})
    assert loaded["targets"][0]["target_seconds"] is None
    plan = EXAMPLES["publish-plan"]
    terms = plan["terms"] | {"pack_validity_days": None}
    assert COMMAND_TYPES["publish-plan"].load(plan | {"terms": terms})["terms"]["pack_validity_days"] is None


def test_a_subscription_may_depart_from_some_of_its_plans_terms_but_a_plan_states_all() -> None:
    started = COMMAND_TYPES["start-subscription"].load(
        {"customer_id": "alpine", "plan": "standard", "terms": {"monthly_fee_cents": 0}}
    )
    assert started["terms"] == {"monthly_fee_cents": 0}
    errors = errors_of("publish-plan", {"plan": "standard", "terms": {"monthly_fee_cents": 0}})
    assert len(errors) == 10


def test_a_product_named_twice_is_refused() -> None:
    customer = EXAMPLES["register-customer"] | {"products": ["website", "website"]}
    assert set(errors_of("register-customer", customer)) == {"/products"}


def test_the_fingerprint_tells_bodies_and_commands_apart_but_not_their_layout() -> None:
    reply, note = COMMAND_TYPES["add-reply"], COMMAND_TYPES["add-note"]
    data = EXAMPLES["add-reply"]
    assert reply.fingerprint(data) == reply.fingerprint(dict(reversed(data.items())))
    assert reply.fingerprint(data) != note.fingerprint(data)
    assert reply.fingerprint(data) != reply.fingerprint(data | {"body": "another"})


def test_a_calendar_has_a_bounded_number_of_special_days() -> None:
    days = {f"{year}-01-01": "" for year in range(1970, 2199)}
    calendar = EXAMPLES["publish-calendar"]
    assert len(COMMAND_TYPES["publish-calendar"].load(calendar | {"breaks": days})["breaks"]) == 229
    weekdays = {f"day-{number}": "" for number in range(21)}
    assert set(errors_of("publish-calendar", calendar | {"hours": weekdays})) == {"/hours"}


@pytest.mark.parametrize("command", ["change-plan", "cancel-subscription"])
def test_a_subscription_is_named_by_its_id_or_by_its_customer_and_not_by_both(command: str) -> None:
    named = {name: value for name, value in EXAMPLES[command].items() if name != "customer_id"}
    assert COMMAND_TYPES[command].load(named | {"subscription_id": "s-1"})["subscription_id"] == "s-1"
    assert COMMAND_TYPES[command].load(named | {"customer_id": "c-1"})["customer_id"] == "c-1"
    assert set(errors_of(command, named)) == {"/customer_id"}
    assert set(errors_of(command, named | {"customer_id": "c-1", "subscription_id": "s-1"})) == {"/subscription_id"}
    assert "/customer_id" in errors_of(command, {"effective_on": "tomorrow"})  # beside all else that is wrong
    assert errors_of(command, named | {"customer_id": 5}) == {"/customer_id": "must be a string"}


def test_the_greatest_terms_that_are_taken_are_terms_of_a_plan() -> None:
    bounds = {name: field.validate for name, field in TermsData().fields.items()}
    greatest = {name: bound.max for name, bound in bounds.items() if isinstance(bound, Range)}
    assert len(greatest) == len(Terms.__struct_fields__) - 1
    loaded = COMMAND_TYPES["publish-plan"].load({"plan": "p", "terms": {"currency": "USD", **greatest}})
    check_terms(Terms(**loaded["terms"]), "USD")
