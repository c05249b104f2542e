"""Amazon's DynamoDB Local, in memory.

Its jars are looked for in the folder that DYNAMODB_LOCAL_HOME names, else in `.cache/dynamodb-local`, where
`.ci/services` puts them. It reports consumed capacity as AWS does, and never throttles.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from medallion_assets.publishing.publisher import publishing_client
from medallion_assets_tests.services.processes import QUICK_JAVA, REPOSITORY, ServiceMissingError, free_port, running

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass(frozen=True)
class DynamoDBLocal:
    """A running server: `endpoint` for clients of one's own, `client` a shared boto3 client (safe among threads)."""

    endpoint: str
    client: Any

    @property
    def environment(self) -> dict[str, str]:
        """The AWS variables under which any client talks to this server."""
        return {**CREDENTIALS, "AWS_ENDPOINT_URL_DYNAMODB": self.endpoint}

    def table_names(self) -> set[str]:
        """Every table that is there: a page names a hundred."""
        pages = self.client.get_paginator("list_tables").paginate()
        return {name for page in pages for name in page["TableNames"]}

    def empty(self) -> None:
        """Drop every table; those that serve are protected against that."""
        for table in self.table_names():
            self.client.update_table(TableName=table, DeletionProtectionEnabled=False)
            self.client.delete_table(TableName=table)


def connect(endpoint: str) -> Any:
    """A client of the server at `endpoint`."""
    return publishing_client(
        endpoint_url=endpoint,
        region_name=CREDENTIALS["AWS_REGION"],
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


@contextmanager
def dynamodb_local(folder: Path) -> Iterator[DynamoDBLocal]:
    """A server while the block runs; `folder` takes its log.

    Raises:
        ServiceMissingError: there is no Java, or there are no jars.
    """
    home = Path(os.environ.get("DYNAMODB_LOCAL_HOME") or REPOSITORY / ".cache" / "dynamodb-local")
    java = shutil.which("java")
    if java is None or not any((home / "lib").glob("DynamoDBLocal-*.jar")):
        raise ServiceMissingError("DynamoDB Local needs java on the PATH and its jars: run .ci/services")
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    client = connect(endpoint)

    def ready() -> bool:
        try:
            client.list_tables(Limit=1)
        except (BotoCoreError, ClientError):
            return False
        return True

    command = [java, *QUICK_JAVA, "-Xmx512m", "-cp", f"{home}/lib/*"]
    command += ["com.amazonaws.services.dynamodbv2.local.main.ServerRunner"]
    command += ["-inMemory", "-sharedDb", "-port", str(port)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "DDB_LOCAL_TELEMETRY": "0"}
    with running(command, environment=environment, log=folder / "dynamodb_local.log", ready=ready):
        yield DynamoDBLocal(endpoint=endpoint, client=client)
    client.close()
