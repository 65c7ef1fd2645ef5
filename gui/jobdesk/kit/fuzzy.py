"""How well a text fits what is typed: whole words before parts of them, parts before letters that are strewn."""

from __future__ import annotations

#: What is beyond is not looked at: names from a database may be of any length.
LONGEST = 200


def fit(typed: str, text: str) -> int | None:
    """The higher the better; None when a word of what is typed is not in the text, even as letters in their order."""
    text = text[:LONGEST].casefold()
    fits = [_fit_of_word(word, text) for word in typed[:LONGEST].casefold().split()]
    return None if None in fits else sum(each for each in fits if each is not None)


def _fit_of_word(word: str, text: str) -> int | None:
    place = text.find(word)
    if place >= 0:
        starts = [at for at in _starts(text) if text.startswith(word, at)]
        return 1_000 - starts[0] if starts else 600 - place
    return _strewn(word, text)


def _strewn(word: str, text: str) -> int | None:
    """The letters of the word in their order, the nearer to each other the better."""
    first = last = -1
    for letter in word:
        last = text.find(letter, last + 1)
        if last < 0:
            return None
        first = last if first < 0 else first
    return 300 - (last - first)


def _starts(text: str) -> list[int]:
    """Where the words of the text start."""
    return [at for at in range(len(text)) if text[at].isalnum() and (at == 0 or not text[at - 1].isalnum())]
