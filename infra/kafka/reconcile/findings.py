"""What was found on comparing topic and log, by position range: kept small, however much is wrong."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Literal

import msgspec

Kind = Literal[
    "missing", "doubled", "reordered", "altered", "misplaced", "unknown", "foreign", "wrong_mark", "unmarked"
]

MEANINGS: dict[Kind, str] = {
    "missing": "the log has it, the topic does not",
    "doubled": "it stands there once more",
    "reordered": "it stands behind a later one in its partition",
    "altered": "its text, key or headers are not those of the log",
    "misplaced": "it stands in a partition that is not its key's",
    "unknown": "the log has no event at that position",
    "foreign": "a record that no relay of this desk has written",
    "wrong_mark": "a position mark that is not true",
    "unmarked": "the partition does not tell that it has come so far",
}

MOST_RANGES = 10_000
MOST_MISSING = 1_000_000
"""More is not worth telling apart, and what is kept of it stays small."""


class TooManyFindings(Exception):
    """So much is wrong that going on would tell nothing more."""


class Finding(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A range of positions at which something is wrong in the same way; `count` is how many events it is.

    Of what has no position, as a record that is not ours, `first` is the position before it. `offset`: where the first
    of it stands, in the first of `partitions`; none where something does not stand there.
    """

    kind: Kind
    first: int
    last: int
    count: int
    partitions: tuple[int, ...]
    offset: int | None = None
    note: str = ""


class Missing:
    """Events of one partition that were not where they had to be, ascending; those that turn up are taken away."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._positions = array("q")
        self._runs = array("q")
        self._taken: set[int] = set()
        self._open = False

    def __len__(self) -> int:
        return len(self._positions)

    def add(self, position: int) -> None:
        """Note a position; it is in one range with the one before unless `interrupt` was called between."""
        if not self._open:
            self._runs.append(len(self._positions))
            self._open = True
        self._positions.append(position)

    def interrupt(self) -> None:
        """Say that an event was where it had to be."""
        self._open = False

    def take(self, position: int) -> bool:
        """Take a position away; return whether it was there."""
        index = bisect_left(self._positions, position)
        if index == len(self._positions) or self._positions[index] != position or position in self._taken:
            return False
        self._taken.add(position)
        return True

    def findings(self) -> Iterator[Finding]:
        """Yield what is left, by range."""
        for begin, end in pairwise([*self._runs, len(self._positions)]):
            left = [each for each in self._positions[begin:end] if each not in self._taken]
            if left:
                yield Finding(
                    kind="missing", first=left[0], last=left[-1], count=len(left), partitions=(self._partition,)
                )


class Findings:
    """All that was found. Adding raises `TooManyFindings`."""

    def __init__(self) -> None:
        self._ranges: list[Finding] = []
        self._open: dict[int, list[Finding]] = {}
        """Ranges of each partition that the next record may belong to: several, where two things are wrong with one."""
        self.missing: dict[int, Missing] = {}

    def missing_of(self, partition: int) -> Missing:
        """Return what is missing in a partition."""
        return self.missing.setdefault(partition, Missing(partition))

    def miss(self, partition: int, position: int) -> None:
        """Note that an event is missing."""
        self.missing_of(partition).add(position)
        if sum(map(len, self.missing.values())) > MOST_MISSING:
            raise TooManyFindings(f"more than {MOST_MISSING:,} events are missing")

    def add(self, kind: Kind, partition: int, position: int, offset: int | None = None, note: str = "") -> None:
        """Note something about a record; like ones that follow each other in a partition are one range."""
        open_ones = self._open.get(partition, [])
        for found in open_ones:
            if (found.kind, found.note) == (kind, note):
                found.first, found.last = min(found.first, position), max(found.last, position)
                found.count += 1
                return
        if len(self._ranges) >= MOST_RANGES:
            raise TooManyFindings(f"more than {MOST_RANGES:,} different ranges are wrong")
        found = Finding(
            kind=kind, first=position, last=position, count=1, partitions=(partition,), offset=offset, note=note
        )
        self._ranges.append(found)
        self._open[partition] = [*(each for each in open_ones if each.last == position), found]

    def interrupt(self, partition: int) -> None:
        """Say that a record was as it had to be."""
        self._open.pop(partition, None)

    def told(self) -> list[Finding]:
        """Return everything in order of kind and position, ranges of several partitions that touch as one."""
        missing = [found for each in self.missing.values() for found in each.findings()]
        return _joined([*missing, *self._ranges])


def _joined(findings: Iterable[Finding]) -> list[Finding]:
    order = list(MEANINGS)
    joined: list[Finding] = []
    for found in sorted(findings, key=lambda each: (order.index(each.kind), each.note, each.first, each.last)):
        last = joined[-1] if joined else None
        if (
            last is not None
            and (last.kind, last.note) == (found.kind, found.note)
            and found.first <= last.last + 1
            and found.kind != "foreign"
        ):
            last.last = max(last.last, found.last)
            last.count += found.count
            last.partitions = tuple(sorted({*last.partitions, *found.partitions}))
        else:
            joined.append(msgspec.structs.replace(found))
    return joined


def by_kind(findings: Sequence[Finding]) -> dict[Kind, int]:
    """Return how many records each kind has."""
    counted: dict[Kind, int] = {}
    for found in sorted(findings, key=attrgetter("kind")):
        counted[found.kind] = counted.get(found.kind, 0) + found.count
    return counted
