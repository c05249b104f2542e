"""What docs/start.md has to copy is well formed and enough: policies, and the commands down to the schedule."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import boto3
import pytest
from moto.server import ThreadedMotoServer

from medallion_assets_tests.services.processes import REPOSITORY

PAGE = (REPOSITORY / "docs" / "start.md").read_text()
AWS = """\
coproc SENT {{ "{python}" -m medallion_assets_tests.services.aws_command; }}
exec 3>&"${{SENT[1]}}" 4<&"${{SENT[0]}}"
aws() {{ printf '%s\\0' "$#" "$@" >&3; read -r answer <&4 || exit 1; test -z "$answer" || echo "$answer"; }}
"""
"""One process for all commands of the shell; it ends with the first that fails, and so does the shell."""


def blocks(language: str) -> list[str]:
    """What the page has of a language, in its order."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_policies_are_json() -> None:
    policies = [json.loads(block) for block in blocks("json")]
    assert [len(policy["Statement"]) for policy in policies] == [4, 4]


def test_commands_come_after_the_settings_that_they_read() -> None:
    """Without the pipeline, `exports verify` would say that no table is called like the new one."""
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    first = next(number for number, line in enumerate(lines) if line.startswith(("medallion ", "dagster ")))
    before = "\n".join(lines[:first])
    for name in ("MEDALLION_RAW_URL", "MEDALLION_LAKEHOUSE_URL", "MEDALLION_PIPELINES"):
        assert f"{name}=" in before, lines[first]


def test_the_exporter_may_do_what_the_function_does_and_no_more() -> None:
    client = boto3.client("dynamodb", region_name="us-west-2")
    called = re.findall(r"\bclient\.(\w+)\(", (REPOSITORY / "examples" / "export_window.py").read_text())
    exporter = json.loads(blocks("json")[0])
    allowed = {action for statement in exporter["Statement"] for action in _listed(statement["Action"])}
    of_dynamodb = {action for action in allowed if action.startswith("dynamodb:")}
    assert of_dynamodb == {f"dynamodb:{client.meta.method_to_api_mapping[name]}" for name in called}


def _listed(action: str | list[str]) -> list[str]:
    return [action] if isinstance(action, str) else action


@pytest.fixture(params=["us-west-2", pytest.param("us-east-1", marks=pytest.mark.slow)])
def account(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """Clients of an account (moto) with a table, in which the commands of the page were carried out down to step 5."""
    region = request.param
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    try:
        for name, value in {
            **variables,
            "AWS_DEFAULT_REGION": region,
            "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
        }.items():
            monkeypatch.setenv(name, value)
        urlopen(f"{variables['AWS_ENDPOINT_URL']}/moto-api/reset", data=b"").close()  # it keeps all in this process
        found = {name: boto3.client(name) for name in ("dynamodb", "iam", "lambda", "s3", "scheduler")}
        key: Any = {"KeySchema": [{"AttributeName": "order_id", "KeyType": "HASH"}]}
        attributes: Any = {"AttributeDefinitions": [{"AttributeName": "order_id", "AttributeType": "S"}]}
        found["dynamodb"].create_table(TableName="orders", BillingMode="PAY_PER_REQUEST", **key, **attributes)
        carry_out(region, tmp_path)
        yield found
    finally:
        server.stop()


def carry_out(region: str, folder: Path) -> None:
    """The commands of steps 1 to 5, as a shell reads them, but for those of this project."""
    for name, policy in zip(("exporter.json", "host.json"), blocks("json"), strict=True):
        (folder / name).write_text(policy)
    (folder / "examples").symlink_to(REPOSITORY / "examples")
    shell = "\n".join(block for block in blocks("bash")[:6]).replace("=us-west-2", f"={region}")
    aws = AWS.format(python=sys.executable)
    zips = f'zip() {{ "{sys.executable}" -m zipfile -c "$1" "$3"; }}'
    script = f"set -eu\n{aws}\n{zips}\n{shell}"
    subprocess.run(["bash", "-c", script], cwd=folder, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, check=True)


@pytest.mark.slow
def test_the_commands_make_what_the_exports_need(account: dict[str, Any]) -> None:
    """In us-east-1 too, where the region of a bucket may not be named."""
    assert {bucket["Name"] for bucket in account["s3"].list_buckets()["Buckets"]} == {"my-raw", "my-lake"}
    (rule,) = account["s3"].get_bucket_lifecycle_configuration(Bucket="my-lake")["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    table = account["dynamodb"].describe_table(TableName="orders")["Table"]["TableArn"]
    (export,) = account["dynamodb"].list_exports(TableArn=table)["ExportSummaries"]
    assert export["ExportType"] == "FULL_EXPORT"

    trusted = {
        role["RoleName"]: role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
        for role in account["iam"].list_roles()["Roles"]
    }
    services = {"exports": "lambda", "medallion": "ec2", "scheduler": "scheduler"}
    assert trusted == {role: f"{service}.amazonaws.com" for role, service in services.items()}
    (attached,) = account["iam"].list_attached_role_policies(RoleName="exports")["AttachedPolicies"]
    assert attached["PolicyName"] == "AWSLambdaBasicExecutionRole"
    (profile,) = account["iam"].list_instance_profiles()["InstanceProfiles"]
    assert [role["RoleName"] for role in profile["Roles"]] == ["medallion"]

    function = account["lambda"].get_function(FunctionName="export-window")["Configuration"]["FunctionArn"]
    target = account["scheduler"].get_schedule(Name="export-orders")["Target"]
    may = account["iam"].get_role_policy(RoleName="scheduler", PolicyName="scheduler")["PolicyDocument"]["Statement"]
    assert target["Arn"] == function
    assert may == [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function}]
    assert json.loads(target["Input"]) == {"table_arn": table, "bucket": "my-raw", "prefix": "raw/orders"}
