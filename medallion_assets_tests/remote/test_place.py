"""The place of an attempt: what is said once stays, in a folder and in a bucket."""

from __future__ import annotations

from pathlib import Path

import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.remote.place import RemotePlace, message_name
from medallion_assets_tests.services.s3 import S3Server


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> RemotePlace:
    if request.param == "folder":
        return RemotePlace(str(tmp_path / "root/silver.things/1"))
    server: S3Server = request.getfixturevalue("s3_server")
    options = {name: value for name, value in server.environment.items() if "DEFAULT" not in name}
    return RemotePlace(f"s3://{server.make_bucket()}/lake/operations/remote/root/silver.things/1", options)


def test_what_is_written_once_is_not_written_over(place: RemotePlace) -> None:
    """The same again is an answer that was lost; something else is another process."""
    assert place.read("request.json") is None
    place.write_once("request.json", {"a": 1})
    place.write_once("request.json", {"a": 1})
    with pytest.raises(PermanentError, match="another process writes"):
        place.write_once("request.json", {"a": 2})
    assert place.read("request.json") == {"a": 1}


def test_messages_are_read_on_from_where_somebody_is(place: RemotePlace) -> None:
    assert [*place.messages()] == []
    for number in (1, 2, 3):
        place.write_once(message_name(number), {"number": number})
    assert [said["number"] for said in place.messages(after=1)] == [2, 3]
    assert [*place.messages(after=3)] == []


def test_secrets_of_the_store_are_not_shown() -> None:
    assert "hidden" not in repr(RemotePlace("s3://b/p", {"AWS_SECRET_ACCESS_KEY": "hidden"}))
