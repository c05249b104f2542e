"""What starts runs, with a clock that is passed in."""
