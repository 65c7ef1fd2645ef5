"""Numbers in the window say what they are worth, the same way wherever they stand."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from jobdesk.failures.model import FAILED, STILL, FailuresModel
from jobdesk.failures.rows import Row, key_of
from jobdesk.failures.words import counts_sentence
from jobdesk.inspector.related_jobs_panel import OthersPanel
from jobdesk.kit import formats
from jobdesk.kit.listed import value_of
from jobdesk_core.failures.records import By, FailureGroup, Failures, Range
from jobdesk_core.job.related_jobs import LIVE_LIMIT, Others
from jobdesk_core.number import Number, at_least, estimated, exact, known_at, so_far, unknown
from PySide6.QtWidgets import QApplication

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
GROUP = FailureGroup("mail.send", None, None, 1_234, 5_000, None, (1_234,), NOW, NOW, 7)
FOUND = Failures(
    *(NOW, None, By.TASK, NOW, 60, (1_234,), (GROUP,), 1_234, 5_000, 7, (), (), ()),
    is_counted=True,
    is_whole=True,
    read_back_to=NOW,
)


@pytest.mark.parametrize(
    ("number", "text", "tone"),
    [
        (exact(3), "3", "bad"),
        (exact(0), "0", "secondary"),
        (known_at(3, NOW), "3", "secondary"),
        (estimated(1_234_567), "≈1.2 M", "bad"),
        (so_far(3), "3+", "bad"),
        (at_least(1_000), "1,000+", "bad"),
        (unknown(), "–", "secondary"),
    ],
)
def test_a_cell_is_grey_where_it_is_zero_old_or_not_known(number: Number, text: str, tone: str) -> None:
    assert formats.count_cell(number, "bad") == (text, tone)
    assert bool(formats.count_tip(number)) is not number.is_exact


def test_failures_that_are_still_being_counted_are_so_many_so_far(qapp: QApplication) -> None:
    model = FailuresModel()
    for found, shown, sentence in (
        (FOUND, ["1,234", "7"], "1,234 failures in 1 group, 7 jobs still failed"),
        (
            replace(FOUND, is_counted=False),
            ["1,234+", "7+"],
            "1,234 failures in 1 group, 7 jobs still failed, so far",
        ),
    ):
        model.show(found, [Row(key_of(GROUP, By.TASK), GROUP)], Range.HOUR, NOW, False)
        for line in range(2):
            assert [model.index(line, column).data() for column in (FAILED, STILL)] == shown, "the sum, too"
        worth = value_of(model.index(0, FAILED))
        assert worth == (exact(1_234) if found.is_counted else so_far(1_234))
        assert counts_sentence(found) == sentence


def test_related_jobs_beyond_the_limit_are_at_least_so_many(qapp: QApplication) -> None:
    panel = OthersPanel()
    panel.show_others([Others("task", "t", LIVE_LIMIT, 2), Others("lock", "l", LIVE_LIMIT - 1, 0)])
    assert "1,000+ waiting or running, 2 finished" in panel.block.plain_text
    assert "999 waiting or running, 0 finished" in panel.block.plain_text
