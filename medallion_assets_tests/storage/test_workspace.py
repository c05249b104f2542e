"""A workspace goes with its process, at the latest when another one is made."""

from __future__ import annotations

import errno
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from medallion_assets.storage.workspace import PREFIX, workspace

HOLD = (
    "from medallion_assets.storage.workspace import workspace\nwith workspace() as one: print(one, flush=True); input()"
)


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def other(base: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that holds a workspace with a file in it."""
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(
        command, env={"TMPDIR": str(base)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        (folder / "judged.parquet").write_bytes(b"much")
        yield process, folder
        process.kill()


def test_a_workspace_is_empty_and_goes_on_leaving(base: Path) -> None:
    with workspace() as folder:
        assert list(folder.iterdir()) == []
        (folder / "judged.parquet").write_bytes(b"much")
    assert list(base.iterdir()) == []


def test_what_a_killed_process_left_goes_when_the_next_is_made(
    base: Path, other: tuple[subprocess.Popen[str], Path]
) -> None:
    process, left = other
    process.kill()
    process.wait()
    assert (left / "judged.parquet").exists()
    with workspace() as folder:
        assert list(base.iterdir()) == [folder]


def test_where_folders_cannot_be_locked_a_workspace_is_made_and_none_is_swept(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr("fcntl.flock", refuse)
    (base / f"{PREFIX}other").mkdir()
    with workspace() as folder:
        assert set(base.iterdir()) == {folder, base / f"{PREFIX}other"}


def test_what_lives_stays(other: tuple[subprocess.Popen[str], Path], base: Path) -> None:
    """Of another process, of this one, and what is no workspace."""
    _, held = other
    (base / "medallion-else").mkdir()
    with workspace() as first, workspace() as second:
        assert {*base.iterdir()} == {held, first, second, base / "medallion-else"}
    assert (held / "judged.parquet").exists()


def test_one_that_is_removed_before_it_is_held_is_made_again(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By another process that came between."""
    make = tempfile.mkdtemp
    made: list[Path] = []

    def mkdtemp(prefix: str, dir: Path) -> str:  # noqa: A002
        made.append(Path(make(prefix=prefix, dir=dir)))
        if len(made) == 1:
            made[0].rmdir()
        return str(made[-1])

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    with workspace() as folder:
        assert (folder, folder.exists(), len(made)) == (made[1], True, 2)
    assert not list(base.glob(f"{PREFIX}*"))
