"""Which failures are the same fault: a fingerprint that outlives line shifts, ids, addresses, times and values.

Two runs have failed by the same fault when the same types were raised from one another (`raise … from`), with the same
texts but for their values, out of the same function of the application's own code. Names stay where they say what is
wrong: of a column, an attribute, a module, a missing key, a host, a status code. What was merely being handled when the
exception was raised (its `__context__`) does not count, nor how often a group holds the same failure.
"""

from __future__ import annotations

import hashlib
import re
import sysconfig
from collections.abc import Iterable

from jobdesk_core.reporting.faults import Fault, Frame
from jobdesk_core.reporting.redaction import masked

#: Of an exception's text so many lines count, and so many characters of each.
_LINES, _LONGEST = 6, 400
#: Lines that show where or with what, and not what.
_BESIDE = re.compile(
    r"^\s*(?:LINE \d+:|\^|HINT:|DETAIL:|CONTEXT:|QUERY:|PL/pgSQL|\[SQL:|\[parameters:|\(Background on|For further "
    r"information|For more information|See also|Traceback |File \")"
)
#: Whose quoted words are names in the code, and no values.
_OF_NAMES = frozenset({"AttributeError", "NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError",
                       "TypeError", "FrozenInstanceError"})  # fmt: skip
#: Nouns after which a quoted word is a name.
_NOUNS = (
    "column|relation|table|constraint|index|schema|role|database|function|procedure|operator|sequence|view|trigger|"
    "domain|extension|attribute|module|parameter|argument|field|option|setting|variable|method|class|queue|task|"
    "codec|encoding|host|model|enum"
)
_VALUES = re.compile(
    r"(?P<status>(?:\b(?:status(?:[ _]code)?|HTTP(?:/[\d.]+)?|errno|error code|code|SQLSTATE)\b[:= ]{1,3}|\[Errno |"
    r"\[WinError )['\"]?-?[0-9A-Z]{1,5}\b|\b[1-5]\d\d (?:[A-Z][A-Za-z'-]+ ?){1,4})"
    rf"|(?P<named>\b(?:{_NOUNS})\s+(?:\"[^\"\n]{{0,200}}\"|'[^'\n]{{0,200}}'))"
    r"|(?P<host>\bhost(?:name)?=['\"][^'\"\n]{0,200}['\"])"
    r"|(?P<url>\b[a-z][a-z0-9+.-]{1,20}://[^\s'\"<>,;)\]]+)"
    r"|(?P<email>\b[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,6})"
    r"|(?P<quoted>(?<![A-Za-z0-9])(?:\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'(?![A-Za-z0-9])|`[^`\n]*`|«[^»\n]*»))"
    r"|(?P<uuid>\b[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\b)"
    r"|(?P<address>\b0x[0-9a-fA-F]+\b)"
    r"|(?P<time>\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?(?:\s?Z|\s?[+-]\d\d:?\d\d)?"
    r"|\b\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?\b"
    r"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? \d{1,2} [A-Z][a-z]{2} \d{4}\b)"
    r"|(?P<ip>\b\d{1,3}(?:\.\d{1,3}){3}\b|(?:\b[0-9a-fA-F]{1,4}:|::)(?:[0-9a-fA-F]{0,4}:){1,6}[0-9a-fA-F]{1,4}\b)"
    r"|(?P<path>(?<![\w/])(?:[A-Za-z]:\\|~?/|\.{1,2}/)[^\s'\"<>:,;()]+)"
    r"|(?P<key>\)=\([^\n]*?\)(?=[ .,;]|$))"
    r"|(?P<hex>\b(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{7,}\b)"
    r"|(?P<number>[-+]?(?<![A-Za-z_])\d[\d_]*(?:[.,]\d+)*(?:[eE][-+]?\d+)?)"
    r"|(?P<mixed>\b(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{6,}\b)"
)
_STATUS = re.compile(r"[1-5]\d\d(?: [A-Za-z'-]+){1,5}")
_NAME = re.compile(r"[\"'`«]([A-Za-z_][A-Za-z_.]*)[\"'`»]")
_HOST = re.compile(r"([a-z][a-z0-9+.-]*)://(?:[^\s/@]*@)?([^\s/:?#]+)", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
#: The packages that call tasks, wherever they lie.
_RUNS_TASKS = frozenset({"procrastinate", "jobdesk_core", "asgiref"})
_LIBRARY = tuple(
    {path for name in ("stdlib", "platstdlib", "purelib", "platlib") if (path := sysconfig.get_path(name))}
)


def fingerprint(fault: Fault, own: frozenset[str] = frozenset()) -> str:
    """The fingerprint: 16 hexadecimal digits.

    `own` names packages of the application, for it may be installed where libraries are.
    """
    seen = hashlib.sha256("\n".join(_parts(fault, own)).encode("utf-8", "backslashreplace"))
    return seen.hexdigest()[:16]


def normal(text: str, kind: str = "") -> str:
    """An exception's text without its values; `kind` is the type's name without its module."""
    found: list[str] = []
    for line in masked(text[: 2 * _LINES * _LONGEST]).splitlines():
        if not line.strip():
            continue
        if _BESIDE.match(line):
            if found:
                continue
            break
        found.append(_without_values(line.strip()[:_LONGEST], kind))
        if len(found) == _LINES:
            break
    return "\n".join(found)


def is_library(frame: Frame, own: frozenset[str] = frozenset()) -> bool:
    """Whether a frame belongs to Python or to an installed package, and not to the application."""
    if any(f"{frame.module}.".startswith(f"{name}.") for name in own):
        return False
    if frame.module.partition(".")[0] in _RUNS_TASKS:
        return True
    file = frame.file.replace("\\", "/")
    if file.startswith("<") or "/site-packages/" in file or "/dist-packages/" in file:
        return True
    return file.startswith(_LIBRARY)


def _parts(fault: Fault, own: frozenset[str]) -> Iterable[str]:
    yield _place(fault, own)
    for each in fault.chain():
        kind = each.type.rpartition(".")[2]
        yield f"{each.type}: {normal(each.text or '', kind)}"
        # Which members there are, not how many of each; those of groups within a group among them.
        waiting, told = list(each.members), set()
        while waiting:
            member = waiting.pop()
            waiting += member.members
            text = "" if member.members else normal(member.text or "", member.type.rpartition(".")[2])
            told.add(f"  {member.type}: {text}")
        yield from sorted(told)


def _place(fault: Fault, own: frozenset[str]) -> str:
    """The function of the application's own that is nearest to the fault; otherwise the innermost there is."""
    nearest = next((frame for frame in reversed(fault.frames) if not is_library(frame, own)), None)
    frame = nearest or (fault.frames[-1] if fault.frames else None)
    return f"{frame.module}:{frame.function}" if frame is not None else ""


def _without_values(line: str, kind: str) -> str:
    keeps_names = kind in _OF_NAMES

    def replaced(found: re.Match[str]) -> str:
        what, text = str(found.lastgroup), found.group()
        if what == "status":
            return text
        if what in ("named", "host"):
            return _DIGITS.sub("#", text)
        if what == "url":
            return _without_path(text)
        if what == "quoted":
            inner = text[1:-1]
            if _STATUS.fullmatch(inner) or _HOST.match(inner):
                return inner if _STATUS.fullmatch(inner) else _without_path(inner)
            name = _NAME.fullmatch(text)
            # The text of a KeyError is the key and nothing else: a word is one of the code, anything else a value.
            keeps = keeps_names or (kind == "KeyError" and line == text)
            return text if name is not None and keeps else "<value>"
        if what == "key":
            return ")=(…)"
        return "#"

    return _VALUES.sub(replaced, line)


def _without_path(url: str) -> str:
    host = _HOST.match(url)
    return f"{host.group(1)}://{_DIGITS.sub('#', host.group(2))}/…" if host is not None else "<url>"
