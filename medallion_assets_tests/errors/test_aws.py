"""Every error of AWS has one meaning, and none that boto3 knows is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

import pytest

from medallion_assets.errors.aws import _TABLE, AWS_ERRORS, CLOCK, Repeat, advice

SERVICES = ("dynamodb", "s3", "sts", "sqs")


MODELLED = """
import botocore.session, json, sys
session, found = botocore.session.get_session(), []
for service in sys.argv[1:]:
    for shape in session.get_service_model(service).error_shapes:
        for code in {shape.name, str(shape.metadata.get("error", {}).get("code", shape.name))}:
            found.append((service, code))
print(json.dumps(found))
"""


@cache
def modelled() -> list[tuple[str, str]]:
    """The code of every error that boto3's models name, under both of its names where it has two.

    Asked in a process of its own: in one that has used moto, the models have what moto adds.
    """
    command = [sys.executable, "-c", MODELLED, *SERVICES]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [(service, code) for service, code in json.loads(answer)]


@pytest.mark.parametrize("service", SERVICES)
def test_every_error_that_boto3_knows_is_in_the_table(service: str) -> None:
    """A new version of boto3 that brings a code fails here: decide what it means."""
    assert {code for name, code in modelled() if name == service} - AWS_ERRORS.keys() == set()


def test_no_code_stands_twice() -> None:
    codes = [code for _, _, some in _TABLE for code in some.split()]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize(
    ("code", "repeat"),
    [
        ("ReplicatedWriteConflictException", Repeat.AGAIN),
        ("TransactionConflictException", Repeat.AGAIN),
        ("TransactionInProgressException", Repeat.UNSURE),
        ("ProvisionedThroughputExceededException", Repeat.SLOWER),
        ("RequestLimitExceeded", Repeat.SLOWER),
        ("SlowDown", Repeat.SLOWER),
        ("KmsThrottled", Repeat.SLOWER),
        ("InternalServerError", Repeat.UNSURE),
        ("RequestTimeout", Repeat.UNSURE),
        ("IDPCommunicationError", Repeat.AGAIN),
        ("ExpiredToken", Repeat.NEVER),
        ("KMS.DisabledException", Repeat.NEVER),
        ("ItemCollectionSizeLimitExceededException", Repeat.NEVER),
        ("OptInRequired", Repeat.NEVER),
        ("RegionDisabledException", Repeat.NEVER),
    ],
)
def test_what_is_documented_as_safe_to_repeat_is_repeated(code: str, repeat: Repeat) -> None:
    assert advice(code).repeat is repeat


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("InvalidSignatureException", "Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z"),
        ("SignatureDoesNotMatch", "Signature not yet current: 20260101T020000Z is still later than 20260101T010500Z"),
        ("RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
        ("RequestExpired", "Request has expired."),
    ],
)
def test_a_wrong_clock_is_blamed_on_the_clock(code: str, message: str) -> None:
    """Whatever the code: DynamoDB, STS and SQS call it a wrong signature."""
    assert advice(code, 400, message) == CLOCK
    assert "clock" in CLOCK.do


def test_a_wrong_signature_is_blamed_on_the_credentials() -> None:
    said = advice("InvalidSignatureException", 400, "The request signature we calculated does not match")
    assert (said.repeat, "AWS credentials" in said.do) == (Repeat.NEVER, True)


@pytest.mark.parametrize(
    ("code", "status", "repeat"),
    [
        ("NeverHeardOf", 500, Repeat.UNSURE),
        ("NeverHeardOf", 503, Repeat.UNSURE),
        ("NeverHeardOf", 400, Repeat.NEVER),
        ("NeverHeardOf", 0, Repeat.NEVER),
        ("NeverHeardOf", 429, Repeat.SLOWER),
        ("SomeThrottlingException", 400, Repeat.SLOWER),
        ("502", 502, Repeat.UNSURE),
        ("KMSWhateverException", 400, Repeat.NEVER),
    ],
)
def test_an_unknown_error_is_judged_by_its_status(code: str, status: int, repeat: Repeat) -> None:
    assert advice(code, status).repeat is repeat


def test_everything_says_what_to_do() -> None:
    assert all(said.do.strip() for said in AWS_ERRORS.values())
