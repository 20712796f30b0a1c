"""Which figures are wanted? `python -m benchmarks append | rating | business-time [--json]`."""

import argparse

import msgspec

from benchmarks import append, business_time, rating


def main() -> None:
    """Measure what the command line names and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    benchmarks = parser.add_subparsers(dest="benchmark", required=True)
    appends = benchmarks.add_parser("append", help="appends a second: the library's recorder, ours, and pgbench")
    appends.add_argument("--threads", type=int, default=16, help="threads that append one event at a time (16)")
    appends.add_argument("--rounds", type=int, default=7, help="rounds; in each the peers take turns (7)")
    appends.add_argument("--seconds", type=float, default=2.0, help="how long a peer's turn takes (2)")
    ratings = benchmarks.add_parser("rating", help="a month with many work entries: its fold, and a late entry")
    ratings.add_argument("--rounds", type=int, default=7, help="rounds; in each every size has its turn (7)")
    times = benchmarks.add_parser("business-time", help="due instants over ten years, and by the length of the span")
    times.add_argument("--computations", type=int, default=1_000_000, help="how many due instants (1,000,000)")
    for each in (appends, ratings, times):
        each.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    chosen = parser.parse_args()
    if chosen.benchmark == "append":
        appended = append.measure(threads=chosen.threads, rounds=chosen.rounds, seconds=chosen.seconds)
        _print(appended, append.table(appended), as_json=chosen.json)
    elif chosen.benchmark == "rating":
        rated = rating.measure(rounds=chosen.rounds)
        _print(rated, rating.table(rated), as_json=chosen.json)
    else:
        counted = business_time.measure(computations=chosen.computations)
        _print(counted, business_time.table(counted), as_json=chosen.json)


def _print(result: msgspec.Struct, table: str, *, as_json: bool) -> None:
    print(msgspec.json.encode(result).decode() if as_json else table)


if __name__ == "__main__":
    main()
