"""Staged changes: many acts in one transaction."""
