"""Any user of the eventsourcing library can name `infra.log` as persistence module; our events keep their form."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import MapperDeserialisationError, OperationalError, ProgrammingError

from domain.recorded import Metadata, RecordedEvent
from domain.ticket.events import TicketClosed
from infra.log.factory import LogFactory
from infra.log.mapper import LogMapper
from infra.log.recorders import LogApplicationRecorder
from infra.log.stored import LogEvent
from tests.infra.log.conftest import Query

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
METADATA = Metadata(event_id="e", correlation_id="c", actor="a", command_id="d")


class Dog(Aggregate):
    """An aggregate as the library's tutorial has it."""

    @event("Registered")
    def __init__(self, name: str) -> None:
        self.name = name
        self.tricks: list[str] = []

    @event("TrickAdded")
    def add_trick(self, trick: str) -> None:
        self.tricks.append(trick)


class DogSchool(Application[UUID]):
    """An application of another team."""

    is_snapshotting_enabled = True


def test_an_ordinary_application_of_the_library_runs_on_our_log_with_snapshots(database: str, schema: str) -> None:
    env = {"PERSISTENCE_MODULE": "infra.log", "CASELOG_DATABASE_URL": database, "DOGSCHOOL_CASELOG_SCHEMA": schema}
    with DogSchool(env) as school:
        dog = Dog("Fido")
        dog.add_trick("roll over")
        school.save(dog)
        school.take_snapshot(dog.id)
        dog.add_trick("play dead")
        school.save(dog)
        assert school.repository.get(dog.id).tricks == ["roll over", "play dead"]
        assert school.repository.get(dog.id, version=1).tricks == []
        assert [n.id for n in school.notification_log.select(1, 10)] == [1, 2, 3]


def test_an_event_of_ours_comes_back_with_its_tag_metadata_and_place(
    factory: LogFactory, log: LogApplicationRecorder, query: Query
) -> None:
    mapper = factory.mapper()
    assert isinstance(mapper, LogMapper)
    closed = TicketClosed(occurred_at=AT, ticket_id="1", customer_id="c")
    log.insert_events([mapper.to_stored_event(RecordedEvent("ticket-1", 1, closed, msgspec.json.encode(METADATA)))])
    [recorded] = [mapper.to_domain_event(stored) for stored in log.select_events("ticket-1")]
    assert isinstance(recorded, RecordedEvent)
    assert (recorded.event, recorded.metadata, recorded.position) == (closed, METADATA, 1)
    assert recorded.recorded_at is not None
    [notified] = [mapper.to_domain_event(notification) for notification in log.select_notifications(1, 10)]
    assert isinstance(notified, RecordedEvent)
    assert (notified.event, notified.position, notified.recorded_at) == (closed, 1, recorded.recorded_at)
    assert query("SELECT type, data ->> 'occurred_at', metadata ->> 'actor', raw FROM events") == [
        ("TicketClosed.v1", "2026-11-23T12:00:00Z", "a", None)
    ]


@pytest.mark.parametrize(
    ("tag", "text"), [("TicketBurnt.v1", b"{}"), ("TicketClosed.v1", b'{"occurred_at":1}'), ("TicketClosed.v1", b"[")]
)
def test_what_this_code_cannot_read_is_said_with_its_place(factory: LogFactory, tag: str, text: bytes) -> None:
    with pytest.raises(MapperDeserialisationError, match=rf"event 3 of ticket-1 \({tag}\)"):
        factory.mapper().to_domain_event(LogEvent("ticket-1", 3, tag, text, b"{}"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"CASELOG_DATABASE_URL": ""},
        {"CASELOG_POOL_SIZE": "0"},
        {"CASELOG_POOL_WAIT_MS": "soon"},
        {"ORIGINATOR_ID_TYPE": "int"},
    ],
    ids=str,
)
def test_a_wrong_variable_is_named(wrong: dict[str, str]) -> None:
    [variable] = wrong
    with pytest.raises(OSError, match=variable):
        LogFactory({"CASELOG_DATABASE_URL": "host=/nowhere", **wrong})


def test_there_are_no_tables_for_other_purposes(factory: LogFactory) -> None:
    with pytest.raises(ProgrammingError, match="drafts"):
        factory.aggregate_recorder(purpose="drafts")


def test_without_a_database_the_recorder_cannot_be_made() -> None:
    factory = LogFactory({"CASELOG_DATABASE_URL": "host=/nowhere"})
    with pytest.raises(OperationalError, match="/nowhere"):
        factory.application_recorder()
