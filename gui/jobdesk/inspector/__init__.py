"""The panel of one job."""

from jobdesk.inspector.inspector import Inspector

__all__ = ["Inspector"]
