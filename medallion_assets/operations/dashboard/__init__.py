"""Dashboard: one HTML page that shows how the pipeline does, and needs nothing but a browser."""
