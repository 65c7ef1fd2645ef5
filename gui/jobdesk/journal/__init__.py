"""The Journal page: what was done from this desk, and its undo."""
