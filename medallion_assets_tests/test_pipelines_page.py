"""docs/pipelines.md followed: a table of one's own is typed, judged and explained, and a Gold table is few lines."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from medallion_assets.publishing.publisher import publishing_client
from medallion_assets.publishing.reader import read_day
from medallion_assets_tests.services.processes import REPOSITORY

PAGE = (REPOSITORY / "docs" / "pipelines.md").read_text()
ORDERS, _POLICIES, EXPORT, DAILY_ORDERS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)[0]
GOLD_LINES = 40
DAY = date(2025, 3, 4)
SECONDS = 300


def pipeline_of_gold() -> str:
    """The line of it that names its Gold table and what publishes it."""
    found = re.search(r"^`(SHOP = Pipeline\(.*\))`\.$", PAGE, re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The folder that the page has its reader write."""
    package = tmp_path / "shop"
    package.mkdir()
    (package / "orders.py").write_text(ORDERS)
    (package / "daily_orders.py").write_text(DAILY_ORDERS)
    imports = (
        "from medallion_assets.contracts.pipeline import Pipeline\nfrom shop.daily_orders import DAILY, PUBLISHED\n"
    )
    imports += "from shop.orders import LOADED\n"
    (package / "pipeline.py").write_text(imports + pipeline_of_gold() + "\n")
    return tmp_path


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The variables of an account (moto) without tables, which are set here too."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-west-2"}
    variables |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield variables
    server.stop()


def done(
    shop: Path, *command: str, text: str | None = None, pipeline: str = "shop.orders:SHOP", **variables: str
) -> str:
    """What a command prints that succeeds, typed where the folder lies."""
    programs = Path(sys.executable).parent
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "PYTHONPATH": str(shop),
        "HOME": str(shop),
        "MEDALLION_PIPELINES": pipeline,
        "COLUMNS": "200",
        **variables,
    }
    ran = subprocess.run(
        command, cwd=shop, env=environment, input=text, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.slow
def test_a_gold_table_with_its_serving_table_and_audit_is_few_lines(shop: Path) -> None:
    """As the page counts them; everything else follows from these: its assets, and the check that it reconciles."""
    assert len([line for line in DAILY_ORDERS.splitlines() if line.strip()]) <= GOLD_LINES
    code = """
from medallion_assets.definitions import defs
graph = defs.resolve_asset_graph()
print(*(key.to_user_string() for key in {*graph.get_all_asset_keys(), *graph.asset_check_keys}), sep="\\n")
"""
    keys = done(shop, "python", "-c", code, pipeline="shop.pipeline:SHOP").splitlines()
    assert {"bronze/orders", "silver/orders", "gold/daily_orders", "serving/orders_by_day"} <= set(keys)
    assert "gold/daily_orders:total_reconciles" in keys


@pytest.mark.slow
def test_the_page_followed_explains_the_good_order_and_holds_the_bad_one(shop: Path, account: dict[str, str]) -> None:
    """The good one alone is in Gold, and what the API reads."""
    done(shop, "python", "-", text=EXPORT)
    materialize, explain, quarantine = (line.partition("#")[0] for line in COMMANDS.splitlines() if line)
    done(shop, "bash", "-c", materialize, pipeline="shop.pipeline:SHOP")  # it loads, also where Gold is declared
    assert "decided the row" in done(shop, "bash", "-c", explain)
    bad = done(shop, "bash", "-c", quarantine)
    assert "timestamp_without_zone" in bad
    assert "total_negative" in bad
    publish(shop, account)
    (day,) = read_day(publishing_client(), "orders_by_day", DAY)
    assert (day["orders"], day["total"]) == (1, Decimal("19.9"))


def publish(shop: Path, account: dict[str, str]) -> None:
    """Make the day of both orders in Gold, where the run ends unless its total reconciles, and publish it."""
    words = ["dagster", "asset", "materialize", "-m", "medallion_assets.definitions", "--partition", str(DAY)]
    named = {"MEDALLION_CREATE_TABLES": "yes", **account}
    done(shop, *words, "--select", 'key:"gold/daily_orders"+', pipeline="shop.pipeline:SHOP", **named)
