"""Typing: from the text of an attribute to the value of a column, or to the reason why not."""
