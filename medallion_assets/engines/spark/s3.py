"""S3 as Spark's Java processes reach it: through hadoop-aws, configured as every other client of the project is.

Belongs here: the configuration of a session that is started here.
Does not: secrets. Each process of Spark takes them from its own environment, or has a role.
"""

from __future__ import annotations

from medallion_assets.settings.spark import SparkSettings

S3A = "spark.hadoop.fs.s3a."
SECRETS = {f"{S3A}{name}": "" for name in ("access.key", "secret.key", "session.token")}
"""What Spark copies from the driver's environment into what it sends to executors, unless it is set."""
OWN_SECRETS = {f"{S3A}aws.credentials.provider": "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"}
OTHER_JARS = {"spark.jars", "spark.jars.packages"}
"""Who names some brings what S3 takes with them."""
WITHOUT_RENAMES = {
    f"{S3A}committer.name": "magic",
    "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3a": "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory",
    "spark.sql.sources.commitProtocolClass": "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol",
    "spark.sql.parquet.output.committer.class": "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter",
}
"""In S3 a rename is a copy: a task uploads its files in parts where they belong, and the job completes the uploads."""


def s3_conf(settings: SparkSettings) -> dict[str, str]:
    """What reaching a lakehouse in S3 takes; and that Spark leaves the environment's secrets alone, if there are any.

    Who takes along no jars of ours has a client of S3 that knows its own way to them: of another release, perhaps.
    """
    conf = dict(SECRETS) if settings.has_keys else {}
    if not settings.lakehouse_url.startswith("s3://"):
        return conf
    if settings.s3_endpoint:
        conf |= {f"{S3A}endpoint": settings.s3_endpoint, f"{S3A}path.style.access": "true"}
    if settings.s3_region:
        conf[f"{S3A}endpoint.region"] = settings.s3_region
    if not OTHER_JARS & settings.conf.keys() and (jars := sorted(map(str, settings.jars.glob("*.jar")))):
        conf |= {"spark.jars": ",".join(jars), **OWN_SECRETS, **WITHOUT_RENAMES}
    return conf
