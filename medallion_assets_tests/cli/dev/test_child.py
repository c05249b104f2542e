"""What `medallion dev` has beside `dagster dev`: a fork server, started again when it ends, and ended with the rest."""

from __future__ import annotations

from pathlib import Path

import psutil

from medallion_assets.cli.dev.child import AGAIN_SECONDS, started_again
from medallion_assets_tests.orchestration.runs.launching import wait_until


def running() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE]


def test_what_ends_is_started_again_after_a_while_and_killed_in_the_end(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    program = f"open({str(starts)!r}, 'a').write('x')\nimport time\nwhile True: time.sleep(60)"
    before = running()
    with started_again(["-c", program]) as look:
        wait_until(lambda: starts.exists() and starts.read_text() == "x", "it is at work")
        (process,) = (one for one in running() if one not in before)
        look(100.0)
        process.kill()
        wait_until(lambda: running() == before, "it is gone")
        look(100.0 + AGAIN_SECONDS - 1)
        assert running() == before
        look(100.0 + AGAIN_SECONDS)
        wait_until(lambda: starts.read_text() == "xx", "it is at work again")
    assert running() == before
