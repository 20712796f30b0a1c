"""The files of deploy/, and what they name of ours, for the tests that hold them against the code."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import yaml

from api.cli.commands import caselog

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCUMENT = ROOT / "docs" / "operations.md"


def yaml_of(name: str) -> Any:
    """A YAML file of deploy/."""
    return yaml.safe_load((DEPLOY / name).read_text())


def texts() -> Iterator[tuple[str, str]]:
    """Every file of deploy/ that stands in the source, and the document about them: name and text."""
    for path in [*sorted(DEPLOY.rglob("*")), DOCUMENT]:
        if path.is_file() and "secrets" not in path.parts:
            yield path.relative_to(ROOT).as_posix(), path.read_text()


def check_command(arguments: list[str]) -> None:
    """Let click read a command line of `caselog` without carrying it out; raises `click.UsageError`."""
    command: click.Command = caselog
    with caselog.make_context("caselog", [], resilient_parsing=True) as context:
        while isinstance(command, click.Group):
            name, *arguments = arguments or [""]
            found = command.get_command(context, name)
            if found is None:
                raise click.UsageError(f"{command.name} has no command {name!r}")
            command = found
        command.make_context(command.name, arguments, parent=context)


def commands_of(text: str) -> Iterator[list[str]]:
    """The command lines of `caselog` in blocks of code and in code within a sentence."""
    blocks = re.findall(r"^```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()] + re.findall(r"`(caselog [^`]+)`", text)
    for line in lines:
        found = re.search(r"(?:^|\s)caselog ((?:[a-z-]+)(?: [^>|#]*)?)", line)
        if found and "$" not in found[1]:
            yield ["queue" if word == "VIEW" else word for word in found[1].split()]
