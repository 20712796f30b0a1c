"""`caselog up`: everything of a desk on this machine."""

import json
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from types import FrameType

import click
import structlog

from api import compose, compose_views
from api.http.server import check_port_is_free
from api.keys import DEVELOPMENT_KEY, development_key
from domain.desk import Desk
from infra.config import KAFKA_BOOTSTRAP, Config
from infra.kafka.names import Names
from infra.logging import configure_logging
from infra.metrics.exposition import counted_together
from infra.postgres.embedded import EmbeddedServer
from infra.postgres.pool import DatabaseUnavailable, connect
from infra.projection.builds import fed_by_kafka
from infra.supervisor import Supervisor
from projections.catalogue import VIEWS

PROCESSES = ("project", "timekeeper", "deliver", "api")
"""Started in this order. The last is stopped first, and the others once it has ended."""
KAFKA_PROCESSES = ("relay", "kafka-commands")
"""Started before them, with `--kafka`."""

READY_SECONDS = 60.0

log = structlog.get_logger()


@click.command()
@click.option("--kafka", is_flag=True, help="Publish every event to Kafka, and take commands from there.")
@click.option(
    "--kafka-view",
    "kafka_views",
    multiple=True,
    metavar="VIEW",
    type=click.Choice(sorted(view.name for view in VIEWS)),
    help="With --kafka: keep this view from the events in Kafka instead of the log; may be given several times.",
)
def up(*, kafka: bool, kafka_views: tuple[str, ...]) -> None:
    """Run a whole desk on this machine: PostgreSQL, API, projector, timekeeper and deliveries to webhooks.

    Without CASELOG_DATABASE_URL the database is embedded, its data in CASELOG_DATA (./.caselog). Ctrl-C stops
    everything; the next start finds its data again. With `--kafka` a broker runs as well, its data there too, unless
    CASELOG_KAFKA_BOOTSTRAP names one; that takes the extra caselog[kafka-dev].
    """
    if kafka_views and not kafka:
        raise click.UsageError("--kafka-view needs --kafka: views are fed by what is published there")
    with_kafka = _with_kafka(kafka_views) if kafka else ()
    configure_logging("up")
    config = Config.from_environment()
    check_port_is_free(config.host, config.port)
    stop = _stop_signals()
    server = None if config.database_url else EmbeddedServer(config.data_folder)
    try:
        click.echo(f"Starting a desk, its data in {(config.database_url and 'your database') or config.data_folder} …")
        url = config.database_url or (server.start() if server else "")
        desk = compose.prepare(config, url)
        key = development_key(config, url) if config.environment == "development" else None
        _warn_of_untended(config, url, kafka_views)
        with counted_together() as environment, _broker(config, wanted=kafka) as bootstrap:
            if bootstrap is not None:
                environment[KAFKA_BOOTSTRAP] = bootstrap
            supervisor = Supervisor(compose.environment_of_children(url, environment), dispensable=with_kafka)
            try:
                supervisor.start((*with_kafka, *PROCESSES))
                announcer = threading.Thread(target=_announce, args=(config, desk, key, bootstrap, stop), daemon=True)
                announcer.start()
                supervisor.run(stop, look_after=lambda: _keep_alive(server))
            finally:
                click.echo("Stopping …")
                supervisor.stop()
    finally:
        if server is not None:
            server.stop()
    click.echo("Stopped; the data is kept.")


@contextmanager
def _broker(config: Config, *, wanted: bool) -> Iterator[str | None]:
    """Give where the broker is that the processes are to use: the one that is named, else one of our own."""
    if not wanted:
        yield None
    elif config.kafka.bootstrap:
        yield ",".join(config.kafka.bootstrap)
    else:
        # Kafka's client takes 70 ms to import, which no other start shall pay
        from api.compose_kafka import OWN_BROKER  # noqa: PLC0415
        from infra.kafka.broker.kept import kept_running  # noqa: PLC0415
        from infra.kafka.broker.server import Broker  # noqa: PLC0415

        with kept_running(Broker(config.data_folder / OWN_BROKER)) as bootstrap:
            yield bootstrap


def _with_kafka(views: tuple[str, ...]) -> tuple[str, ...]:
    """Return the subcommands that work with Kafka. Raises `NotFed` for a view that it cannot feed."""
    if not views:
        return KAFKA_PROCESSES
    from infra.kafka.workers.source import refuse_total_order  # noqa: PLC0415 - as below

    refuse_total_order([view for view in VIEWS if view.name in views])
    return (*KAFKA_PROCESSES, " ".join(("kafka-project", *dict.fromkeys(views))))


def _warn_of_untended(config: Config, url: str, tended: tuple[str, ...]) -> None:
    """Tell which views readers see as Kafka fed them, with nobody to feed them in this run."""
    found: set[str] = set()
    with suppress(DatabaseUnavailable):  # one for views may come later
        for _, place in compose_views.places(config, url):
            with closing(connect(place, config.schema)) as connection, connection.cursor() as cursor:
                found.update(fed_by_kafka(cursor))
    for view in sorted(found.difference(tended)):
        click.echo(
            f"View {view} is fed by Kafka, and nothing in this run does it: `caselog up --kafka --kafka-view {view}`"
            f" keeps it up to date, `caselog rebuild {view}` brings it back to the log.",
            err=True,
        )


def _stop_signals() -> threading.Event:
    """Return an event that Ctrl-C, SIGTERM and a closed terminal set."""
    stop = threading.Event()

    def request_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, request_stop)
    return stop


def _keep_alive(server: EmbeddedServer | None) -> None:
    """Start the embedded server again if it has died."""
    if server is not None and server.pid is None:
        log.warning("PostgreSQL has ended and is started again")
        server.start()


def _announce(config: Config, desk: Desk, key: str | None, bootstrap: str | None, stop: threading.Event) -> None:
    """Tell the address as soon as the API answers, and what to try next."""
    address = f"http://{config.host}:{config.port}"
    deadline = time.monotonic() + READY_SECONDS
    while not stop.wait(0.1):
        if _ready(address):
            break
        if time.monotonic() > deadline:
            click.echo(f"The API at {address} has not become ready within {READY_SECONDS:.0f} s.", err=True)
            return
    else:
        return
    file = config.data_folder / DEVELOPMENT_KEY
    way_in = (
        f"""The development key, a manager's, also in {file}:
    {key}
    curl -H "Authorization: Bearer {key}" {address}/v1/queue"""
        if key
        else "Keys: `caselog keys create --name NAME --role ROLE`"
    )
    kafka = f"  Kafka: {bootstrap}, every event on the topic {Names(config.schema).events}\n\n" if bootstrap else ""
    click.echo(
        f"""
Caselog is ready: {address}   (zone {desk.zone}, currency {desk.currency}{", TEST CLOCK" if config.test_clock else ""})

  {way_in}

{kafka}  Try next, in another terminal:
    curl {address}/                       where everything is
    {address}/docs             every command and query, in a browser
    the README's first case: register a customer, open a case, log work, read the bill

  Ctrl-C stops everything; the data stays in {(config.database_url and "your database") or config.data_folder}.
"""
    )


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health/ready", timeout=2) as answer:  # noqa: S310 - our own address
            return bool(json.load(answer)["status"] == "ready")
    except (urllib.error.URLError, OSError, ValueError, KeyError):
        return False
