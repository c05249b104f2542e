"""From a warehouse to Delta: what dbt made becomes files of tables, and one release."""
