"""A remote engine: what it hands to other processes, and that these need nothing else."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import narwhals as nw
import polars as pl
import pytest

from medallion_assets.contracts.expectations import expect
from medallion_assets.engines.aside import Aside, Place
from medallion_assets.engines.engine import Bounds, PutAside
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.remote import BOUNDS, _slices
from medallion_assets.errors import PermanentError
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.refine import refine
from medallion_assets.settings import storage_options
from medallion_assets.sources.dynamodb_export.manifest import ExportType
from medallion_assets.sources.dynamodb_export.write import full_record
from medallion_assets.storage.options import StorageOptions
from medallion_assets_tests import pipeline
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.engines.cutting import small_bounds
from medallion_assets_tests.engines.processes import ProcessesEngine, processes
from medallion_assets_tests.faults.scenario import assert_same, check_ledger, dump, run
from medallion_assets_tests.refining.landing import AT, NOW, Landing
from medallion_assets_tests.services.s3 import S3Server

KEYS = StorageOptions(
    {"AWS_ACCESS_KEY_ID": "AKIAFIRST", "AWS_SECRET_ACCESS_KEY": "hush-hush", "AWS_REGION": "eu-west-1"}
)


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with processes(2) as pool:
        yield pool


def test_a_pickle_has_no_secrets_and_its_reader_puts_in_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither options, nor files, nor a plan that reads them."""
    files = ParquetFiles(
        uri="s3://bucket/t", paths=("a.parquet",), schema=pl.Schema({"a": pl.Int64}), storage_options=KEYS
    )
    pickled = pickle.dumps((files, Place("s3://bucket", KEYS), files.scan()))
    assert b"AKIAFIRST" not in pickled
    assert b"hush-hush" not in pickled
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    assert pickle.loads(pickled)[0].storage_options == {"AWS_ACCESS_KEY_ID": "other", "AWS_REGION": "eu-west-1"}


def heights(lines: pl.DataFrame, _: PutAside) -> tuple[int, int, int]:
    return lines.height, int(lines["n"].min() or 0), int(lines["n"].sum() or 0)  # type: ignore[arg-type]


def files_of(folder: Path, *counts: int) -> ParquetFiles:
    first = 0
    for number, count in enumerate(counts):
        rows = pl.DataFrame({"raw": ["x"] * count, "n": range(first, first + count)}, schema=SCHEMA)
        rows.write_parquet(folder / f"{number}.parquet")
        first += count
    return ParquetFiles(
        uri=str(folder), paths=tuple(f"{number}.parquet" for number in range(len(counts))), schema=SCHEMA
    )


SCHEMA = pl.Schema({"raw": pl.String, "n": pl.Int64})


def test_large_files_are_cut_and_small_ones_are_together(tmp_path: Path) -> None:
    files = files_of(tmp_path, 1, 2, 10, 3, 1)
    cut = [(part.files.paths, part.start, part.rows) for part in _slices(files, 4, 2, least=4)]
    assert cut == [
        (("2.parquet",), 0, 4),
        (("2.parquet",), 4, 4),
        (("2.parquet",), 8, 2),
        (("0.parquet", "1.parquet"), 0, None),
        (("3.parquet", "4.parquet"), 0, None),
    ]
    known = replace(files, rows=(1, 2, 10, 3, 1))
    assert cut == [(part.files.paths, part.start, part.rows) for part in _slices(known, 4, 2, least=4)]


@pytest.mark.parametrize(("counts", "block_rows"), [((), 5), ((3, 40, 2), 5), ((3, 40, 2), 100)])
def test_every_line_is_in_one_block(
    tmp_path: Path, pool: ProcessPoolExecutor, counts: tuple[int, ...], block_rows: int
) -> None:
    """Within the bounds; of no lines there is a block without any."""
    engine = ProcessesEngine(pool=pool, bounds=Bounds(block_rows=block_rows))
    answers = list(engine.map_blocks(heights, files_of(tmp_path, *counts)))
    total = sum(counts)
    assert sum(height for height, _, _ in answers) == total
    assert sum(added for *_, added in answers) == total * (total - 1) // 2
    assert max(height for height, *_ in answers) <= block_rows


def keys_in(frames: list[pl.DataFrame], aside: PutAside) -> tuple[list[set[int]], list[str], pl.LazyFrame]:
    return [set(frame["key"]) for frame in frames], frames[0].columns, aside(frames[0])


