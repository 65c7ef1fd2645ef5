"""What an exception was, without the exception: types, texts, frames and causes.

It is taken where the exception is caught, quickly and without reading a file, and holds nothing alive: no frame, no
local variable, no argument. What becomes a traceback of it is written later, by another thread.
"""

from __future__ import annotations

import contextlib
import functools
import linecache
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, NamedTuple

from jobdesk_core.reporting import redaction
from jobdesk_core.reporting.redaction import Redact

#: Of an exception and all its causes together so many are told, and of one traceback so many frames.
MOST_EXCEPTIONS, MOST_FRAMES = 25, 120
#: Bytes of a message, of a traceback, and of a line of code.
MOST_MESSAGE, MOST_TRACEBACK, MOST_CODE = 2_000, 32_000, 300
#: Of a text so many characters are looked at.
_READ: Final = 4 * MOST_MESSAGE
NO_TEXT = "(its text could not be had)"
#: Whose texts cost nothing and run nobody's code: those that Python itself makes of plain arguments.
_PLAIN_TEXTS = {
    kind.__str__ for kind in (BaseException, OSError, KeyError, ImportError, UnicodeEncodeError, UnicodeDecodeError,
                              BaseExceptionGroup, SyntaxError)
}  # fmt: skip
_PLAIN_VALUES = (str, int, float, bool, bytes, type(None))


class Frame(NamedTuple):
    """Where one call stood."""

    file: str
    line: int
    #: With its class: `Ledger.close`.
    function: str
    module: str


@dataclass(slots=True)
class Fault:
    """One exception. `text` is None until it is known: see `texts_of`."""

    type: str
    text: str | None
    frames: list[Frame]
    #: How many frames in the middle are left out, or how many causes and members.
    left_out: int = 0
    cause: Fault | None = None
    #: The one that was being handled, where there is no cause.
    context: Fault | None = None
    members: list[Fault] = field(default_factory=list)
    members_left_out: int = 0

    def chain(self) -> Iterator[Fault]:
        """The exception and what it was raised from, on purpose."""
        fault: Fault | None = self
        while fault is not None:
            yield fault
            fault = fault.cause


#: Gives an exception's text later, and keeps the exception as long.
Later = Callable[[BaseException, Fault], None]


def taken(error: BaseException, later: Later, *, skip: Callable[[str], bool] = lambda module: False) -> Fault:
    """What an exception was. Frames at the outer end are left out as long as `skip` says so of their module.

    A text that is not had for nothing is asked for `later`.
    """
    seen: set[int] = set()

    def take(one: BaseException) -> Fault:
        seen.add(id(one))
        frames, left_out = _frames(one.__traceback__, skip)
        fault = Fault(_type_name(type(one)), None, frames, left_out)
        if _is_plain(one):
            fault.text = text_of(one)
        else:
            later(one, fault)
        return fault

    def is_new(one: BaseException | None) -> bool:
        return one is not None and id(one) not in seen and len(seen) < MOST_EXCEPTIONS

    # Not by recursion: there may be no stack left.
    first = take(error)
    waiting = deque([(error, first)])
    while waiting:
        one, fault = waiting.popleft()
        cause, context = one.__cause__, one.__context__
        if cause is not None and is_new(cause):
            fault.cause = take(cause)
            waiting.append((cause, fault.cause))
        elif cause is None and context is not None and not one.__suppress_context__ and is_new(context):
            fault.context = take(context)
            waiting.append((context, fault.context))
        if isinstance(one, BaseExceptionGroup):
            for member in one.exceptions:
                if is_new(member):
                    fault.members.append(take(member))
                    waiting.append((member, fault.members[-1]))
                else:
                    fault.members_left_out += 1
    return first


def text_of(error: BaseException) -> str:
    """The exception's text, its beginning at least, whatever its `__str__` does; with its notes."""
    try:
        text = str(error)
        text = text[:_READ].strip() if isinstance(text, str) else NO_TEXT
    except BaseException:  # noqa: BLE001 - what a stranger's __str__ raises, SystemExit too, is no concern of the worker's
        text = NO_TEXT
    with contextlib.suppress(Exception):
        for note in list(getattr(error, "__notes__", ()))[:5]:
            if type(note) is str:
                text += "\n" + note[:MOST_MESSAGE]
    return text


def message(fault: Fault, redact: Redact | None) -> str:
    """The exception's text as it is written."""
    return redaction.shown(fault.text if fault.text is not None else NO_TEXT, MOST_MESSAGE, redact)


