"""What was probably meant by a condition that is not understood: texts to put in its place, the likeliest first.

A guess need not be right, nor even valid: language.py offers only those that it understands.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

from jobdesk_core.clock import today
from jobdesk_core.filters.qualifiers import ALIASES, ANY_VALUES, FLAGS, KEYS, LIKELY_WORDS, NO_VALUES, STATUS_WORDS
from jobdesk_core.filters.ranges import UNITS
from jobdesk_core.filters.syntax import Token, in_quotes

_DURATION = rf"[0-9]+(?:\.[0-9]+)?(?:{UNITS})"
_NUMBER = r"-?[0-9]+"
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PAST = ("deferred", "started", "ended")
_TIMES = (*_PAST, "scheduled", "age")
_SPANS = ("duration", "waited")
_NUMBERS = ("priority", "attempts", "id")


def likely_keys(key: str) -> Iterator[str]:
    """What may have been meant by a name that the filter does not have."""
    if key in ALIASES:
        yield ALIASES[key]
    yield from (each for each in KEYS if _is_close(key, each))


def guesses(token: Token, typed: str) -> Iterator[str]:
    """Texts that may have been meant by this condition, which was typed so."""
    minus = "-" if token.is_negated else ""
    found = _of_free_text(token.values[0].text) if not token.key else _of_condition(token, typed)
    for guess in found:
        yield guess[1:] if minus and guess.startswith("-") else f"{minus}{guess}"


# Texts without a key


def _of_free_text(text: str) -> Iterator[str]:
    word = text.lower()
    yield from LIKELY_WORDS.get(word, ())
    if text in ("&&", "&", "+"):
        yield "and"
    if text in ("||", "|"):
        yield "or"
    if match := re.fullmatch(r"args?(?:\[[\"']?(\w+)[\"']?\]|->>?'?(\w+)'?)(?:[:=]+(.+))?", text):
        yield f"args.{match[1] or match[2]}:{match[3] or '*'}"
    if word.startswith("args."):
        yield f"-{text}:none"
    if match := re.fullmatch(r"([A-Za-z_]+)(!?)=?~=?\*?(.+)", text):
        yield f"{'-' if match[2] else ''}{ALIASES.get(match[1], match[1])}:*{match[3]}*"
    if match := re.fullmatch(r"([0-9]{1,2}:[0-9]{2})", text):
        yield f'deferred:>"{today()} {match[1]:0>5}"'
    if word in _DAYS or re.fullmatch(r"[0-9./-]+", text):
        yield from (f"deferred:{day}" for day in _as_day(word))
    if re.fullmatch(_DURATION, word):
        yield from (f"age:>{word}", f"age:<{word}", f"duration:>{word}")
    if re.fullmatch(r"[#0-9]+(?:[,;|/]+[#0-9]+)+", text):
        yield f"id:{','.join(re.findall('[0-9]+', text))}"
    if match := re.fullmatch(r"#?([0-9]+)(?:\.\.+|…|-)#?([0-9]+)", text):
        yield f"id:{match[1]}..{match[2]}"
    if match := re.fullmatch(r"([<>]=?|=)(.+)", text):
        yield from (f"id:{text.lstrip('=')}", f"priority:{text.lstrip('=')}", f"age:{text}")
    if re.fullmatch(r"[^\s,|;]+(?:[,|;]+[^\s,|;]+)+", text):
        names = ",".join(re.split(r"[,|;]+", text))
        yield from (f"queue:{names}", f"task:{names}")
    if text[:1] in "+!?$" and text[1:]:
        yield text[1:]
    if text.rstrip(",;") != text:
        yield text.rstrip(",;")
    yield in_quotes(text.strip("'") if text[:1] == "'" else text)


# Conditions


def _of_condition(token: Token, typed: str) -> Iterator[str]:
    key = token.key
    name = token.text.removeprefix("-").partition(":")[0] if token.path else key
    if key in ("failed", "succeeded"):
        yield f"status:{key} ended:{token.value}"
    if key == "has":
        yield from (f"{token.value}:*", f"-{token.value}:none")
    if key in KEYS:
        yield from (f"args.{name}:{token.value}",) if token.path and key != "args" else _with_values(name, token)
        return
    for likely in likely_keys(key):
        if likely == "args" and token.path:
            yield f"args{name[len(key) :]}:{token.value}"
        elif not token.path:
            yield f"{likely}:{token.value}"
            yield from _with_values(likely, token)
    if not token.value.startswith("//"):
        yield f"args.{name}:{token.value}"
    yield in_quotes(typed.removeprefix("-").replace('"', ""))


def _with_values(name: str, token: Token) -> Iterator[str]:
    """The condition with one of its values as it may have been meant."""
    key = name.partition(".")[0]
    for place, value in enumerate(token.values):
        text = value.text
        for guess in _values(key, text, has_path="." in name):
            if guess.startswith("?"):
                yield guess[1:]  # another condition altogether
                continue
            texts = [each.text for each in token.values]
            texts[place] = guess.removeprefix("-!")
            yield f"{'-' if guess.startswith('-!') else ''}{name}:{','.join(texts)}"


def _values(key: str, text: str, *, has_path: bool) -> Iterator[str]:
    """What may be meant by a value: `-!x` turns the condition round, `?x` takes its place."""
    word = text.lower()
    if text[:1] in "!-" and text[1:] and key != "age":
        yield f"-!{text.lstrip('!-=')}"
    if match := re.fullmatch(r"([<>]?)\s*≥\s*(.+)|≤\s*(.+)", text):
        yield f">={match[2]}" if match[2] else f"<={match[3]}"
    if key in ("status", "is"):
        yield from _of_status(key, word)
    if key in _NUMBERS or key == "args":
        yield from _of_number(text)
    if key in _TIMES:
        yield from _of_time(key, word)
    if key in _SPANS:
        yield from _of_span(word)
    if word in NO_VALUES:
        yield "none"
    if word in (*ANY_VALUES, "*"):
        yield from (("*",) if key != "worker" else ())
        yield "-!none"
    if re.search("[|;]", text):
        yield ",".join(filter(None, re.split("[|;]+", text)))
    if key == "args" and not has_path and (match := re.match(r"([A-Za-z_][\w.]*)\s*([:=<>]+)(.+)", text)):
        sign = match[2] if match[2][0] in "<>" else ""
        yield f"?args.{match[1]}:{sign}{match[3]}"
    if text[:1] == "'":
        yield in_quotes(text.strip("'"))
    if text[:1] in "~=":
        yield f"*{text.strip('~=*.^$')}*" if "~" in text[:2] else text.lstrip("=")
    if key in ("queue", "task", "lock", "queueing_lock", "args"):
        yield in_quotes(text)


def _of_status(key: str, word: str) -> Iterator[str]:
    if word in FLAGS and key == "status":
        yield f"?is:{word}"
    yield from (f"?{each}" for each in LIKELY_WORDS.get(word, ()))
    yield from (f"?status:{STATUS_WORDS[each]}" for each in STATUS_WORDS if _is_close(word, each))
    yield from (f"?is:{each}" for each in FLAGS if _is_close(word, each))


def _of_number(text: str) -> Iterator[str]:
    number = r"-?[0-9]+(?:\.[0-9]+)?"
    if match := re.fullmatch(rf"\[?({number})(?:\.\.\.+|\.\.|…|–|-|:|to|~)({number})\]?", text, re.IGNORECASE):
        yield f"{match[1]}..{match[2]}"
    if match := re.fullmatch(rf"({number})\+", text):
        yield f">={match[1]}"
    if match := re.fullmatch(rf"(<|>)?=?({number})(<|>)?=?", text):
        yield f"{match[1] or match[3] or ''}{'=' if '=' in text and (match[1] or match[3]) else ''}{match[2]}"
    if match := re.fullmatch(r"(<|>)(=?)([0-9]+)[.,]0*", text):
        yield f"{match[1]}{match[2]}{match[3]}"


def _of_time(key: str, word: str) -> Iterator[str]:
    if match := re.fullmatch(r"([<>]=?)?([+-]?)(?:inf|infinite|infinity|never|forever|∞)", word):
        yield f"{match[1] or ''}{match[2].rstrip('+')}infinity"
    if match := re.fullmatch(rf"([<>]=?)?({_DURATION})", word):
        sign = match[1] or ""
        if key == "scheduled":
            yield from (f"{sign or '<'}+{match[2]}", f"{'<' if sign.startswith('>') else '>'}-{match[2]}")
        elif not sign:
            yield from (f"<{match[2]}", f">{match[2]}")
    if match := re.fullmatch(rf"(-|last|past)({_DURATION})", word):
        yield f">-{match[2]}" if key != "age" else f"<{match[2]}"
    if match := re.fullmatch(rf"\+({_DURATION})", word):
        yield f"<{word}"
    if match := re.fullmatch(rf"([<>]=?)?({_DURATION})(?:-|–|…|\.\.\.)({_DURATION})", word):
        yield f"{match[2]}..{match[3]}" if key in ("age", *_PAST) else f"+{match[2]}..+{match[3]}"
    if match := re.fullmatch(r"([<>]=?)([0-9]+)", word):
        yield from (f"{match[1]}{match[2]}{unit}" for unit in ("m", "h", "d") if key in ("age", *_PAST))
    if match := re.fullmatch(r"([<>]=?)?([0-9]{1,2}:[0-9]{2})", word):
        yield f'{match[1] or ">"}"{today()} {match[2]:0>5}"'
    sign = re.match(r"[<>]=?", word)
    for day in _as_day(word.lstrip("<>=")):
        moment = f"{sign[0] if sign else ''}{day}"
        yield f"?deferred:{moment}" if key == "age" else moment
    if key == "age" and word not in NO_VALUES:
        yield f"?deferred:{word}"


def _of_span(word: str) -> Iterator[str]:
    if re.fullmatch(_DURATION, word):
        yield from (f">{word}", f"<{word}")
    if match := re.fullmatch(r"([<>]=?)?([0-9]+(?:\.[0-9]+)?)", word):
        yield from (f"{match[1] or '>'}{match[2]}{unit}" for unit in ("s", "m", "ms"))
    if match := re.fullmatch(rf"({_DURATION})(?:-|–|…|\.\.\.)({_DURATION})", word):
        yield f"{match[1]}..{match[2]}"
    if match := re.fullmatch(r"([0-9]+)(?:\.\.|-)([0-9]+)", word):
        yield f"{match[1]}s..{match[2]}s"


def _as_day(word: str) -> Iterator[str]:
    """A day as ISO spells it."""
    day = today()
    if word in _DAYS:
        yield str(day - dt.timedelta(days=(day.weekday() - _DAYS.index(word)) % 7))
    if match := re.fullmatch(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})?", word):
        yield f"{match[3] or day.year}-{match[2]:0>2}-{match[1]:0>2}"
    if match := re.fullmatch(r"([0-9]{4})[./]([0-9]{1,2})[./]([0-9]{1,2})", word):
        yield f"{match[1]}-{match[2]:0>2}-{match[3]:0>2}"
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}", word):
        yield word
    if match := re.fullmatch(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})", word):
        yield f"{match[1]}-{match[2]:0>2}-{match[3]:0>2}"
    if match := re.fullmatch(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})", word):
        yield f"{match[3]}-{match[1]:0>2}-{match[2]:0>2}"
        yield f"{match[3]}-{match[2]:0>2}-{match[1]:0>2}"
    if re.fullmatch(r"[0-9]{4}", word):
        yield f"{word}-01-01..{word}-12-31"


# Words that are nearly right


def _is_close(typed: str, meant: str) -> bool:
    """Whether so few letters are wrong, missing, too many or changed round that it may be a slip."""
    if len(typed) > 30 or abs(len(typed) - len(meant)) > 2:
        return False
    return typed != meant and _slips(typed, meant) <= (1 if len(meant) <= 6 else 2)


def _slips(typed: str, meant: str) -> int:
    rows = [list(range(len(meant) + 1))]
    for i, letter in enumerate(typed, 1):
        row = [i]
        for j, other in enumerate(meant, 1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == meant[j - 2] and typed[i - 2] == other:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]
