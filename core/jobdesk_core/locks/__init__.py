"""Locks and queueing locks: who holds one, who waits, and why."""
