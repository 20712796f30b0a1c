"""`caselog reconcile --view`: is what a Kafka-fed view shows what the log makes?"""

import threading
from collections.abc import Callable, Sequence

import click

from api import compose
from api.cli.rebuild import SHOWN, Bar, stopped_between_batches
from api.compose_views import places
from infra.config import Config
from infra.kafka.reconcile.errors import CannotReconcile, NotFedByKafka
from infra.kafka.reconcile.views import Progress, reconcile_view
from infra.projection.comparing import Comparison, Difference
from projections.catalogue import VIEWS
from projections.view import View

FOUND, NOTHING_TO_COMPARE, AWAY, INTERRUPTED = 1, 2, 3, 130
"""Exit codes: something is wrong; there is nothing to compare; broker or database cannot be had, so nobody has looked;
it was interrupted and nothing was wrong until then."""

_KINDS = {"only in the old": "only in the view", "only in the new": "missing in the view", "changed": "changed"}


def reconcile_views(config: Config, names: Sequence[str]) -> int:
    """Compare views with what the log makes, tell what differs, and return the exit code: the worst of all."""
    code = 0
    with compose.database(config, existing=True) as url, stopped_between_batches() as stopping:
        compose.prepare(config, url)
        found_in = [there for _, there in places(config, url)]
        for view in (view for view in VIEWS if view.name in names):
            shown: list[Difference] = []

            def differs(difference: Difference, shown: list[Difference] = shown) -> None:
                if len(shown) < SHOWN:
                    shown.append(difference)

            try:
                with Bar(view.name) as bar:
                    found = _reconcile(found_in, url, config.schema, view, differs, bar, stopping)
            except CannotReconcile as problem:
                click.echo(f"caselog: {problem}", err=True)
                code = max(code, NOTHING_TO_COMPARE)
                continue
            if found is None:
                click.echo(f"{view.name}: interrupted; nothing was changed.", err=True)
                return INTERRUPTED
            _tell(view.name, found, shown)
            code = max(code, FOUND if found.differences else 0)
    return code


def _reconcile(
    urls: Sequence[str],
    log: str,
    schema: str,
    view: View,
    differs: Callable[[Difference], None],
    progress: Progress,
    stopping: threading.Event,
) -> Comparison | None:
    """Compare a view in the last of the databases that Kafka feeds it in. Raises `CannotReconcile`."""
    *others, there = urls
    try:
        return reconcile_view(there, log, schema, view, differs=differs, progress=progress, stopping=stopping)
    except NotFedByKafka:
        if not others:
            raise
        return _reconcile(others, log, schema, view, differs, progress, stopping)


def _tell(view: str, found: Comparison, shown: Sequence[Difference]) -> None:
    rows = sum(found.rows.values())
    up_to = f"with the log up to position {found.position:,}"
    if not found.differences:
        click.echo(f"{view}: {rows:,} rows compared {up_to}: the same.")
        return
    parked = f", {found.parked:,} of them set aside (caselog parked list)" if found.parked else ""
    click.echo(f"{view}: {found.differences:,} of {rows:,} rows differ {up_to}{parked}")
    for table, kinds in found.counts.items():
        for kind, count in kinds.items():
            click.echo(f"  {table}: {count:,} {_KINDS[kind]}")
    for each in shown:
        how = f"changed in {', '.join(each.columns)}" if each.kind == "changed" else _KINDS[each.kind]
        click.echo(f"  {each.table} {'/'.join(map(str, each.key))}: {how}{', set aside' if each.parked else ''}")
