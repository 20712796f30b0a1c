"""Carries out an import: row by row in time order, from wherever the last run stopped."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import NAMESPACE_OID, uuid5
from zoneinfo import ZoneInfo

import msgspec
import psycopg2

from commands.application import CaselogApplication
from commands.dispatch import Dispatcher, Handler, Request
from commands.errors import Conflict, RequestError
from commands.handlers.catalogue import HANDLERS
from commands.lookups import Settings
from commands.ports import Clock
from commands.wire.catalogue import CommandType
from commands.wire.field_errors import InvalidData
from domain.refusal import Refusal
from infra.csv_import.book import ImportBook, fingerprint_of, import_lock, is_finished, key_of
from infra.csv_import.errors import Failure, ImportFailed, Unmappable
from infra.csv_import.mapping import TICKET_COMMANDS, Mapping
from infra.csv_import.plan import Known, Plan, plan_row
from infra.csv_import.reader import EventLogFile
from infra.csv_import.recent import Recent
from infra.csv_import.row_command import IMPORT_ROW, RECORD_DUE, ImportRow, RecordDue
from infra.csv_import.timeline import Timeline
from infra.postgres.pool import ConnectionPool, DatabaseUnavailable

Progress = Callable[[str, int, int], None]
"""Told what is being done ("reading", "importing"), how much of it is done, and of how much (bytes, rows)."""

_NOTE_EVERY_SECONDS = 0.5
_MOST_NAMED = 20


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the rows of a file: carried out by this run, by earlier ones, or failed, in the order of lines.

    `cases` and `customers` count those of the file that are on the desk now; `remarks` are for people.
    """

    name: str
    rows: int
    imported: int
    done_before: int
    cases: int
    customers: int
    failures: list[Failure]
    remarks: list[str]


class _Failed(Exception):
    """A row was refused, or its data is invalid; the message says why."""


def run_import(
    path: Path,
    mapping: Mapping,
    *,
    application: CaselogApplication,
    pool: ConnectionPool,
    clock: Clock,
    progress: Progress = lambda _doing, _done, _total: None,
) -> Report:
    """Import the rows of a file that earlier runs have not imported, and report on all of them.

    A row that cannot be imported is reported and the others go on. Raises an `ImportFailed` where the file or the
    mapping as a whole cannot be used, and `DatabaseUnavailable` or what `Dispatcher.execute` raises where the database
    is lost: then, as after a kill, the next run finishes what was begun.
    """
    with EventLogFile(
        path, mapping, not_after=clock.now(), progress=lambda done, total: progress("reading", done, total)
    ) as file:
        try:
            with import_lock(pool, mapping) as connection:
                book = ImportBook(connection, mapping, file.digest)
                book.check_mapping()
                run = _Run(mapping, book, application, clock)
                with book.interrupted_unless_ended():
                    run.take_all(file, progress)
                return run.report(file)
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            raise DatabaseUnavailable(
                f"the database was lost ({str(error).strip()}); run the same command again to go on"
            ) from error


