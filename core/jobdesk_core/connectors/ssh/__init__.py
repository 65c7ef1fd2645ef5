"""Connections through SSH: the system's own `ssh` makes them, so that all that holds in a terminal holds here."""
