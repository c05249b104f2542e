"""What ends a stage ends the job of Spark that it waits for: its own limit, or a person; and nobody else's job."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Thread, main_thread

import dagster as dg
import psutil
import pytest

from medallion_assets.engines.aside import Place
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.engines.spark.session import session
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets_tests.instances import instance_on_disk
from medallion_assets_tests.orchestration.runs.launching import Launching
from medallion_assets_tests.orchestration.runs.limited_stages import POOL, Carried
from medallion_assets_tests.orchestration.runs.test_processes import gone
from medallion_assets_tests.pipeline import lakehouse_at
from medallion_assets_tests.services.held_items import Held
from medallion_assets_tests.services.spark_servers import connect_server


@pytest.fixture
def carried(tmp_path: Path) -> Iterator[Carried]:
    """Runs in an instance that knows pools."""
    with instance_on_disk() as instance:
        instance.event_log_storage.set_concurrency_slots(POOL, 1)
        yield Carried(tmp_path / "lakehouse", instance)


@pytest.mark.parametrize("is_retried", [False, True], ids=["once", "again"])
def test_the_limit_of_a_stage_ends_the_job_that_it_waits_for(
    tmp_path: Path, spark: SparkEngine, carried: Carried, *, is_retried: bool
) -> None:
    """It is tried again only where that is declared."""
    items: list[Held] = []
    workers: list[int] = []
    places: list[Path] = []
    at_work = session(spark.settings).sparkContext.statusTracker().getActiveJobsIds
    pools = carried.instance.event_log_storage

    def ring(held: Held) -> None:
        workers.append(held.begun())
        assert places[-1].is_dir()
        assert len(pools.get_concurrency_run_ids()) == 1
        signal.pthread_kill(main_thread().ident or 0, signal.SIGALRM)  # as the timer of the limit does

    def wait_for_a_job() -> None:
        assert at_work() == []
        items.append(Held.in_folder(tmp_path / f"item-{len(items)}"))
        with spark.workspace(Place(str(carried.folder))) as place:
            places.append(Path(place.url))
            Thread(target=ring, args=items[-1:], daemon=True).start()
            list(spark.map_items(items[-1].item, [1]))

    rows = carried.run(wait_for_a_job, retries=1, retry_on_timeout=is_retried)
    assert at_work() == []
    assert [(row["outcome"], row["error_kind"]) for row in rows] == [("timed out", "time limit")] * len(items)
    assert len(items) == len(workers) == (2 if is_retried else 1)
    assert all(gone(worker) for worker in workers)
    assert not any(held.is_done for held in items)
    assert not any(place.exists() for place in places)
    assert pools.get_concurrency_run_ids() == set()
    assert list(spark.map_items(str, [1])) == ["1"]


@pytest.mark.slow
@pytest.mark.usefixtures("spark_elsewhere")
def test_on_a_server_that_runs_share_each_ends_its_own_job(tmp_path: Path, runs: Launching) -> None:
    """The one at its limit, the other when somebody terminates it."""
    pools = runs.instance.event_log_storage
    pools.set_concurrency_slots(POOL, 2)
    late, unwanted = (Held.in_folder(tmp_path / name / "item") for name in ("late", "unwanted"))
    with connect_server(tmp_path) as url:
        late_run, unwanted_run = (runs.launch_on_spark(held, url) for held in (late, unwanted))
        late_worker, unwanted_worker = late.begun(), unwanted.begun()
        assert pools.get_concurrency_run_ids() == {late_run, unwanted_run}

        runs.process(late_run).send_signal(signal.SIGALRM)
        runs.wait_for(late_run, dg.DagsterRunStatus.FAILURE)
        assert gone(late_worker)
        assert psutil.pid_exists(unwanted_worker)
        assert runs.run(unwanted_run).status is dg.DagsterRunStatus.STARTED

        assert runs.launcher.terminate(unwanted_run)
        runs.wait_for(unwanted_run, dg.DagsterRunStatus.CANCELED)
        assert gone(unwanted_worker)
    rows = [read_attempts(lakehouse_at(held.folder.parent)).to_dicts() for held in (late, unwanted)]
    assert [[row["outcome"] for row in attempts] for attempts in rows] == [["timed out"], ["canceled"]]
    assert not late.is_done
    assert not unwanted.is_done
    assert pools.get_concurrency_run_ids() == set()
