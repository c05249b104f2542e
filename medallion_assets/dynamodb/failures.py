"""What goes wrong between this process and DynamoDB, as errors of ours that say what to set.

Belongs here: which of DynamoDB's errors pass by themselves, which never do, and what a person does about each.
Does not: repeating requests (dynamodb.budgeted_table).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import botocore.exceptions as botocore

from medallion_assets.errors import MedallionError, PermanentError, TransientError

THROTTLED = frozenset({"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"})
LOST = frozenset({"InternalServerError", "ServiceUnavailable", "InternalFailure", "RequestTimeout"})
NO_ANSWER = (botocore.HTTPClientError, botocore.ConnectionError)
ENDPOINT = "AWS_ENDPOINT_URL_DYNAMODB"
KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), or a profile or role"
RESUMES = "then run this publish again: it resumes"
_NOT_DYNAMODB = f"set {ENDPOINT} to the address of a DynamoDB, or unset it to use AWS"
_WRONG_KEYS = f"correct the AWS credentials of this process: {KEYS}"
REMEDIES = {
    "ResourceNotFoundException": f"create the table, or correct its name, AWS_DEFAULT_REGION and {ENDPOINT}",
    "AccessDeniedException": "grant the role this action on the table",
    "UnrecognizedClientException": _WRONG_KEYS,
    "InvalidSignatureException": _WRONG_KEYS,
    "IncompleteSignatureException": _WRONG_KEYS,
    "MissingAuthenticationTokenException": _WRONG_KEYS,
    "PartialCredentialsError": f"give this process whole AWS credentials: {KEYS}",
    "NoCredentialsError": f"give this process AWS credentials: {KEYS}",
    "ExpiredTokenException": "renew the AWS credentials of this process",
    "UnknownOperationException": _NOT_DYNAMODB,
    "ResponseParserError": _NOT_DYNAMODB,
    "NoRegionError": "set AWS_DEFAULT_REGION to the region of the tables",
    "InvalidRegionError": "set AWS_DEFAULT_REGION to the region of the tables",
}
"""By the code or type of an error, what a person does about it."""


@contextmanager
def dynamodb_errors(doing: str, table_name: str) -> Iterator[None]:
    """Turn what boto3 raises into errors of ours; also a decorator.

    Raises:
        PermanentError: DynamoDB refused, or the settings name no DynamoDB at all.
        TransientError: no answer, or no capacity.
    """
    try:
        yield
    except (botocore.ClientError, botocore.BotoCoreError) as error:
        raise failure(doing, table_name, error) from error


def failure(doing: str, table_name: str, error: Exception) -> MedallionError:
    """The error of ours that stands for one of boto3's."""
    if passes(error):
        return TransientError(
            f"DynamoDB did not answer {doing} on table {table_name}",
            expected="an answer",
            found=str(error),
            do=f"look whether it can be reached, whether {ENDPOINT} (unset: AWS) and AWS_DEFAULT_REGION are right, and "
            f"whether the table has capacity to spare; {RESUMES}",
        )
    return PermanentError(f"DynamoDB refused {doing} on table {table_name}", found=str(error), do=remedy(error))


def passes(error: Exception) -> bool:
    """Whether the same request may be answered later. That a region cannot be reached which nobody knows does not."""
    if isinstance(error, NO_ANSWER):
        return not _is_unknown_region(str(error))
    return isinstance(error, botocore.WaiterError) or code_of(error) in THROTTLED or is_lost(error)


def is_lost(error: Exception) -> bool:
    """Whether a server or something on the way failed; the request may have been carried out."""
    if not isinstance(error, botocore.ClientError):
        return False
    return code_of(error) in LOST or int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 500


def code_of(error: Exception) -> str:
    """DynamoDB's code of an error, or the type of what boto3 itself raised."""
    return str(error.response["Error"]["Code"]) if isinstance(error, botocore.ClientError) else type(error).__name__


def not_dynamodb(doing: str, table_name: str, endpoint: str) -> PermanentError:
    """Something answered, in another language."""
    return PermanentError(
        f"what answers {doing} on table {table_name} is no DynamoDB",
        expected="a DynamoDB",
        found=endpoint,
        do=_NOT_DYNAMODB,
    )


def remedy(error: Exception) -> str:
    """What a person does about an error that does not pass."""
    code = code_of(error)
    if isinstance(error, NO_ANSWER):
        return f"set AWS_DEFAULT_REGION to a region that there is, or {ENDPOINT}"
    if code.isdigit():  # an HTTP status, as DynamoDB's own code was not in the answer
        return _NOT_DYNAMODB
    return REMEDIES.get(code, f"correct what DynamoDB names, {RESUMES}")


def _is_unknown_region(message: str) -> bool:
    """Whether boto3's message names an address of AWS in a region that boto3 does not know."""
    host = message.partition("https://dynamodb.")[2]
    region, dot, _ = host.partition(".amazonaws.com")
    if not dot:
        return False
    session = boto3.Session()
    partitions = session.get_available_partitions()
    return not any(region in session.get_available_regions("dynamodb", partition) for partition in partitions)
