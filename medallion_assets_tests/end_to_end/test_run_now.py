"""Run now with parameters: the examples in Python and curl, and Dagster's own command, against a real web server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.cli.embedded_dynamodb import embedded_dynamodb
from medallion_assets.delta.table import Lakehouse
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.samples.history import write_bad_export, write_demo_history
from medallion_assets.publishing.reader import read_day
from medallion_assets.refining.bronze import bronze_table, loaded_ids
from medallion_assets.refining.ledger.decisions import read_decisions
from medallion_assets.settings import Settings, load_settings
from medallion_assets_tests.graph import STORY
from medallion_assets_tests.pipeline import CATALOG
from medallion_assets_tests.services import listeners
from medallion_assets_tests.services.processes import REPOSITORY, free_port
from medallion_assets_tests.services.web_server import make_dagster_home, web_server

pytestmark = pytest.mark.xdist_group("web_server")
EXAMPLES = REPOSITORY / "examples"
SECONDS = 600.0
DAYS = [date(2025, 1, 9), date(2025, 1, 10), date(2025, 1, 11)]


@dataclass(frozen=True)
class Served:
    """A web server over a home with the small history's exports, the bad one included."""

    settings: Settings
    url: str
    bad_export: str
    variables: Mapping[str, str]
    dynamodb: Any

    @property
    def lakehouse(self) -> Lakehouse:
        return Lakehouse(catalog=CATALOG, url=self.settings.lakehouse_url)

    def bronze(self, table: str) -> list[str]:
        """The exports that are in."""
        contract = bronze_table(table)
        if not self.lakehouse.exists(contract):
            return []
        return sorted(loaded_ids(self.lakehouse.open(contract)))

    def command(self, *words: object, **more: str) -> subprocess.CompletedProcess[str]:
        """A command's end; it sees this home."""
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **self.variables, **more}
        return subprocess.run(
            [str(word) for word in words], env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
        )

    def python(self, *words: object) -> subprocess.CompletedProcess[str]:
        return self.command(sys.executable, EXAMPLES / "run_now.py", *words, DAGSTER_URL=self.url)

    def curl(self, *words: object) -> subprocess.CompletedProcess[str]:
        return self.command(EXAMPLES / "run_now.sh", *words, DAGSTER_URL=self.url)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    settings = load_settings({"MEDALLION_HOME": str(folder / "home")})
    write_demo_history(settings.raw_url, **STORY)
    bad = write_bad_export(settings.raw_url, **STORY, bad_share=0.9)
    dagster_home = make_dagster_home(folder / "dagster_home")
    with embedded_dynamodb() as dynamodb:
        variables = {
            "MEDALLION_HOME": str(settings.home),
            "DAGSTER_HOME": str(dagster_home),
            "MEDALLION_CREATE_TABLES": "yes",
            "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.endpoint,
            "AWS_DEFAULT_REGION": "us-west-2",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        with web_server(dagster_home, variables) as url:
            yield Served(settings, url, bad.export_id, variables, dynamodb.serving.client())


def test_runs_with_parameters_are_started_and_followed_to_their_end(served: Served) -> None:
    """One story: an export, a failure at the gate, a decision, days; with Python and curl by turns."""
    first = min(path.name for path in Path(served.settings.raw_url, "customers", "AWSDynamoDB").glob("0*"))
    only = {"bronze/customers": {"exports": [first]}}
    done = served.python("ingest", "--asset", "bronze/customers", "--config", json.dumps(only))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "SUCCESS"), done
    assert f"{served.url}/runs/" in done.stdout
    assert (served.bronze("customers"), served.bronze("customer_transactions")) == ([first], [])

    every = served.curl("ingest")
    assert (every.returncode, every.stdout.splitlines()[-1]) == (0, "SUCCESS"), every
    assert served.bad_export in served.bronze("customer_transactions")

    stopped = served.python("refine", "--asset", "silver/customer_transactions")
    assert (stopped.returncode, stopped.stdout.splitlines()[-1]) == (1, "FAILURE"), stopped
    assert f"export {served.bad_export} failed the quality gate" in stopped.stdout

    decision = {"export_id": served.bad_export, "reason": "a fault of release 41"}
    rejected = served.curl("refine", _ops({"silver/customer_transactions": {"reject": [decision]}}))
    assert (rejected.returncode, rejected.stdout.splitlines()[-1]) == (0, "SUCCESS"), rejected
    assert read_decisions(served.lakehouse, "customer_transactions")[served.bad_export].reason == decision["reason"]

    assets = ["--asset", "gold/daily_sales_summary", "--asset", "serving/daily_sales_metrics"]
    budget = {"serving/daily_sales_metrics": {"target_wcu": 200}}
    days = ["--days", f"{DAYS[0]}...{DAYS[1]}", "--config", json.dumps(budget)]
    assert served.python("daily_gold_and_publish", *assets, *days).returncode == 0
    assert served.curl("daily_gold_and_publish", _ops(budget), DAYS[2]).returncode == 0
    assert served.lakehouse.open(DAILY_SALES_SUMMARY).partitions == DAYS
    assert all(read_day(served.dynamodb, "daily_sales_metrics", day) for day in DAYS)


