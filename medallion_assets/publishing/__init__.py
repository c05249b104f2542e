"""Publishing: figures of Gold as items of DynamoDB, whole or not at all, within a budget."""
