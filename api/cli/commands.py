"""The commands of `caselog`, and what a failure of one of them looks like."""

import signal
import sys

import click

from api.cli.api import api
from api.cli.backup import backup
from api.cli.calendar import calendar
from api.cli.close_months import close_months_command
from api.cli.config import config
from api.cli.deliver import deliver
from api.cli.diff import diff
from api.cli.errors import exit_code_of, sentence_of
from api.cli.explain import explain
from api.cli.export import export
from api.cli.export_view import export_view_command
from api.cli.history import history
from api.cli.importing import import_
from api.cli.kafka_commands import kafka_commands
from api.cli.kafka_project import kafka_project
from api.cli.keys import keys
from api.cli.parked import parked
from api.cli.project import project
from api.cli.rebuild import rebuild
from api.cli.reconcile import reconcile
from api.cli.relay import relay
from api.cli.report import report
from api.cli.reporting_url import reporting_url_command
from api.cli.restore import restore
from api.cli.timekeeper import timekeeper
from api.cli.up import up
from api.cli.webhooks import webhooks


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="caselog", message="caselog %(version)s")
def caselog() -> None:
    """The event-sourced back end of a support desk.

    `caselog up` runs all of it on this machine. The environment variables CASELOG_… configure it; `caselog config`
    shows each with its meaning.
    """


for command in (
    up,
    api,
    project,
    timekeeper,
    deliver,
    relay,
    kafka_commands,
    kafka_project,
    reconcile,
    history,
    diff,
    export,
    explain,
    import_,
    close_months_command,
    rebuild,
    backup,
    restore,
    parked,
    keys,
    webhooks,
    reporting_url_command,
    export_view_command,
    report,
    calendar,
    config,
):
    caselog.add_command(command)


def run() -> None:
    """Carry out what the arguments say, and end the process."""
    try:
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        ended_with = caselog.main(
            prog_name="caselog", standalone_mode=False
        )  # click returns the code of an Exit and raises none
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Exception as error:
        code = exit_code_of(error)
        if code is None:
            raise
        click.echo(f"caselog: {sentence_of(error)}", err=True)
        sys.exit(code)
    sys.exit(ended_with if isinstance(ended_with, int) else 0)
