"""Staged changes: collected, looked at together, and applied in one transaction or not at all."""
