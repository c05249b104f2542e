"""The supervisor starts all, each anew that ends or hangs, and leaves nothing behind, whenever it is told to stop."""

from __future__ import annotations

import re
import runpy
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from medallion_assets_tests.deploy.stopping import STOPS, processes_of, said, started, stop
from medallion_assets_tests.services.processes import REPOSITORY
from medallion_assets_tests.services.waiting import wait_until

SUPERVISOR = REPOSITORY / "deploy" / "supervisor.py"
SLEEP = "exec sleep 600"


def command(
    home: Path, *options: str, check: str = "true", end_seconds: float = 60, **processes: str
) -> list[str | Path]:
    home.mkdir(parents=True, exist_ok=True)
    procfile = home / "Procfile"
    procfile.write_text("".join(f"{name}: {line}\n" for name, line in processes.items()))
    usual = ["--check", check, "--again-seconds", "0.1", "--end-seconds", str(end_seconds)]
    return [sys.executable, SUPERVISOR, "--procfile", procfile, *usual, *options]


def says(*words: str) -> str:
    """Python that says each of the words as it would to systemd, and then waits."""
    code = "import os, socket, time; to = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)"
    sent = "".join(f"; to.sendto(b'{word}', os.environ['NOTIFY_SOCKET'])" for word in words)
    return f'exec {sys.executable} -c "print(1, flush=True); {code}{sent}; time.sleep(600)"'


