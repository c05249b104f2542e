"""The schedule's next window joins up with what is exported, whatever failed or was left out before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets_tests.services.processes import REPOSITORY

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FULL_AT = datetime(2026, 11, 2, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = spec_from_file_location("export_window", REPOSITORY / "examples" / "export_window.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_without_a_full_export_there_is_nothing_to_follow(example: ModuleType) -> None:
    with pytest.raises(LookupError, match="make one first"):
        example.next_window([], FULL_AT)


def test_the_first_window_begins_a_minute_before_the_full_export(example: ModuleType) -> None:
    assert example.next_window([example.Window(None, FULL_AT)], FULL_AT + HOUR) == (FULL_AT - MINUTE, FULL_AT + HOUR)


def test_the_latest_full_export_counts(example: ModuleType) -> None:
    exports = [example.Window(None, FULL_AT + HOUR), example.Window(None, FULL_AT)]
    assert example.next_window(exports, FULL_AT + 2 * HOUR) == (FULL_AT + HOUR - MINUTE, FULL_AT + 2 * HOUR)


def test_windows_go_on_once_the_full_export_is_not_listed_any_more(example: ModuleType) -> None:
    """DynamoDB lists those of the last 90 days; what is missing between windows is still made up for."""
    first, third = (example.Window(FULL_AT + after * HOUR, FULL_AT + (after + 1) * HOUR) for after in (0, 2))
    assert example.next_window([third, first], FULL_AT + 2 * HOUR) == (FULL_AT + HOUR, FULL_AT + 2 * HOUR)
    assert example.next_window([first], FULL_AT + 2 * HOUR) == (FULL_AT + HOUR, FULL_AT + 2 * HOUR)


class Listed:
    """A client that knows exports by when each began, and remembers which of them it was asked about."""

    def __init__(self, **exports: dict[str, Any]) -> None:
        self.exports = exports
        self.asked: list[str] = []

    def list_exports(self, TableArn: str) -> dict[str, Any]:  # noqa: N803, ARG002 - as boto3 calls it
        return {"ExportSummaries": [{"ExportArn": arn, "ExportStatus": "COMPLETED"} for arn in self.exports]}

    def describe_export(self, ExportArn: str) -> dict[str, Any]:  # noqa: N803 - as boto3 calls it
        self.asked.append(ExportArn)
        return {"ExportDescription": self.exports[ExportArn]}


def _full(hour: int, *, began: int | None = None) -> dict[str, Any]:
    return {"ExportTime": FULL_AT + hour * HOUR, "StartTime": FULL_AT + (hour if began is None else began) * HOUR}


def _window(hour: int) -> dict[str, Any]:
    """It ends at an hour, and began then."""
    covers = {"ExportFromTime": FULL_AT + (hour - 1) * HOUR, "ExportToTime": FULL_AT + hour * HOUR}
    return {"IncrementalExportSpecification": covers, "StartTime": FULL_AT + hour * HOUR}


@pytest.mark.parametrize(
    ("exports", "asked"),
    [
        (
            {"e1": _window(1), "e2": _window(2), "e3": _full(3), "e4": _window(4), "e5": _window(5)},
            ["e5", "e4", "e3", "e2"],
        ),
        ({"e1": _window(1), "e2": _full(1), "e4": _window(4), "e5": _full(2, began=5)}, ["e5", "e4", "e2"]),
        ({"e0": _full(-3), "e1": _window(-2), "e2": _window(-1), "e3": _window(3)}, ["e3", "e2"]),
    ],
    ids=["to the full export", "to the time of a full export of an earlier state", "to what can be exported again"],
)
def test_only_exports_that_matter_are_described(
    example: ModuleType, exports: dict[str, dict[str, Any]], asked: list[str]
) -> None:
    """Newest first; with an export an hour there are 2,160 of them."""
    client = Listed(**exports)
    assert len(list(example.exports_of(client, "arn", FULL_AT))) == len(asked)
    assert client.asked == asked


@given(outcomes=st.lists(st.sampled_from(["complete", "failed", "nobody asked"]), max_size=60))
def test_windows_join_up_whatever_fails(example: ModuleType, outcomes: list[str]) -> None:
    """Asked every hour: what DynamoDB allows is asked for, and nothing lies between what is complete."""
    exports = [example.Window(None, FULL_AT)]
    for hour, outcome in enumerate([*outcomes, *["complete"] * 5], start=1):
        now = FULL_AT + hour * HOUR
        if outcome == "nobody asked":
            continue
        window = example.next_window(exports, now)
        assert 15 * MINUTE <= window.to_at - window.from_at <= 24 * HOUR
        assert window.to_at <= now
        if outcome == "complete":
            exports.append(window)
    covered = {minute for window in exports[1:] for minute in _minutes(window.from_at, window.to_at)}
    assert covered == set(_minutes(FULL_AT - MINUTE, now))


def test_a_window_that_fails_after_the_next_was_asked_for_is_made_up_for(example: ModuleType) -> None:
    later = example.Window(FULL_AT + HOUR, FULL_AT + 2 * HOUR)
    again = example.next_window([example.Window(None, FULL_AT), later], FULL_AT + 3 * HOUR)
    assert again == (FULL_AT - MINUTE, FULL_AT + 3 * HOUR)


def test_nothing_is_asked_for_within_a_quarter_of_an_hour(example: ModuleType) -> None:
    assert example.next_window([example.Window(None, FULL_AT)], FULL_AT + 10 * MINUTE) is None


def test_the_function_asks_dynamodb(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests and answers as AWS's own model has them."""
    client = boto3.client("dynamodb", region_name="us-west-2", aws_access_key_id="none", aws_secret_access_key="none")
    monkeypatch.setattr(boto3, "client", lambda _: client)
    table_arn = "arn:aws:dynamodb:us-west-2:123456789012:table/orders"
    full, window, failed = (f"{table_arn}/export/0174104641541{index}-ea525ddc" for index in range(3))
    new = f"{table_arn}/export/01741046415418-ea525ddc"
    restorable = {
        "EarliestRestorableDateTime": FULL_AT - 35 * 24 * HOUR,
        "LatestRestorableDateTime": FULL_AT + 2 * HOUR + timedelta(seconds=40),
    }
    recovery = {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": restorable}
    first_page = {"ExportSummaries": [{"ExportArn": failed, "ExportStatus": "FAILED"}], "NextToken": "more"}
    summaries = [{"ExportArn": full, "ExportStatus": "COMPLETED"}, {"ExportArn": window, "ExportStatus": "IN_PROGRESS"}]
    covered = {"ExportFromTime": FULL_AT - MINUTE, "ExportToTime": FULL_AT + HOUR}
    wanted = {"ExportFromTime": FULL_AT + HOUR, "ExportToTime": FULL_AT + 2 * HOUR}
    export = {
        "TableArn": table_arn,
        "S3Bucket": "my-exports",
        "S3Prefix": "raw/orders",
        "ExportFormat": "DYNAMODB_JSON",
        "ExportType": "INCREMENTAL_EXPORT",
        "IncrementalExportSpecification": {**wanted, "ExportViewType": "NEW_AND_OLD_IMAGES"},
    }
    with Stubber(client) as stub:
        expected = {"TableName": table_arn}
        stub.add_response("describe_continuous_backups", {"ContinuousBackupsDescription": recovery}, expected)
        stub.add_response("list_exports", first_page, {"TableArn": table_arn})
        stub.add_response("list_exports", {"ExportSummaries": summaries}, {"TableArn": table_arn, "NextToken": "more"})
        described = {"IncrementalExportSpecification": covered, "StartTime": FULL_AT + HOUR}
        stub.add_response("describe_export", {"ExportDescription": described}, {"ExportArn": window})
        described = {"ExportTime": FULL_AT, "StartTime": FULL_AT}
        stub.add_response("describe_export", {"ExportDescription": described}, {"ExportArn": full})
        stub.add_response("export_table_to_point_in_time", {"ExportDescription": {"ExportArn": new}}, export)
        answer = example.handler({"table_arn": table_arn, "bucket": "my-exports", "prefix": "raw/orders"})
        stub.assert_no_pending_responses()
    assert answer == f"{new}: 2026-11-02 07:00:00+00:00 to 2026-11-02 08:00:00+00:00"


def _minutes(from_at: datetime, to_at: datetime) -> list[datetime]:
    return [from_at + index * MINUTE for index in range(int((to_at - from_at) / MINUTE))]
