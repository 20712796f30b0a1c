"""Which figures are wanted? `python -m benchmarks NAME`, or `all`."""

import argparse
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from benchmarks.catalogue import BENCHMARKS, Benchmark
from benchmarks.machine import this_machine
from benchmarks.page import page_of
from benchmarks.report import Report, as_json, as_text
from infra.logging import configure_logging

_ENDED = 143
"""The exit code of a process that SIGTERM has ended."""


def main() -> int:
    """Measure what the command line names and print it. Returns 1 where a benchmark could not be run to its end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="benchmark", required=True)
    for benchmark in BENCHMARKS:
        command = commands.add_parser(benchmark.name, help=benchmark.summary)
        benchmark.add_options(command)
        command.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
        command.add_argument("--write", type=_page, metavar="FILE", help="renew its section of that page as well")
    every = commands.add_parser("all", help="all of them, with their defaults")
    every.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    every.add_argument("--write", type=_page, metavar="FILE", help="renew that page as well")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_ENDED))  # so that servers and processes are stopped
    configure_logging("benchmarks")  # to standard error: what is printed is the report alone
    if chosen.benchmark == "all":
        return _all(as_object=chosen.json, page=chosen.write)
    report = next(each for each in BENCHMARKS if each.name == chosen.benchmark).measure(chosen)
    print(as_json([report], this_machine()).decode() if chosen.json else as_text(report))
    if chosen.write is not None:
        _renew(chosen.write, [report])
    return 0


def _page(text: str) -> Path:
    page = Path(text)
    if not page.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {page.absolute().parent}")
    return page


def _renew(page: Path, reports: Sequence[Report]) -> None:
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    order = [each.name for each in BENCHMARKS]
    page.write_text(page_of(reports, this_machine(), before, order), encoding="utf-8")


def _all(*, as_object: bool, page: Path | None) -> int:
    reports: list[Report] = []
    for benchmark in BENCHMARKS:
        print(f"== {benchmark.name}", file=sys.stderr)
        report = _with_defaults(benchmark)
        if report is not None:
            reports.append(report)
            if not as_object:
                print(as_text(report), end="\n\n", flush=True)
    if as_object:
        print(as_json(reports, this_machine()).decode())
    if page is not None:
        _renew(page, reports)
    return 0 if len(reports) == len(BENCHMARKS) else 1


def _with_defaults(benchmark: Benchmark) -> Report | None:
    """Run a benchmark; one that fails says why, and the others go on."""
    options = argparse.ArgumentParser()
    benchmark.add_options(options)
    try:
        return benchmark.measure(options.parse_args([]))
    except Exception:  # noqa: BLE001 - whatever it is, it is shown, and the exit code tells
        traceback.print_exc()
        return None


if __name__ == "__main__":
    sys.exit(main())
