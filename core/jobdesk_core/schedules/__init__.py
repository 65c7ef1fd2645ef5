"""The periodic tasks: their cadence, their runs, what was expected, and what became of it."""
