"""DynamoDB exports, as AWS writes them to S3: found, verified, read as lines, and written for samples."""
