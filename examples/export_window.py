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

    It follows the latest full export, or the earliest window where the full export is too old to be known.

    Raises:
        LookupError: there is no export that a window could follow.
    """
    full, windows = [], []
    for from_at, to_at in exports:
        if from_at is None:
            full.append(to_at)
        else:
            windows.append((from_at, to_at))
    if not full and not windows:
        raise LookupError("no full export of this table is complete or under way: make one first")
    covered_until = max(full) - BEFORE_A_FULL_EXPORT if full else min(windows)[0]
    for from_at, to_at in sorted(windows):
        if from_at <= covered_until:
            covered_until = max(covered_until, to_at)
    to_at = min(latest, covered_until + LONGEST)
    return Window(covered_until, to_at) if to_at - covered_until >= SHORTEST else None


def exports_of(client: Any, table_arn: str, earliest: datetime) -> Iterable[Window]:
    """The exports of a table that are complete or under way, the newest first, as far back as they matter.

    That is to the latest full export, or to `earliest`, before which nothing can be exported any more: an export that
    began before then holds nothing later.
    """
    for export_arn in sorted(_arns_of(client, table_arn), reverse=True):  # an id begins with when it was asked for
        export = client.describe_export(ExportArn=export_arn)["ExportDescription"]
        if window := export.get("IncrementalExportSpecification"):
            yield Window(window["ExportFromTime"], window["ExportToTime"])
        else:
            yield Window(None, export["ExportTime"])
            earliest = max(earliest, export["ExportTime"] - BEFORE_A_FULL_EXPORT)
        if export["StartTime"] < earliest:
            return


def _arns_of(client: Any, table_arn: str) -> Iterable[str]:
    """Those of exports that did not fail; DynamoDB lists the last 90 days."""
    token: dict[str, str] = {}
    while True:
        page = client.list_exports(TableArn=table_arn, **token)
        yield from (found["ExportArn"] for found in page["ExportSummaries"] if found["ExportStatus"] != "FAILED")
        if "NextToken" not in page:
            return
        token = {"NextToken": page["NextToken"]}


def handler(event: dict[str, str], _context: object = None) -> str:
    """What the schedule calls; the answer says what was asked for."""
    import boto3

    client = boto3.client("dynamodb")
    table_arn = event["table_arn"]
    backups = client.describe_continuous_backups(TableName=table_arn)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]
    latest = recovery["LatestRestorableDateTime"].astimezone(UTC).replace(second=0, microsecond=0)
    window = next_window(exports_of(client, table_arn, recovery["EarliestRestorableDateTime"]), latest)
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
