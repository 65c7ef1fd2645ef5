"""What time it is, for all that the window tells: by the clock of the server on show, where there is one."""

from __future__ import annotations

from jobdesk_core.clock import follow, now

__all__ = ["follow", "now"]
