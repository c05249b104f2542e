"""How far data reach: by table, day and stage, and whether that is too far behind."""
