"""The write budget: how fast a publisher, and all of an account, may write, and the table that keeps to it."""
