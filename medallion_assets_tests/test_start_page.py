"""What docs/start.md has to copy is well formed and enough: policies, and the schedule's call of the function."""

from __future__ import annotations

import json
import re
import subprocess

import boto3

from medallion_assets_tests.services.processes import REPOSITORY

PAGE = (REPOSITORY / "docs" / "start.md").read_text()
ENVIRONMENT = {"AWS_DEFAULT_REGION": "us-west-2", "ACCOUNT": "123456789012", "TABLE": "orders", "RAW": "my-raw"}


def test_policies_are_json() -> None:
    policies = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
    assert [len(policy["Statement"]) for policy in policies] == [4, 4]


def test_the_exporter_may_do_what_the_function_does_and_no_more() -> None:
    client = boto3.client("dynamodb", region_name="us-west-2")
    called = re.findall(r"\bclient\.(\w+)\(", (REPOSITORY / "examples" / "export_window.py").read_text())
    exporter = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])
    allowed = {action for statement in exporter["Statement"] for action in _listed(statement["Action"])}
    of_dynamodb = {action for action in allowed if action.startswith("dynamodb:")}
    assert of_dynamodb == {f"dynamodb:{client.meta.method_to_api_mapping[name]}" for name in called}


def _listed(action: str | list[str]) -> list[str]:
    return [action] if isinstance(action, str) else action


def test_the_schedule_hands_the_function_what_it_takes() -> None:
    """As a shell reads it."""
    found = re.search(r'--target (".*?}")\n```', PAGE, re.DOTALL)
    assert found is not None
    table_arn = "arn:aws:dynamodb:us-west-2:123456789012:table/orders"
    command = ["bash", "-c", f"printf %s {found[1]}"]
    printed = subprocess.run(
        command, env={**ENVIRONMENT, "TABLE_ARN": table_arn}, capture_output=True, check=True
    ).stdout
    target = json.loads(printed)
    assert target["Arn"] == "arn:aws:lambda:us-west-2:123456789012:function:export-window"
    assert json.loads(target["Input"]) == {"table_arn": table_arn, "bucket": "my-raw", "prefix": "raw/orders"}
