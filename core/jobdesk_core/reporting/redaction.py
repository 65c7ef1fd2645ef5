"""Hides what looks secret in a text, cuts it to a size, and makes it such that PostgreSQL can hold it.

A text is masked before it is cut, so that no half of a secret is left where nothing recognizes it any more.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from jobdesk_core.profiles.secret_keys import DEFAULT_PATTERN, HIDDEN

#: Takes a text and returns what of it may be written down.
Redact = Callable[[str], str]

#: What is written where a team's own function has failed: its text may hold what it was to hide.
NOT_REDACTED = "(not shown: the redact function of this application failed)"

#: Names of values that are secret wherever they stand, beside those that the window hides in arguments.
_KEYS = (
    rf"(?:{DEFAULT_PATTERN}|pwd|auth\b|auth[-_]|session[-_]?id|csrf|signature|x-amz-[a-z-]*|sslpassword|dsn\b|pin\b"
    r"|(?<![a-z])sig\b|account[-_]?key)"
)
#: A name with such a part in it, perhaps in quotes. Bounded, for a text may be one endless word.
_QUOTE = r"(?:\\{0,4}[\"'])"  # within another text, quotes are escaped
_WORD = rf"[A-Za-z0-9_.-]{{0,80}}?{_KEYS}[A-Za-z0-9_-]{{0,40}}"
_NAME = rf"(?<![A-Za-z0-9_.-]){_QUOTE}?{_WORD}{_QUOTE}?"
# Where the closing quote or bracket is missing, for a text may be cut, all is the value to the end of the line.
_QUOTED = r"(?:\"(?:[^\"\\\n]|\\.)*(?:\"|\\?(?=\n|\Z))|'(?:[^'\\\n]|\\.)*(?:'|\\?(?=\n|\Z)))"
_ESCAPED = r"\\{1,4}[\"'][^\"'\\\n]*(?:\\{1,4}[\"'])?"
_INSIDE = rf"{_QUOTED}|[^\[\](){{}}\n\"']"
_LISTED = rf"[\[({{](?:{_INSIDE}|[\[({{](?:{_INSIDE})*[\])}}]?)*[\])}}]?"
_WORDS = r"(?:password|passwd|passphrase|secret|token|api[ _-]?key)"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # A private key, to its end or to the end of what there is.
    (
        re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}-----|\Z)", re.DOTALL),
        "-----PRIVATE KEY " + HIDDEN,
    ),
    # What other libraries add to their messages: the values of a statement, a row, the input of a validation.
    (re.compile(r"\[parameters: .*?(?:\]\s*(?:\n|\Z)|\Z)", re.DOTALL), f"[parameters: {HIDDEN}]\n"),
    (re.compile(r"(Failing row contains )\(.*?(?:\)\.|\Z)", re.DOTALL), rf"\1({HIDDEN})."),
    (re.compile(r"(\binput_value=).*?(, input_type=|\Z)", re.DOTALL), rf"\1{HIDDEN}\2"),
    # A password in an address, also one with an @ in it.
    (
        re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/:@\"'<>]{0,200}:)(?!\d{1,5}/)[^\s\"'<>]{1,500}@"),
        rf"\1{HIDDEN}@",
    ),
    (
        re.compile(r"(?i)\b((?:proxy-)?authorization[\"']?\s{0,3}[:=]\s{0,3}b?[\"']?(?:[a-z]+ )?)[^\s\"',;]+"),
        rf"\1{HIDDEN}",
    ),
    # Each cookie of a header.
    (re.compile(r"(?i)(cookies?[\"']?\s{0,3}:\s{0,3})(?![\"'\s\[({])[^\n\"']+"), rf"\1{HIDDEN}"),
    # Addresses that are secrets themselves, and a token in the place of a user.
    (
        re.compile(r"(hooks\.slack\.com/services/|discord(?:app)?\.com/api/webhooks/|api\.telegram\.org/bot)[^\s\"'<>]+"),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(://)(?=[^\s/@]{0,200}\d)[A-Za-z0-9_~.-]{16,200}@"), rf"\1{HIDDEN}@"),
    # Parts of a query whose names are secret nowhere else.
    (re.compile(r"(?i)([?&](?:key|code|jwt|sid|sas|otp|pass)=)[^\s&\"'<>]{8,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic|token) +(?=[^\s]*[0-9=._-])[A-Za-z0-9._~+/=-]{12,}"), rf"\1 {HIDDEN}"),
    (
        re.compile(rf"(?i)({_NAME}\s{{0,3}}(?:=>|:=|==?|:)\s{{0,3}}(?:b(?=[\"']))?)({_QUOTED}|{_ESCAPED}|{_LISTED}|[^\s,;&\"')}}\]]+)"),
        rf"\1{HIDDEN}",
    ),
    # Headers as pairs, elements, and what a command is given.
    (re.compile(rf"(?i)(\(\s{{0,3}}b?[\"']{_WORD}[\"']\s{{0,3}},\s{{0,3}}b?){_QUOTED}(?=\s{{0,3}}\))"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?i)(<{_WORD}(?:\s[^<>\n]{{0,200}})?>)[^<>\n]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(\s(?:-u|--user)[ =][\"']?[^\s:\"']{1,100}:)[^\s\"']+"), rf"\1{HIDDEN}"),
    # As a sentence tells it: in quotes, or such as no word is.
    (
        re.compile(
            rf"(?i)\b({_WORDS}\s{{1,3}}(?:(?:is|was)\s{{1,3}})?)"
            r"(?=[\"'][^\"'\n]{6}|(?=[^\s\"']{0,40}\d)(?=[^\s\"']{0,40}[a-z])[^\s\"']{6})"
            rf"({_QUOTED}|\S+)"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(rf"(?i)(?<![A-Za-z0-9-])(--?[a-z-]{{0,40}}{_KEYS}[a-z-]{{0,40}} +)({_QUOTED}|\S+)"), rf"\1{HIDDEN}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?"), HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,20}\b"), HIDDEN),
    (re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|sk-|sk_live_|sk_test_|rk_live_|pk_live_|whsec_)"
                r"[A-Za-z0-9_-]{10,}"), HIDDEN),
    (re.compile(r"\b(?:AIza[A-Za-z0-9_-]{30,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|npm_[A-Za-z0-9]{30,}"
                r"|pypi-[A-Za-z0-9_-]{30,}|dop_v1_[a-f0-9]{30,}|hf_[A-Za-z0-9]{20,})"), HIDDEN),
)  # fmt: skip
_CARD = re.compile(r"(?<![\d.-])(?:\d[ -]?){12,18}\d(?![\d.-])")
_SECRET_NAME = re.compile(_KEYS, re.IGNORECASE)


@functools.lru_cache(maxsize=32)  # an exception's text is looked at for several purposes
def masked(text: str) -> str:
    """The text with what looks secret replaced: passwords, tokens, keys, numbers of cards."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return _CARD.sub(_masked_card, text)