@pytest.mark.parametrize("groups", [1, 2, 5])
@pytest.mark.parametrize("travelling", [0, 1_000_000])
def test_all_rows_of_a_key_are_in_one_call(
    tmp_path: Path, pool: ProcessPoolExecutor, groups: int, travelling: int
) -> None:
    """Of every frame, whatever its parts; what is put aside is read by who is handed it."""
    left = [pl.LazyFrame({"key": range(20)}), pl.LazyFrame({"key": range(20)})]
    right = [pl.LazyFrame({"key": range(10, 30)})]
    engine = ProcessesEngine(pool=pool, travelling_bytes=travelling)
    calls = list(engine.map_groups(keys_in, [left, right], by=["key"], groups=groups, folder=Place(str(tmp_path))))
    assert len(calls) == groups
    seen = [in_left | in_right for (in_left, in_right), _, _ in calls]
    assert sum(map(len, seen)) == len(set().union(*seen)) == 30
    assert {*map(tuple, (columns for _, columns, _ in calls))} == {("key",)}
    assert sorted(pl.concat([kept for *_, kept in calls]).collect()["key"]) == sorted([*range(20), *range(20)])
    assert bool(list(tmp_path.iterdir())) is (travelling == 0 or groups > 2)


def test_what_is_put_aside_travels_when_it_is_small(tmp_path: Path) -> None:
    rows = pl.DataFrame({"a": range(100)})
    aside = Aside(Place(str(tmp_path)), memory_bytes=rows.estimated_size())
    assert aside(rows).collect().equals(rows)
    assert not list(tmp_path.iterdir())
    assert aside(pl.concat([rows, rows])).collect().height == 200
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.flow
@pytest.mark.parametrize("bounds", first_quick(BOUNDS, small_bounds(2)))
def test_every_layer_is_the_same_made_by_other_processes(
    tmp_path: Path, pool: ProcessPoolExecutor, undisturbed: dict[str, pl.DataFrame], bounds: Bounds
) -> None:
    """And the workspaces are gone afterwards."""
    there = pipeline.lakehouse_at(tmp_path / "lakehouse", ProcessesEngine(pool=pool, bounds=bounds))
    run(there)
    assert_same(dump(there), undisturbed)
    check_ledger(there)
    assert list((tmp_path / "lakehouse" / "_workspace").iterdir()) == []


def test_an_export_is_loaded_in_parts_by_several_processes(tmp_path: Path, pool: ProcessPoolExecutor) -> None:
    """Each has some of its data files, and writes one of Bronze."""
    landing = landing_on(tmp_path, pool)
    files = [[full_record({"pk": {"S": f"{file}{number}"}}) for number in range(2)] for file in range(5)]
    landing._write(ExportType.FULL, AT, AT, files)
    assert len(landing.ingest().loaded) == 1
    assert [line for _, line in landing.lines()] == sorted(itertools.chain(*files))
    assert landing.lakehouse.open(bronze_table(landing.table)).files["num_records"].sort().to_list() == [2, 4, 4]


def test_a_part_that_does_not_verify_refuses_the_whole_export(tmp_path: Path, pool: ProcessPoolExecutor) -> None:
    """With the verdict that this process would have given."""
    landing = landing_on(tmp_path, pool)
    files = [[full_record({"pk": {"S": f"{file}{number}"}}) for number in range(2)] for file in range(5)]
    export = landing._write(ExportType.FULL, AT, AT, files)
    (Path(landing.raw_url) / landing.table / export.files[3].key).unlink()
    (refused,) = landing.ingest().refused
    assert refused.verdict == "data_file_missing"
    assert landing.lines() == []


def test_a_condition_that_raises_elsewhere_is_named(tmp_path: Path, pool: ProcessPoolExecutor) -> None:
    """With the export, as in this process."""
    landing = landing_on(tmp_path, pool)
    export = landing.full("7", "12a")
    landing.ingest()
    high = expect("pk_high", nw.col("pk").cast(nw.Int64) > 5)
    table = replace(landing.declared.table, expectations=(high,))
    with pytest.raises(PermanentError, match=f"pk_high failed on export {export.export_id}.*12a"):
        refine(landing.lakehouse, replace(landing.declared, table=table), now=NOW)


def landing_on(folder: Path, pool: ProcessPoolExecutor) -> Landing:
    landing = Landing(folder)
    engine = ProcessesEngine(pool=pool, bounds=replace(BOUNDS, delivery_rows=4))
    landing.lakehouse = replace(landing.lakehouse, engine=engine)
    return landing


@pytest.mark.slow
@pytest.mark.flow
def test_every_layer_is_the_same_in_a_bucket(
    s3_server: S3Server, undisturbed: dict[str, pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other processes have the secrets from their own environment; the workspaces lay in the bucket, and are gone."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    bucket = s3_server.make_bucket()
    with processes(1) as pool:
        engine = ProcessesEngine(pool=pool, bounds=small_bounds(3))
        there = replace(pipeline.lakehouse_at(Path("/unused"), engine), url=f"s3://{bucket}/lake")
        there = replace(there, storage_options=storage_options(s3_server.environment))
        run(there)
        assert_same(dump(there), undisturbed)
        check_ledger(there)
    assert "Contents" not in s3_server.client.list_objects_v2(Bucket=bucket, Prefix="lake/_workspace")