def traceback_text(fault: Fault, redact: Redact | None) -> str:
    """The traceback as Python prints it, with causes and members, without the secrets in it."""
    lines: list[str] = []
    _write(fault, lines, "", redact)
    return redaction.cut_in_the_middle(redaction.redacted_by("".join(lines), redact), MOST_TRACEBACK)


def _write(fault: Fault, lines: list[str], indent: str, redact: Redact | None) -> None:
    before = fault.cause or fault.context
    if before is not None:
        _write(before, lines, indent, redact)
        how = (
            "The above exception was the direct cause of the following exception:"
            if fault.cause is not None
            else "During handling of the above exception, another exception occurred:"
        )
        lines.append(f"\n{indent}{how}\n\n")
    if fault.frames:
        lines.append(f"{indent}Traceback (most recent call last):\n")
        lines.append(_calls(tuple(fault.frames), fault.left_out, indent))
    text = message(fault, redact)
    told = f"{fault.type}: {text}" if text else fault.type
    lines.append("".join(f"{indent}{line}\n" for line in told.split("\n")))
    for number, member in enumerate(fault.members, 1):
        lines.append(f"{indent}  +---------------- {number} ----------------\n")
        _write(member, lines, indent + "  | ", redact)
    if fault.members_left_out:
        lines.append(f"{indent}  +---------------- and {fault.members_left_out} more\n")


@functools.lru_cache(maxsize=256)  # the same fault comes again and again, from the same calls
def _calls(frames: tuple[Frame, ...], left_out: int, indent: str) -> str:
    """The lines of the calls, with what looks secret in them hidden."""
    lines: list[str] = []
    half = len(frames) // 2
    last, repeated = "", 0
    for number, frame in enumerate(frames):
        line = f'{indent}  File "{frame.file}", line {frame.line}, in {frame.function}\n'
        code = linecache.getline(frame.file, frame.line).strip()
        if code:
            line += f"{indent}    {redaction.cut(code, MOST_CODE)}\n"
        is_gap = bool(left_out) and number == half
        if line == last and not is_gap:
            repeated += 1
            continue
        if repeated:
            lines.append(f"{indent}  [Previous line repeated {repeated} more times]\n")
        if is_gap:
            lines.append(f"{indent}  … {left_out} more calls …\n")
        last, repeated = line, 0
        lines.append(line)
    if repeated:
        lines.append(f"{indent}  [Previous line repeated {repeated} more times]\n")
    return redaction.masked(redaction.writable("".join(lines)))


def _frames(trace: TracebackType | None, skip: Callable[[str], bool]) -> tuple[list[Frame], int]:
    """The frames, the innermost last, and how many were left out of their middle."""
    head: list[Frame] = []
    tail: deque[Frame] = deque(maxlen=MOST_FRAMES // 2)
    count = 0
    is_outside = True
    while trace is not None:
        code = trace.tb_frame.f_code
        module = trace.tb_frame.f_globals.get("__name__")
        name = module if isinstance(module, str) else ""
        is_outside = is_outside and skip(name)
        if not is_outside:
            frame = Frame(code.co_filename, trace.tb_lineno or 0, code.co_qualname, name)
            count += 1
            if len(head) < MOST_FRAMES // 2:
                head.append(frame)
            else:
                tail.append(frame)
        trace = trace.tb_next
    return [*head, *tail], count - len(head) - len(tail)


def _is_plain(error: BaseException) -> bool:
    """Whether the text comes at once and runs no code but Python's own."""
    if type(error).__str__ not in _PLAIN_TEXTS:
        return False
    room = _READ
    for value in error.args:
        if isinstance(error, BaseExceptionGroup) and value is error.args[-1]:
            continue
        if type(value) not in _PLAIN_VALUES:
            return False
        # A single text comes as it is; of several, a representation is made of each.
        if len(error.args) > 1 and isinstance(value, str | bytes):
            room -= len(value)
        elif isinstance(value, int) and value.bit_length() > 10_000:
            return False
    return room >= 0


def _type_name(kind: type[BaseException]) -> str:
    module, name = getattr(kind, "__module__", ""), getattr(kind, "__qualname__", "")
    if not isinstance(module, str) or not isinstance(name, str):
        return "?"
    return redaction.cut(redaction.writable(name if module in ("builtins", "__main__") else f"{module}.{name}"), 300)
