"""A traceback as it was reported: the application's own frames stand out, those of libraries are folded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from jobdesk.kit.text_block import Run
from jobdesk.kit.theme.tokens import Tone

_FILE = re.compile(r'^\s*File "(?P<path>.*)", line (?P<line>\d+)(?:, in (?P<name>.*))?$')
#: What lies below these was installed, not written here.
_FOREIGN = re.compile(
    r"(^|[/\\])(site-packages|dist-packages)[/\\]|[/\\]lib(64)?[/\\]python[0-9.]+[/\\]|^<frozen |^<string>$"
)
#: Steps of a path that are told, from its end.
_STEPS = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """One place in the code, and its lines as they were reported."""

    path: str
    line: int
    name: str
    source: tuple[str, ...]

    @property
    def is_own(self) -> bool:
        """Whether the application wrote it."""
        return _FOREIGN.search(self.path) is None

    @property
    def library(self) -> str:
        """The library that it belongs to; `python` for Python's own."""
        found = re.search(r"(?:site|dist)-packages[/\\]([^/\\]+)", self.path)
        return re.sub(r"\.py$", "", found[1]) if found else "python"


#: A frame, or a line that is none: a heading, the error itself, what stands between chained errors.
Part = Frame | str


def parts_of(text: str) -> list[Part]:
    """The frames and the other lines of a traceback, in their order."""
    found: list[Part] = []
    source: list[str] = []
    head: re.Match[str] | None = None

    def end() -> None:
        if head is not None:
            found.append(Frame(head["path"], int(head["line"][:9]), head["name"] or "", tuple(source)))

    for line in text.splitlines():
        match = _FILE.match(line)
        if match is not None:
            end()
            head, source = match, []
        elif head is not None and line.startswith("    "):
            source.append(line.strip())
        else:
            end()
            head, source = None, []
            found.append(line)
    end()
    return found


def count_frames(parts: Sequence[Part]) -> int:
    """How many frames there are."""
    return sum(isinstance(part, Frame) for part in parts)


def has_own(parts: Sequence[Part]) -> bool:
    """Whether the application's own code is among them."""
    return any(isinstance(part, Frame) and part.is_own for part in parts)


def runs_of(
    parts: Sequence[Part], *, is_whole: bool, has_link: Callable[[Frame], bool] = lambda frame: False
) -> list[Run]:
    """How it is shown: whole, or with the libraries' frames folded into one line each time.

    The place of a frame that `has_link` is one: `frame:` and the frame's number from 0.
    """
    lines: list[list[Run]] = []
    folded: list[Frame] = []
    is_folding = not is_whole and has_own(parts)
    number = -1
    for part in [*parts, None]:
        number += isinstance(part, Frame)
        if isinstance(part, Frame) and is_folding and not part.is_own:
            folded.append(part)
            continue
        if folded:
            lines.append([Run(_folded_words(folded), "secondary", is_mono=True)])
            folded = []
        if isinstance(part, Frame):
            lines += _frame_lines(part, f"frame:{number}" if has_link(part) else "")
        elif part is not None and part.strip() and not part.startswith("Traceback (most recent call last)"):
            lines.append(list(_error_runs(part)))
    joined: list[Run] = []
    for place, line in enumerate(lines):
        joined += [Run("\n"), *line] if place else line
    return joined


def _frame_lines(frame: Frame, link: str) -> list[list[Run]]:
    is_own = frame.is_own
    tone: Tone = "" if is_own else "secondary"
    place = f"{_short(frame.path)}:{frame.line}"
    inside = _tr(" in {name}").format(name=frame.name) if frame.name else ""
    lines = [[Run(place, tone, is_mono=True, is_strong=is_own, link=link), Run(inside, "secondary", is_mono=True)]]
    sources = (line for line in frame.source if line.strip("~^ "))
    return lines + [[Run(f"    {line}", tone, is_mono=True, is_strong=is_own)] for line in sources]


def _error_runs(line: str) -> Iterator[Run]:
    name, colon, rest = line.partition(":")
    is_error = bool(re.fullmatch(r"[A-Za-z_][\w.]*", name)) and not line.startswith(" ")
    if is_error:
        yield Run(name, "bad", is_mono=True, is_strong=True)
        yield Run(colon + rest, "secondary", is_mono=True)
    else:
        yield Run(line, "secondary", is_mono=True)


def _folded_words(frames: Sequence[Frame]) -> str:
    libraries = ", ".join(list(dict.fromkeys(frame.library for frame in frames))[:3])
    one = _tr("  … 1 frame in {libraries}").format(libraries=libraries)
    more = _tr("  … {count} frames in {libraries}").format(count=len(frames), libraries=libraries)
    return one if len(frames) == 1 else more


def _short(path: str) -> str:
    found = re.search(r"(?:site|dist)-packages[/\\](.*)", path)
    steps = re.split(r"[/\\]", found[1] if found else path)
    return "/".join(steps[-_STEPS:] if not found else steps)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Traceback", text)
