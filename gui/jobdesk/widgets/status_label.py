"""A job's status as everywhere: shape, word and colour."""

from __future__ import annotations

from jobdesk_core.jobs import Status

from jobdesk.theme.tokens import STATUS_SHAPE
from jobdesk.widgets.shape_label import ShapeLabel


class StatusLabel(ShapeLabel):
    """Shows one status."""

    def set_status(self, status: Status) -> None:
        """Show this status."""
        self.set_content(STATUS_SHAPE[status], status.value, status.value)
