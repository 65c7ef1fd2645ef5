"""The timeline's words: whole in every width that the inspector can have."""

from __future__ import annotations

import datetime as dt

import pytest
from jobdesk.inspector.timeline import LINE_HEIGHT, Timeline
from jobdesk.kit.theme import theme
from jobdesk_core.job.related_jobs import UsualTimes
from jobdesk_core.jobs import EventType, Status
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QApplication

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize("width", [200, 256, 300, 900])
def test_nothing_of_what_it_says_is_cut(qapp: QApplication, width: int) -> None:
    theme().install(qapp)
    timeline = Timeline()
    kinds = (EventType.DEFERRED, *(EventType.STARTED, EventType.DEFERRED_FOR_RETRY) * 4, EventType.STARTED)
    events = [(number, kind, NOW + dt.timedelta(seconds=797 * number)) for number, kind in enumerate(kinds)]
    timeline.set_events(events, Status.DOING, NOW + dt.timedelta(hours=7))
    timeline.set_usual(UsualTimes(20, (226.0, 6_960.0), (0.949, 4.4)))
    tall = timeline.sizeHint().height()
    timeline.resize(width, tall)
    metrics = QFontMetrics(theme().font(11), timeline)
    assert all(metrics.horizontalAdvance(line) <= width for line in timeline.shown_lines())
    assert " · ".join(timeline.shown_lines()) == " · ".join(timeline.summary().split("\n"))
    assert timeline.sizeHint().height() >= len(timeline.shown_lines()) * LINE_HEIGHT
