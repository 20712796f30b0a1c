"""What does a benchmark say? Figures with their spread, ratios beside their targets, the machine beside both."""

from collections.abc import Sequence
from statistics import median
from typing import Any, Literal

import msgspec

from benchmarks.machine import Calibration, Machine


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was measured: its value in each round, in `unit` ("events/s", "us/event", "ms", "MB")."""

    name: str
    unit: str
    rounds: Sequence[float]

    @property
    def median(self) -> float:
        """The middle round's value: what the figure is said to be."""
        return median(self.rounds)

    @property
    def lowest(self) -> float:
        """The least of the rounds."""
        return min(self.rounds)

    @property
    def highest(self) -> float:
        """The greatest of the rounds."""
        return max(self.rounds)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A figure or ratio that is promised: what was wanted, and what came out. `unit` is "x" for a ratio.

    `within_spread`: the promise allows for the spread of what is compared, and their rounds overlap.
    """

    name: str
    value: float
    unit: str
    bound: Literal["at least", "at most"]
    wanted: float
    within_spread: bool = False

    @property
    def met(self) -> bool:
        """Whether the promise was kept in this run."""
        return self._as_wanted or self.within_spread

    @property
    def verdict(self) -> str:
        """The same in words."""
        return "met" if self._as_wanted else "met, within the spread" if self.within_spread else "MISSED"

    @property
    def _as_wanted(self) -> bool:
        return self.value >= self.wanted if self.bound == "at least" else self.value <= self.wanted


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that one run of a benchmark says.

    `settings` are what it was run with (seed, rounds, seconds, the server's durability), `notes` sentences for people.
    """

    benchmark: str
    question: str
    settings: dict[str, str]
    figures: Sequence[Figure]
    targets: Sequence[Target] = ()
    notes: Sequence[str] = ()
    calibration: Calibration


def as_json(reports: Sequence[Report], machine: Machine) -> bytes:
    """Return runs as one JSON object for machines: raw rounds, what is derived from them, and the machine."""

    def object_of(report: Report) -> dict[str, Any]:
        return msgspec.structs.asdict(report) | {
            "figures": [_with(each, "median", "lowest", "highest") for each in report.figures],
            "targets": [_with(each, "met") for each in report.targets],
        }

    document = {"machine": machine, "reports": [object_of(report) for report in reports]}
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def as_text(report: Report) -> str:
    """Return a run as text for people."""
    names = [each.name for each in report.figures] + [each.name for each in report.targets]
    width = max(map(len, names), default=0) + 2
    lines = [report.question, "; ".join(f"{name} {value}" for name, value in report.settings.items()), ""]
    if report.figures:
        lines.append(_row(width, "", "median", "lowest", "highest", ""))
        lines += [
            _row(width, each.name, number(each.median), number(each.lowest), number(each.highest), each.unit)
            for each in report.figures
        ]
        lines.append("")
    for each in report.targets:
        wanted = f"wanted: {each.bound} {number(each.wanted)} {each.unit}: {each.verdict}"
        lines.append(f"{each.name:{width}}{number(each.value):>12}  {each.unit:10}{wanted}")
    lines += ["", *report.notes, "The machine beside it, median (slowest to fastest):"]
    lines += [
        f"  {name:26}{number(median(values)):>12} ({number(min(values))} to {number(max(values))})"
        for name, values in report.calibration.measured()
    ]
    return "\n".join(lines)


def number(value: float) -> str:
    """Return a figure with as many digits as say something."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 or size == 0 else f"{value:.4f}"


def _row(width: int, name: str, middle: str, lowest: str, highest: str, unit: str) -> str:
    return f"{name:{width}}{middle:>12}{lowest:>12}{highest:>12}  {unit}".rstrip()


def _with(each: Figure | Target, *names: str) -> dict[str, Any]:
    return msgspec.structs.asdict(each) | {name: getattr(each, name) for name in names}