class _Run:
    """One run of an import."""

    def __init__(self, mapping: Mapping, book: ImportBook, application: CaselogApplication, clock: Clock) -> None:
        self._mapping = mapping
        self._book = book
        self._zone = ZoneInfo(Settings(application).desk().zone)
        recent = Recent()
        self._import_row, record_due = ImportRow(recent), RecordDue(recent)
        handlers: dict[str, Handler] = {**HANDLERS, IMPORT_ROW: self._import_row, RECORD_DUE: record_due}
        self._dispatcher = Dispatcher(application, clock, handlers)
        self._timeline = Timeline(mapping, self._dispatcher, record_due, recent, application)
        self._finished = book.finished()
        self._known = Known(self._finished.ticket_ids, self._finished.customer_ids)
        self._begun = False
        self._failures: list[Failure] = []
        self._imported = 0
        self._done_before = 0
        self._of_several_customers: dict[str, None] = {}

    def take_all(self, file: EventLogFile, progress: Progress) -> None:
        """Take the rows in time order."""
        done = len(file.failures)
        noted_at = monotonic()
        for row in file.rows():
            try:
                self._take(plan_row(self._mapping, row, self._known, self._zone))
            except (Unmappable, _Failed) as failed:
                self._failures.append(Failure(row.line, str(failed)))
            done += 1
            progress("importing", done, file.total)
            if self._begun and monotonic() - noted_at >= _NOTE_EVERY_SECONDS:
                noted_at = monotonic()
                self._book.advance(done, row.line)
        self._book.end(file.total)

    def report(self, file: EventLogFile) -> Report:
        """Return what became of the rows."""
        remarks = []
        if self._zone.key != self._mapping.zone.key:
            remarks.append(
                f"the desk counts days and months in {self._zone.key}; the file's times are of {self._mapping.zone.key}"
            )
        if self._of_several_customers:
            names = [*self._of_several_customers]
            named = ", ".join(names[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "")
            remarks.append(f"cases that name more than one customer, where the first holds: {len(names)} ({named})")
        return Report(
            name=self._mapping.import_name,
            rows=file.total,
            imported=self._imported,
            done_before=self._done_before,
            cases=len(self._known.cases),
            customers=sum(text is not None for text in self._known.customers.values()),
            failures=sorted([*file.failures, *self._failures], key=lambda failure: failure.line),
            remarks=remarks,
        )

    def _take(self, plan: Plan) -> None:
        """Carry out a row that is not done yet. Raises `Unmappable` or `_Failed`."""
        row = plan.row
        if plan.names_another_customer:
            self._of_several_customers[row.case] = None
        ticket_id = self._known.ticket_ids.get(row.case)
        if ticket_id is not None and is_finished(self._finished, row):
            self._done_before += 1
        else:
            refused = self._book.refused_before(row)
            if refused is not None:
                raise _Failed(refused)
            commands = [(command.name, _checked(command, data)) for command, data in plan.commands]
            self._begin()
            self._timeline.advance_to(row.at)
            ticket_id = self._execute(plan, ticket_id, commands)
            self._imported += 1
        self._known.learn(plan, ticket_id)

    def _execute(self, plan: Plan, ticket_id: str | None, commands: list[tuple[str, dict[str, Any]]]) -> str:
        """Carry a row's commands out and return the id of its ticket."""
        row = plan.row
        subscription = self._timeline.subscription_of(plan.customer_id)
        works = any(name == "log-work" for name, _ in commands)
        request = Request(
            command=IMPORT_ROW,
            data={
                "ticket_id": ticket_id,
                "commands": commands,
                "appends_to": [subscription] if works and subscription is not None else [],
            },
            fingerprint=fingerprint_of(row),
            caller=self._mapping.caller,
            actor=self._mapping.caller,
            correlation_id=str(uuid5(NAMESPACE_OID, f"{self._mapping.caller}/{key_of(row)}")),
            idempotency_key=key_of(row),
            keep=True,
            now=row.at,
            imported=self._mapping.import_name,
        )
        try:
            answer = self._dispatcher.execute(request)
        except Conflict as conflict:
            raise ImportFailed(f"line {row.line}: {conflict.detail}") from conflict
        except Refusal as refusal:
            reason = f"{self._import_row.command}: {refusal.detail} ({refusal.code})"
            self._book.refuse(row, reason)
            raise _Failed(reason) from refusal
        except RequestError as error:
            raise _Failed(f"{self._import_row.command}: {error.detail} ({error.code})") from error
        if answer.replayed:
            # It was appended although the connection was lost on the way; the streams at hand are another decision's.
            answered = msgspec.json.decode(answer.body)
            ticket_id = str(answered["stream_id"]).removeprefix("ticket-")
            self._timeline.resume({row.case: ticket_id}, filter(None, [answered["result"].get("subscription_id")]))
            return ticket_id
        for stream in self._import_row.streams:
            self._timeline.take_in(stream, row.case)
        return self._import_row.ticket_id

    def _begin(self) -> None:
        """Prepare for the first command of this run; a run that finds all done changes nothing."""
        if not self._begun:
            self._book.begin()
            self._timeline.resume(self._finished.ticket_ids, self._finished.subscription_ids)
            self._begun = True


def _checked(command: CommandType, data: dict[str, Any]) -> dict[str, Any]:
    """Return a command's data as Python values, by the same schema as over HTTP. Raises `Unmappable`."""
    about = {"ticket": "to-be-known"} if command.name in TICKET_COMMANDS else {}
    try:
        return command.load(about | data)
    except InvalidData as invalid:
        wrong = "; ".join(f"{error.pointer} {error.detail}" for error in invalid.errors)
        raise Unmappable(f"{command.name}: {wrong}") from None
