"""A PostgreSQL server for tests: made in a temporary folder, reached by a socket in it, removed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`; None if the server is not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name)
    on_path = shutil.which("initdb")
    if on_path is not None:
        folders.append(Path(on_path).resolve().parent)
    for folder in reversed(folders):
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    return None


def unprivileged(account: pwd.struct_passwd) -> list[str]:
    """What runs a command as this account, without root's rights."""
    command = [
        "setpriv",
        f"--reuid={account.pw_uid}",
        f"--regid={account.pw_gid}",
        "--clear-groups",
    ]
    if not os.stat(os.devnull).st_mode & 0o002:
        # A container where only root may write to it; initdb cannot do without.
        command += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return command


@contextmanager
def server(binaries: Path) -> Iterator[str]:
    """Run a server; gives libpq's connection string to it."""
    # A short path: that of a socket may not have more than 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    # The server refuses to run as root.
    prefix: list[str] = []
    if os.geteuid() == 0:
        account = pwd.getpwnam("nobody")
        os.chown(folder, account.pw_uid, account.pw_gid)
        prefix = unprivileged(account)

    def run(program: str, *options: str) -> None:
        subprocess.run(
            [*prefix, str(binaries / program), "-D", str(folder / "data"), *options],
            cwd=folder,
            check=True,
            # The server inherits them; a pipe would be waited for.
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=400,
        )

    try:
        run("initdb", "-U", "example", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        settings = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=20"
        run("pg_ctl", "-w", "-t", "300", "-l", str(folder / "log"), "-o", settings, "start")
        try:
            yield f"host={folder} user=example dbname=postgres"
        finally:
            run("pg_ctl", "-w", "-t", "300", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
