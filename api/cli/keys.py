"""`caselog keys`: who may talk to the API."""

from datetime import datetime
from typing import Any, cast, get_args

import click
import msgspec

from api.cli.desk import existing_desk
from api.cli.tables import print_table
from api.keys import DEVELOPMENT_NAME
from domain.api_key import ApiKey, Role
from infra.access.api_keys import all_keys
from infra.access.key_making import create_key, revoke_key
from infra.logging import configure_logging

_HEADINGS = ("KEY", "NAME", "ROLE", "CUSTOMER", "PER MINUTE", "CREATED", "REVOKED")
LONGEST_NAME = 128


@click.group()
def keys() -> None:
    """Who may talk to the API: keys are made, listed and revoked.

    A key's secret is shown once, when it is made, and kept nowhere. A revoked one opens nothing within two seconds.
    """
    configure_logging()


@keys.command("create")
@click.option("--name", required=True, help="Whose it is: events say it of what is done with the key.")
@click.option("--role", required=True, type=click.Choice(get_args(Role)), help="What it may do (docs/access.md).")
@click.option("--customer", help="The one customer of a requester's key.")
@click.option(
    "--requests-per-minute",
    type=click.IntRange(0, 2**31 - 1),
    help="Its own quota, 0 for none; left out, CASELOG_REQUESTS_PER_MINUTE counts.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def create(name: str, role: str, customer: str | None, requests_per_minute: int | None, as_json: bool) -> None:
    """Make a key and show its secret, the only time it can be seen."""
    if not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
        raise click.BadParameter(f"must be 1 to {LONGEST_NAME} printable characters", param_hint="--name")
    if name == DEVELOPMENT_NAME:
        raise click.BadParameter(
            f"{name!r} is the key that `caselog up` makes in development, and a start in production revokes",
            param_hint="--name",
        )
    with existing_desk() as (dispatcher, connection):
        if any(key.created.name == name and key.revoked_at is None for key in all_keys(connection)):
            raise click.BadParameter(
                f"a key named {name!r} opens already, and events carry names: choose another, or revoke it",
                param_hint="--name",
            )
        made = create_key(
            dispatcher, name, cast("Role", role), customer_id=customer, requests_per_minute=requests_per_minute
        )
    if as_json:
        click.echo(msgspec.json.encode(made).decode())
        return
    click.echo(f"key {made.key_id} of role {role}; its secret, shown only now:", err=True)
    click.echo(made.secret)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(as_json: bool) -> None:
    """Show every key that was ever made, the oldest first."""
    with existing_desk() as (_, connection):
        rows = [_row(key) for key in all_keys(connection)]
    if as_json:
        for row in rows:
            click.echo(msgspec.json.encode(row).decode())
        return
    print_table(_HEADINGS, [[_cell(value) for value in row.values()] for row in rows])


@keys.command("revoke")
@click.argument("key_id")
@click.option("--reason", help="Why, for those who read the log.")
def revoke(key_id: str, reason: str | None) -> None:
    """Let the key KEY_ID open nothing any more, for good."""
    with existing_desk() as (dispatcher, _):
        revoke_key(dispatcher, key_id, reason)
    click.echo(f"key {key_id} is revoked")


def _row(key: ApiKey) -> dict[str, Any]:
    made = key.created
    return {
        "key_id": made.key_id,
        "name": made.name,
        "role": made.role,
        "customer_id": made.customer_id,
        "requests_per_minute": made.requests_per_minute,
        "created_at": made.occurred_at,
        "revoked_at": key.revoked_at,
    }


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%SZ}"
    return "-" if value is None else str(value)
