"""The change feed: what happened after a cursor, and the counts and series that follow from it."""
