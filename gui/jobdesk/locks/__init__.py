"""The Locks page: who holds a lock, and who waits for it."""
