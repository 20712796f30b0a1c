"""docs/benchmarks.md: a section for each benchmark, which says where it was measured and can be renewed alone."""

import re
from collections.abc import Sequence
from statistics import median

from benchmarks.machine import Machine
from benchmarks.report import Report, number

_HEAD = """# Benchmarks

Each section is a command, `python -m benchmarks NAME` (`--json` for machines, `--write FILE` to renew it on a page);
`make bench` renews all of them. Figures are medians of rounds, with the lowest and the highest; peers took turns in one
run. Ratios travel between machines, absolute figures do not: the calibration of the same run stands beside them.
"""
_TABLE = """| promise | measured | wanted | |
|---|---|---|---|
"""
_PROMISE = re.compile(r"^\| ([\w-]+): .*\n", re.MULTILINE)
_SECTION = re.compile(r"^## ([\w-]+)\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def page_of(reports: Sequence[Report], machine: Machine, before: str, order: Sequence[str]) -> str:
    """Return the page with the sections of these runs made anew.

    `before` is the page as it was ("" where there was none): its other sections and their promises are kept. `order`
    names all benchmarks in the order of the page; a section of another name is left out.
    """
    head, _, rest = before.partition("\n## ")
    promises: dict[str, str] = {}
    for row in _PROMISE.finditer(head):
        promises[row[1]] = promises.get(row[1], "") + row[0]
    sections = {found[1]: found[0].strip() + "\n" for found in _SECTION.finditer(f"\n## {rest}")}
    for report in reports:
        promises[report.benchmark] = _promises(report)
        sections[report.benchmark] = _section(report, machine)
    table = _TABLE + "".join(promises.get(name, "") for name in order)
    return "\n".join([_HEAD, table, *(sections[name] for name in order if name in sections)])


def _promises(report: Report) -> str:
    return "".join(
        f"| {report.benchmark}: {each.name} | {number(each.value)} {each.unit} | {each.bound} {number(each.wanted)}"
        f" {each.unit} | {each.verdict if each.met else '**missed**'} |\n"
        for each in report.targets
    )


def _section(report: Report, machine: Machine) -> str:
    lines = [f"## {report.benchmark}", "", report.question, ""]
    lines.append("; ".join(f"{name} {value}" for name, value in report.settings.items()) + ".")
    lines += ["", "; ".join(f"{name} {value}" for name, value in machine.described()) + "."]
    lines += ["", "| | median | lowest | highest | |", "|---|---|---|---|---|"]
    lines += [
        f"| {each.name} | {number(each.median)} | {number(each.lowest)} | {number(each.highest)} | {each.unit} |"
        for each in report.figures
    ]
    lines += [
        f"| *the machine: {name}* | {number(median(values))} | {number(min(values))} | {number(max(values))} | |"
        for name, values in report.calibration.measured()
    ]
    if report.notes:
        lines += ["", *(f"- {note}" for note in report.notes)]
    return "\n".join(lines) + "\n"
