"""A DynamoDB inside this process (moto), for the demo and for development.

Belongs here: starting it, and how it is reached.
Does not: what is published to it. It is empty at first, and its tables are gone when it starts again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from medallion_assets.errors import PermanentError
from medallion_assets.publishing.serving import Serving

REGION = "us-west-2"
KEY = "embedded"
"""Both halves of the credentials: moto takes any."""


@dataclass(frozen=True, slots=True)
class EmbeddedDynamoDB:
    """Where it answers."""

    endpoint: str

    @property
    def serving(self) -> Serving:
        """What it is to those who publish: all tables are to be made."""
        return Serving(
            endpoint_url=self.endpoint,
            region=REGION,
            access_key_id=KEY,
            secret_access_key=KEY,
            creates_tables=True,
        )


@contextmanager
def embedded_dynamodb(port: int = 0) -> Iterator[EmbeddedDynamoDB]:
    """A DynamoDB on a port of the loopback (0: any that is free) while the block runs.

    Raises:
        PermanentError: moto is not installed.
    """
    try:
        from moto.backends import get_backend
        from moto.server import ThreadedMotoServer
    except ImportError:
        raise PermanentError(
            "the embedded DynamoDB needs moto",
            do="install medallion-assets[demo], or set AWS_ENDPOINT_URL_DYNAMODB to another DynamoDB",
        ) from None
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it prints a line for every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    for account in get_backend("dynamodb").values():
        for region in account.values():
            region.reset()  # all servers of a process have one memory
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield EmbeddedDynamoDB(f"http://{host}:{port}")
    finally:
        server.stop()
