"""What the Polars of a forked run spills to a disk: where it lies, and that nothing of it stays.

Belongs here: the folder of a run, and removing it. Does not: when Polars spills, runs that were started.

Polars removes what it has spilled in a thread of its own, which a fork has not. So the files of a forked run stay until
its end. Then it removes them itself; after one that was killed, whoever concludes the run does.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from medallion_assets.settings.environment import inherited_environment

SPILL_FOLDER = "POLARS_OOC_SPILL_DIR"
"""Polars asks for it when it spills for the first time, and makes the folder then."""
BELOW_HOME = "spilled"
LOG = logging.getLogger(__name__)


def folder_for(home: Path, run_id: str) -> Path:
    """The folder of a run: where the deployment says that Polars is to spill, or else below $DAGSTER_HOME.

    Polars reads that variable itself, and whoever ends a run asks here, in a process that Dagster made: none has it to
    hand down.
    """
    return Path(inherited_environment().get(SPILL_FOLDER) or home / BELOW_HOME) / run_id


def remove(folder: Path) -> None:
    """Remove the folder of a run that is over. What cannot be removed ends nothing."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        LOG.warning("what a run has spilled cannot be removed, remove %s by hand: %s", folder, error)
