"""Writes docs/policy.md: each rule of the support policy, what it says, and the scenarios that show it to hold.

`python -m tests.scenarios.policy` writes it; a test compares it with the scenarios there are.
"""

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.scenarios.rules import RULES, Rule

ROOM = Path(__file__).parent
DOCUMENT = ROOM.parents[1] / "docs" / "policy.md"

_HEAD = """\
# The support policy, and what shows that it is kept

Written by `python -m tests.scenarios.policy` from the scenarios in `tests/scenarios/`; change those, not this page.
Each scenario runs a whole desk through its HTTP interface, in a time of its own, and is part of `make test`: a
scenario that fails, is skipped or is missing fails the suite. A rule *holds* if all of it is there, is *partial*
where the part named comes with the customer's side of the desk.

| rule | what the policy says | scenarios | state |
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
        module = importlib.import_module(f"tests.scenarios.{path.stem}")
        for name, test in vars(module).items():
            if name.startswith("test_") and hasattr(test, "rules"):
                yield Shown(path.name, name, (inspect.getdoc(test) or "").split("\n\n")[0], test.rules)


def text() -> str:
    """Return what docs/policy.md has to say."""
    shown = list(scenarios())
    return _HEAD + "".join(_row(rule, [each for each in shown if rule.number in each.rules]) for rule in RULES)


def _row(rule: Rule, shown: list[Shown]) -> str:
    """Return the rule's line; the scenarios named after it come first."""
    named = sorted(shown, key=lambda each: each.rules[0] != rule.number)
    cells = "<br>".join(f"[{_one_line(each.sentence)}](../tests/scenarios/{each.module})" for each in named)
    return f"| {rule.number} | {rule.sentence} | {cells} | {_state(rule, shown)} |\n"


def _state(rule: Rule, shown: list[Shown]) -> str:
    if not shown:
        return "**no scenario**"
    return f"partial, without {rule.missing}" if rule.missing else "holds"


def _one_line(sentence: str) -> str:
    return " ".join(sentence.split()).replace("|", "\\|")


if __name__ == "__main__":
    DOCUMENT.write_text(text(), encoding="utf-8")
