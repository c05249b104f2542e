"""What a job of EMR Serverless runs (`entry_point`): a Spark job names a file, and cannot name a module."""

import sys

from medallion_assets.remote.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
