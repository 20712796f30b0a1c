"""`caselog restore`: a desk from the file of a backup, held against what its log says."""

from contextlib import ExitStack
from pathlib import Path
from threading import Event

import click

from api import compose
from api.cli.backup import Bar, contents_of
from api.cli.rebuild import DIFFERENT, INTERRUPTED, SHOWN, stopped_between_batches, tell_comparison
from api.cli.rebuild import Bar as RebuildBar
from api.cli.stopping import stopped_by_signals
from infra.backup.archive import Archive
from infra.backup.restore import Restored, check_nothing_is_there, check_release, is_restored, restore_backup
from infra.config import Config
from infra.kafka.reconcile.errors import CannotReconcile
from infra.kafka.reconcile.views import reconcile_view
from infra.logging import configure_logging
from infra.projection.comparing import Difference
from infra.projection.rebuild import BuiltElsewhere, FedByKafka, drop_unseen, rebuild
from projections.catalogue import VIEWS
from projections.view import View

COMPARE = "`caselog rebuild --all --check` compares the views with its log."
_INTERRUPTED_COMPARING = f"interrupted: the desk is restored and may be used; {COMPARE}"


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--verify", is_flag=True, help="Only tell what is in FILE and whether it is whole.")
@click.option("--no-compare", is_flag=True, help="Do not build the views from the log to compare them.")
def restore(file: Path, verify: bool, no_compare: bool) -> None:
    """Make the desk of the backup FILE, in a new data folder (CASELOG_DATA) or an empty schema (CASELOG_SCHEMA).

    All of FILE is read and checked before anything is made, and the desk is made in one transaction: interrupted, or
    failed, it leaves none. Then each view is built from the restored log and compared with the one that came in the
    file, as by `caselog rebuild --check`; exit code 1 if one differs. The desk is whole and may be used meanwhile.
    """
    configure_logging("restore")
    config = Config.from_environment()
    with Archive(file) as archive:
        manifest = archive.manifest
        if not verify:
            check_release(manifest, VIEWS)
            _check_place(config)
        try:
            with stopped_by_signals():
                _verify(archive)
        except KeyboardInterrupt:
            raise _interrupted("interrupted: nothing was restored.") from None
        click.echo(f"{file} is whole: {contents_of(manifest)}, by Caselog {manifest.release}.")
        if verify:
            return
        with ExitStack() as stack:
            try:
                with stopped_by_signals():
                    url = stack.enter_context(compose.database(config))
            except KeyboardInterrupt:
                raise _interrupted("interrupted: nothing was restored.") from None
            restored = _restore(archive, config, url)
            if not no_compare:
                _compare(config, url, restored)


def _check_place(config: Config) -> None:
    """Refuse a place that is taken before all of the file is read."""
    if config.database_url is not None or (config.data_folder / "cluster").exists():
        with compose.database(config) as url:
            check_nothing_is_there(url, config.schema)


def _interrupted(told: str) -> click.exceptions.Exit:
    click.echo(told, err=True)
    return click.exceptions.Exit(INTERRUPTED)


def _verify(archive: Archive) -> None:
    done = 0

    def told(more: int) -> None:
        nonlocal done
        done += more
        bar.show(done, archive.manifest.bytes)

    with Bar("reading", "B", unit_scale=True) as bar:
        archive.verify(told)


def _restore(archive: Archive, config: Config, url: str) -> Restored:
    head = archive.manifest.head_position
    try:
        with stopped_by_signals(), Bar("restoring", "B", unit_scale=True) as bar:
            restored = restore_backup(archive, url, config.schema, VIEWS, progress=bar.show)
    except KeyboardInterrupt:
        if not is_restored(url, config.schema):
            raise _interrupted("interrupted: nothing was restored.") from None
        raise _interrupted(f"interrupted: the desk is restored, up to position {head}; {COMPARE}") from None
    click.echo(f"The desk is restored, up to position {head:,}.")
    for migration in restored.migrated:
        click.echo(f"  brought up to date by {migration}")
    for view, reason in restored.left_out.items():
        click.echo(f"  {view}: not taken over, for {reason}; the log has all that it shows")
    return restored


def _compare(config: Config, url: str, restored: Restored) -> None:
    """Build every view from the log, and hold it against the one that came in the file."""
    with stopped_between_batches() as stopping:
        different = [
            view.name
            for view in VIEWS
            if not _is_as_the_log_says(config, url, view, came=view.name in restored.views, stopping=stopping)
        ]
    if different:
        click.echo(
            f"Not what the log says: {', '.join(different)}. Readers see what came in the file;"
            f" `caselog rebuild {' '.join(different)}` lets them see what the log says.",
            err=True,
        )
        raise click.exceptions.Exit(DIFFERENT)


def _is_as_the_log_says(config: Config, url: str, view: View, *, came: bool, stopping: Event) -> bool:
    """Build a view from the log, or compare one that came in the file with what the log makes; tell what came of it."""
    shown = First(SHOWN)
    try:
        with RebuildBar(view.name) as bar:
            rebuilt = rebuild(url, config.schema, view, progress=bar, differs=shown, stopping=stopping, switch=not came)
    except BuiltElsewhere:  # the desk has been started, and its projector builds what is missing
        if came:
            raise
        click.echo(f"{view.name}: a projector builds it anew.")
        return True
    except FedByKafka:
        return _is_as_the_log_says_fed_by_kafka(config, url, view, stopping)
    if rebuilt.build is None:
        raise _interrupted(_INTERRUPTED_COMPARING)
    if not came:
        click.echo(f"{view.name}: built anew, up to position {rebuilt.position}.")
    elif rebuilt.comparison is not None:
        tell_comparison(view, rebuilt.comparison, shown.differences, reported=True)
    if came and (rebuilt.comparison is None or rebuilt.comparison.differences):
        return False
    drop_unseen(url, config.schema, view)
    return True


def _is_as_the_log_says_fed_by_kafka(config: Config, url: str, view: View, stopping: Event) -> bool:
    """The same of a view that Kafka feeds: its partitions stand at places of their own, which came in the file too."""
    shown = First(SHOWN)
    try:
        with RebuildBar(view.name) as bar:
            found = reconcile_view(url, url, config.schema, view, differs=shown, progress=bar, stopping=stopping)
    except CannotReconcile as problem:
        click.echo(f"{view.name}: not compared: {problem}")
        return False
    if found is None:
        raise _interrupted(_INTERRUPTED_COMPARING)
    tell_comparison(view, found, shown.differences, reported=True)
    click.echo(f"{view.name}: Kafka has fed it; `caselog rebuild {view.name}` lets the log do so.")
    return not found.differences


class First:
    """Keeps the first differences that it is told of."""

    def __init__(self, most: int) -> None:
        self.differences: list[Difference] = []
        self._most = most

    def __call__(self, difference: Difference) -> None:
        """Keep a difference, if it is one of the first."""
        if len(self.differences) < self._most:
            self.differences.append(difference)
