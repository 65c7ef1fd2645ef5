"""The Fleet page: every profile on one board."""
