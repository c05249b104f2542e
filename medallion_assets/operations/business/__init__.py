"""Business: one HTML page for those who read a pipeline's numbers, made from Gold."""
