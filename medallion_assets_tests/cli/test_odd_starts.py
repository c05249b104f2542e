"""Odd starts: whatever is wrong with a home or a setting, a command ends with one message, and with no traceback."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from typer.main import get_command

from medallion_assets.cli import app
from medallion_assets.sources.rest import requests
from medallion_assets_tests.cli.command_line import run
from medallion_assets_tests.services.processes import free_port
from medallion_assets_tests.sources.rest import shop
from medallion_assets_tests.sources.rest.api import Failure, serving
from medallion_assets_tests.sources.rest.shop import FETCHED, TOKEN
from medallion_assets_tests.sources.rest.test_windows import ENDPOINT

COMMANDS = (
    ("demo",),
    ("remove-demo", "--yes"),
    ("dev",),
    ("status",),
    ("verify",),
    ("validate",),
    ("explain", "customers", "c1"),
    ("exports", "verify", "raw"),
    ("quarantine", "show", "customers"),
    ("quarantine", "redrive", "customers"),
    ("rebuild", "silver.customers", "--why", "x"),
    ("serving", "hand-over", "daily_sales_metrics", "--why", "x"),
    ("sql", "select 1 from silver.customers"),
    ("sample-export",),
    ("fetch", "orders"),
    ("ui",),
)
APART = (
    ("pages",),
    ("sample", "--table", "customers", "--out", "out"),
    ("dbt-prepare",),
    ("dbt-docs",),
    ("dbt-sandbox", "sandbox"),
)
"""Commands that need no home: they read, or write where an option says. Settings that are refused end them as well."""
REFUSED = ("unknown variable", "refused value")
Plant = Callable[[Path, pytest.MonkeyPatch], None]


def home_is_a_file(folder: Path, environment: pytest.MonkeyPatch) -> None:
    (folder / "home").write_text("")
    environment.setenv("MEDALLION_HOME", str(folder / "home"))


def home_is_below_a_file(folder: Path, environment: pytest.MonkeyPatch) -> None:
    (folder / "file").write_text("")
    environment.setenv("MEDALLION_HOME", str(folder / "file" / "home"))


def unknown_variable(folder: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MEDALLION_HOME", str(folder))
    environment.setenv("MEDALLION_FRIST_DAY", "2025-01-01")


def refused_value(folder: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MEDALLION_HOME", str(folder))
    environment.setenv("MEDALLION_ENGINE", "sparc")


def home_is_no_place(_folder: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MEDALLION_HOME", "/proc/nothing")


def home_is_a_loop(folder: Path, environment: pytest.MonkeyPatch) -> None:
    (folder / "home").symlink_to(folder / "home")
    environment.setenv("MEDALLION_HOME", str(folder / "home"))


def home_has_a_long_name(folder: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MEDALLION_HOME", str(folder / ("h" * 300)))


def home_is_no_text(folder: Path, environment: pytest.MonkeyPatch) -> None:
    home = f"{folder}/\udcff"
    os.mkdir(home)  # noqa: PTH102 - as it is
    environment.setenv("MEDALLION_HOME", home)


def no_credentials(folder: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MEDALLION_HOME", str(folder))
    environment.setenv("MEDALLION_RAW_URL", "s3://exports/raw")
    environment.setenv("MEDALLION_LAKEHOUSE_URL", "s3://tables/lakehouse")


STARTS: dict[str, tuple[Plant, str | None]] = {
    "home is a file": (home_is_a_file, None),
    "home is below a file": (home_is_below_a_file, None),
    "unknown variable": (unknown_variable, "rename it to MEDALLION_FIRST_DAY"),
    "refused value": (refused_value, "one of polars, spark"),
    "home is no place": (home_is_no_place, None),
    "home is a loop": (home_is_a_loop, None),
    "home has a long name": (home_has_a_long_name, None),
    "home is no text": (home_is_no_text, "MEDALLION_HOME is not text in UTF-8"),
    "no credentials": (no_credentials, None),
}
WELL = {("no credentials", "ui")}
"""Runs are looked at wherever the tables are."""
SERVERS = ("ui", "pages", "dev")
"""What goes on until Ctrl-C."""


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, and an account without settings: of AWS too, in files or of a host."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "MEDALLION_LAKEHOUSE", "MEDALLION_RAW")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MEDALLION_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("start", "command"),
    [
        *[(start, command) for start in STARTS for command in COMMANDS if (start, *command) not in WELL],
        *[(start, command) for start in REFUSED for command in APART],
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_command_ends_with_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str, command: tuple[str, ...]
) -> None:
    plant, words = STARTS[start]
    plant(tmp_path, monkeypatch)
    if command[0] == "fetch":
        from_an_api(monkeypatch)
    said = refused(*command)
    assert words is None or words in said, said


def test_no_command_is_left_out() -> None:
    known = (*COMMANDS, *APART)
    every = set(commands(get_command(app)))
    assert {
        command for command in every if not any(known_command[: len(command)] == command for known_command in known)
    } == set()


def test_an_argument_that_is_no_text_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["medallion", "explain", "\udcff"])
    assert "found: '\\udcff'" in refused("explain", "\udcff")


def test_no_sample_is_written_without_credentials() -> None:
    assert "this process has no AWS credentials" in refused(
        "sample", "--table", "customers", "--out", "s3://exports/raw"
    )


@pytest.mark.parametrize(
    "command",
    [pytest.param(("status",), marks=pytest.mark.slow), ("exports", "verify", "s3://exports/raw")],
    ids=" ".join,
)
def test_an_endpoint_that_refuses_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    no_credentials(tmp_path, monkeypatch)
    endpoint = f"http://127.0.0.1:{free_port()}"
    variables = {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-west-2", "AWS_ALLOW_HTTP": "true"}
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, value in {**variables, **keys}.items():
        monkeypatch.setenv(name, value)
    assert endpoint.removeprefix("http://") in refused(*command)


def from_an_api(environment: pytest.MonkeyPatch) -> None:
    """Orders that an API has, at an address where nobody answers; it is asked again at once."""
    environment.setenv("MEDALLION_PIPELINES", FETCHED)
    environment.setenv(TOKEN, "some-token")
    environment.setattr(requests, "FIRST_WAIT_SECONDS", 0.0)


def test_an_api_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from_an_api(monkeypatch)
    said = refused("fetch", "orders")
    assert f"{ENDPOINT.url} did not answer" in said
    assert "found: ConnectError('[Errno 111] Connection refused')" in said


def test_an_api_that_refuses_is_named_and_so_is_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its variable alone."""
    from_an_api(monkeypatch)
    with serving(lambda _: {}) as api:
        api.failures = [Failure(status=401, body=b"some-token is not known")]
        monkeypatch.setattr(shop, "SHOP", shop.shop_at(api.url))
        said = refused("fetch", "orders")
        assert len(api.asked) == 1
    for part in (f"{api.url}: the request is refused", "expected: status 200", "found: 401: *** is not known"):
        assert part in said
    assert f"the variables that hold the secrets ({TOKEN})" in said


