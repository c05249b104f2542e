"""The asset graph with stages that run in processes of their own.

Belongs here: the graph, and small programs that stand in for a stage's process where it is to end in a certain way.
Does not: expectations of any kind.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg

from medallion_assets.settings import load_settings
from medallion_assets.settings.compute import SERVICES
from medallion_assets_tests.graph import TABLES, Graph

OURS = [sys.executable, "-m", "medallion_assets.remote"]


def settings_of(home: Path, compute: Mapping[str, Any], *, url: str = "") -> dict[str, str]:
    """The environment of both sides; `url` is where services answer."""
    services = {
        "AWS_ENDPOINT_URL_EMR_SERVERLESS": url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "DATABRICKS_HOST": url,
        "DATABRICKS_TOKEN": "token",
    }
    environment = {"MEDALLION_LAKEHOUSE_URL": str(home / "lakehouse")}
    jobs = {name: {**compute[name], "environment": environment} for name in SERVICES if name in compute}
    return {
        "MEDALLION_HOME": str(home),
        "MEDALLION_PUBLISH_SAMPLES": " ".join(TABLES),
        "MEDALLION_CREATE_TABLES": "yes",
        "MEDALLION_RETRIES": "0",
        "MEDALLION_COMPUTE": json.dumps({"poll_seconds": 0.1, **compute, **jobs}),
        **(services if url else {}),
    }


def service_settings(service: str) -> dict[str, Any]:
    """What a service needs in MEDALLION_COMPUTE."""
    services: dict[str, Any] = {
        "emr_serverless": {
            "application_id": "00fapp",
            "execution_role_arn": "arn:aws:iam::123456789012:role/medallion-stages",
            "entry_point": "s3://code/entry.py",
        },
        "databricks": {"package": "/Volumes/code/wheels/medallion_assets-0.1.0-py3-none-any.whl"},
    }
    return {service: services[service]}


def remote_graph(
    home: Path, instance: dg.DagsterInstance, compute: Mapping[str, Any], *, url: str = "", **settings: str
) -> Graph:
    """The graph over a home; the environment of this process has to be that of its settings."""
    return Graph(replace(load_settings(settings_of(home, compute, url=url) | settings), step_retry_seconds=0), instance)


def program(body: str) -> list[str]:
    """A command whose process opens its place as ours does, and then does what `body` says with `pipes`."""
    lines = [
        "import os, signal, sys, time",
        "from medallion_assets.errors import *",
        "from medallion_assets.remote.messages import *",
        "from medallion_assets.remote.pipes import open_pipes",
        "from medallion_assets.remote.place import RemotePlace",
        "pipes = open_pipes(RemotePlace(sys.argv[sys.argv.index('--place') + 1]))",
        body,
    ]
    return [sys.executable, "-c", "\n".join(lines)]
