"""dbt models are built again from their release's Silver: what differs is found, what cannot be repeated is said."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.contracts.policies import DUCKDB_LIMITS
from medallion_assets.contracts.table import Table
from medallion_assets.delta.replacing.partitions import conform
from medallion_assets.delta.row_tables.releases import RELEASES, latest_release
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt.built import Build, Node
from medallion_assets.deriving.dbt.exporting.publish import publish
from medallion_assets.deriving.dbt.refresh import refresh
from medallion_assets.errors import DiskFullError
from medallion_assets.operations.verify import models as verify_module
from medallion_assets.operations.verify.findings import Finding, Verification
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.operations.verify.models import model_differences, verify_models
from medallion_assets.pipelines.star_schema.facts import FCT_ORDER_LINE, MART_REVENUE
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets.pipelines.star_schema.order_lines import ORDER_LINES
from medallion_assets.pipelines.star_schema.orders import ORDERS
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.pipelines.star_schema.products import PRODUCTS
from medallion_assets.pipelines.star_schema.samples.files import write_shop
from medallion_assets_tests.deriving.dbt.exporting.test_publish import DIMENSION, FACT, TABLES, built, publication
from medallion_assets_tests.deriving.dbt.planting import FEBRUARY, NOW, plant, plant_shop, refreshed
from medallion_assets_tests.operations.small_lakehouse import log_file
from medallion_assets_tests.properties.test_star_schema import arrive

pytestmark = pytest.mark.xdist_group("dbt")  # importing dbt takes seconds


def differing(lake: Lakehouse, *months: int) -> list[Finding]:
    """What differs from a build that gives a fact in some months."""
    release = latest_release(lake, "star", FACT)
    assert release is not None
    with built(1, *months) as connection:
        return [each for table in TABLES for each in model_differences(connection, release, lake.open(table))]


def test_each_partition_that_differs_is_named(tmp_path: Path) -> None:
    """By a row that was changed, and by all of a month's; what is the same is not."""
    lake = Lakehouse(url=str(tmp_path))
    publish(publication(lake, 1, 1, 2), build="star", run_id=None, now=NOW)
    assert differing(lake, 1, 2) == []
    change(lake, FACT, pl.col("amount") + 1)
    changed, missing = differing(lake, 1, 2, 3)
    assert (changed.table, changed.check) == (FACT.name, "equals_recomputation")
    assert changed.expected.startswith("1 rows in month 2025-01-01 as the Silver of release release-1 gives them")
    assert "1 of them other, 1 missing; keys such as [(datetime.date(2025, 1, 1), 1)]" in changed.found
    assert changed.do.startswith("`medallion rebuild gold.fact")
    assert "month 2025-03-01" in missing.expected
    change(lake, DIMENSION, pl.lit(7, pl.Int64).alias("number"))
    assert [finding.table for finding in differing(lake, 1, 2)] == [DIMENSION.name, FACT.name]


def test_a_burst_that_was_not_completed_is_no_difference(tmp_path: Path) -> None:
    """Readers of releases do not see it, and the next build replaces it. Nor is a release that came in meanwhile."""
    lake = Lakehouse(url=str(tmp_path))
    publish(publication(lake, 1, 1), build="star", run_id=None, now=NOW)
    before = lake.open(DIMENSION)
    next(publication(lake, 2, 1).burst())
    assert differing(lake, 1) == []
    release = publish(publication(lake, 3, 1), build="star", run_id=None, now=NOW).release
    with built(3, 1) as connection:
        assert list(model_differences(connection, release, before)) == []


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lakehouse with a published star, of a line in January and one in February; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("published") / "lakehouse"
    lake = star_at(folder)
    plant_shop(lake)
    plant(lake, ORDERS, {}, {"order_id": "o2", "ordered_at": FEBRUARY})
    plant(lake, ORDER_LINES, {}, {"order_id": "o2", "ordered_at": FEBRUARY})
    refreshed(lake)
    return folder


@pytest.fixture
def lake(published: Path, tmp_path: Path) -> Lakehouse:
    """The same, of a test's own."""
    return star_at(shutil.copytree(published, tmp_path / "lakehouse"))


def star_at(folder: Path) -> Lakehouse:
    return Lakehouse(url=str(folder), catalog=Catalog((STAR_SCHEMA,)))


def looked_at(lake: Lakehouse, models: DbtModels = STAR) -> Verification:
    """What is said of the models alone, where nothing was found about the files of any table."""
    tables = (RELEASES, *models.sources, *models.models)
    well = {table.name: lake.open(table) for table in tables if lake.exists(table)}
    return verify_models(lake, models, well, limits=DUCKDB_LIMITS, progress=lambda *_: None)


def change(lake: Lakehouse, table: Table, changed: pl.Expr) -> None:
    """Change all rows of a table by hand, in one commit; where it has months, those of January."""
    snapshot = lake.open(table)
    day = snapshot.partitions[0] if table.partition_by else None
    paths = (
        snapshot.partition_files([day])["path"].to_list() if table.partition_by else snapshot.files["path"].to_list()
    )
    written = snapshot.folder.write(conform(snapshot.scan(paths=paths).with_columns(changed), table), partition=day)
    snapshot.commit([written], remove=paths)


