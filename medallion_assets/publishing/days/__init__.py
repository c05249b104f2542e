"""Tables of days: a day is published as a whole, and says how far its sources reached."""
