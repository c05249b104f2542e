"""What docs/start.md and docs/production.md have AWS allow is what publishing asks of DynamoDB, and no more."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.client import BaseClient

from medallion_assets.publishing.budget.budget_table import BUDGET_TABLE
from medallion_assets.publishing.serving import Serving
from medallion_assets_tests.graph import REGION, SERVING, TABLES, Graph
from medallion_assets_tests.orchestration.assets.served import DAYS
from medallion_assets_tests.services.processes import REPOSITORY

OF_TRANSACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
START = (REPOSITORY / "docs" / "start.md").read_text()
PRODUCTION = (REPOSITORY / "docs" / "production.md").read_text()


def actions(operation: str, arguments: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The actions that AWS wants allowed for a call, each with its table."""
    if operation == "TransactWriteItems":
        for item in arguments["TransactItems"]:
            for kind, request in item.items():
                yield request["TableName"], OF_TRANSACTIONS[kind]
    elif operation == "BatchWriteItem":
        for table in arguments["RequestItems"]:
            yield table, operation
    else:
        yield arguments["TableName"], operation


@pytest.fixture
def called(built: Graph, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """By table the actions that publishes need: the first one, one that changes nothing, and one that goes back."""
    call, found = BaseClient._make_api_call, defaultdict[str, set[str]](set)

    def noted(client: Any, operation: str, arguments: Any) -> Any:
        if client.meta.service_model.service_name == "dynamodb":
            for table, action in actions(operation, arguments):
                found[table].add(action)
        return call(client, operation, arguments)

    resource = Serving(region=REGION, creates_tables=True, publish_samples=TABLES, total_wcu=1000.0)
    graph = replace(built, serving=resource)
    with monkeypatch.context() as patched:
        patched.setattr(BaseClient, "_make_api_call", noted)
        for day in (*DAYS, DAYS[0]):
            assert graph.run(*SERVING, first=day).success
    return found


def row(of: str) -> tuple[set[str], set[str]]:
    """The actions that a row of production.md names, always and to make the table; it leaves others to start.md."""
    (line,) = [line for line in PRODUCTION.splitlines() if line.startswith(f"| {of}")]
    always, _, more = line.split("|")[2].partition(";")
    return set(re.findall(r"`([A-Z][A-Za-z]+)`", always)), set(re.findall(r"`([A-Z][A-Za-z]+)`", more))


@pytest.mark.slow
def test_policies_allow_what_publishing_needs_and_no_more(called: dict[str, set[str]]) -> None:
    (host,) = [block for block in re.findall(r"```json\n(.*?)```", START, re.DOTALL) if "BatchWriteItem" in block]
    copied = {name.removeprefix("dynamodb:") for name in json.loads(host)["Statement"][-1]["Action"]}
    (makes,) = re.findall(r"^Whoever makes .*?\n\n", START, re.DOTALL | re.MULTILINE)
    to_make = set(re.findall(r"`dynamodb:(\w+)`", makes))
    creating, _ = row("the same, with `MEDALLION_CREATE_TABLES=yes`")
    of_tables = set[str]().union(*(called[table] for table in TABLES))
    assert copied == of_tables - creating
    assert to_make == creating == of_tables - copied
    assert row(f"`{BUDGET_TABLE}`") == (called[BUDGET_TABLE] - {"CreateTable"}, {"CreateTable"})
