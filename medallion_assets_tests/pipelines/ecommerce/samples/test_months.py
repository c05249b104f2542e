"""Sample months: the layout of REES46, the same for a seed, with what the rules of months are about."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.ecommerce.samples import months
from medallion_assets.pipelines.ecommerce.samples.months import Compression, write_month

OCTOBER = date(2019, 10, 1)


def read(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False)


@pytest.fixture(scope="module")
def october(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    folder = tmp_path_factory.mktemp("months")
    assert write_month(str(folder), month=OCTOBER, rows=60_000, seed=1) == "2019-Oct.csv"
    return read(folder / "2019-Oct.csv")


def test_the_same_seed_gives_the_same_bytes_however_they_are_cut(tmp_path: Path) -> None:
    for folder, seed, piece in (("one", 1, 1_000), ("two", 1, 70), ("three", 2, 1_000)):
        write_month(str(tmp_path / folder), month=OCTOBER, rows=2_500, seed=seed, rows_per_piece=piece)
    one, two, three = ((tmp_path / folder / "2019-Oct.csv").read_bytes() for folder in ("one", "two", "three"))
    assert one == two
    assert one != three


@pytest.mark.parametrize("compression", ["gz", "zst"])
def test_a_compressed_month_holds_the_same(tmp_path: Path, compression: Compression) -> None:
    plain, packed = (
        write_month(str(tmp_path), month=OCTOBER, rows=900, compression=each, rows_per_piece=400)
        for each in (None, compression)
    )
    assert packed == f"{plain}.{compression}"
    assert read(tmp_path / packed).equals(read(tmp_path / plain))


def test_a_month_has_the_rows_asked_for_in_the_order_of_their_time(october: pl.DataFrame) -> None:
    assert tuple(october.columns) == months.HEADER
    assert len(october) == 60_000
    inside = october.filter(pl.col("event_time").str.starts_with("2019-10-"))["event_time"]
    assert inside[0] == "2019-10-01 00:00:00 UTC"
    assert inside[-1].startswith("2019-10-31 23:5")
    far = (inside < inside.shift(1)).sum()
    assert 0 < far < 60_000 * 2 * months.ODDITIES["again, far"]


def test_some_rows_are_there_twice_and_some_are_bad(october: pl.DataFrame) -> None:
    assert 0 < len(october) - october.n_unique() < 60_000 * 0.002
    assert october["event_time"].str.starts_with("2019-11-").sum() > 0
    assert october["user_id"].null_count() > 0
    assert october["price"].null_count() > 0
    assert october["price"].str.starts_with("-").sum() > 0
    assert october["price"].str.ends_with("e-02").sum() > 0


def test_brands_are_missing_or_untidy_for_some(october: pl.DataFrame) -> None:
    brands = Counter(october["brand"])
    assert brands[None] > 1_000
    assert brands["SAMSUNG"] > 0
    assert brands[" samsung "] > 0
    assert brands["samsung"] > brands["apple"] > brands["acer"] > 0


def test_a_session_is_one_users(october: pl.DataFrame) -> None:
    known = october.drop_nulls("user_id")
    users = known.group_by("user_session").agg(pl.col("user_id").n_unique(), events=pl.len())
    assert set(users["user_id"]) == {1}
    assert max(users["events"].to_list()) > 3
    assert known["user_id"].n_unique() < len(users)


def test_december_ends_with_the_year(tmp_path: Path) -> None:
    write_month(str(tmp_path), month=date(2019, 12, 1), rows=1_000)
    assert read(tmp_path / "2019-Dec.csv")["event_time"][-1].startswith("2019-12-31")


def test_a_month_without_rows_has_a_header(tmp_path: Path) -> None:
    write_month(str(tmp_path), month=OCTOBER, rows=0)
    assert (tmp_path / "2019-Oct.csv").read_text() == ",".join(months.HEADER) + "\n"
    with pytest.raises(PermanentError, match="this month cannot be made"):
        write_month(str(tmp_path), month=OCTOBER, rows=-1)
