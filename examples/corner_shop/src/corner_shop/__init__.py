"""A pipeline of one's own: two Gold tables that a dbt project in this package makes of Silver's orders."""
