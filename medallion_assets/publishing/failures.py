"""What goes wrong between this process and DynamoDB, as errors of ours that say what to set.

Belongs here: what a person does about it.
Does not: what a code of AWS means, or repeating requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import botocore.exceptions as botocore

from medallion_assets.errors import MedallionError, PermanentError, TransientError
from medallion_assets.errors.aws import REQUEST_KEYS
from medallion_assets.storage.aws_answers import NO_ANSWER, advice_of, code_of, may_pass

ENDPOINT = "AWS_ENDPOINT_URL_DYNAMODB"
RESUMES = "then run this publish again: it resumes"
_NOT_DYNAMODB = f"set {ENDPOINT} to the address of a DynamoDB, or unset it to use AWS"
_NO_CREDENTIALS = f"correct what hands out the AWS credentials of this process: {REQUEST_KEYS}"
_REGION = "set AWS_DEFAULT_REGION to the region of the tables"
REMEDIES = {
    "PartialCredentialsError": f"give this process whole AWS credentials: {REQUEST_KEYS}",
    "NoCredentialsError": f"give this process AWS credentials: {REQUEST_KEYS}",
    "CredentialRetrievalError": _NO_CREDENTIALS,
    "MetadataRetrievalError": _NO_CREDENTIALS,
    "UnknownOperationException": _NOT_DYNAMODB,
    "ResponseParserError": _NOT_DYNAMODB,
    "NoRegionError": _REGION,
    "InvalidRegionError": _REGION,
}
"""What a person does about errors of boto3 itself, and about codes that mean another thing to DynamoDB's clients."""


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
    if not may_pass(error):
        return PermanentError(f"DynamoDB refused {doing} on table {table_name}", found=_said(error), do=remedy(error))
    if isinstance(error, botocore.ClientError):
        do = f"{advice_of(error).do}; {RESUMES}"
    elif (code := code_of(error)) in REMEDIES:
        do = f"{REMEDIES[code]}; {RESUMES}"
    else:
        do = (
            f"look whether it can be reached, and whether {ENDPOINT} (unset: AWS) and AWS_DEFAULT_REGION are right; "
            f"{RESUMES}"
        )
    return TransientError(
        f"DynamoDB did not answer {doing} on table {table_name}", expected="an answer", found=_said(error), do=do
    )


def not_dynamodb(doing: str, table_name: str, endpoint: str) -> PermanentError:
    """Something answered, in another language."""
    return PermanentError(
        f"what answers {doing} on table {table_name} is not DynamoDB",
        expected="a DynamoDB",
        found=endpoint,
        do=_NOT_DYNAMODB,
    )


def remedy(error: Exception) -> str:
    """What a person does about an error that does not pass."""
    code = code_of(error)
    if isinstance(error, NO_ANSWER):
        return f"set AWS_DEFAULT_REGION to an existing region, or {ENDPOINT}"
    if code.isdigit():  # an HTTP status, as DynamoDB's own code was not in the answer
        return _NOT_DYNAMODB
    if code in REMEDIES:
        return REMEDIES[code]
    do = advice_of(error).do if isinstance(error, botocore.ClientError) else "correct what boto3 names"
    return f"{do}, {RESUMES}"


def _said(error: Exception) -> str:
    """What boto3 says; of a cancelled transaction also each reason, which boto3 leaves out."""
    if not isinstance(error, botocore.ClientError):
        return str(error)
    reasons = [reason.get("Message") for reason in error.response.get("CancellationReasons", [])]
    return "; ".join([str(error), *sorted({str(reason) for reason in reasons if reason})])
