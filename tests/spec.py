"""Given events, when a command, then events, a refusal or nothing: how every decider is told what it should do."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from domain.event import Event
from domain.refusal import Refusal

C = TypeVar("C")
"""The commands of a decider."""
S = TypeVar("S")
"""Its state; nothing before the first event."""
E = TypeVar("E", bound=Event)
"""Its events."""

Decide = Callable[[C, S | None], list[E]]
Evolve = Callable[[S | None, E], S | None]


class Decider(Generic[C, S, E]):
    """A decider under test: `decider.given(*events).when(command).then(*events)`."""

    def __init__(self, decide: Decide[C, S, E], evolve: Evolve[S, E]) -> None:
        self.decide = decide
        self.evolve = evolve

    def given(self, *events: E) -> "Given[C, S, E]":
        """What has happened so far."""
        return Given(self, events)


class Given(Generic[C, S, E]):
    """The history of a case to decide."""

    def __init__(self, decider: Decider[C, S, E], events: Sequence[E]) -> None:
        self._decider = decider
        self.events = tuple(events)

    @property
    def state(self) -> S | None:
        """The history folded."""
        state: S | None = None
        for event in self.events:
            state = self._decider.evolve(state, event)
        return state

    def having(self, *commands: C) -> "Given[C, S, E]":
        """The history after these commands, which have to be taken."""
        given = self
        for command in commands:
            given = Given(self._decider, (*given.events, *given.when(command).events))
        return given

    def when(self, command: C) -> "Outcome[E]":
        """What the decider makes of a command."""
        try:
            return Outcome(self._decider.decide(command, self.state), None)
        except Refusal as refusal:
            return Outcome([], refusal)


class Outcome(Generic[E]):
    """What came of a command."""

    def __init__(self, events: list[E], refusal: Refusal | None) -> None:
        self._events = events
        self._refusal = refusal

    @property
    def events(self) -> list[E]:
        """The events, where the command was taken."""
        if self._refusal is not None:
            raise AssertionError(f"refused: {self._refusal!r}") from self._refusal
        return self._events

    def then(self, *events: E) -> None:
        """Exactly these events."""
        assert self.events == list(events)

    def then_nothing(self) -> None:
        """The command was taken and changes nothing."""
        assert self.events == []

    def then_refused(self, refusal: type[Refusal]) -> Refusal:
        """The rule of that class forbids it; the refusal, for a closer look."""
        assert self._refusal is not None, f"taken: {self._events}"
        assert type(self._refusal) is refusal, f"refused otherwise: {self._refusal!r}"
        return self._refusal
