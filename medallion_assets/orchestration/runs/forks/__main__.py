"""The fork server as a process of a deployment: `python -m medallion_assets.orchestration.runs.forks -m MODULE`.

Belongs here: its arguments and settings. Does not: what it does.
"""

from __future__ import annotations

import argparse
import sys

from medallion_assets.errors import MedallionError
from medallion_assets.orchestration.hosting.notify import supervisor
from medallion_assets.orchestration.hosting.startable import expect_home
from medallion_assets.orchestration.runs.forks.server import is_possible, main, rest
from medallion_assets.settings import forks_runs, load_settings
from medallion_assets.settings.environment import inherited_environment

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Fork the processes of runs.")
    parser.add_argument("-m", dest="module", required=True, help="the module whose jobs are carried out")
    module = parser.parse_args().module
    environment = inherited_environment()
    well = supervisor(environment)
    try:
        load_settings(environment)
        home = expect_home(environment)
    except MedallionError as error:
        sys.exit(f"fork server: {error}")
    if not forks_runs(environment) or not is_possible():
        rest(well)
    main(home, module, well)
