"""What moto answers to ExportTableToPointInTime: a data file only, without manifests.

Belongs here: making a table of items, and having it exported. Does not: what is done with the lines.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterable
from typing import Any

import boto3


def exported_by_moto(items: Iterable[Any]) -> bytes:
    """The lines of an export of a table with these items, whose key is `pk`; in `mock_aws`."""
    dynamodb = boto3.client("dynamodb", region_name="us-east-1")
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="lake")
    table = dynamodb.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )["TableDescription"]
    backups: Any = {"PointInTimeRecoveryEnabled": True}
    dynamodb.update_continuous_backups(TableName="orders", PointInTimeRecoverySpecification=backups)
    for item in items:
        dynamodb.put_item(TableName="orders", Item=item)
    dynamodb.export_table_to_point_in_time(TableArn=table["TableArn"], S3Bucket="lake", S3Prefix="x")
    for thread in threading.enumerate():  # moto exports in a thread of its own
        if type(thread).__name__ == "TableExport":
            thread.join()
    (entry,) = s3.list_objects_v2(Bucket="lake")["Contents"]
    return gzip.decompress(s3.get_object(Bucket="lake", Key=entry["Key"])["Body"].read())
