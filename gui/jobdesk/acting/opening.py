"""Opens the preflight of an action."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from jobdesk_core.filters.language import JobFilter
from jobdesk_core.operations import Action, Matching, Target
from PySide6.QtCore import QCoreApplication

from jobdesk.acting.control import Acting
from jobdesk.connection.desk import Desk

if TYPE_CHECKING:
    from jobdesk.acting.options import Options

#: Characters of a filter that fit into the choice of targets.
_FILTER_SHOWN = 36


def open_preflight(
    acting: Acting,
    desk: Desk,
    action: Action,
    targets: Sequence[tuple[str, Target]],
    options: Options | None = None,
    *,
    edit: Callable[[], object] | None = None,
) -> None:
    """Show what the action would do to the first of the targets, and offer the others; `edit` instead, when given."""
    from jobdesk.acting.options import options_of
    from jobdesk.acting.preflight import PreflightDialog

    capabilities = desk.capabilities
    fields = options or options_of(
        action,
        queues=desk.queue_names(),
        can_change=capabilities.can_change_on_retry,
        limit_bytes=capabilities.queue_name_limit_bytes,
    )
    PreflightDialog(
        acting.window.frame,
        desk=desk,
        action=action,
        options=fields,
        targets=targets,
        act=acting.start,
        done=acting.window.tell,
        staged=acting.staged,
        edit=edit,
    ).open()


def open_on_stalled(acting: Acting, desk: Desk | None, action: Action) -> None:
    """Show what the action would do to the running jobs that no live worker has."""
    if desk is not None:
        name = QCoreApplication.translate("Acting", "all stalled jobs")
        open_preflight(acting, desk, action, [(name, Matching(JobFilter.parse("is:stalled")))])


def matching_target(job_filter: JobFilter) -> tuple[str, Target]:
    """Everything that the filter matches, and its name."""
    text = job_filter.text
    if not text:
        return QCoreApplication.translate("Acting", "every job"), Matching(job_filter)
    shown = text if len(text) <= _FILTER_SHOWN else f"{text[: _FILTER_SHOWN - 1]}…"
    name = QCoreApplication.translate("Acting", "all that match {filter}").format(filter=shown)
    return name.replace("&", "&&"), Matching(job_filter)
