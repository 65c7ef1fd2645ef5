"""What is written down and what is copied: enough to understand a fault, and nothing secret."""

from __future__ import annotations

import logging
import os
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from jobdesk.runtime import logs
from jobdesk.window.about import AboutDialog
from jobdesk.window.components import components, notices
from jobdesk.window.desk_view import DeskView
from jobdesk.window.diagnostics import diagnostics
from jobdesk.window.error_dialog import ErrorDialog
from jobdesk.window.unexpected import Unexpected
from jobdesk_core.connectors.driver import dotted
from jobdesk_core.profiles import Profile
from opened import Others, dialog_of, live, opened
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QDialog
from waiting import until

#: What may stand nowhere, in as many shapes as it takes to slip past a pattern.
SECRETS = ("hunter2", "p@ss w'rd\\", "s3cr3t%40x", 'qu"ote', "ümläut-geheim")
HOST = "db-eu-7.internal.example"


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Path]:
    """The log's file while it is written."""
    logs.recent.lines.clear()
    before = logging.getLogger().handlers[:]
    handler = logs.install(tmp_path / "log")
    assert handler is not None
    yield tmp_path / "log" / "jobdesk.log"
    for each in [each for each in logging.getLogger().handlers if each not in before]:
        logging.getLogger().removeHandler(each)
    handler.close()


@pytest.fixture
def hook() -> Iterator[None]:
    """Python's hooks as they were, afterwards."""
    before = sys.excepthook, threading.excepthook
    yield
    sys.excepthook, threading.excepthook = before


def everything(written: Path) -> str:
    return "".join(path.read_text("utf-8") for path in written.parent.iterdir()) + "\n".join(logs.recent.lines)


@pytest.mark.parametrize("secret", SECRETS)
def test_no_value_that_a_library_logs_is_written(written: Path, secret: str) -> None:
    for name in ("psycopg", "psycopg.pool", "asyncio", "jobdesk_core.worker", "keyring.backend"):
        logger = logging.getLogger(name)
        logger.warning("error connecting in %r: %s", "pool-1", f"password={secret}")
        logger.error(f"Failed job mail.send(to={secret!r}) at postgresql://me:{secret}@{HOST}/x")
    text = everything(written)
    assert "error connecting in %r: %s" in text and "psycopg.pool" in text and "(message left out)" in text
    assert secret not in text and HOST not in text


@pytest.mark.parametrize("secret", SECRETS)
def test_of_an_error_its_kind_and_places_are_written_but_not_its_words(written: Path, dsn: str, secret: str) -> None:
    try:
        try:
            with psycopg.connect(dsn) as connection:
                connection.execute("SELECT %s::jsonb", ('{"token": ' + secret,))
        except psycopg.Error as error:
            raise ValueError(f"could not handle {secret}") from error
    except ValueError as error:
        logs.fault("A job was looked at", error)
        logging.getLogger("psycopg").error("broken: %s", secret, exc_info=error)
    text = everything(written)
    assert "ValueError" in text and "SQLSTATE 22P02" in text and "test_logs.py:" in text
    assert secret not in text and "could not handle" not in text


@pytest.mark.parametrize("secret", SECRETS)
async def test_a_connection_that_fails_leaves_no_secret_in_the_log(written: Path, tmp_path: Path, secret: str) -> None:
    place = make_conninfo("", host="127.0.0.1", port=1, user="u-" + secret, dbname="d-" + secret, password=secret)
    async with opened(tmp_path / "home", Profile(name="mine-" + secret, method="dsn", dsn=place)) as window:
        await until(lambda: "Not connected" in everything(written), what="the failure to be written")
        copied = diagnostics(window.session.desk)
    for text in (everything(written), copied):
        assert secret not in text and "127.0.0.1" not in text
    assert "Not connected: unreachable" in copied and "database: not connected" in copied


async def test_a_refused_action_leaves_no_argument_in_the_log(written: Path, dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer(queueing_lock="lock-of-hunter2", args='{"token": "hunter2"}')
        async with live(tmp_path / "home", dsn) as window:
            error = psycopg.errors.UniqueViolation("Key (queueing_lock)=(lock-of-hunter2) already exists")
            window.fail(error)
            copied = diagnostics(window.session.desk)
    assert "UniqueViolation" in everything(written) and "hunter2" not in everything(written) + copied


async def test_the_diagnostics_tell_versions_and_states_and_no_names(written: Path, dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path / "home", dsn, environment="production") as window:
        window.all_actions["help.diagnostics"].trigger()
        text = QApplication.clipboard().text()
        server = window.session.desk.capabilities.server_version  # type: ignore[union-attr]
        assert "no server" in window.message.sentence
    for word in (
        "Jobdesk: 0.",
        "Python: ",
        "Qt: ",
        "psycopg: ",
        "libpq: ",
        "feed: live",
        f"PostgreSQL: {dotted(server)}",
    ):
        assert word in text
    parts = conninfo_to_dict(dsn)
    names = [str(parts[name]) for name in ("host", "dbname", "user", "password") if parts.get(name)]
    assert names and not [name for name in names if name in text.replace("Jobdesk", "").replace("jobdesk_core", "")]
    assert len(text) < 20_000


@pytest.mark.parametrize(("number", "words"), [(180001, "18.1"), (130014, "13.14"), (90624, "9.6.24")])
def test_a_server_version_is_told_as_people_write_it(number: int, words: str) -> None:
    assert dotted(number) == words


def test_the_log_is_turned_over_and_for_its_owner_alone(written: Path) -> None:
    for number in range(30_000):
        logs.logger.info("%s %s", number, "x" * 150)
    files = sorted(written.parent.iterdir())
    assert len(files) == 1 + logs.OLD_FILES
    assert all(path.stat().st_size <= logs.LARGEST_BYTES for path in files)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)


