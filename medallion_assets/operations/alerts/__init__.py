"""Alerts: which facts people hear about, once on each channel."""
