"""`caselog webhooks`: how deliveries go, and what is done with those that were given up."""

from typing import Any

import click
import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from api.cli.desk import existing_desk
from api.cli.tables import print_table
from commands.dispatch import own_request
from commands.errors import UnknownWebhook
from commands.wire.catalogue import COMMAND_TYPES
from infra.logging import configure_logging
from infra.webhooks.registry import webhook_events
from infra.webhooks.standing import parked as parked_deliveries
from infra.webhooks.standing import standings
from projections import webhook as view
from projections.folding import fold

CALLER = "webhooks"
MOST_SHOWN = 10_000

_position = click.option(
    "--position",
    "positions",
    multiple=True,
    type=click.IntRange(1),
    help="Only the delivery of the event at that position; may be given several times.",
)


@click.group()
def webhooks() -> None:
    """How deliveries to webhooks go, and what is done with those that were given up.

    `caselog deliver` sends; webhooks are made over HTTP, where their secret is shown (docs/webhooks.md).
    """
    configure_logging()


@webhooks.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(as_json: bool) -> None:
    """Show every webhook that was not deleted, and how far it was sent to."""
    with existing_desk() as (_, connection):
        found = [each for each in _webhooks(connection) if each["state"] != "deleted"]
    if as_json:
        for each in found:
            click.echo(msgspec.json.encode(each).decode())
        return
    rows = [(each["webhook_id"], each["state"], *_of_deliveries(each), each["url"]) for each in found]
    print_table(("WEBHOOK", "STATE", "POSITION", "BEHIND", "WAITING", "PARKED", "LAST FAILURE", "URL"), rows)


@webhooks.command()
@click.argument("webhook_id")
def show(webhook_id: str) -> None:
    """Show one webhook with its parked deliveries, as JSON."""
    with existing_desk() as (_, connection):
        found = {each["webhook_id"]: each for each in _webhooks(connection)}
        if webhook_id not in found:
            raise UnknownWebhook(f"there is no webhook {webhook_id!r}")
        told = {**found[webhook_id], "parked": parked_deliveries(connection, webhook_id)}
    click.echo(msgspec.json.format(msgspec.json.encode(told)).decode())


@webhooks.command()
@click.option("--webhook", "webhook_id", help="Only of this webhook.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def parked(webhook_id: str | None, as_json: bool) -> None:
    """Show the deliveries that were given up after their last attempt, the oldest events first."""
    with existing_desk() as (_, connection):
        found = parked_deliveries(connection, webhook_id, MOST_SHOWN)
    if as_json:
        for each in found:
            click.echo(msgspec.json.encode(each).decode())
        return
    columns = ("webhook_id", "position", "type", "subject", "attempts", "error")
    print_table(
        ("WEBHOOK", "POSITION", "TYPE", "STREAM", "ATTEMPTS", "ERROR"),
        [tuple(each[column] for column in columns) for each in found],
    )


@webhooks.command()
@click.argument("webhook_id")
@_position
def retry(webhook_id: str, positions: tuple[int, ...]) -> None:
    """Let the parked deliveries of WEBHOOK_ID be tried anew, all attempts from the first."""
    _send("retry-deliveries", webhook_id, **_some(positions))
    click.echo(f"parked deliveries of {webhook_id} are tried anew")


@webhooks.command()
@click.argument("webhook_id")
@_position
@click.option("--reason", help="Why, for those who read the log.")
def drop(webhook_id: str, positions: tuple[int, ...], reason: str | None) -> None:
    """Forget the parked deliveries of WEBHOOK_ID; the events stay in the log."""
    _send("drop-deliveries", webhook_id, **_some(positions), **({"reason": reason} if reason else {}))
    click.echo(f"parked deliveries of {webhook_id} are forgotten")


@webhooks.command()
@click.argument("webhook_id")
@click.option("--after", required=True, type=click.IntRange(0), help="The position of the log after which to begin.")
def replay(webhook_id: str, after: int) -> None:
    """Send everything after a position to WEBHOOK_ID again, with the ids that it had."""
    _send("replay-webhook", webhook_id, after=after)
    click.echo(f"everything after position {after} is sent to {webhook_id} again")


@webhooks.command()
@click.argument("webhook_id")
@click.option("--reason", required=True, help="Why, for those who read the log.")
def disable(webhook_id: str, reason: str) -> None:
    """Send nothing to WEBHOOK_ID for the time being."""
    _send("disable-webhook", webhook_id, reason=reason)
    click.echo(f"{webhook_id} is disabled")


@webhooks.command()
@click.argument("webhook_id")
@click.option("--skip-missed", is_flag=True, help="Leave out what happened while it was disabled.")
def enable(webhook_id: str, skip_missed: bool) -> None:
    """Send to WEBHOOK_ID again, from where it stopped."""
    _send("enable-webhook", webhook_id, missed="skip" if skip_missed else "send")
    click.echo(f"{webhook_id} is enabled")


def _webhooks(connection: Connection) -> list[dict[str, Any]]:
    """Return every webhook as HTTP shows it, told from the log, so that no view has to have followed."""
    rows = fold(view.VIEW, webhook_events(connection)).rows(view.webhooks)
    found = sorted((view.shape(row) for row in rows), key=lambda each: str(each["webhook_id"]))
    known = standings(connection, [each["webhook_id"] for each in found])
    return [
        {**each, "deliveries": known[each["webhook_id"]]} if each["webhook_id"] in known else each for each in found
    ]


def _of_deliveries(webhook: dict[str, Any]) -> tuple[object, ...]:
    told = webhook.get("deliveries", {})
    return tuple(told.get(name, "-") for name in ("position", "lag_events", "waiting", "parked", "last_failure"))


def _some(positions: tuple[int, ...]) -> dict[str, Any]:
    return {"positions": list(dict.fromkeys(positions))} if positions else {}


def _send(command: str, webhook_id: str, **data: Any) -> None:
    """Carry out a command as one that came over HTTP would be. Raises what the dispatcher does."""
    loaded = COMMAND_TYPES[command].load({"webhook": webhook_id, **data})
    with existing_desk() as (dispatcher, _):
        dispatcher.execute(own_request(command, loaded, CALLER))
