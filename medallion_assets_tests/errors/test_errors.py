"""Errors say what, where, expected, found, and what to do."""

from __future__ import annotations

import pickle

import pytest

from medallion_assets import errors
from medallion_assets.errors import MedallionError, PermanentError, TransientError, kind_of, message_of


def test_an_error_says_what_a_person_needs() -> None:
    error = PermanentError("a file is missing", where="table t", expected="7 files", found=6, do="copy it again")
    assert str(error) == "table t: a file is missing; expected: 7 files; found: 6; what to do: copy it again"
    assert (error.what, error.where, error.expected, error.found, error.do) == (
        "a file is missing",
        "table t",
        "7 files",
        6,
        "copy it again",
    )


def test_a_place_of_its_own_changes_neither_headline_nor_kind() -> None:
    """Two tables with the same fault are two alerts, as when the place stood in `what`."""
    apart, together = PermanentError("no", where="table t", found=1), PermanentError("table t: no", found=1)
    assert (str(apart), apart.headline, kind_of(apart)) == (str(together), together.headline, kind_of(together))
    assert (together.headline, kind_of(together)) == ("table t: no", "PermanentError: table t: no")


def test_an_error_keeps_its_place_between_processes() -> None:
    again = pickle.loads(pickle.dumps(PermanentError("no", where="table t", export_id="e")))
    assert (again.parts["where"], again.export_id, str(again)) == ("table t", "e", "table t: no")


def test_what_is_not_known_is_left_out() -> None:
    """Nothing found is not the same as zero found."""
    assert str(TransientError("no answer")) == "no answer"
    assert str(TransientError("no answer", found=0)) == "no answer; found: 0"


def test_an_error_keeps_its_parts_beside_its_text() -> None:
    error = PermanentError("w", where="t", expected=7, found="b; what to do: c")
    assert error.parts == {"what": "w", "where": "t", "expected": "7", "found": "b; what to do: c", "do": None}
    assert list(error.parts) == ["what", "where", "expected", "found", "do"]
    assert str(error) == message_of(**error.parts)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name in dir(errors) if name.endswith("Error")])
def test_every_error_is_permanent_or_transient(name: str) -> None:
    """That is what decides between a person and another try."""
    kind = getattr(errors, name)
    assert issubclass(kind, MedallionError)
    if kind is not MedallionError:
        assert issubclass(kind, PermanentError) != issubclass(kind, TransientError)
