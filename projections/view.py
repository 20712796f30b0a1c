"""How is a view declared? Tables of rows, and for each event a small function on the row of its key.

    class QueueRow(Row): ...
    queue = Table("queue", QueueRow, key=("ticket_id",))

    @queue.begin(TicketOpened)
    def opened(event, at): return QueueRow(...)          # the key has no row yet

    @queue.on(TicketAssigned)
    def assigned(row, event, at): return replace(row, assignee=event.agent)

    VIEW = View("queue", version=1, tables=(queue,))

A handler is pure: no SQL, no I/O, no clock, nothing kept between calls. `None` deletes the row. What a view handles is
derived from its declarations. Who runs it decides where rows come from and go to: the projector keeps them in
PostgreSQL, `projections.folding.fold` in memory, with the same result.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, Generic, TypeAlias, TypeVar, overload

import msgspec

from domain.event import Event
from domain.recorded import RecordedEvent


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row of a view: its fields are the columns, in order.

    `str`, `int`, `bool`, `datetime` and `date` become text, bigint, boolean, timestamptz and date; any other type is
    kept as JSON. A field that may be `None` may be null.
    """


Key: TypeAlias = tuple[str | int, ...]
"""The values of a table's key columns, in order."""

R = TypeVar("R", bound=Row)
E = TypeVar("E", bound=Event)
E1 = TypeVar("E1", bound=Event)
E2 = TypeVar("E2", bound=Event)
E3 = TypeVar("E3", bound=Event)

Handler: TypeAlias = Callable[[R, E, RecordedEvent], R | None]
KeyHandler: TypeAlias = Callable[[R | None, E, RecordedEvent, Key], R | None]
Fold: TypeAlias = Callable[[Any, Any, RecordedEvent, Key], Row | None]
Keys: TypeAlias = Callable[[Any], Iterable[Key]]


class RowMissing(LookupError):
    """An event refers to a row that no event before it began."""


class Step(msgspec.Struct, frozen=True, gc=False):
    """One handler of one event type: which rows it touches and what it makes of each.

    `begins` says that it needs no earlier row, so that none has to be loaded.
    """

    keys: Keys
    fold: Fold
    begins: bool


class Index(msgspec.Struct, frozen=True, gc=False):
    """A secondary index: its columns (an expression is written in parentheses) and the rows it holds, as SQL."""

    columns: tuple[str, ...]
    where: str | None = None


class Table(Generic[R]):
    """A table of a view with one row a key.

    `key` names the key columns; unless `keys` says otherwise, an event has a field of the same name for each. A column
    that an index names costs more to change than others (no heap-only update): index what seldom changes.
    """

    def __init__(
        self,
        name: str,
        row: type[R],
        *,
        key: Sequence[str],
        keys: Keys | None = None,
        indexes: Sequence[Index] = (),
        fillfactor: int = 75,
    ) -> None:
        self.name = name
        self.row = row
        self.key = tuple(key)
        self.indexes = tuple(indexes)
        self.fillfactor = fillfactor
        self.steps: dict[type[Event], Step] = {}
        self.key_of_row = _key_getter(self.key)
        self._keys = keys or _single(self.key)

    def begin(
        self, event_type: type[E]
    ) -> Callable[[Callable[[E, RecordedEvent], R]], Callable[[E, RecordedEvent], R]]:
        """Declare what the first event of a key makes: `(event, at) -> row`."""

        def declare(handler: Callable[[E, RecordedEvent], R]) -> Callable[[E, RecordedEvent], R]:
            def fold(_: Row | None, event: E, at: RecordedEvent, __: Key) -> Row:
                return handler(event, at)

            self._add(event_type, Step(self._keys, fold, True))
            return handler

        return declare

    @overload
    def on(self, first: type[E], /) -> Callable[[Handler[R, E]], Handler[R, E]]: ...
    @overload
    def on(self, first: type[E], second: type[E1], /) -> Callable[[Handler[R, E | E1]], Handler[R, E | E1]]: ...
    @overload
    def on(
        self, first: type[E], second: type[E1], third: type[E2], /
    ) -> Callable[[Handler[R, E | E1 | E2]], Handler[R, E | E1 | E2]]: ...
    @overload
    def on(
        self, first: type[E], second: type[E1], third: type[E2], fourth: type[E3], /
    ) -> Callable[[Handler[R, E | E1 | E2 | E3]], Handler[R, E | E1 | E2 | E3]]: ...
    @overload
    def on(self, *event_types: type[E]) -> Callable[[Handler[R, E]], Handler[R, E]]: ...
    def on(self, *event_types: type[Any]) -> Callable[[Handler[R, Any]], Handler[R, Any]]:
        """Declare what an event makes of its key's row: `(row, event, at) -> row or None`.

        Folding raises `RowMissing` where there is no such row.
        """

        def declare(handler: Handler[R, Any]) -> Handler[R, Any]:
            def fold(row: R | None, event: Event, at: RecordedEvent, key: Key) -> Row | None:
                if row is None:
                    raise RowMissing(f"{self.name} has no row {key!r} for {type(event).__name__}")
                return handler(row, event, at)

            for event_type in event_types:
                self._add(event_type, Step(self._keys, fold, False))
            return handler

        return declare

    @overload
    def on_each(
        self, first: type[E], /, *, keys: Callable[[E], Iterable[Key]]
    ) -> Callable[[KeyHandler[R, E]], KeyHandler[R, E]]: ...
    @overload
    def on_each(
        self, first: type[E], second: type[E1], /, *, keys: Callable[[E | E1], Iterable[Key]]
    ) -> Callable[[KeyHandler[R, E | E1]], KeyHandler[R, E | E1]]: ...
    @overload
    def on_each(
        self, first: type[E], second: type[E1], third: type[E2], /, *, keys: Callable[[E | E1 | E2], Iterable[Key]]
    ) -> Callable[[KeyHandler[R, E | E1 | E2]], KeyHandler[R, E | E1 | E2]]: ...
    @overload
    def on_each(
        self,
        first: type[E],
        second: type[E1],
        third: type[E2],
        fourth: type[E3],
        /,
        *,
        keys: Callable[[E | E1 | E2 | E3], Iterable[Key]],
    ) -> Callable[[KeyHandler[R, E | E1 | E2 | E3]], KeyHandler[R, E | E1 | E2 | E3]]: ...
    def on_each(
        self, *event_types: type[Any], keys: Callable[[Any], Iterable[Key]]
    ) -> Callable[[KeyHandler[R, Any]], KeyHandler[R, Any]]:
        """Declare what an event makes of each of several rows: `(row or None, event, at, key) -> row or None`.

        `keys` names the rows, each once.
        """

        def declare(handler: KeyHandler[R, Any]) -> KeyHandler[R, Any]:
            for event_type in event_types:
                self._add(event_type, Step(keys, handler, False))
            return handler

        return declare

    def _add(self, event_type: type[Event], step: Step) -> None:
        if event_type in self.steps:
            raise ValueError(f"{self.name} already handles {event_type.__name__}")
        self.steps[event_type] = step


