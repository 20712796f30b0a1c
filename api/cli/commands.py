"""The commands of `caselog`, and what a failure of one of them looks like.

A command's module is imported when it is asked for: all of them together take a second, most of which no command needs.
"""

import signal
import sys
import traceback
from importlib import import_module

import click

_COMMANDS = {
    "up": "up:up",
    "api": "api:api",
    "project": "project:project",
    "timekeeper": "timekeeper:timekeeper",
    "deliver": "deliver:deliver",
    "relay": "relay:relay",
    "kafka-commands": "kafka_commands:kafka_commands",
    "kafka-project": "kafka_project:kafka_project",
    "reconcile": "reconcile:reconcile",
    "history": "history:history",
    "diff": "diff:diff",
    "export": "export:export",
    "explain": "explain:explain",
    "import": "importing:import_",
    "close-months": "close_months:close_months_command",
    "rebuild": "rebuild:rebuild",
    "backup": "backup:backup",
    "restore": "restore:restore",
    "parked": "parked:parked",
    "keys": "keys:keys",
    "webhooks": "webhooks:webhooks",
    "reporting-url": "reporting_url:reporting_url_command",
    "export-view": "export_view:export_view_command",
    "report": "report:report",
    "calendar": "calendar:calendar",
    "config": "config:config",
}
"""Where each is, in the order in which they are told."""


FAULT = 70
"""The exit code of a fault of the program, as in sysexits.h. Python's own is 1, which says that something differs."""


class _Commands(click.Group):
    """Finds its commands in `_COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"api.cli.{module}"), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="caselog", message="caselog %(version)s")
def caselog() -> None:
    """The event-sourced back end of a support desk.

    `caselog up` runs all of it on this machine. The environment variables CASELOG_… configure it; `caselog config`
    shows each with its meaning.
    """
    # The command has been imported, so from now on an interrupt may be an exception.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def run() -> None:
    """Carry out what the arguments say, and end the process."""
    try:
        ended_with = caselog.main(
            prog_name="caselog", standalone_mode=False
        )  # click returns the code of an Exit and raises none
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 - a fault is told with its trace
        from api.cli.errors import exit_code_of, sentence_of  # noqa: PLC0415 - knows what all commands may raise

        code = exit_code_of(error)
        if code is None:
            traceback.print_exc()
            sys.exit(FAULT)
        click.echo(f"caselog: {sentence_of(error)}", err=True)
        sys.exit(code)
    sys.exit(ended_with if isinstance(ended_with, int) else 0)
