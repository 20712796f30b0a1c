"""The imported desk's own time: before a row, what fell due until then is recorded at its instant."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import NAMESPACE_OID, uuid5

from commands.application import CaselogApplication, Evolve, Loaded
from commands.dispatch import Dispatcher, Request
from commands.due import TIMEKEEPER
from commands.handlers.streams import EVOLVE_TICKET
from domain.subscription import state as subscriptions
from domain.subscription.state import Subscription
from domain.ticket.state import Ticket
from infra.csv_import.agenda import Agenda, Appointment, of_subscription, of_ticket
from infra.csv_import.errors import ImportFailed
from infra.csv_import.mapping import Mapping as ImportMapping
from infra.csv_import.row_command import RECORD_DUE, RecordDue

_EVOLVE_SUBSCRIPTION: Evolve[Subscription] = subscriptions.evolve

MOST_AT_ONCE = 200
"""Due items in one append: at the start of a month every subscription has one."""


class Timeline:
    """Keeps the next due instant of each imported case and subscription, from their streams alone.

    `handler` is the one that the dispatcher has for `RECORD_DUE`.
    """

    def __init__(
        self, mapping: ImportMapping, dispatcher: Dispatcher, handler: RecordDue, application: CaselogApplication
    ) -> None:
        self._mapping = mapping
        self._dispatcher = dispatcher
        self._handler = handler
        self._application = application
        self._agenda = Agenda()

    def resume(self, ticket_ids: Mapping[str, str], subscription_ids: Iterable[str]) -> None:
        """Look at the streams of earlier runs, cases by the names that the file gives them."""
        for name, ticket_id in ticket_ids.items():
            case: Loaded[Ticket] = self._application.load(f"ticket-{ticket_id}", EVOLVE_TICKET)
            self.set_ticket(name, case.state)
        for subscription_id in subscription_ids:
            stream_id = f"subscription-{subscription_id}"
            self.set_subscription(self._application.load(stream_id, _EVOLVE_SUBSCRIPTION).state)

    def set_ticket(self, name: str, state: Ticket | None) -> None:
        """Take in what a case has come to; `name` is the file's."""
        if state is not None:
            stream_id = f"ticket-{state.case.ticket_id}"
            self._agenda.put(stream_id, name, of_ticket(stream_id, state))

    def set_subscription(self, state: Subscription | None) -> None:
        """Take in what a subscription has come to."""
        if state is not None:
            stream_id = f"subscription-{state.subscription_id}"
            self._agenda.put(stream_id, state.customer_id, of_subscription(stream_id, state))

    def advance_to(self, instant: datetime) -> None:
        """Record what fell due by an instant, each item at its own, in the order of their instants."""
        while taken := self._agenda.take(instant, MOST_AT_ONCE):
            self._record([appointment for _, appointment in taken])
            for (name, appointment), stream in zip(taken, self._handler.streams, strict=True):
                if appointment.item.kind == "ticket":
                    self.set_ticket(name, stream.state)
                else:
                    self.set_subscription(stream.state)
                if self._agenda.next_of(stream.id) == appointment:
                    raise ImportFailed(f"{stream.id} was due at {appointment.item.due_at.isoformat()} and stays due")

    def _record(self, appointments: list[Appointment]) -> None:
        at = appointments[0].at
        self._dispatcher.execute(
            Request(
                command=RECORD_DUE,
                data={"items": [appointment.item for appointment in appointments]},
                fingerprint="",
                caller=self._mapping.caller,
                actor=TIMEKEEPER,
                correlation_id=str(uuid5(NAMESPACE_OID, f"{self._mapping.caller}@{at.isoformat()}")),
                now=at,
                imported=self._mapping.import_name,
            )
        )
