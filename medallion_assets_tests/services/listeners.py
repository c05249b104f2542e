"""Servers that alerts are sent to: an SMTP server and an HTTP server in this process, and a port where nobody is.

Belongs here: what they received, and making them refuse. Does not: any expectation.
"""

from __future__ import annotations

import email
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from aiosmtpd.controller import Controller

from medallion_assets_tests.services.processes import READY_SECONDS, free_port


@dataclass
class Mailbox:
    """An SMTP server's mail, in the order in which it came."""

    port: int
    messages: list[Message] = field(default_factory=list)

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802
        self.messages.append(email.message_from_bytes(envelope.content))
        return "250 OK"


@dataclass
class Webhook:
    """An HTTP server's posts, in the order in which they came; it answers `status`, after `gate` is set."""

    port: int
    status: int = 200
    answer: bytes = b"ok"
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    gate: Event = field(default_factory=Event)

    @property
    def titles(self) -> list[str]:
        """The titles of what `json://` posted and was answered well."""
        return [body["title"] for _, body in self.posts]


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """An SMTP server while the block runs."""
    mailbox = Mailbox(free_port())
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port, ready_timeout=READY_SECONDS)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


@contextmanager
def web_server(webhook: Webhook | None = None) -> Iterator[Webhook]:
    """An HTTP server while the block runs; one that was there before comes back when its `Webhook` is given."""
    hook = webhook or Webhook(free_port())
    hook.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            hook.gate.wait(10)
            if hook.status < 300:
                hook.posts.append((self.path, json.loads(content)))
            self.send_response(hook.status)
            self.send_header("Content-Length", str(len(hook.answer)))
            self.end_headers()
            self.wfile.write(hook.answer)

        def log_message(self, *_: object) -> None:
            """Say nothing: the tests read the logs."""

    server = ThreadingHTTPServer(("127.0.0.1", hook.port), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield hook
    finally:
        hook.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()
