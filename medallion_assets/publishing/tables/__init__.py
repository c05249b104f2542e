"""The DynamoDB tables that are published to: what they are called, have and must have."""
