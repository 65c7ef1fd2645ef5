"""The menus of the menu bar."""

from __future__ import annotations

#: The titles of the menus, by what specs call them.
MENUS = {
    "desk": "&Desk",
    "job": "&Job",
    "queue": "&Queue",
    "task": "&Task",
    "worker": "&Worker",
    "failure": "&Failures",
    "schedule": "&Schedule",
    "view": "&View",
    "help": "&Help",
}
