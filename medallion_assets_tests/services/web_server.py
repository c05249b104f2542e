"""Dagster's web server with a code server of its own, on SQLite in a folder: for the UI and for GraphQL.

Belongs here: starting it. Does not: a daemon (runs start at once here, without queue, pools and sensors).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from medallion_assets_tests.services.processes import free_port, running

DAGSTER_YAML = """
telemetry: {enabled: false}
nux: {enabled: false}
run_coordinator: {module: dagster.core.run_coordinator, class: DefaultRunCoordinator}
"""
READ_WITH_OTHERS = ("MEDALLION_", "AWS_", "DAGSTER_")


def make_dagster_home(folder: Path) -> Path:
    """A folder for an instance whose runs need no daemon."""
    folder.mkdir(parents=True)
    (folder / "dagster.yaml").write_text(DAGSTER_YAML)
    return folder


@contextmanager
def web_server(dagster_home: Path, variables: Mapping[str, str]) -> Iterator[str]:
    """The URL of a web server while the block runs; of variables such as `variables` it sees no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(READ_WITH_OTHERS)}
    environment = {**kept, **variables, "DAGSTER_HOME": str(dagster_home)}
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            with urlopen(f"{url}/server_info", timeout=5):
                return True
        except (URLError, OSError):
            return False

    command = [sys.executable, "-m", "dagster_webserver", "-m", "medallion_assets.definitions"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with running(command, environment=environment, log=dagster_home / "web_server.log", ready=ready):
        yield url