def test_without_a_place_for_the_log_the_program_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    before = logging.getLogger().handlers[:]
    assert logs.install(tmp_path / "file" / "log") is None
    for each in [each for each in logging.getLogger().handlers if each not in before]:
        logging.getLogger().removeHandler(each)


def test_the_last_faults_are_kept_and_no_more() -> None:
    logs.recent.lines.clear()
    for number in range(100):
        logs.recent.handle(logging.makeLogRecord({"name": "jobdesk", "msg": str(number), "levelno": 40}))
    assert len(logs.recent.lines) == logs.FAULTS and logs.recent.lines[-1].endswith("99")


# Unexpected errors


def fail(words: str) -> None:
    raise RuntimeError(words)


async def test_many_unexpected_errors_open_one_window_and_the_program_goes_on(
    written: Path, hook: None, dsn: str, tmp_path: Path
) -> None:
    async with live(tmp_path / "home", dsn) as window:
        Unexpected(window).install()
        for number in range(25):
            try:
                fail(f"number {number}")
            except RuntimeError as error:
                sys.excepthook(RuntimeError, error, error.__traceback__)
        thread = threading.Thread(target=fail, args=("in a thread",), daemon=True)
        thread.start()
        thread.join(20)
        dialog = await dialog_of(window, ErrorDialog)
        await until(lambda: "26" in dialog.more.text(), what="the thread's error")
        assert len([each for each in window.findChildren(QDialog) if each.isVisible()]) == 1
        assert not dialog.details.isVisible() and "number 0" in dialog.details.toPlainText()
        dialog._fold()
        assert dialog.details.isVisible()
        bottom = dialog.details.mapTo(dialog, dialog.details.rect().bottomLeft()).y()
        assert bottom < dialog.verb.mapTo(dialog, dialog.verb.rect().topLeft()).y()
        dialog.accept()
        await until(lambda: not dialog_is_open(window), what="the window to close")
        with Others(dsn) as others:
            job = others.defer()
            await until(lambda: window.jobs.model.row(job) is not None, what="the program to go on")
    assert everything(written).count("An error of the program") >= 26 and "number 0" not in everything(written)


def dialog_is_open(window: DeskView) -> bool:
    return any(each.isVisible() for each in window.findChildren(ErrorDialog))


async def test_the_same_fault_is_not_told_again_once_it_was_closed(hook: None, tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        net = Unexpected(window)
        told = 0
        for _ in range(3):
            net.caught(RuntimeError, RuntimeError("again and again"))
            if net.dialog is not None:
                told += 1
                net.dialog.accept()
        assert told == 1 and net.dialog is None
        net.caught(ValueError, ValueError("another"))
        assert net.dialog is not None


def test_a_password_in_an_error_is_blotted_out_of_its_details(qtbot: object) -> None:
    dialog = ErrorDialog(None, error=RuntimeError("no way to postgresql://me:hunter2@db/x"))
    assert "•••" in dialog.details.toPlainText() and "hunter2" not in dialog.details.toPlainText()


# About


class Desktop(QObject):
    """Stands where the desktop's file manager is asked."""

    opened: QUrl | None = None

    @Slot(QUrl)
    def open(self, url: QUrl) -> None:
        self.opened = url


async def test_the_folder_of_the_log_is_opened_by_the_desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    desktop = Desktop()
    QDesktopServices.setUrlHandler("file", desktop, "open")
    try:
        async with opened(tmp_path) as window:
            window.all_actions["help.log"].trigger()
            assert desktop.opened is None and str(logs.log_folder()) in window.message.sentence
            logs.log_folder().mkdir(parents=True)
            window.all_actions["help.log"].trigger()
            assert desktop.opened == QUrl.fromLocalFile(str(logs.log_folder()))
    finally:
        QDesktopServices.unsetUrlHandler("file")


async def test_about_tells_every_package_with_its_licence(tmp_path: Path) -> None:
    names = {each.name.lower().replace("_", "-"): each for each in components()}
    for name in ("jobdesk", "pyside6-essentials", "shiboken6", "psycopg", "psycopg-binary", "psycopg-pool", "qasync"):
        assert name in names, sorted(names)
    assert "pytest" not in names and "mypy" not in names
    assert [each.name for each in components() if not each.licence and each.name != "jobdesk"] == []
    assert "LGPL" in names["psycopg"].licence and "LGPL" in names["pyside6-essentials"].licence
    async with opened(tmp_path) as window:
        window.all_actions["help.about"].trigger()
        dialog = await dialog_of(window, AboutDialog)
        assert "Lesser General Public License" in dialog.notice.text()
        assert not dialog.notice.openExternalLinks()


def test_the_texts_of_the_licences_are_there() -> None:
    text = notices()
    for words in ("GNU LESSER GENERAL PUBLIC LICENSE", "GNU GENERAL PUBLIC LICENSE", "psycopg", "PySide6"):
        assert words in text


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes in folders.")
def test_a_pipe_in_the_place_of_the_log_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "jobdesk.log")
    assert logs.install(tmp_path) is None
    logging.getLogger().removeHandler(logs.recent)
