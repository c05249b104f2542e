"""What boto3 raises, whatever the service: the code and the meaning of an answer, and what is wrong without one.

Belongs here: taking such an error apart, and whether it passes by itself.
Does not: what a code of AWS means, or what a person does about an error of boto3 itself.
"""

from __future__ import annotations

import re

import botocore.exceptions as botocore

from medallion_assets.errors.aws import Advice, Repeat, advice

NO_ANSWER = (
    botocore.HTTPClientError,
    botocore.ConnectionError,
    botocore.IncompleteReadError,
    botocore.WaiterError,
    botocore.CredentialRetrievalError,  # whoever hands out credentials, as a container's endpoint, may miss an answer
    botocore.MetadataRetrievalError,
)
"""All others are of settings, or of a request, that somebody has to correct."""
CONDITION_FAILED = frozenset({"ConditionalCheckFailedException", "ConditionalCheckFailed"})
CANCELLED = "TransactionCanceledException"
_ADDRESS = re.compile(r"https://(?:[^/]*\.)?([^./]+)\.amazonaws\.com")


def code_of(error: Exception) -> str:
    """The code of an answer (of a cancelled transaction, of what cancelled it), else its status; else the type."""
    if not isinstance(error, botocore.ClientError):
        return type(error).__name__
    code = str(error.response.get("Error", {}).get("Code") or status_of(error))
    return _cause(error) if code == CANCELLED else code


def status_of(error: botocore.ClientError) -> int:
    """The HTTP status of an answer; 0 where boto3 does not say it."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def advice_of(error: botocore.ClientError) -> Advice:
    """What an answer means."""
    return advice(code_of(error), status_of(error), str(error))


def may_pass(error: Exception) -> bool:
    """Whether the same request may be answered later. That a region cannot be reached which nobody knows does not."""
    if isinstance(error, botocore.ClientError):
        return advice_of(error).repeat is not Repeat.NEVER
    return isinstance(error, NO_ANSWER) and not _is_unknown_region(str(error))


def _cause(error: botocore.ClientError) -> str:
    """Of the reasons of a cancelled transaction the one that decides: what never passes, then a failed condition."""
    reasons = [str(reason.get("Code")) for reason in error.response.get("CancellationReasons", [])]
    failed = [code for code in reasons if code not in {"None", "null"}]
    refused = [code for code in failed if code not in CONDITION_FAILED and advice(code).repeat is Repeat.NEVER]
    conditions = [code for code in failed if code in CONDITION_FAILED]
    return next(iter(refused + conditions + failed), CANCELLED)


def _is_unknown_region(message: str) -> bool:
    """Whether boto3's message names an address of AWS in a region that boto3 does not know: DynamoDB is in each."""
    address = _ADDRESS.search(message)
    if address is None:
        return False
    import boto3

    session = boto3.Session()
    partitions = session.get_available_partitions()
    return not any(address[1] in session.get_available_regions("dynamodb", partition) for partition in partitions)
