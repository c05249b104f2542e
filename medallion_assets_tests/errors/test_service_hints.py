"""Hints about a process: systemd's commands where it runs the host, and words about deploy/run where it does not."""

from __future__ import annotations

from pathlib import Path

from medallion_assets.errors.service_hints import log_of, restart_of


def test_systemd_is_asked_where_it_runs_the_host(tmp_path: Path) -> None:
    assert log_of("daemon", systemd=tmp_path) == "read its log (journalctl -u medallion-daemon)"
    assert restart_of("daemon", systemd=tmp_path) == "systemctl restart medallion-daemon"


def test_elsewhere_no_command_of_it_is_named(tmp_path: Path) -> None:
    said = log_of("daemon", systemd=tmp_path / "none") + restart_of("daemon", systemd=tmp_path / "none")
    assert ("deploy/run" in said, "systemctl" in said, "journalctl" in said) == (True, False, False)
