"""`caselog parked`: what a view could not take, and what becomes of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import click
import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from api import compose
from api.compose_views import places
from infra.config import Config
from infra.logging import configure_logging
from infra.postgres.pool import connect
from infra.projection import parking
from infra.projection.builds import build_numbered
from infra.projection.parking import Parked
from infra.projection.runner import BuildRunner
from infra.projection.writer import view_connection
from projections.catalogue import VIEWS

VIEWS_BY_NAME = {view.name: view for view in VIEWS}

STILL_PARKED = 1
"""Exit code where a key is parked again."""


class UnknownParkedKey(ValueError):
    """Nothing is parked under the view and key that were named."""


@click.group()
def parked() -> None:
    """What views could not take: a failing handler parks the key of the row, and later events of it queue.

    Everything else goes on. Mend the handler, then `retry`; or `drop` the event that nobody can mend.
    """
    configure_logging()


@parked.command("list")
@click.option("--view", help="Only this view.")
@click.option("--traceback", is_flag=True, help="Show where each handler failed.")
@click.option("--dropped", is_flag=True, help="Show what was dropped instead.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(view: str | None, traceback: bool, dropped: bool, as_json: bool) -> None:
    """Show what is parked: view, key, the event that failed, why, since when, and how many queue behind it."""
    _check_view(view)
    with _desk() as desk:
        found = [each for _, each in desk.parked(dropped=dropped) if view in (None, each.view)]
    if as_json:
        for each in found:
            click.echo(msgspec.json.encode({**msgspec.structs.asdict(each), "key": each.name}))
        return
    if not found:
        click.echo("Nothing was dropped." if dropped else "Nothing is parked.")
    for each in found:
        when = f"dropped {each.dropped_at:%Y-%m-%d %H:%M:%S} UTC" if dropped else f"{each.queued} queued behind it"
        click.echo(
            f"{each.view}  {each.name}  ({each.part or 'all tables'}, build {each.build})\n"
            f"  {each.type} at position {each.position} of {each.stream_id}; {when}\n"
            f"  since {each.parked_at:%Y-%m-%d %H:%M:%S} UTC, tried {each.attempts} times: {each.error}"
        )
        if traceback:
            click.echo("".join(f"    {line}\n" for line in each.traceback.splitlines()), nl=False)


@parked.command()
@click.option("--view", help="Only this view.")
@click.option("--key", help="Only this key, as `list` shows it.")
def retry(view: str | None, key: str | None) -> None:
    """Apply the events of parked keys with the present code, in their order, each key as far as it goes.

    Readers see either none or all of what a key makes up for. The exit code is 1 where one is parked again.
    """
    left = _each(view, key, lambda runner, each: runner.retry(each.part, parking.parse_key(each.key)))
    if left:
        raise click.exceptions.Exit(STILL_PARKED)


@parked.command()
@click.option("--view", required=True, help="The view.")
@click.option("--key", required=True, help="The key, as `list` shows it.")
@click.option("--all-events", is_flag=True, help="Drop those that queue behind the failed one as well.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(view: str, key: str, all_events: bool, yes: bool) -> None:
    """Give up the event that failed: the view will never show it. Those behind it are applied.

    The log keeps it, and so does `list --dropped`. A rebuild of the view meets it again.
    """

    def give_up(runner: BuildRunner, each: Parked) -> bool:
        queued = runner.queued(each.part, parking.parse_key(each.key))
        dropped = queued if all_events else queued[:1]
        if not yes:
            click.confirm(
                f"{view} will never show {len(dropped)} of the {len(queued)} events that wait for {each.name}"
                f" ({each.type} at position {each.position} is the first). Drop?",
                abort=True,
            )
        return runner.retry(each.part, parking.parse_key(each.key), drop=dropped)

    if _each(view, key, give_up):
        raise click.exceptions.Exit(STILL_PARKED)


def _each(view: str | None, key: str | None, action: Callable[[BuildRunner, Parked], bool]) -> int:
    """Do something with each parked key that was named, say how it went, and return how many are parked still.

    Raises `UnknownParkedKey`.
    """
    _check_view(view)
    left = 0
    with _desk() as desk:
        found = [
            (place, each) for place, each in desk.parked() if view in (None, each.view) and key in (None, each.name)
        ]
        if key is not None and not found:
            raise UnknownParkedKey(f"nothing is parked under {key!r}{f' in {view}' if view else ''}: see `parked list`")
        for place, each in found:
            code = VIEWS_BY_NAME.get(each.view)
            if code is None:
                continue  # of a view that this code no longer has
            with place.connection.cursor() as cursor:
                build = build_numbered(cursor, code, each.build)
            if build is None or build.version != code.version:
                click.echo(f"{each.view} {each.name}: left alone, this code has another version of the view")
                left += 1
                continue
            with closing(view_connection(place.url, desk.schema, code)) as writing:
                done = action(BuildRunner(writing, code, build, log=desk.log), each)
            click.echo(f"{each.view} {each.name}: {'taken up' if done else 'parked again'}")
            left += not done
        if not found:
            click.echo("Nothing is parked.")
    return left


def _check_view(view: str | None) -> None:
    if view is not None and view not in VIEWS_BY_NAME:
        raise click.UsageError(f"there is no view {view!r}; there are {', '.join(sorted(VIEWS_BY_NAME))}")


class _Place(msgspec.Struct, frozen=True):
    url: str
    connection: Connection


class _Desk(msgspec.Struct, frozen=True):
    """The databases that the desk's views live in, the one with its log first."""

    schema: str
    places: list[_Place]

    @property
    def log(self) -> Connection:
        return self.places[0].connection

    def parked(self, *, dropped: bool = False) -> list[tuple[_Place, Parked]]:
        return [
            (place, each)
            for place in self.places
            for each in parking.parked(place.connection, dropped=dropped, log=self.log)
        ]


@contextmanager
def _desk() -> Iterator[_Desk]:
    config = Config.from_environment()
    with compose.database(config, existing=True) as url, ExitStack() as stack:
        compose.prepare(config, url)
        found = []
        for _, place in places(config, url):
            connection = stack.enter_context(closing(connect(place, config.schema)))
            connection.autocommit = True
            found.append(_Place(place, connection))
        yield _Desk(config.schema, found)
