"""Wakes: a sensor looks as soon as somebody knows that there is something to see, and not only when its turn comes.

A wake says which sensor is to look, never what it will find. One that is lost costs the sensor's own interval, one that
comes twice, or for nothing, a look.
"""
