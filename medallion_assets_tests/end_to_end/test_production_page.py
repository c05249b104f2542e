"""docs/production.md, followed to the letter on an empty host: setting it up, an upgrade, going back, and a restore.

Its commands run as they stand there, in mounts of their own, but for packages of the system, the editor, and systemd:
what units name is started as they say (`services.host`).
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from medallion_assets.delta.table import Lakehouse
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets_tests.end_to_end.arrival import Destination, land
from medallion_assets_tests.graph import STORY
from medallion_assets_tests.pipeline import CATALOG
from medallion_assets_tests.services.daemon import NO_CLOSE
from medallion_assets_tests.services.dynamodb_local import DynamoDBLocal
from medallion_assets_tests.services.host import Host
from medallion_assets_tests.services.postgres import PostgresServer
from medallion_assets_tests.services.processes import REPOSITORY, free_port
from medallion_assets_tests.services.waiting import wait_until

PAGE = (REPOSITORY / "docs" / "production.md").read_text()
ARRIVAL_SECONDS = 300.0
SETTINGS = "/etc/medallion/medallion.env"
NOT_OF_PRODUCTION = ("mypy", "pytest", "hypothesis", "moto", "playwright", "ruff")


def blocks(section: str) -> list[list[str]]:
    """The commands of a section's blocks, one line each, without comments."""
    text = PAGE.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    found = [block.replace("\\\n", " ") for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL)]
    return [[re.sub(r"\s+# .*$", "", line) for line in block.splitlines()] for block in found]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A repository of what lies here, with two releases that differ in nothing that matters."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("this is no git repository")
    place = tmp_path / "source"
    place.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (REPOSITORY / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, place / name)
    commit = "-c user.name=x -c user.email=x@example.com commit --quiet --allow-empty"
    for command in ("init --quiet", "add --all", f"{commit} -m first", "tag v1", f"{commit} -m second", "tag v2"):
        subprocess.run(["git", *command.split()], cwd=place, check=True)
    subprocess.run(["git", "checkout", "--quiet", "v1"], cwd=place, check=True)
    return place


@pytest.fixture
def database(postgres: PostgresServer, empty_host: Host) -> Iterator[PostgresServer]:
    """The server that psql and pg_dump of the host find; what the page makes in it goes with the host."""
    empty_host.environment.update(PGHOST="127.0.0.1", PGPORT=str(postgres.port))
    yield postgres
    empty_host.end()
    for command in ("dropdb --force --if-exists dagster", "dropuser --if-exists medallion"):
        empty_host.run(f"runuser -u postgres -- {command}")


def follow(host: Host, lines: list[str], **said: str) -> None:
    """Run the lines; `said` are the words that a reader puts in place of `<word>`."""
    for written in lines:
        line = re.sub(r"<([a-z ]+)>", lambda word: said[word[1].replace(" ", "_")], written)
        if line.startswith("systemctl"):
            verb, *names = shlex.split(line.removeprefix("systemctl "))
            host.systemctl(verb, names)
        elif not line.startswith(("apt-get", "editor")):
            host.run(line)


def test_the_page_leads_to_a_deployment_that_can_be_upgraded_put_back_and_restored(
    empty_host: Host, database: PostgresServer, dynamodb_local: DynamoDBLocal, source: Path, tmp_path: Path
) -> None:
    dynamodb_local.empty()
    raw, story = empty_host.path("/var/lib/medallion/raw"), tmp_path / "story"
    exports = write_demo_history(str(story), **STORY)
    destination = Destination(
        Lakehouse(catalog=CATALOG, url=str(empty_host.path("/var/lib/medallion/lakehouse"))), dynamodb_local.client
    )

    def arrived(count: int) -> None:
        for export in exports[:count]:
            land(export, story, raw)
        try:
            wait_until(lambda: not destination.lacks(exports[:count]), f"{count} exports arrived", ARRIVAL_SECONDS)
        except AssertionError as error:
            lacks = destination.lacks(exports[:count])
            raise AssertionError(f"{error}; still lacking: {lacks}\n{empty_host.last_words()}") from error

    installed, role, configured, spark, units, check, pages = blocks("Setting it up")
    follow(empty_host, installed, this_repository=str(source))
    assert not uncompiled(empty_host), "each process would compile it again, whose account writes nothing there"
    follow(empty_host, role)
    follow(empty_host, configured)
    ports = {f"MEDALLION_{name}_PORT": str(free_port()) for name in ("CODE_SERVER", "UI", "PAGES")}
    edit(empty_host, database.port, {**dynamodb_local.environment, **ports})
    assert all(line.startswith("apt-get") for line in spark)
    for export in exports[:2]:
        land(export, story, raw)
    follow(empty_host, units)
    arrived(2)
    follow(empty_host, check)
    follow(empty_host, pages)
    shown = f"http://127.0.0.1:{ports['MEDALLION_PAGES_PORT']}/dashboard.html"
    wait_until(lambda: "customer_transactions" in fetched(shown), "the dashboard is served")
    for name in NOT_OF_PRODUCTION:
        empty_host.run(f"! /opt/medallion/.venv/bin/python -c 'import {name}' 2>/dev/null")

    (upgrade,) = blocks("Upgrading")[:1]
    for number, version in enumerate(("v2", "v1")):
        follow(empty_host, upgrade, version=version)
        assert empty_host.run("git -C /opt/medallion describe --tags").strip() == version
        arrived(3 + number)

    backup, restore = blocks("Backup and restore")[:2]
    follow(empty_host, backup)
    follow(empty_host, [re.sub(r"dagster-[-0-9]+\.dump", "dagster-$(date +%F).dump", line) for line in restore])
    arrived(5)


def edit(host: Host, postgres_port: int, others: dict[str, str]) -> None:
    """What a person sets in the settings file."""
    path = host.path(SETTINGS)
    values = {
        "DAGSTER_POSTGRES_URL": f"postgresql+psycopg2://medallion:change-me@127.0.0.1:{postgres_port}/dagster",
        "MEDALLION_RAW_URL": "/var/lib/medallion/raw",
        "MEDALLION_LAKEHOUSE_URL": "/var/lib/medallion/lakehouse",
        "MEDALLION_TIMERS": "none",
        "MEDALLION_CREATE_TABLES": "yes",
        **{name: f"'{value}'" for name, value in NO_CLOSE.items()},
        **others,
    }
    kept = [line for line in path.read_text().splitlines() if line.partition("=")[0] not in values]
    path.write_text("\n".join([*kept, *(f"{name}={value}" for name, value in values.items()), ""]))


def uncompiled(host: Host) -> list[Path]:
    """Packages that every process imports, and of which Python keeps nothing compiled."""
    root = host.path("/opt/medallion")
    packages = [
        root / "medallion_assets",
        *(path for name in ("dagster", "polars") for path in root.glob(f".venv/lib/*/site-packages/{name}")),
    ]
    assert len(packages) == 3
    return [package for package in packages if not list(package.glob("__pycache__/*.pyc"))]


def fetched(url: str) -> str:
    """A page, empty while nobody serves it."""
    try:
        return requests.get(url, timeout=30).text
    except requests.ConnectionError:
        return ""
