"""Serving: what the API reads from DynamoDB; one file a DynamoDB table."""
