"""The chart on show as a file: a picture, or the values that it is drawn from."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobdesk_core.files import whole_path
from jobdesk_core.lines import KINDS, write_list
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication, QWidget

from jobdesk.acting.banners import Banners
from jobdesk.exporting import export
from jobdesk.exporting.dialog import About, Choice, ExportDialog, Form
from jobdesk.kit import formats
from jobdesk.kit.chart.chart import Chart
from jobdesk.kit.chart.data import ChartData
from jobdesk.kit.chart.files import write_png, write_svg
from jobdesk.kit.work import Work

PICTURES = ("png", "svg")


def on_show(view: QWidget) -> Chart | None:
    """The chart that has the focus, or else the first in sight; None where there is none."""
    found = [each for each in view.findChildren(Chart) if each.isVisible() and each.width() and each.height()]
    focused = QApplication.focusWidget()
    return next((each for each in found if each is focused), found[0] if found else None)


def ask(parent: QWidget, chart: Chart, profile: str, work: Work, banners: Banners) -> None:
    """Ask how and where, and write what the chart shows now."""
    data = chart.shown
    heading = " · ".join(filter(None, (formats.visible(profile), span_words(data))))

    def begin(form: Form, path: Path) -> None:
        def told(_: None) -> None:
            banners.add("good", export.chart_words(path))

        def failed(error: Exception) -> None:
            banners.add("bad", *export.failure_words(error, path))

        writing = asyncio.to_thread(write, data, heading, form, path)
        work.start(writing, name="export chart", then=told, failed=failed)

    about = About(
        _tr("Export chart"),
        _tr("Chart"),
        "chart",
        _tr("As it is on show; values with times in UTC."),
        kinds=(*PICTURES, *KINDS),
        has_columns=False,
    )
    ExportDialog(parent, about=about, choices=[Choice(span_words(data), begin)]).open()


def write(data: ChartData, heading: str, form: Form, path: Path) -> None:
    """Write the file; when it fails, what was at `path` stays. Raises OSError."""
    if form.kind not in PICTURES:
        write_list(path, form.kind, titles_of(data), rows_of(data), has_bom=form.has_bom)
        return
    with whole_path(path) as beside:
        (write_png if form.kind == "png" else write_svg)(str(beside), data, heading)


def titles_of(data: ChartData) -> list[str]:
    """The columns of a chart's values: a stretch of time, how many of its minutes were recorded, then what is drawn."""
    curves = [f"{data.curves_name} {curve.name} ({data.unit})" for curve in data.curves]
    return ["start", "minutes", "recorded minutes", *(layer.name for layer in data.layers), *curves]


def rows_of(data: ChartData) -> Iterator[list[Any]]:
    """A row for each column; what was not recorded is not known, and no zero."""
    for column, recorded in enumerate(data.recorded):
        counts = [layer.values[column] if recorded else None for layer in data.layers]
        values = [curve.values[column] for curve in data.curves]
        yield [_moment(data.span(column)[0]), data.step, recorded, *counts, *values]


def span_words(data: ChartData) -> str:
    """From when to when, in the zone of choice."""
    first, end = formats.here(_moment(data.first)), formats.here(_moment(data.end))
    until = f"{end:%H:%M}" if first.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{first:%Y-%m-%d %H:%M} – {until}"


def _moment(minute: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(60 * minute, dt.UTC)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Export", text)