class Total(msgspec.Struct, frozen=True, gc=False):
    """A running sum over a journal, kept as a table: of `amount`, for each value of the columns `by`.

    Both are columns of the journal's rows; the table has them and nothing else.
    """

    name: str
    by: tuple[str, ...]
    amount: str


class Journal(Generic[R]):
    """A table of a view that is only ever added to: handlers return rows, `(event, at) -> rows`."""

    def __init__(
        self,
        name: str,
        row: type[R],
        *,
        key: Sequence[str],
        indexes: Sequence[Index] = (),
        totals: Sequence[Total] = (),
    ) -> None:
        self.name = name
        self.row = row
        self.key = tuple(key)
        self.indexes = tuple(indexes)
        self.totals = tuple(totals)
        self.fillfactor = 100
        self.steps: dict[type[Event], Callable[[Any, RecordedEvent], Iterable[Row]]] = {}

    def on(
        self, event_type: type[E]
    ) -> Callable[[Callable[[E, RecordedEvent], Iterable[R]]], Callable[[E, RecordedEvent], Iterable[R]]]:
        """Declare the rows that an event adds."""

        def declare(handler: Callable[[E, RecordedEvent], Iterable[R]]) -> Callable[[E, RecordedEvent], Iterable[R]]:
            if event_type in self.steps:
                raise ValueError(f"{self.name} already handles {event_type.__name__}")
            self.steps[event_type] = handler
            return handler

        return declare


class View:
    """Tables that are brought forward together, under one position.

    `version` rises with every change of rows or handlers: a build of an older version is then replaced (by one that
    has seen every event from the first).

    `total_order` is for a view whose rows depend on the order of events of several customers: the reason, in one
    sentence for its users. Such a view is kept from the log alone; Kafka orders the events of one customer only, and of
    one stream where they are nobody's (docs/adr/0106-order-and-place-of-views.md).
    """

    def __init__(
        self,
        name: str,
        *,
        version: int,
        tables: Sequence[Table[Any]] = (),
        journals: Sequence[Journal[Any]] = (),
        total_order: str | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self.tables = tuple(tables)
        self.journals = tuple(journals)
        self.total_order = total_order

    @property
    def handles(self) -> frozenset[type[Event]]:
        """The event types that change this view."""
        of_tables = (event_type for table in self.tables for event_type in table.steps)
        return frozenset(of_tables).union(*(journal.steps for journal in self.journals))

    def __repr__(self) -> str:
        return f"View({self.name!r}, version={self.version})"


def _single(names: tuple[str, ...]) -> Keys:
    """A function from an event to the one key that it names itself."""
    if len(names) == 1:
        value = attrgetter(names[0])
        return lambda event: ((value(event),),)
    values = attrgetter(*names)
    return lambda event: (values(event),)


def _key_getter(names: tuple[str, ...]) -> Callable[[Row], Key]:
    values = attrgetter(*names)
    single = len(names) == 1

    def key_of(row: Row) -> Key:
        return (values(row),) if single else values(row)

    return key_of
