"""Requests to AWS that got no answer: which of boto3's own errors pass by themselves, whatever the service.

Belongs here: what boto3 itself raises.
Does not: what a service answered, or what a person does about it.
"""

from __future__ import annotations

import re

import boto3
import botocore.exceptions as botocore

NO_ANSWER = (
    botocore.HTTPClientError,
    botocore.ConnectionError,
    botocore.IncompleteReadError,
    botocore.WaiterError,
    botocore.CredentialRetrievalError,  # whoever hands out credentials, as a container's endpoint, may miss an answer
    botocore.MetadataRetrievalError,
)
"""All others are of settings, or of a request, that somebody has to correct."""
_ADDRESS = re.compile(r"https://(?:[^/]*\.)?([^./]+)\.amazonaws\.com")


def may_pass(error: Exception) -> bool:
    """Whether the same request may be answered later. That a region cannot be reached which nobody knows does not."""
    return isinstance(error, NO_ANSWER) and not _is_unknown_region(str(error))


def _is_unknown_region(message: str) -> bool:
    """Whether boto3's message names an address of AWS in a region that boto3 does not know: DynamoDB is in each."""
    address = _ADDRESS.search(message)
    if address is None:
        return False
    session = boto3.Session()
    partitions = session.get_available_partitions()
    return not any(address[1] in session.get_available_regions("dynamodb", partition) for partition in partitions)
