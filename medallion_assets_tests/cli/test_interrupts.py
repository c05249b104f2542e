"""Ctrl-C ends a command that takes long, or goes on, in the middle of what it does; `dev`: end_to_end/test_dev.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from medallion_assets_tests.services.processes import free_port
from medallion_assets_tests.services.waiting import wait_until

SECONDS = 300.0
"""A bound, not an expectation."""
HEARING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
"""Who starts the tests in the background may have them ignore SIGINT."""
PROGRAM = f"{HEARING}; from medallion_assets.cli import app; app()"


def answers(url: str) -> bool:
    with suppress(requests.RequestException):
        return requests.get(url, timeout=SECONDS).ok
    return False


@pytest.mark.slow
@pytest.mark.xdist_group("web_server")
@pytest.mark.parametrize(("command", "page"), [("pages", "dashboard.html"), ("ui", "server_info"), ("demo", None)])
def test_a_command_that_is_interrupted_ends_without_a_traceback(tmp_path: Path, command: str, page: str | None) -> None:
    """The demo is then about to load what it has written."""
    log, port = tmp_path / "log", free_port()
    words = [sys.executable, "-c", PROGRAM, command, *([] if page is None else ["--port", str(port)])]
    environment = {**os.environ, "MEDALLION_HOME": str(tmp_path / "home"), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as out, subprocess.Popen(words, env=environment, stdout=out, stderr=out) as process:
        try:
            if page is None:
                wait_until(lambda: "Writing sample exports" in log.read_text(), "it is at work")
            else:
                wait_until(lambda: answers(f"http://127.0.0.1:{port}/{page}"), "it answers")
            process.send_signal(signal.SIGINT)
            process.wait(SECONDS)
        finally:
            process.kill()
    said = log.read_text()
    assert "Traceback" not in said, said
    assert process.returncode in (0, 1, 130), said
