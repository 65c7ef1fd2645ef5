"""What an operator has asked for before: saved views and past filters by profile, and the palette's last choices.

One file of TOML beside the profiles' own, written whole or not at all.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from jobdesk_core.files import text_of, whole_file

MOST_PAST, MOST_RECENT, MOST_VIEWS = 50, 20, 100
#: Longer filters, in characters, are not kept: a pasted list of ids is not worth finding again.
LONGEST_FILTER = 2_000


@dataclass(frozen=True, slots=True)
class SavedView:
    """A filter and an order (the name of an `Order`) with a name of their own."""

    name: str
    filter_text: str
    order: str = "NEWEST"


class FindingStore:
    """Reads the file when it has changed, so that two windows see each other's views.

    One that cannot be read is taken for empty, and never written over.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[tuple[int, int], dict[str, Any]] = ((0, 0), {})

    def views(self, profile: str) -> list[SavedView]:
        """The saved views of a profile, in their order."""
        held = [each for each in _list(self._of(profile), "views") if isinstance(each, dict) and each.get("name")]
        views = [SavedView(*(str(each.get(key, "")) for key in ("name", "filter", "order"))) for each in held]
        return list({view.name: view for view in views}.values())[:MOST_VIEWS]

    def set_views(self, profile: str, views: Sequence[SavedView]) -> None:
        """Keep these views, in this order. Raises OSError or ValueError when the file cannot be changed."""
        tables = [{"name": view.name, "filter": view.filter_text, "order": view.order} for view in views]
        self._change(profile, "views", tables[:MOST_VIEWS])

    def past(self, profile: str) -> list[str]:
        """The filters that were in force before, the newest first."""
        return [each for each in _list(self._of(profile), "past") if isinstance(each, str)][:MOST_PAST]

    def add_past(self, profile: str, text: str, *, instead_of: str = "") -> None:
        """Note that this filter was in force, `instead_of` the start of it that was noted before."""
        if not text or len(text) > LONGEST_FILTER:
            return
        kept = [each for each in self.past(profile) if each not in (text, instead_of)]
        self._change(profile, "past", [text, *kept][:MOST_PAST])

    def rename(self, old: str, new: str) -> None:
        """Keep what is known of a renamed profile under its new name; what was known of that is forgotten.

        Raises OSError or ValueError when the file cannot be changed.
        """
        document = self._read()
        profiles = dict(_table(document, "profiles"))
        moved, replaced = profiles.pop(old, None), profiles.pop(new, None)
        if moved is None and replaced is None:
            return
        document["profiles"] = profiles if moved is None else profiles | {new: moved}
        self._write(document)

    def recent(self) -> list[str]:
        """The keys that were chosen in the palette last, the newest first."""
        return [each for each in _list(self._held(), "recent") if isinstance(each, str)][:MOST_RECENT]

    def add_recent(self, key: str) -> None:
        """Note that this was chosen in the palette."""
        document = self._read()
        document["recent"] = [key, *(each for each in self.recent() if each != key)][:MOST_RECENT]
        self._write(document)

    def _of(self, profile: str) -> dict[str, Any]:
        return _table(_table(self._held(), "profiles"), profile)

    def _held(self) -> dict[str, Any]:
        try:
            return self._read()
        except (OSError, ValueError):
            return {}

    def _change(self, profile: str, key: str, value: list[Any]) -> None:
        document = self._read()
        profiles = _table(document, "profiles")
        document["profiles"] = profiles | {profile: _table(profiles, profile) | {key: value}}
        self._write(document)

    def _read(self) -> dict[str, Any]:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return {}
        version = (found.st_mtime_ns, found.st_size)
        if version != self._known[0]:
            self._known = (version, tomllib.loads(text_of(self.path)))
        return dict(self._known[1])

    def _write(self, document: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(self.path) as file:
            file.write(tomli_w.dumps(document))


def _table(held: dict[str, Any], key: str) -> dict[str, Any]:
    found = held.get(key)
    return found if isinstance(found, dict) else {}


def _list(held: dict[str, Any], key: str) -> list[Any]:
    found = held.get(key)
    return found if isinstance(found, list) else []
