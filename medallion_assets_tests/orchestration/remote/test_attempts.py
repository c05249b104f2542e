"""Which place an attempt has: one that nobody saw to its end is gone on with."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from medallion_assets.orchestration.remote.attempts import KEPT, RemoteAttempts, token_of
from medallion_assets.remote.place import REQUEST
from medallion_assets.remote.request import Request

REQUESTED = Request(
    table="silver.things", run_id="r1", now=datetime(2025, 6, 1, tzinfo=UTC), lakehouse_url="/l", version="1"
)
ASKED = {"extras": {"request": REQUESTED.model_dump(mode="json")}}
ANOTHER = REQUESTED.model_copy(update={"tags": {"dagster/partition": "2025-05-01"}})


def begun(attempts: RemoteAttempts, request: Request) -> str:
    """An attempt that a process of Dagster's has begun; its token."""
    attempt = attempts.next("root", request)
    attempt.place.write_once(REQUEST, {"extras": {"request": request.model_dump(mode="json")}})
    return attempt.token


def test_a_run_that_is_started_anew_finds_the_attempt_with_its_token(tmp_path: Path) -> None:
    attempts = RemoteAttempts(url=str(tmp_path))
    token = begun(attempts, REQUESTED)
    again = attempts.next("root", REQUESTED.model_copy(update={"run_id": "r2", "trigger": "restart"}))
    assert (again.is_known, again.token) == (True, token)
    assert token == token_of("root/silver.things/1")
    assert len(token) <= 64


def test_what_was_seen_to_its_end_is_followed_by_a_new_attempt(tmp_path: Path) -> None:
    attempts = RemoteAttempts(url=str(tmp_path))
    token = begun(attempts, REQUESTED)
    attempts.next("root", REQUESTED).end("failed")
    again = attempts.next("root", REQUESTED)
    assert (again.is_known, again.token != token) == (False, True)


def test_another_request_and_another_run_have_attempts_of_their_own(tmp_path: Path) -> None:
    """A person who runs it again with other days does not get the days of before."""
    attempts = RemoteAttempts(url=str(tmp_path))
    token = begun(attempts, REQUESTED)
    found = [attempts.next("root", ANOTHER), attempts.next("other", REQUESTED)]
    assert [attempt.is_known for attempt in found] == [False, False]
    assert len({token, *(attempt.token for attempt in found)}) == 3


def test_a_request_of_another_release_is_other_work(tmp_path: Path) -> None:
    attempts = RemoteAttempts(url=str(tmp_path))
    first = attempts.next("root", REQUESTED)
    written = REQUESTED.model_dump(mode="json") | {"a_field_of_tomorrow": 1}
    first.place.write_once(REQUEST, {"extras": {"request": written}})
    again = attempts.next("root", REQUESTED)
    assert (again.is_known, again.token != first.token) == (False, True)


def test_of_an_attempt_whose_end_was_seen_its_mark_is_left(tmp_path: Path) -> None:
    """Nobody would read the rest; the number is not given again."""
    attempts = RemoteAttempts(url=str(tmp_path))
    begun(attempts, REQUESTED)
    attempt = attempts.next("root", REQUESTED)
    attempt.place.write_once("message-000001.json", {"method": "opened"})
    attempt.end("canceled")
    assert [path.name for path in tmp_path.rglob("*.json")] == ["end.json"]
    assert attempts.next("root", REQUESTED).place.url.endswith("/2")


def test_root_runs_to_which_nothing_was_added_for_long_are_removed(tmp_path: Path) -> None:
    """An attempt that nobody saw to its end among them. One whose process still says something stays whole."""
    attempts = RemoteAttempts(url=str(tmp_path))
    written = datetime.now(UTC)
    for root in ("old", "young"):
        attempts.next(root, REQUESTED).place.write_once(REQUEST, ASKED)
    for path in tmp_path.rglob("*.json"):
        os.utime(path, (0, (written - KEPT - timedelta(days=1)).timestamp()))
    attempts.next("young", REQUESTED).place.write_once("message-000001.json", {})
    attempts.remove_old(written)
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*.json")} == {"young"}
    assert len(list(tmp_path.rglob("*.json"))) == 2
