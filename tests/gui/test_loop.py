"""The loop that everything of the window runs on: the same kind on every platform."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from typing import Any

from PySide6.QtCore import QEvent, QEventLoop, QObject, QTimer
from PySide6.QtWidgets import QApplication
from waiting import until

RUN = """
import asyncio, os, socket, sys
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from PySide6.QtWidgets import QApplication
from jobdesk.runtime import loop

async def main():
    running = asyncio.get_running_loop()
    kinds = [kind.__name__ for kind in type(running).__mro__]
    assert "_QEventLoop" in kinds and "QSelectorEventLoop" in kinds, kinds
    # What psycopg needs of a loop, and a proactor does not have.
    ours, theirs = socket.socketpair()
    heard, writable = asyncio.Event(), asyncio.Event()
    running.add_reader(ours, heard.set)
    running.add_writer(ours, writable.set)
    theirs.send(b"x")
    await asyncio.wait_for(asyncio.gather(heard.wait(), writable.wait()), 60)
    running.remove_reader(ours)
    running.remove_writer(ours)
    ours.close()
    theirs.close()
    await asyncio.to_thread(lambda: None)
    return 7

app = QApplication([])
sys.exit(loop.run(app, main()))
"""


def test_it_selects_on_sockets_and_returns_the_exit_code() -> None:
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (7, "")


def test_callbacks_run_in_order_and_let_qt_have_its_turn(run_coroutine: Any) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        ran: list[object] = []
        for number in range(3):
            loop.call_soon(ran.append, number)
        loop.call_soon(ran.append, "cancelled").cancel()
        await asyncio.sleep(0)
        assert ran == [0, 1, 2]
        # What goes on and on by itself leaves room for Qt's own events.
        heard = asyncio.Event()
        turns = 0

        def again() -> None:
            nonlocal turns
            turns += 1
            if not heard.is_set():
                loop.call_soon(again)

        again()
        QTimer.singleShot(20, heard.set)
        await asyncio.wait_for(heard.wait(), 60)
        assert turns > 1

    run_coroutine(scenario())


def test_what_is_due_later_comes_in_time_and_what_was_cancelled_wakes_nobody(run_coroutine: Any) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        came: list[tuple[str, float]] = []
        began = loop.time()
        for name, delay in (("third", 0.06), ("first", 0.0), ("second", 0.03), ("past", -1)):
            loop.call_later(delay, lambda name=name: came.append((name, loop.time() - began)))
        loop.call_at(began + 0.01, came.append, ("cancelled", 0)).cancel()
        await until(lambda: len(came) == 4)
        assert [name for name, _ in came[-2:]] == ["second", "third"]
        assert came[-2][1] >= 0.03 and came[-1][1] >= 0.06

        class Count(QObject):
            timers = 0

            def eventFilter(self, watched: QObject, event: QEvent) -> bool:
                Count.timers += event.type() == QEvent.Type.Timer
                return False

        count, app = Count(), QApplication.instance()
        assert app is not None
        app.installEventFilter(count)
        for _ in range(50):
            loop.call_later(0.02, came.clear).cancel()
        await asyncio.sleep(0.1)
        app.removeEventFilter(count)
        assert came and Count.timers < 10

    run_coroutine(scenario())


def test_a_socket_is_listened_to_again_and_again_also_one_of_the_same_number(run_coroutine: Any) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        numbers = set()
        for _turn in range(4):
            ours, theirs = socket.socketpair()
            number = ours.fileno()
            numbers.add(number)
            for word in (b"a", b"b"):
                heard: asyncio.Future[bytes] = loop.create_future()

                def read(ours: socket.socket = ours, heard: asyncio.Future[bytes] = heard) -> None:
                    if not heard.done():
                        heard.set_result(ours.recv(1))

                loop.add_reader(number, read)
                theirs.send(word)
                assert await asyncio.wait_for(heard, 60) == word
                assert loop.remove_reader(number) is True and loop.remove_reader(number) is False
            theirs.send(b"unheard")
            await asyncio.sleep(0.01)
            written: asyncio.Future[None] = loop.create_future()
            loop.add_writer(number, lambda done=written: done.done() or done.set_result(None))
            await asyncio.wait_for(written, 60)
            assert loop.remove_writer(number) is True
            ours.close()
            theirs.close()
        assert len(numbers) < 4, "the case of a number that is used anew"

    run_coroutine(scenario())


def test_callbacks_run_within_a_qt_loop_that_a_callback_runs(event_loop: asyncio.AbstractEventLoop) -> None:
    """Nothing of ours runs one, but a platform's dialog or a drag does."""
    ran: list[str] = []
    outer, inner = QEventLoop(), QEventLoop()

    def hold() -> None:
        QTimer.singleShot(20_000, inner.quit)
        inner.exec()
        ran.append("held")
        outer.quit()

    def let_go() -> None:
        ran.append("within")
        inner.quit()

    event_loop.call_soon(hold)
    event_loop.call_soon(ran.append, "waiting")
    event_loop.call_later(0.01, let_go)
    outer.exec()
    assert ran == ["waiting", "within", "held"]


def test_a_qt_loop_within_a_step_lets_other_tasks_wait_for_its_end(event_loop: asyncio.AbstractEventLoop) -> None:
    told: list[str] = []
    faults: list[dict[str, Any]] = []
    event_loop.set_exception_handler(lambda _loop, context: faults.append(context))
    waiting = QEventLoop()

    async def other() -> None:
        await asyncio.sleep(0.01)
        told.append("other")

    async def nesting() -> None:
        await asyncio.sleep(0)
        inner = QEventLoop()
        QTimer.singleShot(60, inner.quit)
        inner.exec()
        told.append("step")
        await asyncio.sleep(0.05)
        waiting.quit()

    tasks = [event_loop.create_task(each()) for each in (nesting, other)]
    QTimer.singleShot(20_000, waiting.quit)
    waiting.exec()
    assert (told, faults) == (["step", "other"], []) and all(task.done() for task in tasks[1:])


def test_an_error_in_a_callback_is_told_and_the_next_one_runs(event_loop: asyncio.AbstractEventLoop) -> None:
    told: list[object] = []
    event_loop.set_exception_handler(lambda _loop, context: told.append(context["exception"]))
    waiting = QEventLoop()
    event_loop.call_soon(lambda: 1 / 0)
    event_loop.call_soon(waiting.quit)
    waiting.exec()
    assert [type(error) for error in told] == [ZeroDivisionError]
