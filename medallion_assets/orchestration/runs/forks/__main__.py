"""The fork server as a process of a deployment: `python -m medallion_assets.orchestration.runs.forks -m MODULE`.

Belongs here: its arguments and settings. Does not: what it does (server.py).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from medallion_assets.orchestration.notify import notify
from medallion_assets.orchestration.runs.forks.server import LOOK_SECONDS, main
from medallion_assets.settings import forks_runs, inherited_environment


def rest() -> None:
    """Do nothing, where runs are not to be forked, but say that this is well: who supervises it leaves it alone."""
    notify(b"READY=1")
    while True:
        notify(b"WATCHDOG=1")
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Fork the processes of runs.")
    parser.add_argument("-m", dest="module", required=True, help="the module whose jobs are carried out")
    module = parser.parse_args().module
    home = inherited_environment().get("DAGSTER_HOME")
    if not home:
        sys.exit("fork server: DAGSTER_HOME is not set: expected the folder with dagster.yaml")
    if not forks_runs():
        rest()
    main(Path(home), module)
