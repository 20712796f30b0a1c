"""Carries out an import: row by row in time order, from wherever the last run stopped."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import NAMESPACE_OID, uuid5
from zoneinfo import ZoneInfo

import msgspec
import psycopg2

from commands.answers import Answer
from commands.application import CaselogApplication
from commands.dispatch import Dispatcher, Request
from commands.errors import Conflict, RequestError
from commands.lookups import Settings
from commands.ports import Clock
from commands.wire.schema import InvalidData
from domain.refusal import Refusal
from infra.csv_import.book import SUBSCRIBING, ImportBook, command_digest, import_lock
from infra.csv_import.errors import Failure, ImportFailed, Unmappable
from infra.csv_import.mapping import Mapping
from infra.csv_import.plan import OPENING, Case, Known, Plan, PlannedCommand, plan_row
from infra.csv_import.reader import EventLogFile
from infra.csv_import.timeline import Timeline
from infra.postgres.pool import ConnectionPool

Progress = Callable[[str, int, int], None]
"""Told what is being done ("reading", "importing"), how much of it is done, and of how much (bytes, rows)."""

_LEAVES_CLOCKS = frozenset({"add-note", "assign-ticket", "log-work", "close-ticket", "buy-hours", "register-customer"})
"""Commands after which the same is due as before, so that the case need not be looked at again."""

_TELL_EVERY_SECONDS = 0.5
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
    dispatcher: Dispatcher,
    application: CaselogApplication,
    pool: ConnectionPool,
    clock: Clock,
    progress: Progress = lambda _doing, _done, _total: None,
) -> Report:
    """Import the rows of a file that earlier runs have not imported, and report on all of them.

    A row that cannot be imported is reported and the others go on. Raises an `ImportFailed` where the file or the
    mapping as a whole cannot be used, and what `Dispatcher.execute` or the pool raises where the database is lost:
    then, as after a kill, the next run finishes what was begun.
    """
    with (
        EventLogFile(
            path, mapping, not_after=clock.now(), progress=lambda done, total: progress("reading", done, total)
        ) as file,
        import_lock(pool, mapping) as connection,
    ):
        book = ImportBook(connection, mapping, file.digest)
        book.check_mapping()
        timeline = Timeline(dispatcher, application, caller=mapping.caller, imported=mapping.import_name)
        zone = ZoneInfo(Settings(application).desk().zone)
        run = _Run(mapping, zone, book, dispatcher, timeline)
        try:
            run.take_all(file, progress)
        except BaseException:
            if not connection.closed:
                try:
                    book.interrupt()
                except psycopg2.Error:  # then it stays "running", which whoever looks takes for the same
                    connection.close()
            raise
        return run.report(file)


class _Run:
    """One run of an import."""

    def __init__(
        self, mapping: Mapping, zone: ZoneInfo, book: ImportBook, dispatcher: Dispatcher, timeline: Timeline
    ) -> None:
        self._mapping = mapping
        self._zone = zone
        self._book = book
        self._dispatcher = dispatcher
        self._timeline = timeline
        self._known = Known()
        self._finished = book.finished()
        self._begun = False
        self._failures: list[Failure] = []
        self._imported = 0
        self._done_before = 0
        self._of_several_customers: dict[str, None] = {}

    def take_all(self, file: EventLogFile, progress: Progress) -> None:
        """Take the rows in time order."""
        done = len(file.failures)
        told_at = monotonic()
        for row in file.rows():
            try:
                self._take(plan_row(self._mapping, row, self._known, self._zone))
            except (Unmappable, _Failed) as failed:
                self._failures.append(Failure(row.line, str(failed)))
            done += 1
            if monotonic() - told_at >= _TELL_EVERY_SECONDS:
                told_at = monotonic()
                progress("importing", done, file.total)
                if self._begun:
                    self._book.advance(done, row.line)
        self._book.end(file.total)
        progress("importing", file.total, file.total)

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
            cases=sum(case.ticket_id is not None for case in self._known.cases.values()),
            customers=len(self._known.customers),
            failures=sorted([*file.failures, *self._failures], key=lambda failure: failure.line),
            remarks=remarks,
        )

    def _take(self, plan: Plan) -> None:
        """Carry out what of a row is not done yet. Raises `Unmappable` or `_Failed`."""
        case = self._case(plan)
        pending = {planned.number for planned in plan.commands if not self._is_done(plan, planned, case)}
        refused = self._book.refused_before(plan.row) if pending else None
        data: dict[int, dict[str, Any]] = {}
        if pending and refused is None:
            # All of the row's data before any of its commands: a row that cannot be said as a whole does nothing.
            data = {planned.number: _checked(planned) for planned in plan.commands if planned.number in pending}
            self._begin()
            self._timeline.advance_to(plan.row.at)
        for planned in plan.commands:
            if planned.number not in pending:
                self._known.learn(plan, planned)
            elif refused is None:
                self._execute(plan, planned, case, data[planned.number])
                self._known.learn(plan, planned)
        if refused is not None:
            raise _Failed(refused)
        if pending:
            self._imported += 1
        else:
            self._done_before += 1

    def _is_done(self, plan: Plan, planned: PlannedCommand, case: Case) -> bool:
        if planned.type.name == OPENING and case.ticket_id is not None:
            return True
        fingerprint = planned.type.fingerprint(planned.data)
        return command_digest(planned.type.name, _key(plan, planned), fingerprint) in self._finished.commands

    def _case(self, plan: Plan) -> Case:
        name = plan.row.case
        case = self._known.cases.get(name)
        if case is None:
            # An earlier run may have opened it, by another row that was the first then.
            case = self._known.cases[name] = Case(plan.customer_id, self._finished.ticket_ids.get(name))
        if plan.names_another_customer:
            self._of_several_customers[name] = None
        return case

    def _execute(self, plan: Plan, planned: PlannedCommand, case: Case, data: dict[str, Any]) -> None:
        row, command, caller = plan.row, planned.type.name, self._mapping.caller
        request = Request(
            command=command,
            data={**data, "ticket": case.ticket_id} if planned.names_ticket else data,
            # Of what the row says: the key says which case that is about.
            fingerprint=planned.type.fingerprint(planned.data),
            caller=caller,
            actor=caller,
            correlation_id=str(uuid5(NAMESPACE_OID, f"{caller}/{row.case}/{row.line}")),
            idempotency_key=_key(plan, planned),
            keep=True,
            now=row.at,
            imported=self._mapping.import_name,
        )
        try:
            answer = self._dispatcher.execute(request)
        except Conflict as conflict:
            raise ImportFailed(f"line {row.line}: {conflict.detail}") from conflict
        except Refusal as refusal:
            reason = f"{command}: {refusal.detail} ({refusal.code})"
            self._book.refuse(row, reason)
            raise _Failed(reason) from refusal
        except RequestError as error:
            raise _Failed(f"{command}: {error.detail} ({error.code})") from error
        if command == OPENING:
            case.ticket_id = _result_of(answer)["ticket_id"]
        if command == SUBSCRIBING:
            self._timeline.look_at_subscription(_result_of(answer)["subscription_id"])
        elif command not in _LEAVES_CLOCKS and case.ticket_id is not None:
            self._timeline.look_at_ticket(row.case, case.ticket_id)

    def _begin(self) -> None:
        """Prepare for the first command of this run; a run that finds all done changes nothing."""
        if not self._begun:
            self._book.begin()
            self._timeline.resume(self._finished.ticket_ids, self._finished.subscription_ids)
            self._begun = True


def _key(plan: Plan, planned: PlannedCommand) -> str:
    return f"{plan.row.case}/{plan.row.line}/{planned.number}"


def _checked(planned: PlannedCommand) -> dict[str, Any]:
    """Return a command's data as Python values, by the same schema as over HTTP. Raises `Unmappable`."""
    data = {"ticket": "not-opened-yet", **planned.data} if planned.names_ticket else planned.data
    try:
        return planned.type.load(data)
    except InvalidData as invalid:
        wrong = "; ".join(f"{error.pointer} {error.detail}" for error in invalid.errors)
        raise Unmappable(f"{planned.type.name}: {wrong}") from None


def _result_of(answer: Answer) -> dict[str, str]:
    result: dict[str, str] = msgspec.json.decode(answer.body)["result"]
    return result
