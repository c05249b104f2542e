"""What `medallion dev` runs of Dagster: a code server, and over it the web server and our daemon, until SIGINT.

    python -m medallion_assets.cli.dev.services PORT

Belongs here: what `dagster dev` does, with the daemon that production has, whose sensors look when they are woken.
Does not: what must outlive `medallion dev` by a moment, which kills what is left of these.

The code server is Dagster's for development: the web server's button loads the definitions anew, and so does a change
of their code.

Starting and ending them is our own: honcho starts all at once, while the web server and the daemon need a code server
that answers, and end before it; nor does it hold the lock of the home, or end with a parent that was killed.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from medallion_assets.cli.dev.reloading import code_of, follow_code
from medallion_assets.cli.web_ui import HOST
from medallion_assets.settings import load_settings

MODULE = "medallion_assets.definitions"
LOCATION = "medallion_assets"
POLL_SECONDS = 0.25
END_SECONDS = 60.0
"""What has not ended by then is killed."""
QUIET = "warning"
"""The UI shows the rest of what happens."""


def main(port: int) -> int:
    """Run them until SIGINT or SIGTERM: 0. Where one of them ends by itself all do: 1."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with tempfile.TemporaryDirectory(prefix="medallion-dev-") as folder:
        code, workspace = Path(folder, "code"), Path(folder, "workspace.yaml")
        server = {"socket": str(code), "location_name": LOCATION}
        workspace.write_text(json.dumps({"load_from": [{"grpc_server": server}]}))  # JSON is YAML
        settings = load_settings()
        loaded = code_of(settings)
        with ExitStack() as stack:
            definitions = _started(_code_server(code))
            stack.callback(_end, [definitions])
            if _wait(stop, [definitions], until=lambda: _answers(code)):
                others = [_started(command) for command in (_web_server(workspace, port), _daemon(workspace))]
                stack.callback(_end, others)
                following = (stop, settings, loaded, f"http://{HOST}:{port}", LOCATION)
                threading.Thread(target=follow_code, args=following, name="follow-code", daemon=True).start()
                _wait(stop, [definitions, *others])
    return 0 if stop.is_set() else 1


def _code_server(place: Path) -> list[str]:
    of_code = ["--socket", str(place), "--location-name", LOCATION, "--log-level", QUIET]
    return ["dagster", "code-server", "start", "-m", MODULE, *of_code]


def _web_server(workspace: Path, port: int) -> list[str]:
    address = ["--host", HOST, "--port", str(port)]
    return ["dagster_webserver", "-w", str(workspace), *address, "--dagster-log-level", QUIET]


def _daemon(workspace: Path) -> list[str]:
    return ["medallion_assets.orchestration.daemon", "--workspace", str(workspace), "--log-level", QUIET]


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", *command])  # noqa: S603 - our own commands


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.send_signal(signal.SIGINT)
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
        process.kill()
        process.wait()


def _wait(
    stop: threading.Event, processes: Sequence[subprocess.Popen[bytes]], *, until: Callable[[], bool] = lambda: False
) -> bool:
    """Wait until something holds: true; false when all is to end, or one of the processes has ended, before that."""
    while not until():
        if stop.wait(POLL_SECONDS) or any(process.poll() is not None for process in processes):
            return False
    return True


def _answers(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
        client.connect(str(place))
        return True
    return False


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
