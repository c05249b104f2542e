"""Credentials: where there are none it is said at once, and whoever finds some is left alone."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl
import pytest

from medallion_assets.contracts.table import Column, Table, Text
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.storage import credentials
from medallion_assets.storage.credentials import expect_credentials, of_profile
from medallion_assets.storage.listing import list_objects
from medallion_assets.storage.options import StorageOptions
from medallion_assets.storage.stores import open_store, read_bytes, write_bytes
from medallion_assets_tests.services.s3 import S3Server

BUCKET = "s3://bucket/lake"
NOTES = Table(name="operations.notes", description="", columns=(Column("note", Text(), "what"),))
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process without settings of AWS, on a host that hands out none."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    credentials._found.cache_clear()
    yield
    credentials._found.cache_clear()


def test_without_any_it_is_said_for_good() -> None:
    with pytest.raises(PermanentError, match=r"bronze\.t: this process has no AWS credentials; expected: AWS_ACCESS"):
        expect_credentials("bronze.t", BUCKET, {"AWS_REGION": "us-west-2", "AWS_ACCESS_KEY_ID": "key"})
    expect_credentials("bronze.t", "/local/lake", {})


def test_a_role_that_does_not_answer_may_do_so_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """At an address at which nobody listens."""
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9/")
    with pytest.raises(TransientError, match="this process has no AWS credentials"):
        expect_credentials(BUCKET, BUCKET, {})


def test_none_are_looked_for_to_use_a_local_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 may wait for seconds, each time, on a host that has none."""
    monkeypatch.setattr(credentials, "_find", lambda: pytest.fail("looked for"))
    lakehouse = Lakehouse(url=str(tmp_path / "lake"))
    assert lakehouse.ready(NOTES).scan().collect().height == 0
    assert lakehouse.exists(NOTES)


def test_keys_of_options_and_of_the_environment_are_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_find", lambda: pytest.fail("looked for"))
    expect_credentials(BUCKET, BUCKET, KEYS)
    expect_credentials(BUCKET, BUCKET, {name.lower(): value for name, value in KEYS.items()})
    expect_credentials(BUCKET, BUCKET, {"AWS_SKIP_SIGNATURE": "true"})
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    expect_credentials(BUCKET, BUCKET, {})


def profile(folder: Path) -> dict[str, str]:
    (folder / "own").write_text("[people]\naws_access_key_id = key\naws_secret_access_key = secret\n")
    return {"AWS_PROFILE": "people", "AWS_SHARED_CREDENTIALS_FILE": str(folder / "own")}


def missing_profile(_folder: Path) -> dict[str, str]:
    """Somebody named one: the library that needs it says what is wrong with it."""
    return {"AWS_PROFILE": "nobody"}


def web_identity(folder: Path) -> dict[str, str]:
    (folder / "token").write_text("token")
    role = {"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/r"}
    return {**role, "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token")}


def process(folder: Path) -> dict[str, str]:
    (folder / "config").write_text("[default]\ncredential_process = /bin/cat " + str(folder / "given") + "\n")
    (folder / "given").write_text('{"Version": 1, "AccessKeyId": "key", "SecretAccessKey": "secret"}')
    return {"AWS_CONFIG_FILE": str(folder / "config")}


@pytest.mark.parametrize("given", [profile, missing_profile, web_identity, process])
def test_others_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Any) -> None:
    for name, value in given(tmp_path).items():
        monkeypatch.setenv(name, value)
    expect_credentials(BUCKET, BUCKET, {})


