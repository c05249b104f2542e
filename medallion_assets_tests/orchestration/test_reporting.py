"""What every asset shows in the Dagster UI, and how errors of this project look there."""

from __future__ import annotations

import dagster as dg
import polars as pl
import pytest

from medallion_assets.definitions import build_defs
from medallion_assets.errors import MedallionError, PermanentError, TransientError
from medallion_assets.orchestration.reporting import check, column_schema, metadata, stage_errors
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets.settings import load_settings
from medallion_assets.stages.figures import Location, Rows
from medallion_assets_tests.graph import BRONZE, GOLD, SERVING, SILVER, STORY, STORY_DAYS, Graph, plain

ASSETS = (*BRONZE, *SILVER, *GOLD, *SERVING)
SHOWN = {
    "rows_in",
    "rows_out",
    "rows_quarantined",
    "quality_score",
    "table_version",
    "dagster/row_count",
    "location",
    "preview",
}


@pytest.mark.slow
def test_a_whole_run_shows_everything_of_every_asset(graph: Graph) -> None:
    """From exports to DynamoDB: figures, location, preview, data version; and every check passes."""
    write_demo_history(graph.settings.raw_url, **STORY)
    runs = [graph.run(*BRONZE, *SILVER), graph.run(*GOLD, *SERVING, first=STORY_DAYS[1])]
    assert [run.success for run in runs] == [True, True]
    assert [run.failed_checks for run in runs] == [set(), set()]
    shown = {asset: materialization for run in runs for asset, materialization in run.materializations.items()}
    assert set(shown) == set(ASSETS)
    for asset, materialization in shown.items():
        assert materialization.metadata.keys() >= SHOWN, asset
        version = materialization.metadata["table_version"].value
        assert (materialization.tags or {})["dagster/data_version"] == str(version), asset
        assert len(plain(materialization.metadata["preview"])) == 5, asset
        assert materialization.metadata["dagster/row_count"].value, asset
    checked = {asset for run in runs for asset, _ in run.checks}
    assert checked == set(ASSETS)


def test_lists_come_last(refined: Graph) -> None:
    """A year of restated days would hide what stands below it."""
    names = list(refined.run("silver/customers").materializations["silver/customers"].metadata)
    lists = ["exports_applied", "exports_rejected", "restated_dates"]
    assert names[names.index("preview") + 1 :][: len(lists)] == lists
    assert names.index("location") < names.index("reasons") < names.index("preview")


def test_every_asset_is_described() -> None:
    """Its contract's description, owners, kinds, group, and a description of every column."""
    graph = build_defs(load_settings({})).resolve_asset_graph()
    moving = [node for node in graph.asset_nodes if node.group_name != "operations"]
    assert {node.key.to_user_string() for node in moving} == set(ASSETS)
    for node in moving:
        schema = node.metadata["dagster/column_schema"]
        words, _, figures = (node.description or "").partition("\n\n")
        assert words, node.key
        assert all(name in figures for name in ("`rows_in`", "`rows_out`", "`row_count`")), node.key
        assert node.owners, node.key
        assert node.group_name == node.key.path[0]
        assert node.group_name in node.kinds
        assert schema.columns, node.key
        assert all(column.description for column in schema.columns), node.key
        assert all(graph.get_check_spec(check).description for check in node.check_keys), node.key


def test_a_column_shows_its_contract() -> None:
    columns = {column.name: column for column in column_schema(CUSTOMER_TRANSACTIONS).columns}
    types = [columns[name].type for name in ("amount", "transaction_at", "quantity", "is_deleted")]
    assert types == ["decimal(18, 4)", "timestamp (UTC)", "int64", "boolean"]
    assert columns["transaction_id"].constraints == dg.TableColumnConstraints(nullable=False, unique=True)
    assert columns["customer_id"].constraints.unique is False


def test_rows_and_places_look_like_it() -> None:
    shown = metadata({"few": Rows(({"name": "a", "raw": "1"},)), "none": Rows(()), "there": Location("/x"), "count": 3})
    assert [column.name for column in shown["few"].schema.columns] == ["name", "raw"]
    assert (plain(shown["few"]), plain(shown["none"])) == ([{"name": "a", "raw": "1"}], [])
    assert (shown["there"], shown["count"]) == (dg.MetadataValue.path("/x"), 3)


def test_a_check_can_be_a_warning() -> None:
    severities = [check(CUSTOMER_TRANSACTIONS, "c", passed=False, warn=warn).severity for warn in (False, True)]
    assert severities == [dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN]


@pytest.mark.parametrize(("kind", "attempts"), [(PermanentError, 1), (TransientError, 3)])
def test_only_what_is_transient_is_retried(
    dagster_instance: dg.DagsterInstance, kind: type[MedallionError], attempts: int
) -> None:
    """By any retry policy of Dagster; and the message reaches the person whole."""
    tried = []

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=2, delay=0))
    def stage() -> None:
        with stage_errors():
            tried.append(1)
            raise kind("no rows", where="table t", expected=1, found=2, do="look")

    result = dg.materialize([stage], instance=dagster_instance, raise_on_error=False)
    assert (result.success, len(tried)) == (False, attempts)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    error = failure.step_failure_data.user_failure_data
    assert error is not None
    assert error.description == "table t: no rows; expected: 1; found: 2; what to do: look"
    assert {name: part.value for name, part in error.metadata.items()} == {
        "kind": f"{kind.__name__}: table t: no rows",
        "what": "no rows",
        "where": "table t",
        "expected": "1",
        "found": "2",
        "what to do": "look",
    }


def test_a_panic_is_a_failure_that_is_not_retried() -> None:
    """It is no Exception: Dagster's own handlers would not see it."""
    with pytest.raises(dg.Failure, match="this step: a native library failed") as raised, stage_errors():
        raise pl.exceptions.PanicException("index out of bounds")
    assert not raised.value.allow_retries


def test_other_errors_stay_as_they_are() -> None:
    """What nobody raised on purpose keeps its traceback, and Dagster's way with it."""
    with pytest.raises(KeyError), stage_errors():
        raise KeyError("bug")
