"""What a user would take instead of this project, in our own words, for benchmarks/correctness.py and scale.py.

`delta_merge` is the code that teams usually write on Spark and delta-spark: lines into a Bronze table, `from_json` with
a schema, `dropDuplicates` by key, `MERGE INTO`. `iceberg_merge` follows the published AWS guidance for incremental
exports of DynamoDB: `read.json` of an export's files, `MERGE INTO` an Iceberg table by `Keys`, one job an export.

Belongs here: the ways of the peers, as plainly as their authors would write them, and with every benefit of the doubt.
Does not: anything that they do not do (checksums, quarantine, a ledger of what is in), or that the package uses.
Nothing here is installed by default: `make setup-spark peer-jars` fetches what it needs, beside Java 17.
"""
