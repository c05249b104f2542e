"""Where dbt makes its models: DuckDB, or the Spark session of a lakehouse's engine."""
