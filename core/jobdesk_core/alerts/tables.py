"""Reading the tables of a file of rules, and saying exactly what is wrong and in which line. Values are not repeated
where they may be secrets."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

from jobdesk_core.alerts.rule import ANY, DESKTOP, KEYS, KINDS, AlertRule
from jobdesk_core.alerts.ways import MOST_TIMEOUT_S, TIMEOUT_S, address_problem
from jobdesk_core.exceptions import JobdeskException

Path = tuple[str | int, ...]
_HEADER = re.compile(r"\s*(\[\[?)(.+?)\]\]?\s*(#.*)?$")
_PLACE = re.compile(r"at line (\d+)")
_RULE_KEYS = ("rule", "subject", "ways", "in_quiet_hours", "sound", "on", "jobs")


class UnreadableRules(JobdeskException):
    """A file of rules cannot be used. The text says why, and in which line."""


class Reader:
    """Reads one document. What is wrong raises UnreadableRules."""

    def __init__(self, text: str, source: str, document: dict[str, Any]) -> None:
        self._lines = text.splitlines()
        self._source = source
        self._document = document

    @staticmethod
    def syntax(error: Exception) -> str:
        """Where a text is no TOML."""
        found = _PLACE.search(str(error))
        return (
            f"line {found[1]} is not TOML."
            if found
            else "its end is not TOML."
            if "end" in str(error)
            else "it is not TOML."
        )

    def wrong(self, path: Path, sentence: str) -> UnreadableRules:
        """What is wrong, with its line."""
        line = self._line_of(path)
        return UnreadableRules(f"{self._source}, line {line}: {sentence}" if line else f"{self._source}: {sentence}")

    # What there is

    def get(self, path: Path) -> Any:
        """What stands at a path; None for nothing."""
        found: Any = self._document
        for step in path:
            if isinstance(found, dict) and isinstance(step, str):
                found = found.get(step)
            elif isinstance(found, list) and isinstance(step, int):
                found = found[step]
            else:
                return None
        return found

    def has(self, path: Path) -> bool:
        """Whether something stands there."""
        return self.get(path) is not None

    def only(self, known: Sequence[str]) -> None:
        """The document has only these keys."""
        self.only_at((), known)

    def only_at(self, path: Path, known: Sequence[str]) -> None:
        """The table there has only these keys."""
        table = self.get(path) if path else self._document
        if not isinstance(table, dict):
            raise self.wrong(path, f"{_name(path)} is a table.")
        for key in table:
            if key not in known:
                raise self.wrong((*path, key), f"There is no {key} here. Known: {', '.join(known)}.")

    def tables_at(self, path: Path, known: Sequence[str]) -> bool:
        """Whether there is such a table, with these keys alone."""
        if not self.has(path):
            return False
        self.only_at(path, known)
        return True

    def tables(self, key: str, known: Sequence[str]) -> list[str]:
        """The names of the tables below a key, each with these keys alone."""
        if not self.has((key,)):
            return []
        if not isinstance(self.get((key,)), dict):
            raise self.wrong((key,), f"{key} holds a table for each name: [{key}.NAME].")
        names = [str(name) for name in self.get((key,))]
        for name in names:
            self.only_at((key, name), known)
        return names

    def length(self, path: Path) -> int:
        """How many tables the list there has."""
        found = self.get(path)
        if found is None:
            return 0
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.wrong(path, f"{_name(path)} is a list of tables: [[{_name(path)}]].")
        return len(found)

    # Values

    def text(self, path: Path) -> str:
        """A text; empty for none."""
        found = self.get(path)
        if found is not None and not isinstance(found, str):
            raise self.wrong(path, f"{path[-1]} is a text in quotation marks.")
        return (found or "").strip()

    def flag(self, path: Path, default: bool) -> bool:
        """True or false."""
        found = self.get(path)
        if found is not None and not isinstance(found, bool):
            raise self.wrong(path, f"{path[-1]} is true or false.")
        return default if found is None else found

    def words(self, path: Path, known: Sequence[str]) -> list[str]:
        """A list of known words."""
        found = self.get(path)
        if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
            raise self.wrong(path, f"{path[-1]} is a list of texts.")
        for word in found:
            if word not in known:
                raise self.wrong(path, f"{path[-1]} has no {word}. Known: {', '.join(known)}.")
        return found

    def clock(self, path: Path, default: str) -> dt.time:
        """A time of the day."""
        found = self.get(path)
        if isinstance(found, dt.time):
            return found.replace(second=0, microsecond=0)
        match = re.fullmatch(r"(\d\d?):(\d\d)", default if found is None else found if isinstance(found, str) else "")
        if match is None or int(match[1]) > 23 or int(match[2]) > 59:
            raise self.wrong(path, f"{path[-1]} is a time as 23:00.")
        return dt.time(int(match[1]), int(match[2]))

    def timeout(self, path: Path) -> float:
        """Seconds that a way may take."""
        return self._number((*path, "timeout_s"), TIMEOUT_S, 1, MOST_TIMEOUT_S)

    def argv(self, path: Path) -> tuple[str, ...]:
        """The program of a command and its arguments."""
        found = self.get((*path, "argv"))
        if not isinstance(found, list) or not found or not all(isinstance(each, str) for each in found) or not found[0]:
            raise self.wrong(path, 'A command has argv, a list of texts that begins with the program: ["page", "ops"].')
        return tuple(found)

    def url(self, path: Path) -> tuple[str, str]:
        """The address of a webhook, or the variable that holds it."""
        url, url_env = self.text((*path, "url")), self.text((*path, "url_env"))
        if bool(url) == bool(url_env):
            raise self.wrong(path, "A webhook has either url or url_env.")
        if url and (problem := address_problem(url)):
            raise self.wrong((*path, "url"), problem)
        return url, url_env

    def rules(self, path: Path, ways: Sequence[str]) -> tuple[AlertRule, ...]:
        """A list of rules."""
        return tuple(self._rule((*path, number), ways) for number in range(self.length(path)))

    def _rule(self, path: Path, ways: Sequence[str]) -> AlertRule:
        key = self.text((*path, "rule"))
        if key not in KEYS:
            said = f"There is no rule {key}." if key else "A rule says which it is: rule = …"
            raise self.wrong((*path, "rule") if key else path, f"{said} Known: {', '.join(KINDS)}.")
        kind = KINDS[key]
        self.only_at(path, (*_RULE_KEYS, *(each.name for each in kind.values)))
        subject = self.text((*path, "subject"))
        if subject and not kind.anything:
            raise self.wrong((*path, "subject"), f"{key} is about the whole database: it has no subject.")
        values = {
            each.name: self._number((*path, each.name), each.default, each.least, each.most, each.unit)
            for each in kind.values
            if self.has((*path, each.name))
        }
        return AlertRule(
            kind.key,
            subject or ANY,
            values,
            tuple(self.words((*path, "ways"), ways)) if self.has((*path, "ways")) else (DESKTOP,),
            self.flag((*path, "in_quiet_hours"), False),
            self.flag((*path, "sound"), False),
            self.flag((*path, "on"), True),
            self.flag((*path, "jobs"), False),
        )

    def _number(self, path: Path, default: float, least: float, most: float, unit: str = "") -> float:
        found = self.get(path)
        if found is None:
            return default
        if isinstance(found, bool) or not isinstance(found, int | float) or found != found:
            raise self.wrong(path, f"{path[-1]} is a number.")
        if not least <= found <= most:
            raise self.wrong(path, f"{path[-1]} is between {least:,.10g} and {most:,.10g}.")
        if unit in ("count", "min") and found != int(found):
            raise self.wrong(path, f"{path[-1]} is a whole number.")
        return float(found)

    # Where

    def _line_of(self, path: Path) -> int:
        """The line in which the last step of a path stands; of its table where that cannot be told; 0 for unknown."""
        names = [str(step) for step in path if isinstance(step, str)]
        number = next((step for step in path if isinstance(step, int)), None)
        for depth in range(len(names), -1, -1):
            table, key = names[:depth], names[depth:]
            seen, inside, start = -1, not table, 0
            for place, line in enumerate(self._lines, 1):
                header = _HEADER.match(line)
                if header is not None:
                    is_it = _steps(header[2]) == table
                    seen += is_it
                    inside = is_it and (number is None or header[1] == "[" or seen == number)
                    start = place if inside else start
                elif inside and key and _steps(line.partition("=")[0])[:1] == key[:1] and "=" in line:
                    return place
            if start and table:
                return start
        return 0


def _steps(text: str) -> list[str]:
    """The steps of a dotted key."""
    return [(one or two or bare).strip() for one, two, bare in re.findall(r'"([^"]*)"|\'([^\']*)\'|([^."\'\s]+)', text)]


def _name(path: Path) -> str:
    return ".".join(str(step) for step in path if isinstance(step, str)) or "The file"


def rule_table(rule: AlertRule) -> dict[str, Any]:
    """The table that holds a rule: what is as by default is left out."""
    table: dict[str, Any] = {"rule": rule.key}
    if rule.subject != ANY:
        table["subject"] = rule.subject
    units = {each.name: each.unit for each in rule.kind.values}
    for name, value in rule.values.items():
        if name in units:
            table[name] = int(value) if value == int(value) else value
    if rule.ways != (DESKTOP,):
        table["ways"] = list(rule.ways)
    flags = {"in_quiet_hours": rule.is_in_quiet_hours, "sound": rule.has_sound, "jobs": rule.sends_jobs}
    table |= {name: True for name, is_so in flags.items() if is_so}
    return table if rule.is_on else {**table, "on": False}
