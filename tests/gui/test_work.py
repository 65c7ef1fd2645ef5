"""Work: tasks that belong to a widget, and end with it."""

from __future__ import annotations

import asyncio

import pytest
import shiboken6
from jobdesk.kit.work import Work
from PySide6.QtCore import QObject


async def answer(value: int, *after: asyncio.Event) -> int:
    for event in after:
        await event.wait()
    return value


async def test_an_answer_is_delivered_once() -> None:
    parent, answers = QObject(), []
    await Work(parent).start(answer(1), name="ask", then=answers.append)
    await asyncio.sleep(0)
    assert answers == [1]


async def test_a_question_asked_anew_cancels_the_one_before() -> None:
    parent, answers = QObject(), []
    work = Work(parent)
    first = work.start(answer(1, asyncio.Event()), name="ask", then=answers.append, replaces=True)
    second = work.start(answer(2), name="ask", then=answers.append, replaces=True)
    await asyncio.wait({first, second})
    await asyncio.sleep(0)
    assert answers == [2] and first.cancelled()


async def test_an_answer_that_came_just_before_the_question_was_asked_anew_is_dropped() -> None:
    parent, answers = QObject(), []
    work = Work(parent)
    first = work.start(answer(1), name="ask", then=answers.append, replaces=True)
    await asyncio.sleep(0)
    assert first.done(), "it has ended, and its answer waits for the next turn of the loop"
    await work.start(answer(2), name="ask", then=answers.append, replaces=True)
    await asyncio.sleep(0)
    assert answers == [2]


async def test_nothing_is_delivered_to_a_widget_that_has_gone() -> None:
    parent, answers = QObject(), []
    task = Work(parent).start(answer(1), name="ask", then=answers.append)
    await asyncio.sleep(0)
    assert task.done(), "it has ended, and its answer waits for the next turn of the loop"
    shiboken6.delete(parent)
    await asyncio.sleep(0.01)
    assert answers == []


async def test_what_runs_for_a_widget_is_cancelled_with_it() -> None:
    parent = QObject()
    task = Work(parent).start(answer(1, asyncio.Event()), name="ask")
    await asyncio.sleep(0)
    shiboken6.delete(parent)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 60)


async def test_an_error_goes_to_whoever_asked_or_else_to_the_signal() -> None:
    async def fail() -> None:
        raise ValueError("on purpose")

    parent, told, signalled = QObject(), [], []
    work = Work(parent)
    work.failed.connect(signalled.append)
    await asyncio.wait({work.start(fail(), name="a", failed=told.append), work.start(fail(), name="b")})
    await asyncio.sleep(0)
    assert [str(error) for error in told] == [str(error) for error in signalled] == ["on purpose"]