def test_missing_credentials_are_said_to_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_credentials(tmp_path, monkeypatch)
    said = refused("status")
    assert "this process has no AWS credentials" in said
    assert "expected: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in said


@pytest.mark.parametrize("command", SERVERS)
def test_a_port_that_is_taken_is_named_with_what_chooses_another(command: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused(command, "--port", port)
    assert f"port {port} is in use" in said
    assert "choose another with --port" in said


@pytest.mark.parametrize("command", SERVERS)
@pytest.mark.parametrize("port", [70_000, -5])
def test_a_port_that_there_is_not_is_refused(command: str, port: int) -> None:
    assert f"there is no port {port} expected: 1 to 65535" in refused(command, "--port", port)


def test_an_address_of_another_machine_is_no_port_in_use() -> None:
    for host in ("192.0.2.1", "nosuch.invalid"):
        assert f"no server can listen at {host}, port 3001" in refused("pages", "--host", host)


def refused(*command: object) -> str:
    """What a command says that ends with one message: no traceback, and no exit code 0."""
    result = run(*command)
    said = f"{result.stdout}{result.stderr}"
    assert result.exit_code in (1, 2), said
    assert "Traceback" not in said
    assert "unexpected" not in said
    return " ".join(said.replace("│", " ").split())


def commands(group: click.Command, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command that there is, in words."""
    members = getattr(group, "commands", None)
    if members is None:
        yield above
    for name, member in (members or {}).items():
        yield from commands(member, (*above, name))
