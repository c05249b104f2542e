"""An API over HTTP on this machine, whose answers a test plans one by one.

Belongs here: a server, the requests that it got, and two pages that it may answer.
Does not: what a test makes of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Answering = Callable[[dict[str, str]], Any]
PAGES: dict[str, dict[str, Any]] = {
    "": {"data": [{"id": "a"}, {"id": "b"}], "next": "two"},
    "two": {"data": [{"id": "c"}], "next": None},
}


@dataclass(frozen=True)
class Failure:
    """An answer that is none. `cut` bytes of the body are left out; `lost`: the connection ends without an answer."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    cut: int = 0
    lost: bool = False


@dataclass
class Api:
    """A running API: `answer` makes an answer of the parameters, unless `failures` has one to come first."""

    url: str
    answer: Answering
    failures: list[Failure | None] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


def by_cursor(parameters: dict[str, str]) -> dict[str, Any]:
    """The pages, each of which names the cursor of the next one."""
    return PAGES[parameters.get("cursor", "")]


@contextmanager
def serving(answer: Answering) -> Iterator[Api]:
    """The API while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parameters = dict(parse_qsl(urlsplit(self.path).query))
            api.asked.append(parameters)
            api.headers.append(dict(self.headers))
            failure = api.failures.pop(0) if api.failures else None
            if failure is None:
                failure = Failure(body=json.dumps(api.answer(parameters)).encode())
            if failure.lost:
                self.close_connection = True
                return
            self.send_response(failure.status)
            for name, value in failure.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(failure.body)))
            self.end_headers()
            self.wfile.write(failure.body[: len(failure.body) - failure.cut])
            self.close_connection = failure.cut > 0

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api = Api(url=f"http://127.0.0.1:{server.server_port}/orders", answer=answer)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
