"""Starting a server process, waiting until it answers, and ending it.

Belongs here: what every service shares. Does not: any one service (dynamodb_local, s3).
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
READY_SECONDS = 180.0
"""A bound, not an expectation: the machine may be busy with other tests."""
POLL_SECONDS = 0.1
QUICK_JAVA = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""A server that lives for minutes never earns back what Java spends on compiling for hours."""


class ServiceMissingError(Exception):
    """A service is not installed here; the message says how to get it."""


def free_port() -> int:
    """A port of the loopback that nobody listens on, and that nobody else is given while this process lives.

    It stays bound without listening. Only once it is may it be shared, as every server asks that binds it: so a
    system gives it to nobody who asks for any port, nor to a connection that goes out.
    """
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port = int(holder.getsockname()[1])
    holder.detach()  # for as long as the process: nothing closes it
    return port


def is_listening(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody listens on a port of the loopback."""
    with socket.socket() as caller:
        return caller.connect_ex((host, port)) == 0


@contextmanager
def running(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    log: Path,
    ready: Callable[[], bool],
    seconds: float = READY_SECONDS,
) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a server, its process, while the block runs; its output goes to `log`.

    Raises:
        RuntimeError: it ended, or was not `ready` within so many seconds; the message holds the end of its log.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=dict(environment))
        try:
            _wait(process, ready, log, seconds)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            state = "is not ready" if process.returncode is None else f"ended with {process.returncode}"
            raise RuntimeError(f"{process.args!r} {state}:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(POLL_SECONDS)