@pytest.mark.slow
def test_a_row_that_was_changed_by_hand_is_found_in_its_partition(lake: Lakehouse) -> None:
    """Though Silver has moved on since the release, and nothing else of the star differs."""
    plant(lake, ORDER_LINES, {"quantity": 7})
    assert looked_at(lake) == Verification()
    versions = {table.name: lake.open(table).version for table in STAR.models}
    change(lake, FCT_ORDER_LINE, pl.col("quantity") + 1)
    (finding,) = looked_at(lake).findings
    assert (finding.table, finding.check) == (FCT_ORDER_LINE.name, "equals_recomputation")
    assert finding.expected.startswith("1 rows in order_month 2025-01-01 as the Silver of release ")
    assert "1 of them other, 1 missing; keys such as [('o1', 1)]" in finding.found
    assert finding.do.startswith("`medallion rebuild gold.fct_order_line")
    versions[FCT_ORDER_LINE.name] += 1  # by hand; nothing was published
    assert {table.name: lake.open(table).version for table in STAR.models} == versions


def vacuum(lake: Lakehouse) -> DbtModels:
    """Silver's lines have moved on, and the file that the release was built from is gone."""
    (path, _) = lake.open(ORDER_LINES).files["path"]
    plant(lake, ORDER_LINES, {"quantity": 7})
    (Path(lake.uri(ORDER_LINES)) / path).unlink()
    return STAR


def correct(lake: Lakehouse) -> DbtModels:
    """The SQL of a model is another one since."""
    project = Path(lake.url).parent / "project"
    shutil.copytree(STAR.project, project)
    model = project / "models" / "marts" / "fct_order_line.sql"
    model.write_text(f"{model.read_text()}\n-- corrected\n")
    return replace(STAR, project=project)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("since", "said"),
    [
        (vacuum, "version 2 of silver.order_lines"),
        (correct, "its project or contracts have changed since release"),
    ],
)
def test_what_cannot_be_repeated_is_said_and_no_finding(
    lake: Lakehouse, since: Callable[[Lakehouse], DbtModels], said: str
) -> None:
    change(lake, FCT_ORDER_LINE, pl.col("quantity") + 1)
    found = looked_at(lake, since(lake))
    assert found.findings == []
    (note,) = found.notes
    assert note.startswith("star_schema was not built again")
    assert said in note


def fail(monkeypatch: pytest.MonkeyPatch, *failed: Node) -> None:
    """Let dbt say that of some nodes, though Silver and the rules are those of the release."""

    @contextmanager
    def of(*_: object, **__: object) -> Iterator[tuple[Build, None]]:
        yield Build(nodes=failed), None

    monkeypatch.setattr(verify_module, "build_of", of)


@pytest.mark.slow
def test_no_room_to_build_again_is_said_and_no_finding(lake: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    no_room = DiskFullError("dbt could not build fct_order_line: the disk is full")
    fail(monkeypatch, Node(name="fct_order_line", kind="model", status="error", no_room=no_room))
    found = looked_at(lake)
    assert found.findings == []
    assert "the disk is full" in found.notes[0]


@pytest.mark.slow
def test_what_breaks_on_the_same_silver_is_found_of_its_table(lake: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of a source is one of that table."""
    model = Node(name="fct_order_line", kind="model", status="error", message="Conversion Error")
    of_source = Node(name="orders_status_is_known", kind="test", status="fail", failures=2)
    fail(monkeypatch, model, of_source)
    found = looked_at(lake)
    assert found.notes == []
    assert [(finding.table, finding.check) for finding in found.findings] == [
        (FCT_ORDER_LINE.name, "builds_again"),
        (ORDERS.name, "tests_pass_again"),
    ]
    assert found.findings[0].found == "Conversion Error"


@pytest.mark.slow
@pytest.mark.parametrize("dropped", [MART_REVENUE, PRODUCTS], ids=lambda table: table.name)
def test_a_table_that_the_release_names_and_that_is_gone_is_found(lake: Lakehouse, dropped: Table) -> None:
    shutil.rmtree(lake.uri(dropped))
    found = looked_at(lake)
    assert [(finding.table, finding.check) for finding in found.findings] == [(dropped.name, "table_is_there")]
    (note,) = found.notes
    assert dropped.name in note


def test_models_that_were_never_built_are_nothing_to_speak_of(tmp_path: Path) -> None:
    lake = Lakehouse(url=str(tmp_path))
    assert looked_at(lake) == Verification()
    plant_shop(lake)
    assert looked_at(lake) == Verification()


@pytest.mark.slow
def test_of_a_whole_lakehouse_a_changed_row_is_found_and_models_on_a_broken_source_are_named(tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    keys = write_shop(str(sample), seed=5, orders=30, customers=5, products=4, days=3, bad_share=0)
    lake = star_at(tmp_path / "lakehouse")
    arrive(lake, tmp_path / "raw", [sample / key for key in keys])
    refresh(lake, STAR, now=NOW).build.expect_passed()
    assert verify(lake, deep=True).findings == []
    change(lake, FCT_ORDER_LINE, pl.col("quantity") + 1)
    found = verify(lake, deep=True)
    assert [(finding.table, finding.check) for finding in found.findings] == [
        (FCT_ORDER_LINE.name, "equals_recomputation")
    ]
    (Path(lake.uri(ORDERS)) / lake.open(ORDERS).files["path"][0]).unlink()
    assert "star_schema was not built again: silver.orders comes first" in verify(lake, deep=True).notes
    log_file(lake, ORDERS, 0).write_text("{")
    assert "star_schema was not built again: silver.orders comes first" in verify(lake, deep=True).notes
