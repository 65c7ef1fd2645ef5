"""The colours of the themes and the shape of each status. Nothing else in the window names a colour."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Literal, TypeVar

from jobdesk_core.jobs import EventType, Status
from PySide6.QtGui import QColor

K = TypeVar("K")
V = TypeVar("V")
#: What something means, as a colour: how much it matters, a status, how it went. Empty for plain text.
Tone = Literal[
    "",
    "text",
    "secondary",
    "faint",
    "accent",
    "todo",
    "doing",
    "succeeded",
    "failed",
    "cancelled",
    "aborting",
    "aborted",
    "neutral",
    "info",
    "good",
    "warning",
    "bad",
]
#: The other colours of a theme: grounds, lines, frames.
Surface = Literal[
    "background",
    "panel",
    "header",
    "selection",
    "changed",
    "hover",
    "field",
    "line",
    "field_line",
    "focus",
    "on_accent",
]
#: How a label is written: in a tone, or by what the style sheet knows besides.
Look = Tone | Literal["small", "strong"]
#: The kinds of messages.
Kind = Literal["info", "good", "warning", "bad"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """One theme's colours as `#rrggbb`.

    Every text colour has a contrast of 4.5:1 or more on each ground. With high contrast it is 7:1, what is disabled has
    4.5:1, and each line and the mark of the focus 3:1.
    """

    is_dark: bool
    is_high_contrast: bool = False

    #: Grounds.
    background: str
    panel: str
    header: str
    selection: str
    #: Ground of a cell that has just changed; fades into the row's ground.
    changed: str
    #: Ground under the pointer.
    hover: str
    #: Ground of fields to type into.
    field: str

    #: Lines.
    line: str
    field_line: str

    #: Text.
    text: str
    secondary: str
    #: Text and shapes of what is disabled; readable, but below the contrast asked of the rest.
    faint: str
    accent: str
    on_accent: str
    #: The frame of what has the focus.
    focus: str

    #: Status.
    todo: str
    doing: str
    succeeded: str
    failed: str
    cancelled: str
    aborted: str

    @property
    def edge(self) -> int:
        """The width of the frame of what has the focus, in logical pixels."""
        return 2 if self.is_high_contrast else 1

    def value(self, tone: Tone | Surface) -> str:
        """The `#rrggbb` of a token, a status or a tone (`neutral`, `good`, `warning`, `bad`, empty for text).

        A tone that nobody knows is shown as text: it may come from a newer release's status.
        """
        return _values(self).get(tone, self.text)

    def colour(self, tone: Tone | Surface) -> QColor:
        """The colour of a tone, made once. Do not change it in place."""
        return _colour(self.value(tone))

    def series(self, place: int) -> QColor:
        """The colour of one series among many: neighbours differ as far as hues can."""
        lightness = (0.72 if self.is_dark else 0.46) + (-0.1, 0.0, 0.1)[place % 3]
        return QColor.fromHslF((0.58 + place * 0.381966) % 1, 0.5, lightness)


LIGHT = Tokens(
    is_dark=False,
    background="#f6f7f9",
    panel="#ffffff",
    header="#fafbfc",
    selection="#e3edff",
    changed="#fff1bf",
    hover="#eef1f5",
    field="#ffffff",
    line="#e2e5ea",
    field_line="#c9cfd8",
    text="#1c2430",
    secondary="#5c6779",
    faint="#8b95a5",
    accent="#1860d0",
    on_accent="#ffffff",
    focus="#1860d0",
    todo="#556378",
    doing="#1860d0",
    succeeded="#147244",
    failed="#c31f2b",
    cancelled="#7a48a0",
    aborted="#9c4d00",
)

DARK = Tokens(
    is_dark=True,
    background="#15181d",
    panel="#1b1f26",
    header="#181c22",
    selection="#23324a",
    changed="#38311a",
    hover="#232830",
    field="#15181d",
    line="#2a303a",
    field_line="#3d4654",
    text="#e4e8ee",
    secondary="#98a2b3",
    faint="#6b7585",
    accent="#5b9dff",
    on_accent="#0d1526",
    focus="#5b9dff",
    todo="#8fa3bf",
    doing="#5b9dff",
    succeeded="#4cc38a",
    failed="#ff6b6b",
    cancelled="#b49aca",
    aborted="#f0a35e",
)

HIGH_LIGHT = Tokens(
    is_dark=False,
    is_high_contrast=True,
    background="#ffffff",
    panel="#ffffff",
    header="#ffffff",
    selection="#d6e6ff",
    changed="#fff2b3",
    hover="#e8eef7",
    field="#ffffff",
    line="#5c6470",
    field_line="#000000",
    text="#000000",
    secondary="#2b3340",
    faint="#595f69",
    accent="#003a99",
    on_accent="#ffffff",
    focus="#003a99",
    todo="#36435a",
    doing="#003a99",
    succeeded="#004d22",
    failed="#8a0012",
    cancelled="#54267d",
    aborted="#633000",
)

HIGH_DARK = Tokens(
    is_dark=True,
    is_high_contrast=True,
    background="#000000",
    panel="#000000",
    header="#000000",
    selection="#002952",
    changed="#332b00",
    hover="#1f1f1f",
    field="#000000",
    line="#8d95a1",
    field_line="#ffffff",
    text="#ffffff",
    secondary="#d5dae2",
    faint="#a3abb8",
    accent="#8cc8ff",
    on_accent="#000000",
    focus="#ffd91a",
    todo="#c3d0e3",
    doing="#8cc8ff",
    succeeded="#6ee7a8",
    failed="#ffa3a3",
    cancelled="#d9bdf2",
    aborted="#ffc183",
)

#: The grounds that text is written on, and the tokens it is written with.
GROUNDS = ("background", "panel", "header", "selection", "changed", "hover", "field")
TEXTS: tuple[Tone, ...] = (
    *("text", "secondary", "accent"),
    *("todo", "doing", "succeeded", "failed", "cancelled", "aborted"),
)

#: Words for a token that carries a meaning of its own.
TONES: dict[Tone, Tone] = {
    "": "text",
    "neutral": "todo",
    "info": "accent",
    "good": "succeeded",
    "warning": "aborted",
    "bad": "failed",
    "aborting": "aborted",
}


#: A status is told by its shape and its word as well as by its colour.
class _Shapes(dict[K, V]):
    """Shapes of labels, those too that somebody has added to the database's own."""

    def __init__(self, known: dict[K, V], other: V) -> None:
        super().__init__(known)
        self._other = other

    def __missing__(self, label: K) -> V:
        return self._other


