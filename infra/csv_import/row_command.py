"""A row as one command: what it comes to is decided and appended in one piece, or nothing of it is.

So no kill leaves half a row behind, and a row costs one append. The same goes for what falls due at one instant.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from commands.due import DueItem
from commands.handlers.catalogue import HANDLERS
from commands.handlers.streams import EVOLVE_TICKET
from commands.lookups import Settings
from commands.outcome import Outcome
from commands.unit_of_work import Stream, UnitOfWork
from domain.ticket.state import Ticket
from infra.csv_import.mapping import TICKET_COMMANDS
from infra.csv_import.recent import Recent

IMPORT_ROW = "import-row"
RECORD_DUE = "record-due-of-import"

_MADE = ("customer_id", "subscription_id", "ticket_id")


class ImportRow:
    """The handler of `IMPORT_ROW`: `commands` are names with data as loaded by their schemas, `ticket_id` the case's.

    The latter is none where the commands open the case. `appends_to` names streams that they append to for certain.
    Result: the ids made of `customer_id`, `subscription_id`, `ticket_id`. The command that the last row came to, its
    ticket and the streams that it took are kept for whoever sent it.
    """

    def __init__(self, recent: Recent) -> None:
        self._recent = recent
        self.command = ""
        self.ticket_id = ""
        self.streams: Sequence[Stream[Any]] = ()

    def __call__(self, work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
        """Carry the commands out by the handlers that they have over HTTP. Raises whatever those raise."""
        ticket_id: str | None = data["ticket_id"]
        made: dict[str, str] = {}
        for stream_id in data["appends_to"]:
            self._recent.lend(stream_id, work)
        for self.command, fields in data["commands"]:
            about = {"ticket": ticket_id} if self.command in TICKET_COMMANDS else {}
            outcome = HANDLERS[self.command](work, settings, {**fields, **about})
            made |= {name: outcome.result[name] for name in _MADE if name in outcome.result}
            ticket_id = made.get("ticket_id", ticket_id)
        ticket: Stream[Ticket] = work.stream(f"ticket-{ticket_id}", EVOLVE_TICKET)
        self.streams = work.streams
        self.ticket_id = ticket.id.removeprefix("ticket-")
        return Outcome(stream=ticket, location=f"/v1/tickets/{ticket_id}", result=made, created="ticket_id" in made)


class RecordDue:
    """The handler of `RECORD_DUE`: `items` are at least one `DueItem`, all to be recorded at the same instant.

    The streams are kept for whoever sent it, in the order of the items.
    """

    def __init__(self, recent: Recent) -> None:
        self._recent = recent
        self.streams: Sequence[Stream[Any]] = ()

    def __call__(self, work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
        """Carry out the timekeeper's command for each item."""
        items: Sequence[DueItem] = data["items"]
        for item in items:
            self._recent.lend(item.stream_id, work)
        outcomes = [
            HANDLERS[f"record-due-{item.kind}"](work, settings, {"id": item.stream_id.removeprefix(f"{item.kind}-")})
            for item in items
        ]
        self.streams = [outcome.stream for outcome in outcomes]
        return Outcome(stream=outcomes[-1].stream, location=outcomes[-1].location, keep=False)
