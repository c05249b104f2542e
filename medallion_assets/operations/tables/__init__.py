"""Tables that operations keep, each with its contract, writer and readers; and the list of every table."""
