"""Development: everything switched on, on this machine, until Ctrl-C."""
