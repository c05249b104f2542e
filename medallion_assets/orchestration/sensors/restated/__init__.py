"""Sensors that keep Gold and serving up to Silver."""
