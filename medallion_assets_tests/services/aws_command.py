"""The commands of the AWS CLI that pages have to copy, carried out by boto3: what its models do not know is refused.

Belongs here: reading a command as the CLI does, as far as our pages use it. Does not: whom it is sent to.

One process carries out all commands of a shell, which takes longer to start than a command. It is handed each as the
number of its words and these, all of which end with a null byte, and answers with a line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import boto3
from botocore import xform_name
from botocore.model import Shape, StructureShape


def call(service: str, command: str, *options: str) -> Any:
    """What AWS answers. The CLI calls `s3api` what is `s3` to boto3."""
    client: Any = boto3.client(service.removesuffix("api"))
    operation = client.meta.method_to_api_mapping[command.replace("-", "_")]
    shape = client.meta.service_model.operation_model(operation).input_shape
    members = {f"--{xform_name(name, '-')}": (name, member) for name, member in shape.members.items()}
    given: dict[str, Any] = {}
    for option, text in zip(options[::2], options[1::2], strict=True):
        if option == "--zip-file":  # of a function, whose code may be elsewhere too
            given["Code"] = {"ZipFile": Path(text.removeprefix("fileb://")).read_bytes()}
        else:
            name, member = members[option]
            given[name] = _value(member, text)
    return getattr(client, xform_name(operation))(**given)


def _value(shape: Shape, text: str) -> Any:
    if text.startswith("file://"):
        text = Path(text.removeprefix("file://")).read_text(encoding="utf-8")
    if not isinstance(shape, StructureShape):
        return int(text) if shape.type_name == "integer" else text
    if text.startswith("{"):
        return json.loads(text)
    pairs = (pair.split("=", 1) for pair in text.split(","))
    return {name: value == "true" if shape.members[name].type_name == "boolean" else value for name, value in pairs}


def make_bucket(url: str) -> None:
    """`aws s3 mb`: everywhere but in us-east-1 a bucket's region is named, and there it may not be."""
    client: Any = boto3.client("s3")
    region = client.meta.region_name
    named = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    client.create_bucket(Bucket=url.removeprefix("s3://"), **named)


def carry_out(arguments: Sequence[str]) -> str:
    """Carry out one command, and give the one field that `--query` names."""
    if arguments[:2] == ["s3", "mb"]:
        make_bucket(*arguments[2:])
    elif "--query" in arguments:
        begin = arguments.index("--query")
        assert list(arguments[begin + 2 :]) == ["--output", "text"]
        return str(call(*arguments[:begin])[arguments[begin + 1]])  # type: ignore[call-arg]
    else:
        call(*arguments)  # type: ignore[call-arg]
    return ""


def words(asked: IO[bytes]) -> Iterator[str]:
    """What stands before each null byte, as soon as it is there."""
    word = bytearray()
    while byte := asked.read(1):
        if byte == b"\0":
            yield word.decode()
            word.clear()
        else:
            word += byte


if __name__ == "__main__":
    told = words(sys.stdin.buffer)
    for number in told:
        print(carry_out([next(told) for _ in range(int(number))]), flush=True)  # noqa: T201
