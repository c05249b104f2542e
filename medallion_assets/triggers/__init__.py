"""Triggers: what starts runs. Decisions are pure functions of (now, cursor, what is there); sensors are thin."""