@pytest.fixture
def of_people(s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose keys for the server stand in a profile alone, and whose host has no role."""
    keys = s3_server.environment
    own = tmp_path / "own"
    own.write_text(
        f"[people]\naws_access_key_id = {keys['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {keys['AWS_SECRET_ACCESS_KEY']}\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "people")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(own))
    for name in ("AWS_METADATA_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


@pytest.mark.usefixtures("of_people")
def test_a_profile_serves_objects_and_tables(s3_server: S3Server) -> None:
    """obstore, and delta-rs beside an endpoint, know none: they asked the host for its role."""
    bucket = s3_server.make_bucket()
    options = {name: value for name, value in s3_server.environment.items() if name not in KEYS}
    store = open_store(f"s3://{bucket}/raw", options)
    write_bytes(store, "a", b"1")
    assert read_bytes(store, "a") == b"1"
    assert [found.key for found in list_objects(store)] == ["a"]
    lakehouse = Lakehouse(url=f"s3://{bucket}/tables", storage_options=options)
    assert not lakehouse.exists(NOTES)
    snapshot = lakehouse.ready(NOTES)
    snapshot.commit(add=[snapshot.folder.write(pl.LazyFrame({"note": ["a"]}))])
    assert lakehouse.open(NOTES).scan().collect().rows() == [("a",)]


def test_keys_that_somebody_wrote_anew_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As tools for signing in do each hour: the client that lists was kept with the first ones."""
    for name, value in profile(tmp_path).items():
        monkeypatch.setenv(name, value)
    given = credentials.ProfileCredentials(read_again_seconds=0.0)
    assert given()["access_key_id"] == "key"
    (tmp_path / "own").write_text("[people]\naws_access_key_id = new\naws_secret_access_key = s\n")
    assert given()["access_key_id"] == "new"


def test_whoever_hands_out_keys_may_do_so_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the store is asked; what failed once is asked again, and what is wrong with a profile is said."""
    for name, value in process(tmp_path).items():
        monkeypatch.setenv(name, value)
    given = (tmp_path / "given").rename(tmp_path / "aside")
    options = {"AWS_REGION": "us-west-2", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ALLOW_HTTP": "true"}
    store = open_store(BUCKET, options)
    for ask in (lambda: read_bytes(store, "a"), lambda: list(list_objects(store))):
        with pytest.raises(TransientError, match="the profile gives no AWS keys"):
            ask()
    given.rename(tmp_path / "given")
    kept = of_profile(BUCKET, options)
    assert kept is not None
    assert kept()["access_key_id"] == "key"
    credentials._found.cache_clear()  # as another process has it
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(PermanentError, match=r"the profile gives no AWS keys.*\(nobody\).*correct the profile"):
        read_bytes(open_store(BUCKET, options), "a")


def test_a_web_identity_is_found_by_all_where_variables_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = web_identity(tmp_path)
    lines = (f"role_arn = {named['AWS_ROLE_ARN']}", f"web_identity_token_file = {named['AWS_WEB_IDENTITY_TOKEN_FILE']}")
    (tmp_path / "config").write_text("\n".join(["[default]", *lines]))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert of_profile(BUCKET, {}) is not None
    credentials._found.cache_clear()
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    assert of_profile(BUCKET, {}) is None


def test_polars_has_one_client_for_all_places_of_a_bucket() -> None:
    """It keeps one for each provider of keys, and eight of them."""
    one, other = (StorageOptions(KEYS).of_polars(f"{BUCKET}/{name}")["credential_provider"] for name in "ab")
    assert pickle.dumps(one) == pickle.dumps(other)


class _Role(BaseHTTPRequestHandler):
    """What a container, or a host by its metadata service, hands out."""

    def do_PUT(self) -> None:
        self._answer("token")

    def do_GET(self) -> None:
        if self.path.endswith("/security-credentials/"):
            return self._answer("role")
        keys = '"AccessKeyId": "key", "SecretAccessKey": "secret", "Token": "t", "Expiration": "2999-01-01T00:00:00Z"'
        self._answer('{"Code": "Success", ' + keys + "}")
        return None

    def _answer(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.mark.parametrize("variable", ["AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_CONTAINER_CREDENTIALS_FULL_URI"])
def test_so_is_the_role_of_a_host_or_container(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A process asks once."""
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    with HTTPServer(("127.0.0.1", 0), _Role) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv(variable, f"http://127.0.0.1:{server.server_port}/")
        expect_credentials(BUCKET, BUCKET, {})
        server.shutdown()
    expect_credentials(BUCKET, BUCKET, {})
