"""What commits say of themselves: how far their data reach, by which rules and from which versions they were made."""
