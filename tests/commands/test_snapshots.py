"""Snapshots change how long a load takes, and nothing else: any code that did not make one folds the events."""

import pickle
from collections.abc import Iterator
from contextlib import closing
from functools import reduce
from threading import Thread
from typing import Any

import pytest
from hypothesis import given, settings
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

import domain
from commands import application as applications
from commands import snapshots
from commands.application import CaselogApplication
from commands.handlers.streams import EVOLVE_TICKET
from commands.memory import Loaded
from commands.snapshots import fingerprint, keep, restore
from domain.subscription.state import Subscription
from domain.subscription.state import evolve as evolve_subscription
from domain.ticket.state import Ticket
from infra.log.factory import environment_of
from infra.postgres.pool import connect
from tests.desk import PERSON, Desk
from tests.domain.subscription.histories import History, happened, histories
from tests.projections.stories import desk_story

KIM = {"role": "staff", **PERSON}


@pytest.fixture
def connection(database: str, schema: str) -> Iterator[Connection]:
    with closing(connect(database, schema)) as opened:
        opened.autocommit = True
        yield opened


def anew(database: str, schema: str) -> CaselogApplication:
    """The write side of a process that has just started."""
    return CaselogApplication(environment_of(database, schema))


def kept(connection: Connection) -> list[tuple[str, int]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT stream_id, version FROM state_snapshots ORDER BY stream_id")
        return cursor.fetchall()


@pytest.fixture
def long_case(desk: Desk, ticket: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A case with a snapshot at some version, and events after it."""
    monkeypatch.setattr(applications, "SNAPSHOT_EVENTS", 10)
    for number in range(13):
        desk.send("add-reply", ticket=ticket, author=KIM, body=f"{number}")
    desk.application.close()
    return f"ticket-{ticket}"


def load(application: CaselogApplication, stream_id: str) -> Loaded[Ticket]:
    return application.load(stream_id, EVOLVE_TICKET)


def folded(application: CaselogApplication, stream_id: str) -> Any:
    return reduce(lambda state, each: EVOLVE_TICKET(state, each.event), application.read(stream_id), None)


def test_a_long_stream_is_loaded_from_its_snapshot_and_the_events_after_it(
    long_case: str, database: str, schema: str, connection: Connection
) -> None:
    [(stream_id, version)] = kept(connection)
    assert (stream_id, version % 10) == (long_case, 0)
    with anew(database, schema) as application:
        replay = application.event_log.replay(long_case, fingerprint=fingerprint())
        assert replay.snapshot is not None
        assert [event[0] for event in replay.events][:1] == [version + 1]
        loaded = load(application, long_case)
        assert loaded.state == folded(application, long_case)
        assert loaded.version == len(application.read(long_case))


def test_a_snapshot_of_other_code_is_not_looked_at(
    long_case: str, database: str, schema: str, connection: Connection
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE state_snapshots SET fingerprint = 'older', state = 'not for us'")
    with anew(database, schema) as application:
        assert load(application, long_case).state == folded(application, long_case)


def test_a_snapshot_that_cannot_be_read_is_passed_over(
    long_case: str, database: str, schema: str, connection: Connection
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE state_snapshots SET state = 'damaged'")
    with anew(database, schema) as application:
        assert load(application, long_case).state == folded(application, long_case)


def test_a_long_stream_without_one_gets_one_when_it_is_loaded(
    long_case: str, database: str, schema: str, connection: Connection
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM state_snapshots")
    with anew(database, schema) as application:
        version = load(application, long_case).version
    assert kept(connection) == [(long_case, version)]


def test_a_restored_state_can_be_nothing_but_the_domains(monkeypatch: pytest.MonkeyPatch) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return print, ("gotcha",)

    with pytest.raises(pickle.UnpicklingError, match=r"a state holds no builtins\.print"):
        restore(pickle.dumps(Evil()))
    with pytest.raises(pickle.UnpicklingError, match=r"a state holds no domain\.money\.share_cents"):
        restore(b"cdomain.money\nshare_cents\n.")


def test_the_fingerprint_is_that_of_all_of_the_domains_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("domain")
    (folder / "ticket").mkdir()
    (folder / "ticket" / "state.py").write_text("one")
    monkeypatch.setattr(domain, "__path__", [str(folder)])
    before = fingerprint.__wrapped__()
    (folder / "ticket" / "state.py").write_text("two")
    assert fingerprint.__wrapped__() != before


@pytest.mark.parametrize("seed", range(5))
def test_a_case_restored_at_any_version_goes_on_as_if_it_had_been_folded(seed: int) -> None:
    states: dict[str, Any] = {}
    for stream_id, event in desk_story(30, seed):
        state = states.get(stream_id)
        restored = None if state is None else restore(keep(state))
        assert restored == state
        states[stream_id] = EVOLVE_TICKET(state, event)
        assert EVOLVE_TICKET(restored, event) == states[stream_id]


@settings(max_examples=25)
@given(histories)
def test_a_subscription_restored_at_any_version_goes_on_as_if_it_had_been_folded(history: History) -> None:
    state: Subscription | None = None
    for event in happened(history):
        restored = None if state is None else restore(keep(state))
        assert restored == state
        state = evolve_subscription(state, event)
        assert evolve_subscription(restored, event) == state


def test_closing_waits_for_what_is_being_kept_and_not_for_more(
    desk: Desk, ticket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "_IDLE_SECONDS", 60.0)
    monkeypatch.setattr(applications, "SNAPSHOT_EVENTS", 10)
    for number in range(13):
        desk.send("add-reply", ticket=ticket, author=KIM, body=f"{number}")
    closing_it = Thread(target=desk.application.close, daemon=True)
    closing_it.start()
    closing_it.join(30)
    assert not closing_it.is_alive()
