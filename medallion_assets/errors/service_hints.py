"""Service hints: what a person types about a process of a deployment, with systemd and without it.

Belongs here: whose log to read, and how to restart it, as it is done on this host.
Does not: which process is at fault (the error says it), commands of this project.
"""

from __future__ import annotations

from pathlib import Path

SYSTEMD = Path("/run/systemd/system")
"""It is there where systemd runs the host (sd_booted(3)), and not in containers."""


def log_of(process: str, *, systemd: Path = SYSTEMD) -> str:
    """Where to read what a process such as `daemon` says."""
    if systemd.is_dir():
        return f"read its log (journalctl -u medallion-{process})"
    return f"read the lines of {process} in the output of deploy/run, or of its container"


def restart_of(process: str, *, systemd: Path = SYSTEMD) -> str:
    """How to restart a process such as `daemon`; without systemd all of them at once."""
    return f"systemctl restart medallion-{process}" if systemd.is_dir() else "restart deploy/run, or its container"
