"""Small tables of rows: contract, writer and reader of each follow from one row type."""
