"""Sources: where batches come from. A source knows bytes and text; types and rules are not its own."""
