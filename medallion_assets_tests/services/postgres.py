"""A PostgreSQL server over a folder of its own.

Its programs are looked for on the PATH, then where Debian puts them. PostgreSQL refuses to run as root: then the Debian
account `postgres` runs it.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medallion_assets_tests.services.processes import POLL_SECONDS, READY_SECONDS, ServiceMissingError, free_port

ACCOUNT = "postgres"
PLACES = os.pathsep.join([os.environ.get("PATH", ""), *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))])


class PostgresServer:
    """A server that can be ended, killed and started again; everybody on this host may connect."""

    def __init__(self, folder: Path, account: str | None) -> None:
        self._folder, self._account = folder, account
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def url(self, database: str = "postgres") -> str:
        """A URL for SQLAlchemy, and so for Dagster."""
        return f"postgresql+psycopg2://{ACCOUNT}@127.0.0.1:{self.port}/{database}"

    def make_database(self) -> str:
        """A new, empty database; returns its URL."""
        name = f"dagster_{secrets.token_hex(4)}"
        command = [_program("createdb"), *self._place, "--username", ACCOUNT, name]
        subprocess.run(command, check=True, timeout=READY_SECONDS)
        return self.url(name)

    def create(self) -> None:
        """Make the files of an empty server."""
        options = ["--username", ACCOUNT, "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"]
        command = [_program("initdb"), "--pgdata", str(self._data), *options]
        done = subprocess.run(
            command, user=self._account, cwd=self._folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")

    def start(self) -> None:
        """Start it, and wait until it answers; after a kill it recovers first."""
        deadline = time.monotonic() + READY_SECONDS
        while not self.answers():
            if self._process is None or self._process.poll() is not None:
                self._process = self._launch()
            if time.monotonic() > deadline:
                log = (self._folder / "postgres.log").read_text(errors="replace")
                raise RuntimeError(f"PostgreSQL is not ready:\n{log[-2000:]}")
            time.sleep(POLL_SECONDS)

    def answers(self) -> bool:
        """Whether somebody can connect now."""
        command = [_program("pg_isready"), *self._place, "--quiet"]
        return subprocess.run(command, check=False, timeout=READY_SECONDS).returncode == 0

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: at once (SIGINT), or as a crash would (SIGKILL; its backends see that it is gone)."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=READY_SECONDS)
            self._process = None

    @property
    def _place(self) -> list[str]:
        return ["--host", "127.0.0.1", "--port", str(self.port)]

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _launch(self) -> subprocess.Popen[bytes]:
        values = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self._folder}
        options = [part for name, value in values.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "postgres.log").open("ab") as log:
            return subprocess.Popen(
                [_program("postgres"), "-D", str(self._data), *options, "-c", "fsync=off"],
                user=self._account,
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


@contextmanager
def postgres_server(base: Path | None = None) -> Iterator[PostgresServer]:
    """A server while the block runs, in a folder (below `base`) that its account can reach; the folder goes with it.

    Raises:
        ServiceMissingError: PostgreSQL is not installed, or there is no account that may run it.
    """
    _program("postgres")
    account = _account()
    folder = Path(tempfile.mkdtemp(prefix="medallion-postgres-", dir=base))
    server = PostgresServer(folder, account)
    try:
        if account is not None:
            shutil.chown(folder, account)
        server.create()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _program(name: str) -> str:
    found = shutil.which(name, path=PLACES)
    if found is None:
        raise ServiceMissingError("PostgreSQL is not installed: apt-get install postgresql")
    return found


def _account() -> str | None:
    """Who runs the server, when it cannot be who runs the tests."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(ACCOUNT).pw_name
    except KeyError:
        raise ServiceMissingError(f"PostgreSQL does not run as root, and there is no account {ACCOUNT}") from None
