"""Files that a system drops: CSV and Parquet, each file a batch (rules F1 to F8)."""
