"""What a stage reports arrives as it was said: through Pipes, JSON and a file, and back."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from medallion_assets.errors import PermanentError, QualityGateError, TransientError, kind_of
from medallion_assets.operations.tables.expectation_results import ExpectationResult
from medallion_assets.remote.messages import Ended, received, send, send_end
from medallion_assets.remote.pipes import open_pipes
from medallion_assets.remote.place import REQUEST, RemotePlace
from medallion_assets.stages.figures import Location, Rows
from medallion_assets.stages.reports import AttemptFigures, Check, Made, RuleResults

NOW = datetime(2025, 6, 1, tzinfo=UTC)
REPORTS = [
    RuleResults(
        results=(
            ExpectationResult(
                run_id="r",
                table_name="silver.things",
                export_id="e",
                expectation="rule",
                kind="expect",
                passed=4,
                failed=1,
                is_published=True,
                judged_at=NOW,
            ),
        )
    ),
    Check(table="silver.things", name="sound", passed=False, figures={"few": Rows(({"a": "1", "b": ""},))}),
    Check(table="silver.things", name="nice", passed=False, is_warning=True, figures={"share": 0.5, "names": ["x"]}),
    Made(
        table="silver.things",
        version=3,
        figures={"rows_in": 5, "location": Location("/x"), "none": None, "preview": Rows(())},
        partitions=(date(2025, 5, 1), date(2025, 5, 3)),
    ),
    AttemptFigures(figures={"records_in": 7}),
]


@pytest.fixture
def place(tmp_path: Path) -> RemotePlace:
    at = RemotePlace(str(tmp_path / "attempt"))
    at.write_once(REQUEST, {"asset_keys": ["silver/things"], "extras": {}})
    return at


def test_every_report_comes_back_as_it_was(place: RemotePlace) -> None:
    with open_pipes(place) as pipes:
        for report in REPORTS:
            send(pipes, report)
        send_end(pipes, peak_memory_bytes=11, failure=None)
    assert [*received(place.messages())] == [*REPORTS, Ended(peak_memory_bytes=11)]


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (
            QualityGateError("no", where="silver.t", expected="0.98", found="0.9", do="look", export_id="e2"),
            PermanentError,
        ),
        (TransientError("silver.t: no answer"), TransientError),
        (type("OfASourceError", (PermanentError,), {})("raw.t: odd", found=3), PermanentError),
    ],
)
def test_an_error_keeps_its_parts_and_the_name_of_its_type(
    place: RemotePlace, raised: PermanentError, kind: type[Exception]
) -> None:
    """By which alerts know it again, retries are decided, and people read what to do."""
    with open_pipes(place) as pipes:
        send_end(pipes, peak_memory_bytes=1, failure=raised)
    (ended,) = received(place.messages())
    assert isinstance(ended, Ended)
    assert isinstance(ended.failure, kind)
    assert (str(ended.failure), kind_of(ended.failure)) == (str(raised), kind_of(raised))
    assert ended.failure.parts == raised.parts
    assert ended.failure.export_id == raised.export_id


def test_an_error_of_a_release_whose_errors_had_no_where_is_read() -> None:
    parts = {"what": "silver.t: no", "expected": None, "found": "0.9", "do": "look"}
    failure = {"type": "QualityGateError", "is_transient": False, "parts": parts, "export_id": "e2"}
    end = {"ended": {"peak_memory_bytes": 1, "failure": failure}}
    message = {"method": "report_custom_message", "params": {"payload": end}}
    (ended,) = received(iter([message]))
    assert isinstance(ended, Ended)
    assert str(ended.failure) == "silver.t: no; found: 0.9; what to do: look"


def test_a_bug_is_told_by_its_name(place: RemotePlace) -> None:
    with open_pipes(place) as pipes:
        send_end(pipes, peak_memory_bytes=1, failure=KeyError("bug"))
    (ended,) = received(place.messages())
    assert isinstance(ended, Ended)
    assert ended.failure is not None
    assert (kind_of(ended.failure), str(ended.failure)) == ("KeyError", "'bug'")


def test_a_second_process_at_a_place_stops_at_its_first_message(place: RemotePlace) -> None:
    """What the first one says is not written over."""
    with open_pipes(place) as pipes:
        pipes.log.info("at work")
        said = [*place.messages()]
        place.write_once("message-000002.json", said[1])  # an answer that was lost: the same again
        with pytest.raises(PermanentError, match="another process writes"):
            place.write_once("message-000002.json", {"method": "other"})
    assert [message["method"] for message in place.messages()] == ["opened", "log", "closed"]
    assert json.dumps(said) == json.dumps([*place.messages()][:2])


def test_a_place_without_a_request_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="there is no request at"):
        open_pipes(RemotePlace(str(tmp_path)))
