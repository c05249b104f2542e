"""DynamoDB exports become a trustworthy lakehouse (Delta tables, Bronze -> Silver -> Gold), and the metrics return to DynamoDB."""
