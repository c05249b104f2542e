"""The pages for people, over HTTP: what `<lakehouse>/operations/` holds as files, made anew whenever somebody asks.

Belongs here: that small server; with `python -m medallion_assets.cli.page_server ARGUMENTS` Dagster's beside it.
Does not: what a page says, or writing the files.

A browser opens no `file://` link from a page that came over HTTP, and a bucket wants a signature. So links lead here,
and a page is there before the first run. Nothing is written, and only these pages are served, on this machine alone
unless another host is named.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from runpy import run_module
from socket import AF_INET6
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from medallion_assets.cli.web_ui import HOST
from medallion_assets.orchestration.hosting.ports import family_of
from medallion_assets.settings import Settings, load_settings

if TYPE_CHECKING:  # it takes a while to import, and a command that is refused need not wait for it
    from medallion_assets.delta.table import Lakehouse

KEPT_SECONDS = 10.0
"""Who asks again so soon is given the same page."""
DASHBOARD, BUSINESS = "/dashboard.html", "/business.html"
Make = Callable[[], str]


class PageServer(ThreadingHTTPServer):
    """Serves pages by their path; the first one stands for `/` too. `clock` gives seconds."""

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], pages: Mapping[str, Make], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.address_family = family_of(address[0])
        super().__init__(address, _Pages)
        self._pages = pages
        self._clock = clock
        self._made: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Its address: `http://<host>:<port>`, with brackets around a host of IPv6."""
        host, port = self.server_address[:2]
        return f"http://[{host!s}]:{port}" if self.address_family is AF_INET6 else f"http://{host!s}:{port}"

    def page(self, path: str) -> str | None:
        """A page as of now, or a moment ago; None where there is none of that name.

        Raises:
            MedallionError: the lakehouse cannot be read.
        """
        path = next(iter(self._pages)) if path == "/" else path
        if (make := self._pages.get(path)) is None:
            return None
        with self._lock:
            made_at, page = self._made.get(path, (float("-inf"), ""))
            if self._clock() - made_at > KEPT_SECONDS:
                page = make()
                self._made[path] = (self._clock(), page)
            return page


class _Pages(BaseHTTPRequestHandler):
    server: PageServer
    server_version, sys_version = "medallion", ""

    def do_GET(self) -> None:
        """Answer with a page, or with why there is none."""
        from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS

        try:
            page = self.server.page(urlsplit(self.path).path)
        except LAKEHOUSE_ERRORS as error:  # of its data files too, as Polars says it
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, str(error), "text/plain")
            return
        if page is None:
            self._answer(HTTPStatus.NOT_FOUND, "There is no such page.\n", "text/plain")
        else:
            self._answer(HTTPStatus.OK, page, "text/html")

    do_HEAD = do_GET  # noqa: N815 - http.server calls it so

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal shows what happens to tables."""

    def _answer(self, status: HTTPStatus, text: str, kind: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            with suppress(ConnectionError):  # whoever asked has gone
                self.wfile.write(body)


@contextmanager
def served_pages(settings: Settings, *, port: int, host: str = HOST) -> Iterator[PageServer]:
    """Serve the pages of the lakehouse of the settings while the block runs; port 0 is any that is free.

    Raises:
        OSError: the port is taken.
    """
    with PageServer((host, port), pages_of(settings)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def pages_of(settings: Settings) -> dict[str, Make]:
    """What makes each page, by its path."""
    return {DASHBOARD: lambda: _dashboard(settings), BUSINESS: lambda: _business(settings)}


def _dashboard(settings: Settings) -> str:
    from medallion_assets.operations.dashboard.facts import read_facts
    from medallion_assets.operations.dashboard.page import render

    facts = read_facts(_lakehouse(settings), datetime.now(UTC), raw_url=settings.raw_url)
    return render(facts, ui_url=settings.ui_url, command_prefix=settings.command_prefix)


def _business(settings: Settings) -> str:
    from medallion_assets.operations.business.page import business_page

    return business_page(_lakehouse(settings), datetime.now(UTC))


def _lakehouse(settings: Settings) -> Lakehouse:
    from medallion_assets.contracts.catalog import load_catalog
    from medallion_assets.delta.lakehouse import lakehouse_of

    return lakehouse_of(settings, load_catalog(settings.pipelines))


def main(arguments: list[str]) -> None:
    """Run Dagster's web server with these arguments, and beside it the pages at the address of the settings."""
    settings = load_settings()
    with served_pages(settings, port=urlsplit(settings.pages_url).port or 0):
        sys.argv = ["dagster-webserver", *arguments]
        run_module("dagster_webserver", run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
