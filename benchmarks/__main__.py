"""Which figures are wanted? `python -m benchmarks append [--json]`."""

import argparse

import msgspec

from benchmarks import append


def main() -> None:
    """Measure what the command line names and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    benchmarks = parser.add_subparsers(dest="benchmark", required=True)
    appends = benchmarks.add_parser("append", help="appends a second: the library's recorder, ours, and pgbench")
    appends.add_argument("--threads", type=int, default=16, help="threads that append one event at a time (16)")
    appends.add_argument("--rounds", type=int, default=7, help="rounds; in each the peers take turns (7)")
    appends.add_argument("--seconds", type=float, default=2.0, help="how long a peer's turn takes (2)")
    appends.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    chosen = parser.parse_args()
    result = append.measure(threads=chosen.threads, rounds=chosen.rounds, seconds=chosen.seconds)
    if chosen.json:
        print(msgspec.json.encode(result).decode())
    else:
        print(append.table(result))


if __name__ == "__main__":
    main()
