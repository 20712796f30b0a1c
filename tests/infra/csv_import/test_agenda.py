from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from commands.due import DueItem
from domain.ticket.commands import TicketCommand
from infra.csv_import.agenda import Agenda, Appointment, of_ticket
from tests.domain.ticket.cases import after, nov, opened, resolved, staff_replies, waits_for_customer

START = datetime(2012, 10, 1, tzinfo=UTC)


def appointment(stream: str, second: int) -> Appointment:
    at = START + timedelta(seconds=second)
    return Appointment(DueItem(stream_id=stream, kind="ticket", what="x", due_at=at), at)


def taken(agenda: Agenda, until: int, most: int = 10) -> list[str]:
    return [name for name, _ in agenda.take(START + timedelta(seconds=until), most)]


def test_what_is_due_comes_instant_by_instant_and_then_by_name() -> None:
    agenda = Agenda()
    for stream, name, second in (("t1", "B", 5), ("t2", "A", 5), ("t3", "C", 3)):
        agenda.put(stream, name, appointment(stream, second))
    assert taken(agenda, 9) == ["C"]
    assert taken(agenda, 9) == ["A", "B"]
    assert taken(agenda, 9) == []


def test_what_is_due_at_the_instant_itself_comes_and_later_things_stay() -> None:
    agenda = Agenda()
    agenda.put("t1", "A", appointment("t1", 5))
    assert taken(agenda, 4) == []
    assert taken(agenda, 5) == ["A"]


def test_no_more_come_at_once_than_asked_for() -> None:
    agenda = Agenda()
    for name in "ABC":
        agenda.put(name, name, appointment(name, 5))
    assert [taken(agenda, 5, 2), taken(agenda, 5, 2)] == [["A", "B"], ["C"]]


def test_a_stream_has_one_appointment_the_last_one_set() -> None:
    agenda = Agenda()
    agenda.put("t1", "A", appointment("t1", 5))
    agenda.put("t1", "A", appointment("t1", 8))
    assert taken(agenda, 7) == []
    agenda.put("t1", "A", appointment("t1", 5))
    assert taken(agenda, 9) == ["A"]
    assert taken(agenda, 9) == []


def test_a_stream_that_nothing_is_due_for_any_more_does_not_come() -> None:
    agenda = Agenda()
    agenda.put("t1", "A", appointment("t1", 5))
    agenda.put("t1", "A", None)
    assert taken(agenda, 9) == []


def next_of(*commands: TicketCommand) -> tuple[str, datetime] | None:
    state = after(*commands).state
    assert state is not None
    found = of_ticket("ticket-t1", state)
    return None if found is None else (found.item.what.split(":")[0], found.at)


def test_a_case_is_next_due_at_its_earliest_deadline_a_second_later_or_at_its_reminder() -> None:
    request = opened(nov(2, 10))
    assert next_of(request) == ("first_response", nov(3, 10, 0, 1))
    answered = staff_replies(nov(2, 11))
    assert next_of(request, answered, waits_for_customer(nov(2, 11))) == ("reminder", nov(4, 11))
    assert next_of(request, answered, resolved(nov(2, 11))) is None


@given(st.lists(st.tuples(st.sampled_from("ABCDE"), st.none() | st.integers(0, 9)), max_size=40))
def test_the_agenda_is_what_a_table_of_last_appointments_would_say(moves: list[tuple[str, int | None]]) -> None:
    agenda, table = Agenda(), {}
    for stream, second in moves:
        agenda.put(stream, stream, None if second is None else appointment(stream, second))
        table[stream] = second
    expected = sorted((second, stream) for stream, second in table.items() if second is not None)
    found = []
    while batch := agenda.take(START + timedelta(seconds=9), 3):
        found += [((due.at - START).seconds, name) for name, due in batch]
    assert found == expected
