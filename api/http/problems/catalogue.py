"""Which codes can the service answer with, and which operations answer with each?"""

from collections.abc import Iterator
from itertools import chain

import msgspec

from api.http.parameters import AS_OF
from api.http.problems.command_failures import FAILURES, OF_EVERY_ANSWER, OF_EVERY_SENDER, problem_types_of, type_of
from api.http.problems.types import (
    CLOCK_BACKWARDS,
    CLOCK_STILL_BEHIND,
    HTTP_PROBLEM_TYPES,
    NO_ROOM,
    POSITION_GONE,
    TOO_MANY_STREAMS,
    VIEW_BEHIND,
)
from api.http.queries.catalogue import QUERIES
from api.http.queries.query import Query
from commands.problems import INVALID_DATA, UNKNOWN_COMMAND, ProblemType


class Answered(msgspec.Struct, frozen=True):
    """A problem, and the commands and queries that may be answered with it; none where any address may."""

    kind: ProblemType
    commands: tuple[str, ...]
    queries: tuple[str, ...]


def problem_types_of_query(query: Query) -> tuple[ProblemType, ...]:
    """Return every problem that a query may be answered with."""
    of_lists = (TOO_MANY_STREAMS, NO_ROOM) if query.pages else ()
    of_the_past = (POSITION_GONE,) if query.views and AS_OF in query.parameters.fields else ()
    of_queries = (INVALID_DATA, VIEW_BEHIND, *of_lists, *of_the_past)
    return (*map(type_of, query.failures), *of_queries, *OF_EVERY_SENDER, *OF_EVERY_ANSWER)


def all_problems() -> tuple[Answered, ...]:
    """Return every problem that the service may answer with, each code once, in order of the codes."""
    of_commands = {command: problem_types_of(command) for command in FAILURES}
    of_queries = {query.name: problem_types_of_query(query) for query in QUERIES}
    of_others = (*HTTP_PROBLEM_TYPES, CLOCK_BACKWARDS, CLOCK_STILL_BEHIND, UNKNOWN_COMMAND)
    kinds = {kind.code: kind for kind in chain(of_others, *of_queries.values(), *of_commands.values())}
    return tuple(
        Answered(kind, tuple(_with(code, of_commands)), tuple(_with(code, of_queries)))
        for code, kind in sorted(kinds.items())
    )


def all_problem_types() -> tuple[ProblemType, ...]:
    """Return the problem types of all of them."""
    return tuple(each.kind for each in all_problems())


def _with(code: str, problems: dict[str, tuple[ProblemType, ...]]) -> Iterator[str]:
    return (name for name, kinds in problems.items() if code in {kind.code for kind in kinds})
