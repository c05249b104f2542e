"""Bronze: exports as they lie in a bucket become raw lines."""
