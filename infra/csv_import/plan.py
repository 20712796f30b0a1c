"""Which commands is a row? A pure function of the mapping, the row, and what the rows before it brought about."""

from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from commands.wire.catalogue import CommandType
from infra.csv_import.errors import Unmappable
from infra.csv_import.mapping import CUSTOMER_COMMANDS, CommandTemplate, Mapping
from infra.csv_import.reader import Row
from infra.csv_import.template import Facts, render_data

OPENING = "open-ticket"
REOPENING = "reopen-ticket"
_SETTLING = frozenset({"resolve-ticket", "close-ticket"})


class Case(msgspec.Struct):
    """What the rows so far say of a case. `settled` is true from its resolution until it is reopened.

    The first row of a case says whose it is; `ticket_id` is known once it was opened.
    """

    customer_id: str
    ticket_id: str | None = None
    settled: bool = False


class PlannedCommand(msgspec.Struct, frozen=True, gc=False):
    """A command of a row. `data` lacks the `ticket`, which a command of the same row may still have to open.

    `number` counts through all that the row could become, done or not, so that a command of a row keeps its number
    whatever the rows before it have brought about. `completes_customer` marks the last one that a new customer needs.
    """

    number: int
    type: CommandType
    data: dict[str, Any]
    completes_customer: bool = False

    @property
    def names_ticket(self) -> bool:
        """Whether the command is about a case that is there already."""
        return self.type.name != OPENING and self.type.name not in CUSTOMER_COMMANDS


class Plan(msgspec.Struct, frozen=True, gc=False):
    """A row's commands in their order, the customer that it names, and the one whose case it is about."""

    row: Row
    customer_text: str
    named_customer_id: str
    customer_id: str
    commands: list[PlannedCommand]

    @property
    def names_another_customer(self) -> bool:
        """Whether the row names a customer whose case it is not."""
        return self.named_customer_id != self.customer_id


class Known:
    """What the rows so far have brought about: customers by their ids, cases by the names they have in the file."""

    def __init__(self) -> None:
        self.customers: dict[str, str] = {}
        self.cases: dict[str, Case] = {}

    def learn(self, plan: Plan, done: PlannedCommand) -> None:
        """Take in that a command was carried out; the ticket's id is whoever's who got the answer to set."""
        case = self.cases[plan.row.case]
        if done.completes_customer:
            self.customers[plan.named_customer_id] = plan.customer_text
        elif done.type.name in _SETTLING:
            case.settled = True
        elif done.type.name == REOPENING:
            case.settled = False


def plan_row(mapping: Mapping, row: Row, known: Known, zone: ZoneInfo) -> Plan:
    """Return what a row comes to; days and months are those of `zone`, the desk's. Raises `Unmappable`.

    A customer whom no row named before is registered; the first row of a case opens it; a row that finds its case
    settled reopens it, unless its activity belongs to the end of a case; then the activity itself applies.
    """
    activity = mapping.commands_for(row.activity)
    if activity is None:
        raise Unmappable(f"activity {row.activity!r} is not in the mapping")
    facts = Facts(cells=row.cells, at=row.at, zone=zone, line=row.line, import_name=mapping.import_name)
    named, customer_text = _named_customer(mapping, row, known, facts)
    case = known.cases.get(row.case)
    customer_id = named if case is None else case.customer_id
    commands: list[PlannedCommand] = []
    number = 0

    def take(template: CommandTemplate | None, *, wanted: bool, customer: str | None = None) -> None:
        nonlocal number
        number += 1
        if wanted and template is not None:
            data = render_data(template.data, facts)
            if customer is not None:
                data = {"customer_id": customer, **data}
            completes = number == len(mapping.for_new_customer)
            commands.append(PlannedCommand(number, template.type, data, completes))

    for template in mapping.for_new_customer:
        take(template, wanted=named not in known.customers, customer=named)
    take(mapping.opening, wanted=case is None or case.ticket_id is None, customer=customer_id)
    reopens = case is not None and case.settled and row.activity not in mapping.never_reopens
    take(mapping.reopening, wanted=reopens)
    for template in activity:
        take(template, wanted=True, customer=customer_id if template.type.name in CUSTOMER_COMMANDS else None)
    return Plan(row, customer_text, named, customer_id, commands)


def _named_customer(mapping: Mapping, row: Row, known: Known, facts: Facts) -> tuple[str, str]:
    """Return the id of the customer that the row names, and the text that names it."""
    made = str(mapping.customer_id.render(facts))
    text = row.cells.get("customer", made)
    if known.customers.get(made, text) != text:
        raise Unmappable(f"customer {text!r} would get the id {made!r}, which {known.customers[made]!r} has")
    return made, text
