"""Ask DynamoDB for the next incremental export of a table, so that windows join up: a Lambda function for a schedule.

It begins where the exports so far leave off, not at a time that the clock says: a window that failed, or an hour in
which nobody asked, is made up for by the next one. docs/start.md says how to set it up; boto3 is all that it needs.

    {"table_arn": "arn:aws:dynamodb:us-west-2:123456789012:table/orders", "bucket": "my-raw", "prefix": "raw/orders"}
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

BEFORE_A_FULL_EXPORT = timedelta(minutes=1)
"""A full export holds for certain what was written a minute before its time."""
SHORTEST, LONGEST = timedelta(minutes=15), timedelta(hours=24)
"""What DynamoDB allows."""


class Window(NamedTuple):
    """What an export covers: what was written from `from_at` up to `to_at`, in a full one everything up to `to_at`."""

    from_at: datetime | None
    to_at: datetime


def next_window(exports: Iterable[Window], latest: datetime) -> Window | None:
    """The window that comes next, up to `latest`; None when less than a quarter of an hour has passed.

    Raises:
        LookupError: there is no full export that a window could follow.
    """
    full, windows = [], []
    for from_at, to_at in exports:
        if from_at is None:
            full.append(to_at)
        else:
            windows.append((from_at, to_at))
    if not full:
        raise LookupError("no full export of this table is complete or under way: make one first")
    covered_until = max(full) - BEFORE_A_FULL_EXPORT
    for from_at, to_at in sorted(windows):
        if from_at <= covered_until:
            covered_until = max(covered_until, to_at)
    to_at = min(latest, covered_until + LONGEST)
    return Window(covered_until, to_at) if to_at - covered_until >= SHORTEST else None


def exports_of(client: Any, table_arn: str) -> Iterable[Window]:
    """The exports of a table that are complete or under way; DynamoDB lists those of the last 90 days."""
    token: dict[str, str] = {}
    while True:
        page = client.list_exports(TableArn=table_arn, **token)
        for summary in page["ExportSummaries"]:
            if summary["ExportStatus"] == "FAILED":
                continue
            export = client.describe_export(ExportArn=summary["ExportArn"])["ExportDescription"]
            window = export.get("IncrementalExportSpecification")
            yield (
                Window(window["ExportFromTime"], window["ExportToTime"])
                if window
                else Window(None, export["ExportTime"])
            )
        if "NextToken" not in page:
            return
        token = {"NextToken": page["NextToken"]}


def handler(event: dict[str, str], _context: object = None) -> str:
    """What the schedule calls; the answer says what was asked for."""
    import boto3

    client = boto3.client("dynamodb")
    table_arn = event["table_arn"]
    recovery = client.describe_continuous_backups(TableName=table_arn)["ContinuousBackupsDescription"]
    latest = recovery["PointInTimeRecoveryDescription"]["LatestRestorableDateTime"]
    window = next_window(exports_of(client, table_arn), latest.astimezone(UTC).replace(second=0, microsecond=0))
    if window is None:
        return "nothing to export yet"
    answer = client.export_table_to_point_in_time(
        TableArn=table_arn,
        S3Bucket=event["bucket"],
        S3Prefix=event["prefix"],
        ExportFormat="DYNAMODB_JSON",
        ExportType="INCREMENTAL_EXPORT",
        IncrementalExportSpecification={
            "ExportFromTime": window.from_at,
            "ExportToTime": window.to_at,
            "ExportViewType": "NEW_AND_OLD_IMAGES",
        },
    )
    return f"{answer['ExportDescription']['ExportArn']}: {window.from_at} to {window.to_at}"
