"""The demo: an embedded PostgreSQL, two worker processes and a steady trickle of sample jobs."""

from jobdesk_core.demo.demo import Demo, DemoError, elsewhere

__all__ = ["Demo", "DemoError", "elsewhere"]
