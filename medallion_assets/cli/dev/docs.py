"""The pages of `dbt docs`, served while `medallion dev` runs, so that links in the Dagster UI lead there.

Belongs here: that small server.
Does not: making the pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from medallion_assets.cli.web_ui import HOST

NOT_YET = "It does not exist yet: the first build of the models creates it, or `medallion dbt-docs` does so now.\n"


class _Pages(SimpleHTTPRequestHandler):
    error_message_format = NOT_YET
    error_content_type = "text/plain"

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal shows what happens to tables."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine alone, at a port that is free; give its address."""
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadingHTTPServer((HOST, 0), partial(_Pages, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
