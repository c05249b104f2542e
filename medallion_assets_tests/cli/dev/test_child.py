"""What `medallion dev` has beside Dagster: a fork server, started again when it ends, and ended with the rest."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from medallion_assets.cli.dev import child
from medallion_assets.cli.dev.child import AGAIN_SECONDS, started_again
from medallion_assets_tests.services.waiting import wait_until


def running() -> set[psutil.Process]:
    """The children of this process: other tests may have left it some that live on, such as servers."""
    return {process for process in psutil.Process().children() if process.status() != psutil.STATUS_ZOMBIE}


def test_what_ends_is_started_again_after_a_while_and_killed_in_the_end(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    program = f"open({str(starts)!r}, 'a').write('x')\nimport time\nwhile True: time.sleep(60)"
    before = running()
    with started_again(["-c", program]) as look:
        wait_until(lambda: starts.exists() and starts.read_text() == "x", "it is at work")
        (process,) = (process for process in running() if process not in before)
        look(100.0)
        process.kill()
        wait_until(lambda: process not in running(), "it is gone")
        look(100.0 + AGAIN_SECONDS - 1)
        assert running() <= before
        look(100.0 + AGAIN_SECONDS)
        wait_until(lambda: starts.read_text() == "xx", "it is at work again")
    assert running() <= before


def test_what_ends_soon_or_cannot_be_started_is_left_alone_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, before = [], running()

    def none(_: object) -> None:
        asked.append(now)
        raise OSError("no memory")

    with started_again(["-c", ""]) as look:
        wait_until(lambda: running() <= before, "it has ended")
        monkeypatch.setattr(child, "_started", none)
        for now in range(100, 140):
            look(float(now))
    assert asked == [100, 110, 130]