def is_secret_name(name: str) -> bool:
    """Whether what bears this name is not to be shown."""
    return _SECRET_NAME.search(name) is not None


def masked_value(value: Any, depth: int = 0) -> Any:
    """A JSON value without what stands under secret names or looks secret itself; what lies too deep is hidden too."""
    if depth > 6:
        return HIDDEN
    if isinstance(value, dict):
        return {
            str(key): HIDDEN if is_secret_name(str(key)) else masked_value(child, depth + 1)
            for key, child in list(value.items())[:100]
        }
    if isinstance(value, list | tuple):
        return [masked_value(child, depth + 1) for child in value[:100]]
    if isinstance(value, bool | int | float) or value is None:
        return value
    return shown(str(value), 1000)


def redacted(text: str, redact: Redact | None) -> str:
    """The text without what looks secret, nor what the team's own function hides."""
    return redacted_by(masked(text), redact)


def redacted_by(text: str, redact: Redact | None) -> str:
    """The text without what the team's own function hides."""
    if redact is None:
        return text
    try:
        told = redact(text)
    except Exception:  # noqa: BLE001 - it is a stranger's, and whatever it raises, its text is not to be shown
        return NOT_REDACTED
    return told if isinstance(told, str) else NOT_REDACTED


def writable(text: str) -> str:
    """The text as PostgreSQL can hold it: no NUL, and halves of surrogate pairs as their escapes."""
    return text.replace("\0", "").encode("utf-8", "backslashreplace").decode("utf-8")


def cut(text: str, most: int) -> str:
    """The text in at most so many bytes of UTF-8: what is too long ends with an ellipsis, at a character's end."""
    if len(text) <= most // 4:
        return text
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= most:
        return text
    return data[: most - 3].decode("utf-8", "ignore") + "…"


def cut_in_the_middle(text: str, most: int) -> str:
    """The text in at most so many bytes: of what is too long the middle is left out, whole lines where it has any."""
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= most:
        return text
    half = (most - 80) // 2
    head = data[:half].decode("utf-8", "ignore")
    tail = data[-half:].decode("utf-8", "ignore")
    head = head[: head.rfind("\n") + 1] if "\n" in head[half // 2 :] else head + "\n"
    tail = tail[tail.find("\n") + 1 :] if "\n" in tail[: half // 2] else tail
    left_out = len(data) - len(head.encode()) - len(tail.encode())
    return f"{head}  … {left_out} bytes are left out here …\n{tail}"


def shown(text: str, most: int, redact: Redact | None = None) -> str:
    """A text of any origin and size, made ready to be written in at most so many bytes.

    Of a huge one only a multiple of what is kept is looked at.
    """
    return cut(redacted(writable(text[: 4 * most]), redact), most)


def _masked_card(found: re.Match[str]) -> str:
    digits = [int(character) for character in found.group() if character.isdigit()]
    doubled = [digit if index % 2 == 0 else sum(divmod(2 * digit, 10)) for index, digit in enumerate(reversed(digits))]
    is_card = sum(doubled) % 10 == 0 and digits[0] in (2, 3, 4, 5, 6) and len(set(digits)) > 1
    return HIDDEN if is_card else found.group()
