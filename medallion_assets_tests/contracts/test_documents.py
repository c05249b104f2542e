"""Documents: what comes back is what was written, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest

from medallion_assets.contracts.documents import (
    Moment,
    Names,
    UnreadableDocumentError,
    from_json,
    from_json_or_none,
    to_json,
)


@dataclass(frozen=True, kw_only=True)
class Note:
    at: Moment
    of: Names = frozenset()
    count: int = 0


NOON = datetime(2025, 5, 8, 12, tzinfo=UTC)
TEXT = '{"at":"2025-05-08T12:00:00Z","of":["a","b","c"],"count":3}'


def test_what_was_written_is_read() -> None:
    """Equal documents are equal texts: names stand in order."""
    note = Note(at=NOON, of=frozenset("cab"), count=3)
    assert to_json(note) == TEXT
    assert from_json(Note, TEXT) == note == from_json(Note, TEXT.encode())
    assert from_json(dict[str, Note], to_json({"n": note}, kind=dict[str, Note])) == {"n": note}


def test_a_moment_is_read_in_utc() -> None:
    west = NOON.astimezone(timezone(timedelta(hours=-7)))
    assert from_json(Note, f'{{"at":"{west.isoformat()}"}}').at.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "EOF"),
        ("", "EOF"),
        ("{", "EOF"),
        ("[]", "object"),
        ('{"of":["a"]}', "at: Field required"),
        ('{"at":"2025-05-08T12:00:00"}', "at: .*timezone"),
        ('{"at":"2025-05-08T12:00:00Z","count":"3"}', "count: .*integer"),
        ('{"at":"2025-05-08T12:00:00Z","count":3.5}', "count: .*integer"),
        pytest.param("[" * 100_000, "recursion", id="too deep"),
    ],
)
def test_what_is_none_says_why(text: str | None, said: str) -> None:
    with pytest.raises(UnreadableDocumentError, match=said):
        from_json(Note, text)
    assert from_json_or_none(Note, text) is None


def test_members_of_a_later_release_are_passed_over() -> None:
    assert from_json(Note, '{"at":"2025-05-08T12:00:00Z","also":1}') == Note(at=NOON)
