"""DynamoDB exports become a trustworthy lakehouse (Bronze -> Silver -> Gold); the metrics return to DynamoDB."""
