"""The chart card of the overview: which range it asks for, what its words say, and which jobs its columns lead to."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from jobdesk.kit.theme import theme
from jobdesk.overview.charted import REST, charted
from jobdesk.overview.history_card import HistoryCard
from jobdesk.overview.ranges import jobs_filter
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.filters.ranges import time_range
from jobdesk_core.history.history import History
from jobdesk_core.history.minutes import Minute
from jobdesk_core.jobs import EventType
from jobdesk_core.reading.pace import Occurrence
from jobdesk_core.watching import spans
from jobdesk_core.watching.spans import Wish, read_span
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

NOW = int(dt.datetime.now(dt.UTC).timestamp()) // 60


def history() -> History:
    """The last two hours but six minutes: each minute two runs of mail, one of them failed in the last ten."""
    found, minutes = History(), {}
    for minute in range(NOW - 120, NOW):
        if not NOW - 47 <= minute < NOW - 41:
            minutes[minute] = Minute()
            for queue in ("mail", "mail", "etl"):
                is_bad = minute >= NOW - 10 and queue == "mail"
                kind = EventType.FAILED if is_bad else EventType.SUCCEEDED
                minutes[minute].add(Occurrence(minute, queue, f"{queue}.t", EventType.STARTED, 2.0))
                minutes[minute].add(Occurrence(minute, queue, f"{queue}.t", kind, 4.0))
    found.keep(minutes)
    return found


class Shown:
    """A card that shows what it asks for, as the page does."""

    def __init__(self, qapp: QApplication, width: int = 1_250) -> None:
        theme().install(qapp)
        self.history, self.card, self.filters = history(), HistoryCard(), list[str]()
        self.wishes: list[Wish] = []
        self.runs: list[int] = []
        self.card.resize(width, 340)
        self.card.wished.connect(self.read)
        self.card.jobs_asked_for.connect(self.asked)
        self.read()
        self.card.show()
        self.card.grab()

    def asked(self, text: str, runs: int) -> None:
        self.filters.append(text)
        self.runs.append(runs)

    def read(self) -> None:
        wish = self.card.wish(())
        self.wishes.append(wish)
        span = read_span(self.history, wish, NOW)
        self.card.show_span(span, charted(span, self.card.below))


def test_ranges_are_chosen_and_dragged_and_escape_goes_back_one_by_one(qapp: QApplication) -> None:
    shown = Shown(qapp)
    card, chart = shown.card, shown.card.chart
    assert card.note.whole == "54 of 60 min recorded" and len(chart.data) == 60
    card.ranges.choose(2)
    assert card.note.whole.startswith("1 h 54 min of 6 h recorded · recorded since ") and len(chart.data) == 180
    card.ranges.choose(1)
    chart.range_chosen.emit(NOW - 30, NOW - 10)
    assert card.ranges.current() == -1 and card.back.isVisibleTo(card)
    for _ in range(2):  # all of it once more is nowhere to come back from
        chart.range_chosen.emit(NOW - 20, NOW - 15)
    assert [(wish.first, wish.end) for wish in shown.wishes[-2:]] == [(NOW - 30, NOW - 10), (NOW - 20, NOW - 15)]
    assert len(chart.data) == 5 and "recorded" not in card.note.whole
    QTest.keyClick(chart, Qt.Key.Key_Escape)
    assert len(chart.data) == 20
    card.back.click()
    assert (len(chart.data), card.ranges.current()) == (60, 1) and not card.back.isVisibleTo(card)
    before = len(shown.wishes)
    QTest.keyClick(chart, Qt.Key.Key_Escape)
    assert len(shown.wishes) == before, "there is nothing to go back to"


def test_a_column_leads_to_the_jobs_that_ended_in_it(qapp: QApplication) -> None:
    shown = Shown(qapp)
    chart = shown.card.chart
    x = round(chart._frame().left_of(55.5))
    assert chart._painting is not None
    for y in (round(chart._painting.height_of(count)) for count in (0.5, 2)):  # one succeeded, two upon it failed
        QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=QPoint(x, y))
    minute = jobs_filter(NOW - 5, NOW - 4, ["succeeded"])
    assert shown.filters == [minute, jobs_filter(NOW - 5, NOW - 4, ["failed"])] and shown.runs == [1, 2]
    shown.filters.clear()
    shown.card.choice.choose("queue", "mail")
    shown.read()
    for key in (Qt.Key.Key_End, Qt.Key.Key_Return):
        QTest.keyClick(chart, key)
    assert shown.filters == [jobs_filter(NOW - 1, NOW, ["succeeded", "failed", "aborted"], "queue", ["mail"])]
    shown.card.choice.choose("task", None)
    shown.read()
    chart.column_chosen.emit(NOW - 5, NOW - 4, "etl.t")
    chart.column_chosen.emit(NOW - 5, NOW - 4, REST)
    assert shown.filters[-2].endswith(" task:etl.t") and shown.filters[-1].endswith(" -task:mail.t,etl.t")
    chart.column_chosen.emit(NOW - 5, NOW - 4, "")
    card = shown.card
    assert "task" not in shown.filters[-1]
    card.layers.set_hidden({"mail.t"})
    chart.column_chosen.emit(NOW - 5, NOW - 4, "")
    assert shown.filters[-1].endswith(" -task:mail.t"), "what the legend has taken out is not counted"
    card.layers.set_hidden({"mail.t", REST})
    chart.column_chosen.emit(NOW - 5, NOW - 4, "")
    assert shown.filters[-1].endswith(" task:etl.t") and shown.runs[-1] == 1
    card.layers.set_hidden({"mail.t"})
    card.layers._toggle("etl.t", is_shown=False)
    chart.column_chosen.emit(NOW - 5, NOW - 4, "")
    assert "task" not in shown.filters[-1] and shown.runs[-1] == 3, "where nothing is shown, nothing is left out"


def test_the_filter_names_the_parts_exactly() -> None:
    odd = ["night shift", "a,b", 'q"uote', "*"]
    text = jobs_filter(NOW - 1, NOW, kind="queue", names=odd)
    assert JobFilter.parse(text).choices("queue") == frozenset(odd)
    assert jobs_filter(NOW - 1, NOW, kind="queue", names=odd, is_without=True) == text.replace("queue:", "-queue:")
    assert "queue" not in jobs_filter(NOW - 1, NOW, kind="queue")


@pytest.mark.parametrize("minutes", [1, 10, 1_440])
def test_the_filter_means_exactly_these_minutes(minutes: int) -> None:
    text = jobs_filter(NOW - minutes, NOW, ["failed"])
    assert JobFilter.parse(text).choices("status") == frozenset({"failed"})
    found = time_range(text.removeprefix("ended:").split(" ")[0])
    assert found is not None and found.low is not None and found.high is not None
    now = dt.datetime.now(dt.UTC)
    first, end = (dt.datetime.fromtimestamp(60 * each, dt.UTC) for each in (NOW - minutes, NOW))
    second = dt.timedelta(seconds=1)
    for at, is_in in ((first - second, False), (first, True), (end - second, True), (end, False)):
        assert found.holds(at, now) is is_in


def test_hidden_series_are_left_out_and_remembered_with_the_rest(qapp: QApplication) -> None:
    shown = Shown(qapp)
    card, kept = shown.card, list[dict[str, Any]]()
    card.remembered.changed.connect(lambda: kept.append(card.remembered.choice()))
    succeeded = card.layers._buttons[0]
    QTest.mouseClick(succeeded, Qt.MouseButton.LeftButton)
    assert [layer.key for layer in card.chart.shown.layers] == ["failed", "aborted"] and not succeeded.isChecked()
    card.ranges.choose(3)
    card.below_choice._chosen("run")
    card.choice._chosen("queue", "mail")
    card.curves._toggle("p99", is_shown=False)
    wanted = {"minutes": 1_440, "kind": "queue", "name": "mail", "below": "run", "hidden": ["p99", "succeeded"]}
    assert kept[-1] == wanted
    other = Shown(qapp).card
    other.remembered.choose(wanted)
    assert (other.minutes, other.choice.name, other.below, other.ranges.current()) == (1_440, "mail", "run", 3)
    assert other.layers.hidden | other.curves.hidden == {"p99", "succeeded"}
    for odd in (None, [], {"minutes": [], "kind": {}, "name": 7, "below": [], "hidden": [{}, 3]}, {"minutes": 7}):
        other.remembered.choose(odd)
        assert (other.minutes, other.choice.name, other.below, other.ranges.current()) == (60, None, "wait", 1)


def test_fifty_queues_stand_upon_each_other_and_the_rest_is_one(qapp: QApplication) -> None:
    shown = Shown(qapp)
    minute = Minute()
    for number in range(60):
        for _ in range(number + 1):
            minute.add(Occurrence(NOW - 1, f"q{number:02}", "t", EventType.SUCCEEDED, 1.0))
    shown.history.keep({NOW - 1: minute})
    shown.card.choice._chosen("queue", None)
    layers = shown.card.chart.data.layers
    assert len(layers) == spans.MOST_PARTS + 1 and layers[-1].name == "12 others"
    assert shown.card.layers._more.text() == "47 more" and len(shown.card.layers._menu.actions()) == 47
    shown.card.layers._menu.actions()[0].trigger()
    assert len(shown.card.chart.shown.layers) == spans.MOST_PARTS


@pytest.mark.parametrize("is_by_queue", [False, True])
@pytest.mark.parametrize("width", [640, 900, 1_250, 2_200])
def test_nothing_in_the_head_is_cut(qapp: QApplication, width: int, is_by_queue: bool) -> None:
    shown = Shown(qapp, width)
    card = shown.card
    if is_by_queue:
        minute = Minute()
        for number in 200 * list(range(50)):
            minute.add(Occurrence(NOW - 1, f"{number} is a name that goes on and on", "t", EventType.SUCCEEDED, 1.0))
        shown.history.keep({NOW - 1: minute})
        card.choice._chosen("queue", None)
        button = card.layers._buttons[0]
        assert len(button.text()) == 20 and button.accessibleName().endswith(" goes on and on")
    QTest.qWait(1)
    shown.card.grab()
    assert card.minimumSizeHint().width() <= width, "a long name makes no page wider"
    parts = [card.title, card.layers, card.below_choice, card.curves, card.choice, card.ranges]
    for part in parts:
        assert part.width() >= part.sizeHint().width(), part
        assert card.rect().contains(part.mapTo(card, part.rect().bottomRight())), part
