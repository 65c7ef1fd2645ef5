"""Looks for words in the help: the sections that hold most of them first, those with them in their headings before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from jobdesk.help.topics import TOPICS, Section, topic

#: A pasted message may be of any length.
MOST_WORDS, MOST_FOUND = 24, 30
#: How much a word counts where it stands.
_IN_TITLE, _IN_HEADING, _IN_TEXT = 6, 5, 1
#: How much it counts that two words stand beside each other as in what was looked for, such as a pasted message.
_IN_ORDER = 4
_SNIPPET = 110
#: Words that every sentence holds; looked for only when there is nothing else.
_COMMON = frozenset(
    (
        *("a", "an", "and", "are", "as", "at", "be", "by", "do", "for", "from", "has", "how", "i", "in", "is", "it"),
        *("its", "no", "not", "of", "on", "or", "that", "the", "this", "to", "with"),
    )
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A section that holds what was looked for, and some words around the first of it."""

    section: Section
    snippet: str


def words_of(text: str) -> list[str]:
    """The words that a search looks for, in lower case, each once."""
    words = list(dict.fromkeys(re.findall(r"\w+", text[:1000].casefold())))
    return ([word for word in words if word not in _COMMON] or words)[:MOST_WORDS]


def search(text: str) -> list[Hit]:
    """The best sections for a text, at most MOST_FOUND; none for an empty one.

    A word is met by any that begins with it. Where one section holds them all, those that do not are left out.
    """
    wanted = words_of(text)
    if not wanted:
        return []
    pairs = _pairs(_words(text[:1000]))
    scored = [(*_score(section, wanted, pairs), section) for key in TOPICS for section in topic(key).sections]
    most = max(met for met, _, _ in scored)
    if not most:
        return []
    least = most if most == len(wanted) else max(1, most - 1)
    best = sorted((each for each in scored if each[0] >= least), key=lambda each: (-each[0], -each[1]))
    return [Hit(section, _snippet(section.text, wanted)) for _, _, section in best[:MOST_FOUND]]


def _score(section: Section, wanted: list[str], pairs: set[tuple[str, str]]) -> tuple[int, float]:
    """How many of the words a section holds, and how prominently."""
    title = _words(topic(section.topic).title)
    heading, text = _words(section.heading), _words(section.text)
    met, score = 0, float(_IN_ORDER * len(pairs & (_pairs(heading) | _pairs(text))))
    for word in wanted:
        in_text = sum(each.startswith(word) for each in text)
        in_heading = sum(each.startswith(word) for each in heading)
        met += bool(in_text or in_heading)
        score += min(in_text, 5) * _IN_TEXT + bool(in_heading) * _IN_HEADING
        score += bool(in_text or in_heading) * any(each.startswith(word) for each in title) * _IN_TITLE
    # A long heading that holds all the words by chance says less than a short one.
    return met, score / (1 + 0.02 * len(heading))


def _pairs(words: list[str]) -> set[tuple[str, str]]:
    return set(pairwise(words))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _snippet(text: str, wanted: list[str]) -> str:
    places = [match.start() for word in wanted if (match := re.search(rf"\b{re.escape(word)}", text, re.IGNORECASE))]
    start = max(0, min(places, default=0) - 30)
    start = text.rfind(" ", 0, start) + 1 if start else 0
    cut = text[start : start + _SNIPPET]
    return f"{'…' if start else ''}{cut}{'…' if len(text) > start + _SNIPPET else ''}"
