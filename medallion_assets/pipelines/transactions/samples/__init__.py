"""Samples: seeded, realistic tables, written as byte-faithful DynamoDB exports."""