STATUS_SHAPE: dict[Status, str] = _Shapes(
    {
        Status.TODO: "circle",
        Status.DOING: "half-circle",
        Status.SUCCEEDED: "check",
        Status.FAILED: "cross",
        Status.CANCELLED: "slashed-circle",
        Status.ABORTING: "half-square",
        Status.ABORTED: "square",
    },
    "circle",
)

#: Shape and tone of each event.
EVENT_SHAPE: dict[EventType, tuple[str, Tone]] = _Shapes(
    {
        EventType.DEFERRED: ("circle", "todo"),
        EventType.SCHEDULED: ("circle", "todo"),
        EventType.STARTED: ("half-circle", "doing"),
        EventType.DEFERRED_FOR_RETRY: ("arrow", "todo"),
        EventType.RETRIED: ("arrow", "todo"),
        EventType.SUCCEEDED: ("check", "succeeded"),
        EventType.FAILED: ("cross", "failed"),
        EventType.CANCELLED: ("slashed-circle", "cancelled"),
        EventType.ABORT_REQUESTED: ("half-square", "aborted"),
        EventType.ABORTED: ("square", "aborted"),
    },
    ("circle", "neutral"),
)

#: Shape of each kind of message.
KIND_SHAPE: dict[Kind, str] = {"info": "circle", "good": "check", "warning": "triangle", "bad": "cross"}


@cache
def _values(tokens: Tokens) -> dict[str, str]:
    own = {item.name: getattr(tokens, item.name) for item in fields(tokens) if item.type == "str"}
    return own | {tone: own[name] for tone, name in TONES.items()}


@cache
def _colour(value: str) -> QColor:
    return QColor(value)


def readable_on(ground: str) -> str:
    """Black or white, whichever is easier to read on a `#rrggbb` ground."""
    return max(("#ffffff", "#000000"), key=lambda text: contrast(text, ground))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two `#rrggbb` colours, 1 to 21, as WCAG 2 defines it."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(value: str) -> float:
    channels = (int(value[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
