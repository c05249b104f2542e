"""Errors say what, where, expected, found, and what to do."""

from __future__ import annotations

import pytest

from medallion_assets import errors
from medallion_assets.errors import MedallionError, PermanentError, TransientError, parts_of, without_advice


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


def test_an_error_is_taken_apart_as_it_was_put_together() -> None:
    error = PermanentError("gold.x: no; such row", expected="a; b", found="c", do="d; found: e")
    parts = parts_of(str(PermanentError("w", expected="a", found="b", do="c")))
    assert parts == {"what": "w", "expected": "a", "found": "b", "do": "c"}
    assert parts_of(str(error))["what"] is not None
    assert parts_of("plain words") == {"what": "plain words", "expected": None, "found": None, "do": None}
    assert parts_of(str(PermanentError("w", found="b"))) == PermanentError("w", found="b").parts


def test_an_error_without_its_advice_says_what_is_wrong() -> None:
    assert without_advice(str(PermanentError("w", found="b; c", do="d"))) == "w; found: b; c"
    assert without_advice("plain words") == "plain words"


@pytest.mark.parametrize("name", [name for name in dir(errors) if name.endswith("Error")])
def test_every_error_is_permanent_or_transient(name: str) -> None:
    """That is what decides between a person and another try."""
    kind = getattr(errors, name)
    assert issubclass(kind, MedallionError)
    if kind is not MedallionError:
        assert issubclass(kind, PermanentError) != issubclass(kind, TransientError)
