"""Which commands is a row? A pure function of the mapping, the row, and what the rows before it brought about."""

from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from commands.wire.catalogue import CommandType
from infra.csv_import import mapping as mappings
from infra.csv_import.errors import Unmappable
from infra.csv_import.mapping import CUSTOMER_COMMANDS, CommandTemplate
from infra.csv_import.reader import Row
from infra.csv_import.template import Facts, render_data

_REOPENING = "reopen-ticket"
_SETTLING = frozenset({"resolve-ticket", "close-ticket"})


class Case(msgspec.Struct):
    """What the rows so far say of a case: whose it is, which the first one says, and whether it is resolved."""

    customer_id: str
    settled: bool = False


class Plan(msgspec.Struct, frozen=True, gc=False):
    """A row's commands in their order, the customer that it names, and the one whose case it is about.

    The data of a command about a case lacks the `ticket`, which a command before it may still have to open.
    """

    row: Row
    named_customer: str
    named_customer_id: str
    customer_id: str
    commands: list[tuple[CommandType, dict[str, Any]]]

    @property
    def names_another_customer(self) -> bool:
        """Whether the row names a customer whose case it is not."""
        return self.named_customer_id != self.customer_id


class Known:
    """What is on the desk: customers by their ids, with the text that names them, and cases by their names in the file.

    `ticket_ids` and `customers` begin with what earlier runs made, be it by rows that are still to come (a row before
    them has been repaired since). Of those customers the text is not known before a row names them.
    """

    def __init__(self, ticket_ids: Mapping[str, str] | None = None, customer_ids: Iterable[str] = ()) -> None:
        self.ticket_ids: dict[str, str] = dict(ticket_ids or {})
        self.customers: dict[str, str | None] = dict.fromkeys(customer_ids)
        self.cases: dict[str, Case] = {}

    def learn(self, plan: Plan, ticket_id: str) -> None:
        """Take in that a row was carried out, on which ticket."""
        self.customers[plan.named_customer_id] = plan.named_customer
        self.ticket_ids[plan.row.case] = ticket_id
        case = self.cases.setdefault(plan.row.case, Case(plan.customer_id))
        for command, _ in plan.commands:
            if command.name in _SETTLING:
                case.settled = True
            elif command.name == _REOPENING:
                case.settled = False


def plan_row(mapping: mappings.Mapping, row: Row, known: Known, zone: ZoneInfo) -> Plan:
    """Return what a row comes to; days and months are those of `zone`, the desk's. Raises `Unmappable`.

    A customer whom no row named before is registered; the first row of a case opens it; a row that finds its case
    settled reopens it, unless its activity belongs to the end of a case; then the activity itself applies.
    """
    activity = mapping.commands_for(row.activity)
    if activity is None:
        raise Unmappable(f"activity {row.activity!r} is not in the mapping")
    facts = Facts(cells=row.cells, at=row.at, zone=zone, line=row.line, import_name=mapping.import_name)
    named, text = _named_customer(mapping, row, known, facts)
    case = known.cases.get(row.case)
    customer_id = named if case is None else case.customer_id
    commands: list[tuple[CommandType, dict[str, Any]]] = []

    def take(template: CommandTemplate, about: dict[str, str]) -> None:
        commands.append((template.type, about | render_data(template.data, facts)))

    if named not in known.customers:
        for template in mapping.for_new_customer:
            take(template, {"customer_id": named})
    if row.case not in known.ticket_ids:
        take(mapping.opening, {"customer_id": customer_id})
    elif (
        case is not None
        and case.settled
        and mapping.reopening is not None
        and row.activity not in mapping.never_reopens
    ):
        take(mapping.reopening, {})
    for template in activity:
        take(template, {"customer_id": customer_id} if template.type.name in CUSTOMER_COMMANDS else {})
    return Plan(row, text, named, customer_id, commands)


def _named_customer(mapping: mappings.Mapping, row: Row, known: Known, facts: Facts) -> tuple[str, str]:
    """Return the id of the customer that the row names, and the text that names it."""
    made = str(mapping.customer_id.render(facts))
    text = row.cells.get("customer", made)
    holder = known.customers.get(made)
    if holder is not None and holder != text:
        raise Unmappable(f"customer {text!r} would get the id {made!r}, which {holder!r} has")
    return made, text
