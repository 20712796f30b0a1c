"""`caselog reconcile`: is what Kafka has what the log has?"""

from time import monotonic
from typing import Any, NoReturn, Self

import click
import msgspec
import structlog
from kafka.errors import KafkaError
from tqdm import tqdm

from api import compose
from api.cli.rebuild import stopped_between_batches
from api.cli.reconcile_views import AWAY, FOUND, INTERRUPTED, NOTHING_TO_COMPARE, reconcile_views
from api.compose_kafka import settings_of
from infra.config import Config
from infra.kafka.failures import cause_of, reasons_kept, sentence_of
from infra.kafka.reconcile.errors import CannotReconcile
from infra.kafka.reconcile.findings import MEANINGS, Finding, by_kind
from infra.kafka.reconcile.reading import Interrupted
from infra.kafka.reconcile.topic import Report, reconcile_topic
from infra.kafka.relay.checkpoint import RelayHalted
from infra.logging import configure_logging
from projections.catalogue import VIEWS

SHOWN = 50
"""Ranges told one by one on the terminal; JSON has all of them."""

log = structlog.get_logger()


@click.command()
@click.option("--from", "first", type=click.IntRange(min=1), metavar="N", help="Begin with this position of the log.")
@click.option("--to", "last", type=click.IntRange(min=1), metavar="N", help="End with this position.")
@click.option("--json", "as_json", is_flag=True, help="Tell all of it as one JSON object.")
@click.option(
    "--view",
    "views",
    multiple=True,
    type=click.Choice([view.name for view in VIEWS]),
    help="Compare this view, which Kafka feeds, with what the log makes of it instead; may be repeated.",
)
def reconcile(first: int | None, last: int | None, as_json: bool, views: tuple[str, ...]) -> None:
    """Compare the topic of the events with the log, event by event, and tell every difference by position.

    What the relay says it has published must be there: once, in order, in its partition, to the byte, and position
    marks must be true. Events that it has not published yet are told and are no difference. With --to, a partition is
    read to the first record beyond it. Interrupted, or with the broker lost, it tells what it has found, and --from
    goes on from there.

    Exit code 0: nothing is wrong; 1: something is; 2: there is nothing to compare, or the command is used wrongly; 3:
    broker or database cannot be had, or the broker was lost with nothing found; 130: interrupted with nothing found.
    """
    configure_logging()
    config = Config.from_environment()
    if views:
        if first is not None or last is not None or as_json:
            raise click.UsageError("--view compares the whole view: --from, --to and --json are for the topic")
        raise click.exceptions.Exit(reconcile_views(config, views))
    if first is not None and last is not None and first > last:
        raise click.UsageError(f"--from {first} is greater than --to {last}")
    settings = settings_of(config)
    with compose.database(config, existing=True) as url, stopped_between_batches() as stopping, _Bar() as bar:
        compose.prepare(config, url)
        with reasons_kept() as reasons:
            try:
                report = reconcile_topic(
                    url,
                    config.schema,
                    settings,
                    first=first,
                    last=last,
                    stopping=stopping,
                    progress=bar,
                    reasons=reasons,
                )
            except (CannotReconcile, RelayHalted) as problem:
                _could_not(str(problem), NOTHING_TO_COMPARE)
            except (KafkaError, OSError) as error:
                _could_not(sentence_of(cause_of(error, reasons)), AWAY)
            except Interrupted:
                _could_not("it was interrupted before anything was compared", INTERRUPTED)
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        _tell(report)
    if report.findings:
        raise click.exceptions.Exit(FOUND)
    if report.ended_by is not None:
        raise click.exceptions.Exit(AWAY if report.ended_by == "broker_lost" else INTERRUPTED)


def _could_not(why: str, code: int) -> NoReturn:
    click.echo(f"caselog: {why}", err=True)
    raise click.exceptions.Exit(code) from None


def _tell(report: Report) -> None:
    for note in report.notes:
        click.echo(f"note: {note}")
    compared = f"{report.events:,} events compared, positions {report.after + 1:,} to {report.compared_to:,}"
    click.echo(f"{report.topic}: {compared if report.events else 'no events compared'}")
    for found in report.findings[:SHOWN]:
        click.echo(f"  {sentence_of_finding(found)}")
    if len(report.findings) > SHOWN:
        click.echo(f"  and {len(report.findings) - SHOWN:,} more ranges: --json tells all of them")
    if report.head > report.published:
        click.echo(
            f"  not published yet: {report.published + 1:,} to {report.head:,} ({report.head - report.published:,})"
        )
    if report.ended_early is not None:
        click.echo(f"ended early: {report.ended_early}; --from {report.compared_to + 1} goes on from there")
    kinds = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in by_kind(report.findings).items())
    click.echo(kinds or ("nothing is wrong" if report.ended_early is None else "nothing is wrong until there"))


def sentence_of_finding(found: Finding) -> str:
    """Return a finding in one line, such as `missing 1,204 to 1,310 (107) in partition 3: the log has it, ...`."""
    kind = found.kind.replace("_", " ")
    where = f"in partition{'s' if len(found.partitions) > 1 else ''} {', '.join(map(str, found.partitions))}"
    if found.offset is not None:
        where += f", first at offset {found.offset:,}"
    span = f"{found.first:,}" if found.first == found.last else f"{found.first:,} to {found.last:,}"
    if found.kind == "foreign":
        span = f"behind position {span}"
    return f"{kind} {span} ({found.count:,}) {where}: {found.note or MEANINGS[found.kind]}"


class _Bar:
    """Progress over positions: a bar on a terminal, elsewhere a line of the log for each tenth."""

    def __init__(self) -> None:
        self._tenth = 0
        self._began = monotonic()
        self._bar: tqdm[Any] = tqdm(
            desc="reconciling", unit=" events", unit_scale=True, mininterval=0.2, disable=None, leave=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def __call__(self, position: int, after: int, up_to: int) -> None:
        """Show how far it is."""
        done, total = position - after, up_to - after
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        tenth = 10 * done // total if total else 10
        if self._bar.disable and tenth > self._tenth:
            self._tenth = tenth
            rate = round(done / max(monotonic() - self._began, 0.001))
            log.info("reconciling", position=position, of=up_to, positions_per_second=rate)
