"""Credentials: where there are none it is said at once, and whoever finds some is left alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.storage import credentials
from medallion_assets.storage.credentials import expect_credentials

BUCKET = "s3://bucket/lake"
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process without settings of AWS, on a host that hands out none."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    find = credentials._find
    find.cache_clear()
    yield
    find.cache_clear()


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
