"""`caselog rebuild`: a view, made anew from the log while readers use the one there is."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import IO, Any, Self

import click
import msgspec
import structlog
from tqdm import tqdm

from api import compose
from api.compose_views import DESK, places
from infra.config import Config
from infra.leadership import Leadership
from infra.logging import configure_logging
from infra.projection.comparing import Comparison, Difference
from infra.projection.following import Ended, Follower
from infra.projection.rebuild import Phase, Rebuilt, drop_unseen, switch_back, take_back
from infra.projection.rebuild import rebuild as rebuild_view
from projections.catalogue import VIEWS
from projections.view import View

DIFFERENT = 1
"""Exit code of `--check` where the builds differ, or could not be compared."""
INTERRUPTED = 130

FOLLOWED_HERE = (
    "the projector that runs is of an older release; this command follows the view until one of this release does."
)
FOLLOWER_SEEN_EVERY_SECONDS = 0.2

SHOWN = 5
"""Differences told one by one on the terminal; a report has all of them."""

log = structlog.get_logger()


@click.command()
@click.argument("views", nargs=-1, metavar="VIEW...", type=click.Choice(sorted(view.name for view in VIEWS)))
@click.option("--all", "every", is_flag=True, help="All views, one after another.")
@click.option(
    "--check",
    is_flag=True,
    help="Build and compare, but do not switch; exit code 1 if they differ or cannot be compared.",
)
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write every difference here (NDJSON).")
@click.option("--from-scratch", is_flag=True, help="Do not go on with an unfinished build.")
@click.option("--switch-back", is_flag=True, help="Let readers see the build again that the last switch replaced.")
@click.option(
    "--no-follow", is_flag=True, help="End at the switch also where no projector that runs has the new version."
)
@click.option("--drop-old", is_flag=True, help="Drop what readers do not see: the former build, unfinished ones.")
def rebuild(
    views: tuple[str, ...],
    every: bool,
    check: bool,
    report: Path | None,
    from_scratch: bool,
    switch_back: bool,
    no_follow: bool,
    drop_old: bool,
) -> None:
    """Build VIEW from the first event on, beside the one in use, and switch to it when it has caught up.

    Before the switch the two are compared as of one position, and every difference is told. Readers see the old one
    until the switch, which is one transaction; the old one is kept until --drop-old. Interrupted, it leaves the old one
    in use, and the next call goes on where it stopped.

    Where the projector that runs is of an older release, which leaves the new version alone, this command goes on
    following VIEW until a projector of this release does.

    Where readers see VIEW in the database of CASELOG_VIEWS_URL, they see it in the desk's own again afterwards; workers
    leave it alone until `caselog kafka-project --again VIEW`. --drop-old drops in both databases.
    """
    if not views and not every:
        raise click.UsageError("name a view, or --all")
    if sum((check, switch_back, drop_old)) > 1:
        raise click.UsageError("--check, --switch-back and --drop-old exclude one another")
    configure_logging()
    config = Config.from_environment()
    chosen = [view for view in VIEWS if every or view.name in views]
    different = False
    following: list[Follower] = []
    with ExitStack() as stack:
        written = stack.enter_context(_opened(report)) if report is not None else None
        url = stack.enter_context(compose.database(config, existing=True))
        compose.prepare(config, url)
        elsewhere = [there for name, there in places(config, url) if name != DESK]
        stopping = stack.enter_context(stopped_between_batches())
        lead = Leadership(url, config.schema, "projector")
        for view in chosen:
            if drop_old:
                _drop_old([url, *elsewhere], config.schema, view)
            elif switch_back:
                _switch_back(url, config.schema, view, stopping)
            else:
                rebuilt = _rebuild(url, config.schema, view, written, stopping, check=check, resume=not from_scratch)
                for there in [] if check else elsewhere:
                    _take_back(there, config.schema, view)
                compared = rebuilt.comparison
                different = different or rebuilt.is_unchecked or (compared is not None and compared.differences > 0)
                raised = rebuilt.replaced is None or rebuilt.replaced.version < view.version
                if raised and not (check or no_follow) and lead.is_held_by_another():
                    follower = Follower(url, config.schema, view)
                    follower.start()
                    stack.callback(follower.stop)
                    following.append(follower)
                    click.echo(f"{view.name}: {FOLLOWED_HERE}")
        _see_followed(following, stopping)
    if check and different:
        raise click.exceptions.Exit(DIFFERENT)


def _see_followed(following: list[Follower], stopping: threading.Event) -> None:
    """Wait until projectors follow the views that were switched, or until interrupted."""
    for follower in following:
        name = follower.view.name
        ended: Ended | None = None
        while ended is None and not stopping.is_set():
            ended = follower.wait(FOLLOWER_SEEN_EVERY_SECONDS)
        if ended is None:
            click.echo(
                f"{name}: interrupted: nobody follows it until a projector of this release is started.", err=True
            )
            raise click.exceptions.Exit(INTERRUPTED)
        if ended == "followed":
            click.echo(f"{name}: a projector of this release follows it now.")
        else:
            click.echo(f"{name}: readers see another version again.")


def _opened(report: Path) -> IO[bytes]:
    folder = report.absolute().parent
    if not folder.is_dir():
        raise click.BadParameter(f"there is no folder {folder}", param_hint="--report")
    try:
        return report.open("wb")
    except OSError as error:
        raise click.BadParameter(f"{report} cannot be written: {error.strerror}", param_hint="--report") from error


def _rebuild(
    url: str,
    schema: str,
    view: View,
    report: IO[bytes] | None,
    stopping: threading.Event,
    *,
    check: bool,
    resume: bool,
) -> Rebuilt:
    shown: list[Difference] = []

    def differs(difference: Difference) -> None:
        if report is not None:
            report.write(msgspec.json.encode(difference) + b"\n")
        if len(shown) < SHOWN:
            shown.append(difference)

    with Bar(view.name) as bar:
        rebuilt = rebuild_view(
            url,
            schema,
            view,
            progress=bar,
            differs=differs,
            stopping=stopping,
            resume=resume,
            switch=not check,
            from_kafka=True,
        )
    if rebuilt.resumed_at is not None:
        click.echo(f"{view.name}: went on with an unfinished build, from position {rebuilt.resumed_at}.")
    if rebuilt.comparison is not None and rebuilt.build is not None:
        tell_comparison(view, rebuilt.comparison, shown, reported=report is not None)
    if rebuilt.replaced is not None and rebuilt.replaced.fed_by == "kafka":
        click.echo(f"{view.name}: not compared, for Kafka feeds it: `caselog reconcile --view {view.name}` does that.")
    if rebuilt.is_unchecked:
        click.echo(
            f"{view.name}: not compared: the unfinished build was ahead of the one in use, which no projector brings"
            " forward; --from-scratch builds another and compares that."
        )
    if rebuilt.parked:
        click.echo(f"{view.name}: {rebuilt.parked:,} keys are parked in it, see `caselog parked list`.")
    if rebuilt.build is None:
        click.echo(
            f"{view.name}: interrupted at position {rebuilt.position}; readers see what they saw before,"
            " and the same command goes on from there.",
            err=True,
        )
        raise click.exceptions.Exit(INTERRUPTED)
    if check:
        click.echo(f"{view.name}: build {rebuilt.build.build} is ready at position {rebuilt.position}, not switched.")
    else:
        click.echo(f"{view.name}: build {rebuilt.build.build} is live, at position {rebuilt.position}.")
    return rebuilt


def tell_comparison(view: View, comparison: Comparison, shown: list[Difference], *, reported: bool) -> None:
    """Tell what came of comparing a view, the first differences one by one."""
    rows = sum(comparison.rows.values())
    if not comparison.differences:
        click.echo(f"{view.name}: {rows:,} rows compared at position {comparison.position}: the same.")
    else:
        click.echo(
            f"{view.name}: {comparison.differences:,} of {rows:,} rows differ at position {comparison.position}"
            + (f", {comparison.parked:,} of them parked in one of the builds" if comparison.parked else "")
        )
        for table, kinds in comparison.counts.items():
            for kind, count in kinds.items():
                click.echo(f"  {table}: {count:,} {kind}")
        for each in shown:
            how = f"changed in {', '.join(each.columns)}" if each.kind == "changed" else each.kind
            click.echo(f"  {each.table} {'/'.join(map(str, each.key))}: {how}")
        if comparison.differences > len(shown) and not reported:
            click.echo("  … --report FILE writes all of them")
    for what in comparison.left_out:
        click.echo(f"  not compared: {what}")


def _switch_back(url: str, schema: str, view: View, stopping: threading.Event) -> None:
    with Bar(view.name) as bar:
        build = switch_back(url, schema, view, progress=bar, stopping=stopping)
    if build is None:
        raise click.exceptions.Exit(INTERRUPTED)
    click.echo(f"{view.name}: build {build.build} is live again, at position {build.position}.")


def _take_back(there: str, schema: str, view: View) -> None:
    if take_back(there, schema, view) is not None:
        click.echo(f"{view.name}: readers no longer see the one that Kafka feeds in the database for views.")


def _drop_old(urls: list[str], schema: str, view: View) -> None:
    dropped = [drop_unseen(url, schema, view) for url in urls]
    builds, size = (sum(each) for each in zip(*dropped, strict=True))
    what = (
        f"{builds} build{'s' if builds > 1 else ''} dropped, {size / 2**20:.1f} MiB freed"
        if builds
        else "nothing to drop"
    )
    click.echo(f"{view.name}: {what}.")


class Bar:
    """Progress with the time left: a bar on a terminal, elsewhere a line of the log for each tenth."""

    def __init__(self, view: str) -> None:
        self._view = view
        self._phase: Phase | None = None
        self._tenth = -1
        self._began, self._first = monotonic(), 0
        self._bar: tqdm[Any] = tqdm(desc=view, unit=" events", mininterval=0.2, disable=None, leave=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def __call__(self, phase: Phase, done: int, total: int) -> None:
        """Show how much of a phase is done."""
        if phase != self._phase:
            self._phase, self._tenth = phase, -1
            self._began, self._first = monotonic(), done
            self._bar.unit = " events" if phase == "building" else ""
            self._bar.set_description(f"{self._view}, {phase}")
            self._bar.reset(total)
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        tenth = 10 * done // total if total else 10
        if self._bar.disable and tenth > self._tenth:
            self._tenth = tenth
            log.info(
                "rebuilding", view=self._view, phase=phase, done=done, of=total, seconds_left=self._left(done, total)
            )

    def _left(self, done: int, total: int) -> int | None:
        """Return how long the phase goes on at its rate until now; nothing before there is one."""
        if done <= self._first:
            return None
        return round((monotonic() - self._began) * (total - done) / (done - self._first))


@contextmanager
def stopped_between_batches() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C and SIGTERM set, so that a rebuild ends between two batches."""
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
