"""The chart: what was not recorded is neither zero nor joined, one failure in a week is seen, and hands choose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from jobdesk.kit.chart import box
from jobdesk.kit.chart.binning import bins_of
from jobdesk.kit.chart.chart import Chart
from jobdesk.kit.chart.data import ChartData, Curve, Layer
from jobdesk.kit.chart.files import write_png, write_svg
from jobdesk.kit.chart.scales import count_text, percent_text, ticks
from jobdesk.kit.theme import theme
from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

FIRST = 29_600_000
GAP = range(13, 19)


def outcomes(columns: int = 60, failed_at: int = 40, step: int = 1) -> ChartData:
    known = [0 if place in GAP else step for place in range(columns)]
    succeeded = [(80 if place == failed_at else 100) * minutes for place, minutes in enumerate(known)]
    failed = [5 if place == failed_at else 0 for place in range(columns)]
    waited = [2.0 if minutes else None for minutes in known]
    return ChartData(
        FIRST,
        step,
        known,
        [
            Layer("succeeded", "succeeded", succeeded, "succeeded", "check", is_ground=True),
            Layer("failed", "failed", failed, "failed", "cross", is_marked=True),
        ],
        [Curve("p50", "p50", waited, "accent")],
        "wait",
    )


def shown(qapp: QApplication, data: ChartData) -> Chart:
    theme().install(qapp)
    chart = Chart()
    chart.resize(1000, 320)
    chart.set_data(data, "Nothing.")
    chart.grab()  # paint it
    return chart


def colours(image: QImage, place: QRect) -> set[str]:
    across, down = range(place.left(), place.right()), range(place.top(), place.bottom())
    return {image.pixelColor(x, y).name() for x in across for y in down}


def test_what_was_not_recorded_is_hatched_and_neither_zero_nor_joined(qapp: QApplication) -> None:
    chart = shown(qapp, outcomes())
    frame, image = chart._frame(), chart.grab().toImage()
    left, right = round(frame.left_of(GAP.start)) + 2, round(frame.left_of(GAP.stop)) - 2
    for plot in (frame.upper, frame.lower):
        gap = QRect(left, round(plot.top()) + 2, right - left, round(plot.height()) - 4)
        words = {theme().colour("secondary").name()}
        seen = colours(image, gap)
        assert theme().colour("line").name() in seen, "hatched"
        assert not seen & {theme().colour(tone).name() for tone in ("succeeded", "failed", "accent")} - words
    strokes = chart._painting._strokes(chart.data.curves[0].values) if chart._painting else []
    assert [len(each) for each in strokes] == [GAP.start, 60 - GAP.stop]
    assert "not recorded" in box.told(chart.data, GAP.start)


def test_one_failure_in_a_week_of_minutes_is_seen_and_no_height_is_lost(qapp: QApplication) -> None:
    data = outcomes(10_080, failed_at=7_001)
    bins = bins_of(data, 900)
    assert len(bins.spans) < 900 and bins.spans[-1][1] == 10_080
    place = next(place for place, (low, high) in enumerate(bins.spans) if low <= 7_001 < high)
    assert bins.heights[1][place] == 5 and bins.heights[0][place] + 5 == 100 == bins.highest
    chart = shown(qapp, data)
    x = round(chart._frame().left_of(7_001))
    column = colours(chart.grab().toImage(), QRect(x - 2, 12, 5, 150))
    assert theme().colour("failed").name() in column


def test_counts_are_drawn_per_minute_that_was_recorded() -> None:
    data = ChartData(FIRST, 10, [10, 4], [Layer("s", "s", [50, 20], "succeeded")])
    assert bins_of(data, 500).heights == [[5.0, 5.0]]


def test_a_click_chooses_a_column_a_drag_a_range_and_escape_leaves_it(qapp: QApplication) -> None:
    chart, asked = shown(qapp, outcomes()), list[tuple[object, ...]]()
    chart.column_chosen.connect(lambda first, end, key: asked.append((key, first - FIRST, end - FIRST)))
    chart.range_chosen.connect(lambda first, end: asked.append(("range", first - FIRST, end - FIRST)))
    chart.back_asked_for.connect(lambda: asked.append(("back",)))
    at = {each: QPoint(round(chart._frame().left_of(each + 0.5)), 80) for each in (20, 29)}
    QTest.mouseMove(chart, at[20])
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=at[20])
    for keep in (True, False):
        QTest.mousePress(chart, Qt.MouseButton.LeftButton, pos=at[29])
        QTest.mouseMove(chart, at[20])
        assert chart.is_dragging and "–" in chart.accessibleDescription()
        if not keep:
            QTest.keyClick(chart, Qt.Key.Key_Escape)
        QTest.mouseRelease(chart, Qt.MouseButton.LeftButton, pos=at[20])
    QTest.keyClick(chart, Qt.Key.Key_Escape)
    assert asked == [("succeeded", 20, 21), ("range", 20, 30), ("back",)]


def test_a_drag_beyond_the_edges_ends_at_them_and_a_shake_of_the_hand_is_a_click(qapp: QApplication) -> None:
    chart, asked = shown(qapp, outcomes()), list[tuple[int, ...]]()
    chart.column_chosen.connect(lambda first, end, _: asked.append((first - FIRST, end - FIRST)))
    chart.range_chosen.connect(lambda first, end: asked.append((first - FIRST, end - FIRST, 0)))
    middle = round(chart._frame().left_of(20.5))
    shaken = middle + 2
    for to in (5_000, chart.width() - 1, -5_000, 0, shaken):
        QTest.mousePress(chart, Qt.MouseButton.LeftButton, pos=QPoint(middle, 80))
        QTest.mouseMove(chart, QPoint(to, 500 if abs(to) > 1_000 else 80))
        QTest.mouseRelease(chart, Qt.MouseButton.LeftButton, pos=QPoint(to, 80))
    assert asked == [(20, 60, 0), (20, 60, 0), (0, 21, 0), (0, 21, 0), (20, 21)]


def test_what_comes_while_a_range_is_dragged_waits_for_its_end(qapp: QApplication) -> None:
    chart, asked = shown(qapp, outcomes()), list[tuple[int, int]]()
    chart.range_chosen.connect(lambda first, end: asked.append((first - FIRST, end - FIRST)))
    at = [QPoint(round(chart._frame().left_of(each + 0.5)), 80) for each in (20, 29)]
    QTest.mousePress(chart, Qt.MouseButton.LeftButton, pos=at[0])
    QTest.mouseMove(chart, at[1])
    later = replace(outcomes(), first=FIRST + 3)
    chart.set_data(later)
    assert chart.data.first == FIRST
    QTest.mouseRelease(chart, Qt.MouseButton.LeftButton, pos=at[1])
    assert asked == [(20, 30)] and chart.data is later
    chart.column_chosen.connect(lambda: asked.append((0, 0)))
    painting = chart._painting
    chart.set_data(replace(later))
    assert chart._painting is painting, "the same again is not painted anew"


def test_a_click_tells_which_layer_it_hit(qapp: QApplication) -> None:
    chart = shown(qapp, outcomes())
    painting = chart._painting or pytest.fail("not painted")
    tops = {79: "succeeded", 83: "failed", 160: ""}
    assert {count: painting.layer_at(40, painting.height_of(count)) for count in tops} == tops


def test_the_keys_move_the_line_tell_the_values_and_choose(qapp: QApplication) -> None:
    chart, asked = shown(qapp, outcomes()), []
    chart.column_chosen.connect(lambda first, end, _: asked.append((first - FIRST, end - FIRST)))
    chart.range_chosen.connect(lambda first, end: asked.append((first - FIRST, end - FIRST)))
    assert chart.accessibleDescription() == "succeeded 5,380, failed 5"
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert chart.column == 59, "the first key shows the latest"
    for _ in range(19):
        QTest.keyClick(chart, Qt.Key.Key_Left)
    assert chart.column == 40
    assert "one minute, succeeded 80, failed 5, failed of all 5.9 %, wait p50, 2 s" in chart.accessibleDescription()
    QTest.keyClick(chart, Qt.Key.Key_Return)
    for _ in range(3):
        QTest.keyClick(chart, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(chart, Qt.Key.Key_Return)
    assert asked == [(40, 41), (40, 44)]


@pytest.mark.parametrize("column", [0, 20, 40, 59])
@pytest.mark.parametrize("y", [20, 100, 200, 290])
def test_the_box_keeps_off_the_pointer_and_within_the_chart(qapp: QApplication, column: int, y: int) -> None:
    chart = shown(qapp, outcomes())
    frame = chart._frame()
    pointer = QRectF(frame.left_of(column + 0.5), y, 0, 0).topLeft()
    placed = box._placed(frame, column, 180, 120, pointer)
    assert not placed.contains(pointer) and not placed.contains(frame.left_of(column + 0.5), placed.center().y())
    assert QRectF(chart.rect()).contains(placed)
    # In a wide column the pointer may be far from the line.
    few = shown(qapp, outcomes(5))
    for part in (0.05, 0.95):
        beside = QRectF(few._frame().left_of(column % 5 + part), y, 0, 0).topLeft()
        assert not box._placed(few._frame(), column % 5, 180, 120, beside).contains(beside)


def test_many_series_are_told_by_the_largest_and_the_rest_together(qapp: QApplication) -> None:
    data = ChartData(FIRST, 1, [1], [Layer(f"q{each}", f"q{each}", [each], each) for each in range(50)])
    lines = box.box_lines(data, 0)[1:]
    assert [line.words for line in lines] == [*(f"q{each}" for each in range(49, 42, -1)), "43 others"]
    assert sum(int(line.number) for line in lines) == sum(range(50))


def test_the_box_has_as_many_lines_as_there_is_room_for(qapp: QApplication) -> None:
    theme().install(qapp)
    data = ChartData(FIRST, 1, [1] * 9, [Layer(f"q{each}", f"q{each}", [each] * 9, each) for each in range(50)])
    chart = Chart()
    chart.resize(600, 190)
    chart.set_data(replace(data, curves=[Curve("p50", "p50", [1.0] * 9, "accent")], curves_name="wait"))
    QTest.keyClick(chart, Qt.Key.Key_Left)
    image = chart.grab().toImage()
    line = theme().colour("field_line").name()
    painted = [y for y in range(190) if line in colours(image, QRect(300, y, 200, 2))]
    assert painted and max(painted) < 189, "its lower edge is seen"
    told = box.box_lines(chart.data, 8, 7)
    assert [each.words for each in told[1:4]] == ["q49", "q48", "48 others"] and len(told) == 6


def test_large_counts_and_small_shares_are_told_as_what_they_are() -> None:
    counts = {0: "0", 999_999: "999,999", 2_500_000: "2.5 M", 40_000_000: "40 M", 1_250_000_000: "1,250 M"}
    assert {count: count_text(count) for count in counts} == counts
    shares = {0.0: "0", 0.0001: "< 0.1", 0.06: "0.1", 33.333: "33.3", 99.99: "> 99.9", 100.0: "100"}
    assert {share: percent_text(share) for share in shares} == shares


def test_the_times_below_are_even_ones_across_a_change_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    import datetime as dt
    import zoneinfo

    from jobdesk_core import moments

    monkeypatch.setattr(moments, "_zone", zoneinfo.ZoneInfo("Europe/Berlin"))
    first = int(dt.datetime(2026, 10, 21, 22, tzinfo=dt.UTC).timestamp()) // 60  # midnight there
    week = ChartData(first, 60, [60] * 170)
    days = [f"{name} Oct" for name in ("Thu 22", "Fri 23", "Sat 24", "Sun 25", "Mon 26", "Tue 27", "Wed 28")]
    assert [text for _, text in ticks(week, 900, 84)][:7] == days


def test_a_chart_is_a_file_of_its_own(qapp: QApplication, tmp_path: Path) -> None:
    png, svg = tmp_path / "chart.png", tmp_path / "chart.svg"
    write_png(str(png), outcomes(), "Finished per minute")
    write_svg(str(svg), outcomes(), "Finished per minute")
    assert QImage(str(png)).width() == 2_400 and "Finished per minute" in svg.read_text()
    for write in (write_png, write_svg):
        with pytest.raises(OSError):
            write(str(tmp_path / "no" / "such"), outcomes(), "")
