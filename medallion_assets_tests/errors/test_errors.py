"""Errors say what, where, expected, found, and what to do."""

from __future__ import annotations

import pytest

from medallion_assets import errors
from medallion_assets.errors import MedallionError, PermanentError, TransientError, message_of


def test_an_error_says_what_a_person_needs() -> None:
    error = PermanentError("table t: a file is missing", expected="7 files", found=6, do="copy it again")
    assert str(error) == "table t: a file is missing; expected: 7 files; found: 6; what to do: copy it again"
    assert (error.what, error.expected, error.found, error.do) == (
        "table t: a file is missing",
        "7 files",
        6,
        "copy it again",
    )


def test_what_is_not_known_is_left_out() -> None:
    """Nothing found is not the same as zero found."""
    assert str(TransientError("no answer")) == "no answer"
    assert str(TransientError("no answer", found=0)) == "no answer; found: 0"


def test_an_error_keeps_its_parts_beside_its_text() -> None:
    error = PermanentError("w", expected=7, found="b; what to do: c")
    assert error.parts == {"what": "w", "expected": "7", "found": "b; what to do: c", "do": None}
    assert str(error) == message_of(**error.parts)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name in dir(errors) if name.endswith("Error")])
def test_every_error_is_permanent_or_transient(name: str) -> None:
    """That is what decides between a person and another try."""
    kind = getattr(errors, name)
    assert issubclass(kind, MedallionError)
    if kind is not MedallionError:
        assert issubclass(kind, PermanentError) != issubclass(kind, TransientError)
