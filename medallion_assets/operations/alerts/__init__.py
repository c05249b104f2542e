"""Alerts: which facts people are told of, and that each channel gets them once."""
