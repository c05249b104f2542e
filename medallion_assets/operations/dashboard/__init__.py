"""Dashboard: one HTML page that shows how the pipeline is doing, and needs nothing but a browser."""
