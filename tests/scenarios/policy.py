"""Writes docs/policy.md: each rule of the support policy, what it says, and the scenarios that show it to hold.

`python -m tests.scenarios.policy` writes it; a test compares it with the scenarios there are.
"""

import importlib
import inspect
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from tests.scenarios.rules import RULES, Rule

ROOM = Path(__file__).parent
DOCUMENT = ROOM.parents[1] / "docs" / "policy.md"

_HEAD = """\
# The support policy, and what shows that it is kept

Written by `python -m tests.scenarios.policy` from the scenarios in `tests/scenarios/`; change those, not this page.
Each scenario runs a whole desk through its HTTP interface, in a time of its own, and is part of `make test`: a
scenario that fails, is skipped or is missing fails the suite. A rule *holds* if all of it is there; it is *partial*
where something comes with the customer's side of the desk. Scenarios that show more than the rule that they are named
after stand further below, with all their rules.

| rule | what the policy says | scenarios named after it | state |
|---|---|---|---|
"""


class Shown(NamedTuple):
    """A scenario: where it is, what it shows in one sentence, and of which rules."""

    module: str
    name: str
    sentence: str
    rules: tuple[str, ...]


def scenarios() -> Iterator[Shown]:
    """Yield every scenario there is, in the order of the files and of their lines."""
    for path in sorted(ROOM.glob("test_*.py")):
        if path.name == "test_policy.py":
            continue  # it is about this page
        module = importlib.import_module(f"tests.scenarios.{path.stem}")
        for name, test in vars(module).items():
            if name.startswith("test_") and hasattr(test, "rules"):
                yield Shown(path.name, name, (inspect.getdoc(test) or "").split("\n\n")[0], test.rules)


def text() -> str:
    """Return what docs/policy.md has to say."""
    shown = list(scenarios())
    rows = [_row(rule, [each for each in shown if each.rules[0] == rule.number]) for rule in RULES]
    rooms = [_room(module, list(each)) for module, each in groupby(shown, key=lambda each: each.module)]
    return _HEAD + "".join(rows) + "\n## The scenarios\n" + "".join(rooms)


def _row(rule: Rule, shown: list[Shown]) -> str:
    """Return the rule's line."""
    cell = "<br>".join(f"[{_one_line(each.sentence)}](../tests/scenarios/{each.module})" for each in shown)
    return f"| {rule.number} | {rule.sentence} | {cell} | {_state(rule, shown)} |\n"


def _room(module: str, shown: list[Shown]) -> str:
    """Return what a file of scenarios shows: the subject it gives itself, then each scenario with its rules."""
    subject = inspect.getdoc(importlib.import_module(f"tests.scenarios.{Path(module).stem}")) or ""
    lines = [f"- {_one_line(each.sentence)} ({', '.join(each.rules)})\n" for each in shown]
    return f"\n[{module}](../tests/scenarios/{module}) {_one_line(subject)}\n\n" + "".join(lines)


def _state(rule: Rule, shown: list[Shown]) -> str:
    if not shown:
        return "**no scenario**"
    return f"partial, without {rule.missing}" if rule.missing else "holds"


def _one_line(sentence: str) -> str:
    return " ".join(sentence.split()).replace("|", "\\|")


if __name__ == "__main__":
    DOCUMENT.write_text(text(), encoding="utf-8")
