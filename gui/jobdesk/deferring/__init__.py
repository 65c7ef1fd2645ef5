"""Deferring new jobs: one, many from rows, or those of another database again."""
