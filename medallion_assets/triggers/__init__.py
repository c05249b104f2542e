"""Triggers: what starts runs. When to ask is a pure function of (now, cursor, what is there); sensors are thin."""
