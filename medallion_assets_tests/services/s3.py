"""An S3 server: versitygw over a folder.

Its binary is looked for on the PATH, then in `.cache/bin`, where `.ci/services` puts it. It refuses a second put with
`If-None-Match: *`, as AWS does.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from medallion_assets_tests.services.processes import REPOSITORY, ServiceMissingError, free_port, running


@dataclass(frozen=True)
class S3Server:
    """A running server: `environment` holds the AWS variables for every client, `client` is a boto3 S3 client.

    `objects` has a folder for each bucket: a file that is put there is an object. `access_log` has a line a request.
    """

    environment: dict[str, str]
    client: Any
    objects: Path
    access_log: Path

    def make_bucket(self) -> str:
        """A new, empty bucket; returns its name."""
        name = f"test-{secrets.token_hex(6)}"
        self.client.create_bucket(Bucket=name)
        return name

    @contextmanager
    def counted(self) -> Iterator[Counter[str]]:
        """The requests of the block, once it has ended: how many LIST, GET, HEAD, PUT and DELETE."""
        begin, requests = self.access_log.stat().st_size, Counter[str]()
        yield requests
        with self.access_log.open() as lines:
            lines.seek(begin)
            requests.update(kind for line in lines if (kind := _kind(line)) is not None)


def _kind(line: str) -> str | None:
    operation = next((word[3:] for word in line.split() if word.startswith("s3_")), "")
    return operation.partition("Object")[0].upper() or None


def s3_program() -> str:
    """Where the server is installed.

    Raises:
        ServiceMissingError: versitygw is not installed.
    """
    program = shutil.which("versitygw") or shutil.which("versitygw", path=str(REPOSITORY / ".cache" / "bin"))
    if program is None:
        raise ServiceMissingError("the S3 server needs versitygw: run .ci/services")
    return program


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """A server while the block runs; `folder` takes its objects and its logs.

    Raises:
        ServiceMissingError: versitygw is not installed.
    """
    program = s3_program()
    port = free_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": secrets.token_hex(8),
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16),
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
    objects = folder / "objects"
    objects.mkdir()
    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )

    def ready() -> bool:
        try:
            client.list_buckets()
        except (BotoCoreError, ClientError):
            return False
        return True

    access_log = folder / "access.log"
    command = [
        program,
        "--port",
        f"127.0.0.1:{port}",
        "--quiet",
        "--access-log",
        str(access_log),
        "posix",
        str(objects),
    ]
    keys = {
        "PATH": os.environ["PATH"],
        "ROOT_ACCESS_KEY_ID": environment["AWS_ACCESS_KEY_ID"],
        "ROOT_SECRET_ACCESS_KEY": environment["AWS_SECRET_ACCESS_KEY"],
    }
    with running(command, environment=keys, log=folder / "s3.log", ready=ready):
        yield S3Server(environment=environment, client=client, objects=objects, access_log=access_log)
    client.close()
