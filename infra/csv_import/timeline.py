"""The imported desk's own time: before a row's commands, what fell due until then is recorded at its instant."""

from collections.abc import Mapping
from datetime import datetime

from commands.application import CaselogApplication
from commands.dispatch import Dispatcher
from commands.due import request_for
from commands.handlers.streams import EVOLVE_TICKET
from domain.subscription import state as subscriptions
from infra.csv_import.agenda import Agenda, of_subscription, of_ticket
from infra.csv_import.errors import ImportFailed


class Timeline:
    """Keeps the next due instant of each imported case and subscription, from their streams alone."""

    def __init__(self, dispatcher: Dispatcher, application: CaselogApplication, *, caller: str, imported: str) -> None:
        self._dispatcher = dispatcher
        self._application = application
        self._caller = caller
        self._imported = imported
        self._agenda = Agenda()

    def resume(self, ticket_ids: Mapping[str, str], subscription_ids: list[str]) -> None:
        """Look at all streams of earlier runs."""
        for name, ticket_id in ticket_ids.items():
            self.look_at_ticket(name, ticket_id)
        for subscription_id in subscription_ids:
            self.look_at_subscription(subscription_id)

    def look_at_ticket(self, name: str, ticket_id: str) -> None:
        """Take in what the case is due for now; `name` is the file's."""
        stream_id = f"ticket-{ticket_id}"
        state = self._application.load(stream_id, EVOLVE_TICKET).state
        self._agenda.put(stream_id, name, None if state is None else of_ticket(stream_id, state))

    def look_at_subscription(self, subscription_id: str) -> None:
        """Take in when the subscription's next month begins."""
        stream_id = f"subscription-{subscription_id}"
        state = self._application.load(stream_id, subscriptions.evolve).state
        if state is not None:
            self._agenda.put(stream_id, state.customer_id, of_subscription(stream_id, state))

    def advance_to(self, instant: datetime) -> None:
        """Record what fell due by an instant, each at its own, in the order of their instants."""
        while (taken := self._agenda.take(instant)) is not None:
            name, due = taken
            item = due.item
            self._dispatcher.execute(request_for(item, caller=self._caller, now=due.at, imported=self._imported))
            if item.kind == "ticket":
                self.look_at_ticket(name, item.stream_id.removeprefix("ticket-"))
            else:
                self.look_at_subscription(item.stream_id.removeprefix("subscription-"))
            if self._agenda.next_of(item.stream_id) == due:
                raise ImportFailed(f"{item.stream_id} was due at {due.at.isoformat()} and stays due")
