"""Tables of items: what differs is written, and a watermark says how far they are."""
