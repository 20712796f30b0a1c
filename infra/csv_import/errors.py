"""Why an import cannot be run, or a row of it cannot be mapped."""

from collections.abc import Sequence

import msgspec


class ImportFailed(Exception):
    """The import as a whole cannot be run or go on; the message says why, for people."""


class MappingInvalid(ImportFailed):
    """The mapping file is wrong; `errors` names every wrong field by its path in the file."""

    def __init__(self, source: str, errors: Sequence[str]) -> None:
        super().__init__("\n  ".join([f"the mapping {source} cannot be used:", *errors]))
        self.errors = tuple(errors)


class MappingChanged(ImportFailed):
    """The mapping was used before under the same name and version, and said something else then."""


class UnreadableFile(ImportFailed):
    """The file is no event log that the mapping fits: empty, not a CSV, or without a column that is needed."""


class AlreadyRunning(ImportFailed):
    """Another process runs the same import into the same desk."""


class Unmappable(ValueError):
    """One row cannot be turned into commands; the others are not concerned."""


class Failure(msgspec.Struct, frozen=True, gc=False):
    """A row that could not be imported, by the number of its line in the file (the header is line 1)."""

    line: int
    reason: str
