"""Samples: batches that were written here, for trying and for tests, and not by a table of anybody's.

Belongs here: telling them by their owner and their origin.
Does not: writing them (pipelines), or marking a lakehouse that holds some.
"""

from __future__ import annotations

import uuid

SAMPLE_ACCOUNT = "111122223333"
"""AWS's own example of an account: nobody has it."""
SAMPLE_REGION = "us-west-2"


def is_sample(owner: str) -> bool:
    """Whether a table of this name is a sample's."""
    return f":{SAMPLE_ACCOUNT}:" in owner


def sample_owner(table_name: str) -> str:
    """The ARN under which samples of a table are written."""
    return f"arn:aws:dynamodb:{SAMPLE_REGION}:{SAMPLE_ACCOUNT}:table/{table_name}"


def origin_of(owner: str) -> str:
    """The origin that samples of a table have: what is known of a batch once its owner is forgotten."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, owner))
