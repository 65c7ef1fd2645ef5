"""What the chart of the overview shows of a stretch of the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from jobdesk_core.history.ranges import Column, Range
from jobdesk_core.jobs import EventType
from jobdesk_core.watching.live_hour import finished
from jobdesk_core.watching.spans import Span
from PySide6.QtCore import QCoreApplication

from jobdesk.kit import formats
from jobdesk.kit.chart.data import ChartData, Curve, Layer, Unit
from jobdesk.kit.theme.tokens import Tone

#: What stands below the counts: how long jobs waited, how long they ran, which share of them failed.
Below = Literal["wait", "run", "share"]
BELOW: tuple[Below, ...] = ("wait", "run", "share")
PERCENTILES: tuple[tuple[str, float, Tone], ...] = (
    ("p50", 0.5, "accent"),
    ("p95", 0.95, "text"),
    ("p99", 0.99, "todo"),
)
#: The key of what the busiest names leave over.
REST = "\0rest"


def charted(span: Span, below: Below) -> ChartData:
    """The columns of a span. It may take a while: for a thread of its own."""
    found = span.chosen
    recorded = [column.recorded for column in found.columns]
    layers = _parts(span) if span.wish.kind is not None and span.wish.name is None else _outcomes(found.columns)
    unit: Unit = "%" if below == "share" else "s"
    return ChartData(found.first, found.step, recorded, layers, _curves(found, below), below_names()[below], unit)


def below_names() -> dict[Below, str]:
    """What can stand below, and how it is called."""
    return {"wait": _tr("wait"), "run": _tr("run"), "share": _tr("failed share")}


def outcome_names() -> dict[str, str]:
    """What the outcomes are called, by their keys, from the bottom up."""
    return {"succeeded": _tr("succeeded"), "failed": _tr("failed"), "aborted": _tr("aborted")}


def _outcomes(columns: Sequence[Column]) -> list[Layer]:
    names, shapes = outcome_names(), {"succeeded": "check", "failed": "cross", "aborted": "square"}
    tones: dict[str, Tone] = {"succeeded": "succeeded", "failed": "failed", "aborted": "aborted"}
    return [
        Layer(
            key,
            name,
            [column.counts[EventType(key)] for column in columns],
            tones[key],
            shapes[key],
            is_ground=key == "succeeded",
            is_marked=key != "succeeded",
        )
        for key, name in names.items()
    ]


def _parts(span: Span) -> list[Layer]:
    layers = [
        Layer(name, formats.cut(name, 40), values, place) for place, (name, values) in enumerate(span.parts.items())
    ]
    if span.others:
        words = _tr("{count} others").format(count=formats.number(span.others))
        layers.append(Layer(REST, words, span.rest, "secondary"))
    return layers


def _curves(found: Range, below: Below) -> list[Curve]:
    if below == "share":
        return [Curve("share", "", [_share(column.counts) for column in found.columns], "failed", _share(found.counts))]
    histograms = [column.waited if below == "wait" else column.ran for column in found.columns]
    whole = found.waited if below == "wait" else found.ran
    return [
        Curve(key, key, [each.percentile(part) if each else None for each in histograms], tone, whole.percentile(part))
        for key, part, tone in PERCENTILES
    ]


def _share(counts: Mapping[EventType, int]) -> float | None:
    ended = finished(counts)
    return 100 * counts[EventType.FAILED] / ended if ended else None


def _tr(text: str) -> str:
    return QCoreApplication.translate("Overview", text)
