"""The page docs/errors.md: every code, its status and meaning, and the commands and queries that answer with it.

`python -m api.http.problems.page` writes it anew, from the classes themselves; a test holds that it is up to date.
"""

from collections.abc import Iterable
from pathlib import Path

from api.http.problems.catalogue import Answered, all_problems
from api.http.problems.command_failures import FAILURES
from api.http.queries.catalogue import QUERIES
from commands.errors import UnknownTicket
from domain.refusal import Refusal

PAGE = Path(__file__).parents[3] / "docs" / "errors.md"

_ON_A_TICKET = tuple(command for command, failures in FAILURES.items() if UnknownTicket in failures)

_INTRODUCTION = """# Errors

Every failure is answered with a problem document (RFC 9457): its `code` is stable, its `detail` is for people, `errors`
names the fields at fault. This page is made by `python -m api.http.problems.page` from the classes that stand for the
failures, and a test holds that it is up to date; the OpenAPI document has the same codes under each operation.
"""

_RULES = """
## Rules that refuse a command

The command is well formed, and a rule of the business forbids it: status 422, and nothing is recorded. The same command
may be taken later, or on another state of the case or the subscription.

| code | rule | commands |
|---|---|---|
"""

_OTHERS = """
## Requests that cannot be carried out

| code | status | meaning | answered by |
|---|---|---|---|
"""


def errors_page() -> str:
    """Return the page as Markdown."""
    refused = {failure.code for failures in FAILURES.values() for failure in failures if issubclass(failure, Refusal)}
    problems = all_problems()
    rules = [each for each in problems if each.kind.code in refused]
    others = sorted(
        (each for each in problems if each.kind.code not in refused),
        key=lambda each: (each.kind.status, each.kind.code),
    )
    return "".join(
        [
            _INTRODUCTION,
            _RULES,
            *(f"| `{each.kind.code}` | {_cell(each.kind.description)} | {_names(each.commands)} |\n" for each in rules),
            _OTHERS,
            *(
                f"| `{each.kind.code}` | {each.kind.status} | {_cell(each.kind.description)} | {_answerers(each)} |\n"
                for each in others
            ),
        ]
    )


def _answerers(each: Answered) -> str:
    """Name the operations; where all of a kind answer so, the kind."""
    told = []
    if each.commands:
        told.append("every command" if len(each.commands) == len(FAILURES) else _names(each.commands))
    if each.queries:
        told.append("every query" if len(each.queries) == len(QUERIES) else _names(each.queries))
    return ", ".join(told) or "the service as such"


def _names(operations: Iterable[str]) -> str:
    """Name the operations; those on a ticket, where it is all of them, together."""
    named = tuple(operations)
    together = [] if set(_ON_A_TICKET) - set(named) else ["every command on a ticket"]
    return ", ".join([*together, *(f"`{name}`" for name in named if not together or name not in _ON_A_TICKET)])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(errors_page(), encoding="utf-8")
