"""The imported desk's own time: before a row, what fell due until then is recorded at its instant."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from commands.application import CaselogApplication, Evolve
from commands.dispatch import Dispatcher, Request
from commands.due import TIMEKEEPER
from commands.handlers.streams import EVOLVE_TICKET
from commands.memory import Loaded
from commands.unit_of_work import Stream
from domain.subscription import state as subscriptions
from domain.subscription.state import Subscription
from domain.ticket.state import Closed, Merged, Open, Resolved, Ticket, Waiting
from infra.csv_import.agenda import Agenda, Appointment, of_subscription, of_ticket
from infra.csv_import.errors import ImportFailed
from infra.csv_import.mapping import Mapping as ImportMapping
from infra.csv_import.recent import Recent
from infra.csv_import.row_command import RECORD_DUE, RecordDue

_EVOLVE_SUBSCRIPTION: Evolve[Subscription] = subscriptions.evolve

MOST_AT_ONCE = 200
"""Due items in one append: at the start of a month every subscription has one."""


class Timeline:
    """Keeps the next due instant of each imported case and subscription, from their streams alone.

    `handler` is the one that the dispatcher has for `RECORD_DUE`, which decides on streams that `recent` keeps.
    """

    def __init__(
        self,
        mapping: ImportMapping,
        dispatcher: Dispatcher,
        handler: RecordDue,
        recent: Recent,
        application: CaselogApplication,
    ) -> None:
        self._mapping = mapping
        self._dispatcher = dispatcher
        self._handler = handler
        self._recent = recent
        self._application = application
        self._agenda = Agenda()
        self._subscription_of: dict[str, str] = {}

    def resume(self, ticket_ids: Mapping[str, str], subscription_ids: Iterable[str]) -> None:
        """Look at the streams of earlier runs, cases by the names that the file gives them."""
        for name, ticket_id in ticket_ids.items():
            case: Loaded[Ticket] = self._application.load(f"ticket-{ticket_id}", EVOLVE_TICKET)
            self.take_in(Stream(case, EVOLVE_TICKET), name)
        for subscription_id in subscription_ids:
            loaded = self._application.load(f"subscription-{subscription_id}", _EVOLVE_SUBSCRIPTION)
            self.take_in(Stream(loaded, _EVOLVE_SUBSCRIPTION))

    def take_in(self, stream: Stream[Any], case: str = "") -> None:
        """Take in what a stream has come to; `case` is the file's name for a case that it may be."""
        match stream.state:
            case Subscription() as subscription:
                self._subscription_of[subscription.customer_id] = stream.id
                self._agenda.put(stream.id, subscription.customer_id, of_subscription(stream.id, subscription))
                self._recent.keep(stream)
            case Open() | Waiting() | Resolved() | Closed() | Merged() as ticket:
                appointment = of_ticket(stream.id, ticket)
                self._agenda.put(stream.id, case, appointment)
                if appointment is None:
                    self._recent.forget(stream.id)
                else:
                    self._recent.keep(stream)
            case _:
                pass

    def subscription_of(self, customer_id: str) -> str | None:
        """Return the stream of the subscription that the import started for a customer."""
        return self._subscription_of.get(customer_id)

    def advance_to(self, instant: datetime) -> None:
        """Record what fell due by an instant, each item at its own, in the order of their instants."""
        while taken := self._agenda.take(instant, MOST_AT_ONCE):
            self._record([appointment for _, appointment in taken])
            for (name, appointment), stream in zip(taken, self._handler.streams, strict=True):
                self.take_in(stream, name)
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
