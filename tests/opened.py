"""Opens the real window on a real database, for one test."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session
from jobdesk.window.desk_view import DeskView
from jobdesk.window.main_window import MainWindow
from jobdesk_core.journal import Journal
from jobdesk_core.profiles import Profile, ProfileStore
from PySide6.QtWidgets import QDialog
from waiting import until

D = TypeVar("D", bound=QDialog)


@contextlib.asynccontextmanager
async def opened(folder: Path, profile: Profile | None = None) -> AsyncIterator[DeskView]:
    """The view in a window, connected by the profile when one is given; closed in good order afterwards."""
    session = Session(ProfileStore(folder / "profiles.toml"), Journal(folder / "journal.sqlite"))
    frame = MainWindow(session)
    window = frame.view
    frame.show()
    try:
        if profile is not None:
            session.open(profile)
        yield window
    finally:
        frame.hide()
        await window.acting.acts.stop()
        await session.stop()
        for dialog in frame.findChildren(QDialog):
            dialog.done(0)
        frame.deleteLater()


@contextlib.asynccontextmanager
async def live(folder: Path, dsn: str, **profile: Any) -> AsyncIterator[DeskView]:
    """A window that follows the database of this DSN."""
    async with opened(folder, Profile(name="test", method="dsn", dsn=dsn, **profile)) as window:
        await until(lambda: window.header.live.mode == "live", what="the feed to go live")
        await until(lambda: not window.jobs.reading.is_reading, what="the first page")
        yield window


def desk_of(window: DeskView) -> Desk:
    """The desk on show."""
    assert window.session.desk is not None
    return window.session.desk


async def dialog_of(window: DeskView, kind: type[D]) -> D:
    """The dialog of this kind, as soon as it is open."""

    def found() -> D | None:
        return next((each for each in window.findChildren(kind) if each.isVisible()), None)

    dialog: D = await until(found, what=f"the {kind.__name__}")
    return dialog


async def ended(window: DeskView, timeout_s: float = 60) -> Any:
    """How the latest act ended, as soon as it has."""
    acts = window.acting.acts
    await until(lambda: acts.listed and acts.listed[-1].is_over, timeout_s=timeout_s, what="the end of the act")
    return acts.listed[-1].ended


async def closed(window: DeskView) -> None:
    """Until no dialog is open, and what one has begun is done."""
    await until(lambda: not any(each.isVisible() for each in window.findChildren(QDialog)), what="the dialog to close")
    await until(lambda: not window.acting.acts.running, what="the act to end")


class Others:
    """What anyone else does to the database, by its own functions and plain SQL."""

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True)

    def __enter__(self) -> Others:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def run(self, statement: str, *values: Any) -> Any:
        """Run a statement and return the first value of its first row, if it has one."""
        cursor = self._connection.execute(statement.encode(), values)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    def defer(self, task: str = "mail.send", queue: str = "mail", **columns: Any) -> int:
        """Insert a job as every release's defer does: by a row and its triggers."""
        names = ["task_name", "queue_name", *columns]
        marks = ", ".join(["%s"] * len(names))
        statement = f"INSERT INTO procrastinate_jobs ({', '.join(names)}) VALUES ({marks}) RETURNING id"
        return int(self.run(statement, task, queue, *columns.values()))

    def register_worker(self) -> int:
        """A worker with a fresh heartbeat."""
        return int(self.run("SELECT worker_id FROM procrastinate_register_worker_v1()"))

    def start(self, job_id: int, worker_id: int | None = None) -> None:
        """Have a worker start the job."""
        statement = "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s WHERE id = %s"
        self.run(statement, worker_id or self.register_worker(), job_id)

    def finish(self, job_id: int, status: str = "succeeded") -> None:
        """End the running job."""
        self.run("SELECT procrastinate_finish_job_v1(%s, %s::procrastinate_job_status, false)", job_id, status)

    def status(self, job_id: int) -> str | None:
        """The job's status, or None when it is gone."""
        return self.run("SELECT status::text FROM procrastinate_jobs WHERE id = %s", job_id)
