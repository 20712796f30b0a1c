"""What falls due between two rows? The imported cases and subscriptions by their next due instant."""

from datetime import datetime, timedelta
from heapq import heappop, heappush

import msgspec

from commands.due import DueItem
from domain.business_time import whole_second
from domain.rating.months import month_of
from domain.subscription.state import Subscription
from domain.ticket.state import Ticket, Waiting


class Appointment(msgspec.Struct, frozen=True, gc=False):
    """A due item and the instant at which it is to be recorded: the first at which it can be."""

    item: DueItem
    at: datetime


def of_ticket(stream_id: str, state: Ticket) -> Appointment | None:
    """Return a case's next appointment: a reminder, or a second after a due instant, as at that it can be met (T7)."""
    appointments = [
        Appointment(
            _item(stream_id, f"{each.clock}:{each.number}:{each.target_seconds}", due_at),
            whole_second(due_at) + timedelta(seconds=1),
        )
        for each in state.case.clocks.running
        if (due_at := each.pending_due_at) is not None
    ]
    if isinstance(state, Waiting) and state.remind_at is not None:
        appointments.append(Appointment(_item(stream_id, "reminder", state.remind_at), state.remind_at))
    return min(appointments, key=lambda appointment: appointment.at, default=None)


def _item(stream_id: str, what: str, due_at: datetime) -> DueItem:
    return DueItem(stream_id=stream_id, kind="ticket", what=what, due_at=due_at)


def of_subscription(stream_id: str, state: Subscription) -> Appointment | None:
    """Return a subscription's next appointment: a month begins or a grant expires (SUPPORT_POLICY B2, B6)."""
    due_at = state.next_due
    if due_at is None:
        return None
    item = DueItem(stream_id=stream_id, kind="subscription", what=month_of(due_at, state.zone), due_at=due_at)
    return Appointment(item, due_at)


class Agenda:
    """Appointments in their order: by instant, then by the names that the file gives to customers and cases.

    The latter so that two runs of an import record the same in the same order, whatever ids were made.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, str, str, str]] = []
        self._next: dict[str, Appointment] = {}

    def put(self, stream_id: str, name: str, appointment: Appointment | None) -> None:
        """Set the next appointment of a stream, in the place of the one it had."""
        if appointment is None:
            self._next.pop(stream_id, None)
        elif self._next.get(stream_id) != appointment:
            self._next[stream_id] = appointment
            heappush(self._heap, (appointment.at, appointment.item.kind, name, stream_id))

    def take(self, until: datetime, most: int) -> list[tuple[str, Appointment]]:
        """Take out and return the earliest appointments not later than an instant, at most so many, with their names.

        All of them are of one instant.
        """
        taken: list[tuple[str, Appointment]] = []
        while self._heap and len(taken) < most:
            at, _, name, stream_id = self._heap[0]
            if at > until or (taken and at != taken[0][1].at):
                break
            heappop(self._heap)
            appointment = self._next.get(stream_id)
            if appointment is not None and appointment.at == at:
                del self._next[stream_id]
                taken.append((name, appointment))
        return taken

    def next_of(self, stream_id: str) -> Appointment | None:
        """Return a stream's next appointment."""
        return self._next.get(stream_id)
