"""DynamoDB, without Dagster: the export format (reader and writer), the publisher, the capacity limiter."""
