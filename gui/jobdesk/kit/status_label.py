"""A job's status as everywhere: shape, word and colour."""

from __future__ import annotations

from jobdesk_core.jobs import Status

from jobdesk.kit.shape_label import ShapeLabel
from jobdesk.kit.theme.tokens import STATUS_SHAPE


class StatusLabel(ShapeLabel):
    """Shows one status."""

    def set_status(self, status: Status) -> None:
        """Show this status."""
        self.set_content(STATUS_SHAPE[status], status.value, status.value)
