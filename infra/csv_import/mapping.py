"""What a CSV event log means: which column says what, and which commands an activity stands for."""

from collections.abc import Mapping as Table
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from commands.wire.catalogue import CommandType
from infra.csv_import.template import Compiled, Template

REQUIRED_COLUMNS = ("case", "activity", "time")
"""Names that every mapping gives to a column: what the row is about, what happened, and when."""

CUSTOMER_COMMANDS = ("register-customer", "start-subscription", "buy-hours")
"""Commands about a row's customer: the import puts the `customer_id` in."""

TICKET_COMMANDS = (
    "add-reply",
    "add-note",
    "assign-ticket",
    "wait-for-customer",
    "wait-for-partner",
    "resume-ticket",
    "log-work",
    "resolve-ticket",
    "reopen-ticket",
    "close-ticket",
)
"""Commands about a row's case: the import puts the `ticket` in."""

ISO_FORMAT = "iso"
"""Name of the time format that `datetime.fromisoformat` reads."""


class CommandTemplate(msgspec.Struct, frozen=True, gc=False):
    """A command with data that a row fills."""

    type: CommandType
    data: Compiled


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """A checked mapping file (docs/import.md says what each part does).

    `columns` are titles in the file by the names that templates use; `defaults` stand where a cell is empty, `values`
    what a cell's text becomes. `digest` is of the file's text.
    """

    name: str
    version: int
    digest: str
    zone: ZoneInfo
    time_format: str
    encoding: str
    delimiter: str
    columns: Table[str, str]
    defaults: Table[str, str]
    values: Table[str, Table[str, str]]
    customer_id: Template
    for_new_customer: Sequence[CommandTemplate]
    opening: CommandTemplate
    reopening: CommandTemplate | None
    never_reopens: frozenset[str]
    activities: Table[str, Sequence[CommandTemplate]]
    otherwise: Sequence[CommandTemplate] | None

    @property
    def import_name(self) -> str:
        """The name of imports by this mapping: what scopes the keys of rows, and what events are marked with."""
        return f"{self.name}.v{self.version}"

    @property
    def caller(self) -> str:
        """The caller of the import's commands."""
        return f"import:{self.import_name}"

    def commands_for(self, activity: str) -> Sequence[CommandTemplate] | None:
        """Return what an activity stands for, or nothing where the mapping does not say."""
        return self.activities.get(activity, self.otherwise)

    def command_names(self) -> frozenset[str]:
        """Every command that a row can become."""
        steps = [*self.for_new_customer, self.opening, *(self.otherwise or ())]
        for commands in self.activities.values():
            steps += commands
        if self.reopening is not None:
            steps.append(self.reopening)
        return frozenset(step.type.name for step in steps)

    def instant(self, text: str) -> datetime:
        """Return the instant (UTC) that the text of the time column names. Raises `ValueError`.

        A local time that a change of the clocks skips moves later by the gap, one that occurs twice is the first
        (SUPPORT_POLICY T1): what `fold=0` says.
        """
        if self.time_format == ISO_FORMAT:
            local = datetime.fromisoformat(text)
        else:
            local = datetime.strptime(text, self.time_format)  # noqa: DTZ007 - the zone is the mapping's
        if local.tzinfo is None:
            local = local.replace(tzinfo=self.zone, fold=0)
        return local.astimezone(UTC)