@pytest.fixture(autouse=True)
def _not_under_nohup() -> Iterator[None]:
    """Whoever ignores SIGHUP hands that down, and the supervisor respects it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def test_what_ends_is_started_anew_and_the_others_go_on(tmp_path: Path) -> None:
    with started(command(tmp_path, stays=f"echo up; {SLEEP}", ends="echo again; exec sleep 0.2"), tmp_path) as process:
        wait_until(lambda: said(tmp_path).count("again ") > 4, "it is started three times")
        assert "ends exited with exit code 0 starting again in 0.1 s" in said(tmp_path)
        assert said(tmp_path).split().count("up") == 1
        code, _ = stop(process)
        assert (code, processes_of(tmp_path)) == (0, [])


def pauses(*seconds: float) -> list[float]:
    """How long something waits each time, which runs for so many seconds before it goes wrong."""
    waits, now = list[float](), 1000.0
    found = runpy.run_path(str(SUPERVISOR))["Pauses"](5.0)
    for ran in seconds:
        found.begin(now)
        now += ran
        waits.append(found.go_wrong(now))
        now += waits[-1]
    return waits


def test_what_goes_wrong_again_and_again_waits_longer_each_time_up_to_a_minute() -> None:
    assert pauses(*[1] * 7) == [5, 10, 20, 40, 60, 60, 60]


def test_what_ran_for_a_minute_begins_anew_with_a_short_wait() -> None:
    assert pauses(1, 1, 59.9, 60, 1) == [5, 10, 20, 5, 10]


def test_a_process_that_ends_again_and_again_is_started_ever_later_and_the_others_go_on(tmp_path: Path) -> None:
    """As one does of which a setting is refused."""
    refused = "echo refused; exit 1"
    with started(command(tmp_path, stays=f"echo up; {SLEEP}", ends=refused), tmp_path) as process:
        wait_until(lambda: "starting again in 0.4 s" in said(tmp_path), "it waits longer")
        assert re.findall(r"starting again in (\S+) s", said(tmp_path))[:3] == ["0.1", "0.2", "0.4"]
        assert said(tmp_path).split().count("up") == 1
        assert stop(process)[0] == 0


def test_what_hangs_is_killed_and_started_anew(tmp_path: Path) -> None:
    """It said that it is well, and then nothing more; what never says so is left alone."""
    options = ("--silent-seconds", "0.5")
    with started(command(tmp_path, *options, hangs=says("WATCHDOG=1"), mute=SLEEP), tmp_path) as process:
        wait_until(lambda: said(tmp_path).count("hangs has said nothing for 0.5 s: it is killed") > 1, "it is killed")
        assert "mute" not in said(tmp_path).replace("hangs, mute: SIGTERM", "")
        assert stop(process)[0] == 0


def test_the_others_wait_until_the_first_is_ready(tmp_path: Path) -> None:
    first = says("READY=1").replace("print(1, flush=True)", "time.sleep(1); print('ready', flush=True)")
    first = first.replace('-c "', '-c "import time; ')
    options = ("--ready-seconds", "60")
    with started(command(tmp_path, *options, first=first, second=f"echo second; {SLEEP}"), tmp_path) as process:
        wait_until(lambda: "second" in said(tmp_path).split()[5:], "the second is started")
        assert said(tmp_path).split()[-2:] == ["ready", "second"]
        assert stop(process)[0] == 0


def test_the_last_command_runs_after_all_have_ended(tmp_path: Path) -> None:
    polite = "trap 'echo over; exit' TERM; echo up; while :; do sleep 0.1; done"
    with started(command(tmp_path, "--finally", "echo last", one=polite), tmp_path) as process:
        wait_until(lambda: "up" in said(tmp_path).split(), "it is up")
        assert stop(process)[0] == 0
    assert said(tmp_path).split()[-2:] == ["over", "last"]


def test_nothing_is_started_while_the_check_fails(tmp_path: Path) -> None:
    with started(command(tmp_path, check="false", one=f"echo up; {SLEEP}"), tmp_path) as process:
        wait_until(lambda: "starting again in 0.4 s" in said(tmp_path), "it checks again, ever later")
        assert "up" not in said(tmp_path).split()
        assert stop(process)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_processes_and_their_children_are_asked_to_end(number: signal.Signals, tmp_path: Path) -> None:
    polite = "trap 'echo over; exit' TERM; sleep 600 & echo up; wait"
    with started(command(tmp_path, one=polite, two=SLEEP), tmp_path) as process:
        wait_until(lambda: "up" in said(tmp_path).split(), "it is up")
        code, _ = stop(process, number)
        assert (code, processes_of(tmp_path)) == (0, [])
    assert "over" in said(tmp_path).split()


def test_what_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    deaf = "trap '' TERM; sleep 600 & echo up; wait"
    with started(command(tmp_path, end_seconds=0.2, one=deaf, two=SLEEP), tmp_path) as process:
        wait_until(lambda: "up" in said(tmp_path).split(), "it is up")
        code, _ = stop(process)
        assert (code, processes_of(tmp_path)) == (0, [])


def test_what_outlives_its_parent_ends_before_that_is_started_anew(tmp_path: Path) -> None:
    """Of two daemons, say, of which one was thought to be gone."""
    orphan = "sleep 600 & echo $! >> $MEDALLION_HOME/orphans; exec sleep 0.2"
    with started(command(tmp_path, one=orphan), tmp_path):
        wait_until(lambda: said(tmp_path).count("starting again") > 1, "it is started anew")
        first = int((tmp_path / "orphans").read_text().split()[0])
        assert first not in [process.pid for process in processes_of(tmp_path)]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems end no process with its parent")
def test_what_it_started_ends_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    """Started again, it would have two daemons."""
    with started(command(tmp_path, one=f"echo up; {SLEEP}", two=f"echo up; {SLEEP}"), tmp_path) as process:
        wait_until(lambda: said(tmp_path).split().count("up") == 2, "both are up")
        process.kill()
        process.wait()
        wait_until(lambda: processes_of(tmp_path) == [], "they are gone")


def test_a_check_that_hangs_does_not_hold_it_up(tmp_path: Path) -> None:
    deaf = "trap '' TERM; echo asked; while :; do sleep 600; done"
    with started(command(tmp_path, check=deaf, one=SLEEP), tmp_path) as process:
        wait_until(lambda: "asked" in said(tmp_path).split(), "it checks")
        code, _ = stop(process)
        assert (code, processes_of(tmp_path)) == (0, [])


def test_it_ends_while_it_starts_them(tmp_path: Path) -> None:
    random = Random(20250501)
    for number in range(STOPS or 5):
        home = tmp_path / str(number)
        with started(command(home, one=SLEEP, two=SLEEP, three=SLEEP), home) as process:
            wait_until(lambda at=home: said(at), "it says what it starts")
            time.sleep(random.uniform(0, 0.3))  # the moment is what this is about
            code, _ = stop(process)
            assert (code, processes_of(home)) == (0, []), number