@pytest.mark.parametrize(
    ("job", "config", "said"),
    [
        ("no_such_job", {}, "no_such_job"),
        ("refine", {"silver/customers": {"threshold": "high"}}, "threshold"),
        ("refine", {"silver/customers": {"treshold": 0.9}}, "treshold"),
    ],
)
def test_what_cannot_be_started_says_why(served: Served, job: str, config: dict[str, Any], said: str) -> None:
    """An unknown job; a value that is no number; a name that is mistyped."""
    for done in (served.python(job, "--config", json.dumps(config)), served.curl(job, _ops(config))):
        assert done.returncode == 2, done
        assert "not started" in done.stderr
        assert said in done.stderr


def test_without_a_server_nothing_is_started(served: Served) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    assert served.command(EXAMPLES / "run_now.sh", "ingest", DAGSTER_URL=nowhere).returncode == 2
    assert served.command(sys.executable, EXAMPLES / "run_now.py", "ingest", "--url", nowhere).returncode == 2


SIGN_IN = b"<html><title>Sign in</title></html>"
STARTED_AND_GONE = {
    "repositoriesOrError": {
        "nodes": [{"name": "__repository__", "location": {"name": "medallion"}, "jobs": [{"name": "ingest"}]}]
    },
    "launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": "r1"}},
    "runOrError": {"message": "there is no run r1"},
    "logsForRun": {},
}
"""Every question of both examples, answered as Dagster does where somebody deleted the run meanwhile."""


def test_a_page_to_sign_in_starts_nothing_and_is_named() -> None:
    """A proxy that answers with HTML and status 200."""
    with listeners.web_server() as proxy:
        proxy.answer = SIGN_IN
        python, curl = both(url := f"http://127.0.0.1:{proxy.port}")
    assert (python.returncode, curl.returncode) == (2, 2), (python, curl)
    assert python.stderr.startswith(f"not started: {url} answers with ")
    assert python.stderr.endswith("and not with JSON; expected: the Dagster UI itself, without a page to sign in\n")
    assert curl.stderr == f"not started: {SIGN_IN.decode()}\n"


def test_a_run_of_which_nobody_tells_the_status_is_lost_sight_of() -> None:
    with listeners.web_server() as dagster:
        dagster.answer = json.dumps({"data": STARTED_AND_GONE}).encode()
        answers = both(url := f"http://127.0.0.1:{dagster.port}")
    for done in answers:
        assert (done.returncode, done.stdout) == (3, f"{url}/runs/r1\n"), done
        assert done.stderr.startswith("lost contact with the run: ")


def both(url: str) -> list[subprocess.CompletedProcess[str]]:
    """How both examples end that start the same job at a URL."""
    programs = ([sys.executable, EXAMPLES / "run_now.py"], [EXAMPLES / "run_now.sh"])
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "DAGSTER_URL": url}
    return [
        subprocess.run([*words, "ingest"], env=environment, capture_output=True, text=True, check=False, timeout=20)
        for words in programs
    ]


def _ops(config: Mapping[str, Any]) -> str:
    """Run config by asset, as the curl example takes it."""
    return json.dumps({"ops": {asset.replace("/", "__"): {"config": settings} for asset, settings in config.items()}})
