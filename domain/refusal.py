"""What a decider raises when a rule forbids a command."""

from typing import ClassVar


class Refusal(Exception):
    """A command refused by a rule: nothing is recorded.

    Each rule has its own subclass with a stable `code`, which clients rely on. The message is for people;
    `pointer` names the field of the command's data (JSON pointer) where one field is at fault.
    """

    code: ClassVar[str]
    pointer: str | None = None

    def __init__(self, detail: str, *, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if pointer is not None:
            self.pointer = pointer
