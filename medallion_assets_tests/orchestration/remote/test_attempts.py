"""Which place an attempt has: one that nobody saw to its end is gone on with."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from medallion_assets.orchestration.remote.attempts import KEPT, LOOKED_THROUGH, RemoteAttempts, token_of
from medallion_assets.remote.place import REQUEST
from medallion_assets.remote.request import Request

REQUESTED = Request(
    table="silver.things", run_id="r1", now=datetime(2025, 6, 1, tzinfo=UTC), lakehouse_url="/l", version="1"
)
ASKED = {"extras": {"request": REQUESTED.model_dump(mode="json")}}
OLD, YOUNG, ENDED = (str(uuid.UUID(int=number)) for number in range(3))
WRITTEN = datetime.now(UTC)
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


def attempts_of(folder: Path, *roots: str) -> RemoteAttempts:
    attempts = RemoteAttempts(url=str(folder))
    for root in roots:
        attempts.next(root, REQUESTED).place.write_once(REQUEST, ASKED)
    return attempts


def grow_old(folder: Path) -> None:
    for path in folder.rglob("*.*"):
        os.utime(path, (0, (WRITTEN - KEPT - timedelta(days=1)).timestamp()))


def left_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {LOOKED_THROUGH}


def test_root_runs_to_which_nothing_was_added_for_long_are_removed(tmp_path: Path) -> None:
    """An attempt that nobody saw to its end among them. One whose process still says something stays whole."""
    attempts = attempts_of(tmp_path, OLD, YOUNG, ENDED)
    attempts.next(ENDED, REQUESTED).end("failed")
    grow_old(tmp_path)
    attempts.next(YOUNG, REQUESTED).place.write_once("message-000001.json", {})
    attempts.remove_old(WRITTEN)
    place = f"{YOUNG}/silver.things/1"
    assert left_in(tmp_path) == {f"{place}/request.json", f"{place}/message-000001.json"}


def test_what_is_no_attempt_stays_whatever_its_age(tmp_path: Path) -> None:
    """Beside attempts, in their folders, and where it has an attempt's names without its request or end."""
    strangers = {
        "readme.txt",
        "exports/AWSDynamoDB/01-abc/data/a.json.gz",
        "exports/AWSDynamoDB/1/request.json",
        f"{OLD}/silver.things/1/notes.json",
        f"{OLD}/silver.things/1/request.json/part-1",
        f"{OLD}/silver.things/first/end.json",
        f"{OLD}/things/1/end.json",
        f"prefix/{OLD}/silver.things/1/end.json",
        f"{YOUNG}/silver.things/1/message-000001.json",
    }
    for name in strangers:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / f"{OLD}/silver.things/2").mkdir()
    (tmp_path / f"{OLD}/silver.things/2/end.json").write_text("{}")
    grow_old(tmp_path)
    RemoteAttempts(url=str(tmp_path)).remove_old(WRITTEN)
    assert left_in(tmp_path) == strangers


def test_old_attempts_are_looked_for_once_a_day(tmp_path: Path) -> None:
    """By whichever process comes first; what says when is written over, and may be unreadable."""
    attempts = attempts_of(tmp_path, OLD)
    attempts.remove_old(WRITTEN - timedelta(hours=23))
    grow_old(tmp_path)
    attempts.remove_old(WRITTEN)
    assert len(left_in(tmp_path)) == 1
    attempts.remove_old(WRITTEN + timedelta(hours=1))
    assert left_in(tmp_path) == set()
    attempts_of(tmp_path, OLD)
    (tmp_path / LOOKED_THROUGH).write_text("?")
    grow_old(tmp_path)
    attempts.remove_old(WRITTEN)
    assert left_in(tmp_path) == set()
