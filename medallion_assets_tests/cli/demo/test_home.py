"""The demo's home: what a demo made there is removed by the next one, and nothing else ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from medallion_assets.cli.demo.home import contents, demo_home, is_demo_home, recording, remove
from medallion_assets.errors import PermanentError

RAW = "raw-dynamodb-exports/customers/AWSDynamoDB/1/manifest-summary.json"
TABLE = "lakehouse/silver/customers/part-0.parquet"


def write(home: Path, path: str, text: str = "demo") -> Path:
    file = home / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which a demo was run."""
    home = tmp_path / "home" / "demo"
    with recording(home):
        for path in (RAW, TABLE, "lakehouse/silver/customers/_delta_log/0.json"):
            write(home, path)
    write(home, "dagster_home/history/runs.db")
    return home


def files(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*") if not path.is_dir()}


def test_the_next_demo_removes_what_the_last_one_made_and_keeps_its_runs(home: Path) -> None:
    with recording(home):
        assert files(home) == {"demo.json", "dagster_home/history/runs.db"}
        assert not (home / "lakehouse").exists()


@pytest.mark.parametrize("path", ["raw-dynamodb-exports/orders/AWSDynamoDB/1/_started", "lakehouse/mine.txt", RAW])
def test_what_the_demo_did_not_make_is_named_and_everything_stays(home: Path, path: str) -> None:
    """A file that was put there, and one of the demo's own that was changed."""
    write(home, path, "mine, and longer")
    before = files(home)
    told = rf"nothing was removed.*1 other files: {path}.*medallion remove-demo"
    with pytest.raises(PermanentError, match=told), recording(home):
        pass
    assert files(home) == before
    assert (home / path).read_text() == "mine, and longer"


def test_no_link_is_followed_or_removed(home: Path, tmp_path: Path) -> None:
    """A folder of the demo's that was moved to another disk, say."""
    elsewhere = tmp_path / "elsewhere"
    (home / "lakehouse").rename(elsewhere)
    (home / "lakehouse").symlink_to(elsewhere)
    with pytest.raises(PermanentError, match="1 other files: lakehouse;"), recording(home):
        pass
    assert len(files(elsewhere)) == 2


def test_what_is_put_there_while_the_demo_runs_is_not_taken_for_its_own(home: Path) -> None:
    invoices = "raw-dynamodb-exports/invoices/AWSDynamoDB/1/_started"
    with recording(home):
        write(home, TABLE)
        write(home, invoices)
    assert contents(home).not_made == [invoices]


def stopped(home: Path) -> None:
    with recording(home):
        write(home, TABLE)
        raise KeyboardInterrupt


def killed(home: Path) -> None:
    """Its record was begun and never finished."""
    with recording(home):
        record = (home / "demo.json").read_text()
        write(home, TABLE)
    (home / "demo.json").write_text(record)


def test_a_demo_that_is_stopped_records_what_it_made(home: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        stopped(home)
    with recording(home):
        assert not (home / "lakehouse").exists()


def test_what_a_killed_demo_left_is_nobodys_for_certain(home: Path) -> None:
    killed(home)
    with pytest.raises(PermanentError, match=f"1 other files: {TABLE}"), recording(home):
        pass
    assert (home / TABLE).exists()


def test_a_demo_json_of_somebodys_own_is_kept(tmp_path: Path) -> None:
    """Also that of an earlier release, whose data lay around it."""
    write(tmp_path, "demo.json", '{"seed": 7}')
    assert not is_demo_home(tmp_path)
    with pytest.raises(PermanentError, match="is not the record of a demo"), recording(tmp_path):
        pass
    assert (tmp_path / "demo.json").read_text() == '{"seed": 7}'


def test_the_home_is_below_and_is_found_again_from_within(home: Path) -> None:
    """A shell whose MEDALLION_HOME is the demo's runs the same demo anew."""
    assert demo_home(home.parent) == home
    assert demo_home(home) == home


def test_contents_are_listed_and_removed(home: Path, tmp_path: Path) -> None:
    """What no demo made stands out; what a link leads to stays."""
    outside = write(tmp_path, "outside/file")
    (home / "link").symlink_to(outside.parent)
    write(home, "lakehouse/mine.txt")
    found = contents(home)
    assert found.not_made == ["lakehouse/mine.txt"]
    assert dict(found.folders) == {
        "dagster_home": 1,
        "demo.json": 1,
        "lakehouse": 3,
        "link": 1,
        "raw-dynamodb-exports": 1,
    }
    remove(home)
    assert not home.exists()
    assert home.parent.exists()
    assert outside.read_text() == "demo"


def test_where_no_demo_was_run_there_is_nothing_to_list(tmp_path: Path) -> None:
    write(tmp_path, "lakehouse/mine.txt")
    with pytest.raises(PermanentError, match="there is no demo in"):
        contents(tmp_path)
