"""What processes of Dagster need around them: settings, a database, sockets, and whoever supervises them."""
