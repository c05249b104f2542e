"""dbt: Gold tables that a dbt project makes, in a DuckDB file that lives as long as the run (rule D8)."""
