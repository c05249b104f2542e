"""REST APIs as a source: each window of time is fetched and kept as it was answered, then read like files."""
