"""As whom does the embedded server run, and can that account reach what it needs?

PostgreSQL refuses to run as root. Started by root it runs as an unprivileged account: the owner of the cluster that is
already there, else `nobody`. Started by anyone else it runs as the same user, and nothing here has work to do.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple


class Account(NamedTuple):
    """A local user as the password database has it."""

    name: str
    uid: int
    gid: int


def server_account(cluster: Path) -> Account:
    """The account that runs the server on `cluster` (which may not exist yet). Raises `KeyError` without one."""
    if os.geteuid() != 0:
        return _account(pwd.getpwuid(os.geteuid()))
    if cluster.exists() and cluster.stat().st_uid != 0:
        return _account(pwd.getpwuid(cluster.stat().st_uid))
    return _account(pwd.getpwnam("nobody"))


def popen_as(
    account: Account, command: Sequence[str | Path], stdout: int, *, new_session: bool = False
) -> subprocess.Popen[bytes]:
    """Start `command` as `account`, with nothing of our environment, standard error joined to `stdout`.

    `new_session` puts it out of reach of the terminal's Ctrl-C. Raises `PermissionError` if the account may not run it.
    """
    changed = os.geteuid() != account.uid
    return subprocess.Popen(
        command,
        user=account.uid if changed else None,
        group=account.gid if changed else None,
        extra_groups=[] if changed else None,
        umask=0o077,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        start_new_session=new_session,
    )


def first_closed(account: Account, folders: Iterable[Path]) -> Path | None:
    """The first of `folders` that `account` may not pass through, found by trying, so that ACLs count too."""
    if os.geteuid() == account.uid:
        return None
    script = 'for each; do test -x "$each" || { printf %s "$each"; exit; }; done'
    process = popen_as(account, ["/bin/sh", "-c", script, "sh", *folders], subprocess.PIPE)
    closed, _ = process.communicate()
    return Path(os.fsdecode(closed)) if closed else None


def reachable_programs(account: Account, installed: Path, spare: Path) -> Path:
    """The `bin` folder that `account` can run: that of `installed`, else of its copy in `spare`, made when needed.

    `installed` is the wheel's package folder. The programs find their libraries by the path between the two, so the
    copy keeps it. As root a virtual environment is often closed to others (under /root); copying 30 MB is the price of
    not touching its permissions.
    """
    if _runs(account, installed):
        return installed / "pginstall18" / "bin"
    copy = spare / installed.name
    if not copy.exists():
        unfinished = spare.with_name(spare.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in ("bin", "lib", "share"):
            _copy_readable(installed / "pginstall18" / part, unfinished / installed.name / "pginstall18" / part)
        libraries = installed.with_name(installed.name + ".libs")
        if libraries.exists():
            _copy_readable(libraries, unfinished / libraries.name)
        for folder in (unfinished, *(each for each in unfinished.rglob("*") if each.is_dir())):
            folder.chmod(0o755)
        unfinished.rename(spare)
    if not _runs(account, copy):
        raise PermissionError(f"user {account.name} can run PostgreSQL neither from {installed} nor from {copy}")
    return copy / "pginstall18" / "bin"


def _runs(account: Account, package: Path) -> bool:
    """Whether the account can start the programs, load their libraries and read their data files."""
    install = package / "pginstall18"
    script = 'test -r "$1/share/postgresql/postgres.bki" && test -x "$1/bin/postgres" && "$1/bin/initdb" --version'
    process = popen_as(account, ["/bin/sh", "-c", script, "sh", install], subprocess.DEVNULL)
    return process.wait() == 0


def _copy_readable(source: Path, target: Path) -> None:
    def copy(one: str, other: str) -> str:
        shutil.copyfile(one, other)
        Path(other).chmod(0o755 if os.access(one, os.X_OK) else 0o644)
        return other

    shutil.copytree(source, target, copy_function=copy, ignore=shutil.ignore_patterns("*.a", "pkgconfig"))


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
