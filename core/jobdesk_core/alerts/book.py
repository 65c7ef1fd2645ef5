"""The rules of every database, as one file holds them: of a profile, of a folder, or of all the others.

The window and `watch --rules` read the same file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import platformdirs
import tomli_w

from jobdesk_core.alerts.quiet import DAYS, NEVER, QuietHours
from jobdesk_core.alerts.rule import DEFAULT_RULES, DESKTOP, AlertRule
from jobdesk_core.alerts.tables import Reader, UnreadableRules, rule_table
from jobdesk_core.alerts.ways import Command, Way, Webhook
from jobdesk_core.files import text_of, whole_file


@dataclass(frozen=True, slots=True)
class Watched:
    """A database that `watch --rules` looks at: a saved connection, or a connection string, perhaps in a variable."""

    name: str
    profile: str = ""
    dsn: str = field(default="", repr=False)
    dsn_env: str = ""


@dataclass(frozen=True, slots=True)
class RuleBook:
    """What a file holds. `rules` None: the default ones, for whatever has none of its own."""

    rules: tuple[AlertRule, ...] | None = None
    folders: Mapping[str, tuple[AlertRule, ...]] = field(default_factory=dict)
    profiles: Mapping[str, tuple[AlertRule, ...]] = field(default_factory=dict)
    ways: Mapping[str, Way] = field(default_factory=dict)
    quiet: QuietHours = NEVER
    databases: tuple[Watched, ...] = ()

    def of(self, profile: str, folder: str = "") -> tuple[AlertRule, ...]:
        """The rules of a database: its own, or else its folder's, or the next folder's around it, or those of all."""
        if profile in self.profiles:
            return self.profiles[profile]
        while folder:
            if folder in self.folders:
                return self.folders[folder]
            folder = folder.rpartition("/")[0]
        return DEFAULT_RULES if self.rules is None else self.rules

    def with_rules(self, profile: str, rules: Sequence[AlertRule]) -> RuleBook:
        """The book with these rules for one profile."""
        return replace(self, profiles={**self.profiles, profile: tuple(rules)})

    def with_folder(self, folder: str, rules: Sequence[AlertRule]) -> RuleBook:
        """The book with these rules for every database of a folder that has none of its own."""
        return replace(self, folders={**self.folders, folder: tuple(rules)})

    def renamed(self, old: str, new: str) -> RuleBook:
        """The book once a saved connection has another name."""

        def named(each: Watched) -> Watched:
            return replace(each, profile=new, name=new if each.name == old else each.name)

        return replace(
            self,
            profiles={new if name == old else name: rules for name, rules in self.profiles.items()},
            databases=tuple(named(each) if each.profile == old else each for each in self.databases),
        )

    def with_way(self, way: Way) -> RuleBook:
        """The book with one more way, or another one of its name."""
        return replace(self, ways={**self.ways, way.name: way})

    def without_way(self, name: str) -> RuleBook:
        """The book without a way, and with no rule that uses it."""

        def freed(rules: Sequence[AlertRule]) -> tuple[AlertRule, ...]:
            return tuple(rule.with_ways([way for way in rule.ways if way != name]) for rule in rules)

        return replace(
            self,
            rules=freed(self.rules) if self.rules is not None else None,
            folders={place: freed(rules) for place, rules in self.folders.items()},
            profiles={place: freed(rules) for place, rules in self.profiles.items()},
            ways={each: way for each, way in self.ways.items() if each != name},
        )


def usual_path() -> Path:
    """Where the window keeps its rules."""
    return platformdirs.user_config_path("jobdesk", appauthor=False) / "alerts.toml"


def read(path: Path) -> RuleBook:
    """The book in a file; the default one where there is no file. Raises UnreadableRules, with the line."""
    try:
        text = text_of(path)
    except FileNotFoundError:
        return RuleBook()
    except OSError as error:
        raise UnreadableRules(f"{path} cannot be read: {error.strerror or type(error).__name__}.") from error
    except UnicodeDecodeError as error:
        raise UnreadableRules(f"{path} is not text in UTF-8.") from error
    return parsed(text, str(path))


def parsed(text: str, source: str = "The file") -> RuleBook:
    """The book in a text of TOML. Raises UnreadableRules, with the line."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        # The parser's own words may repeat what stands there, and that may be a secret.
        raise UnreadableRules(f"{source}: {Reader.syntax(error)}") from error
    reader = Reader(text, source, document)
    reader.only(("rules", "folder", "profile", "commands", "webhooks", "quiet_hours", "databases"))
    ways = _ways(reader)
    known = (DESKTOP, *ways)
    own = document.get("rules")
    return RuleBook(
        rules=reader.rules(("rules",), known) if own is not None else None,
        folders={name: reader.rules(("folder", name, "rules"), known) for name in reader.tables("folder", ("rules",))},
        profiles={
            name: reader.rules(("profile", name, "rules"), known) for name in reader.tables("profile", ("rules",))
        },
        ways=ways,
        quiet=_quiet(reader),
        databases=_databases(reader),
    )


def _ways(reader: Reader) -> dict[str, Way]:
    ways: dict[str, Way] = {}
    for name in reader.tables("commands", ("argv", "timeout_s")):
        ways[name] = Command(name, reader.argv(("commands", name)), reader.timeout(("commands", name)))
    for name in reader.tables("webhooks", ("url", "url_env", "timeout_s")):
        place = ("webhooks", name)
        if name in ways:
            raise reader.wrong(place, f"There is a command {name}, too: each name is of one way.")
        url, url_env = reader.url(place)
        ways[name] = Webhook(name, url, url_env, reader.timeout(place))
    if DESKTOP in ways:
        raise reader.wrong(("commands", DESKTOP), f"{DESKTOP} is the name of the desktop's notifications.")
    return ways


def _quiet(reader: Reader) -> QuietHours:
    place = ("quiet_hours",)
    if not reader.tables_at(place, ("from", "to", "days")):
        return NEVER
    days = reader.words((*place, "days"), DAYS) if reader.has((*place, "days")) else DAYS
    return QuietHours(reader.clock((*place, "from"), "23:00"), reader.clock((*place, "to"), "07:00"), frozenset(days))


def _databases(reader: Reader) -> tuple[Watched, ...]:
    found: list[Watched] = []
    for number in range(reader.length(("databases",))):
        place = ("databases", number)
        reader.only_at(place, ("name", "profile", "dsn", "dsn_env"))
        given = {key: reader.text((*place, key)) for key in ("name", "profile", "dsn", "dsn_env")}
        if sum(bool(given[key]) for key in ("profile", "dsn", "dsn_env")) != 1:
            raise reader.wrong(place, "A database has exactly one of profile, dsn and dsn_env.")
        name = given["name"] or given["profile"] or given["dsn_env"] or f"database {number + 1}"
        if name in [each.name for each in found]:
            raise reader.wrong(place, f"Two databases are called {name}.")
        found.append(Watched(name, given["profile"], given["dsn"], given["dsn_env"]))
    return tuple(found)


def write(book: RuleBook, path: Path) -> None:
    """Keep a book, whole or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        file.write(as_toml(book))


def as_toml(book: RuleBook) -> str:
    """The text of its file."""
    document: dict[str, object] = {}
    if book.quiet.days:
        document["quiet_hours"] = {
            "from": f"{book.quiet.start:%H:%M}",
            "to": f"{book.quiet.end:%H:%M}",
            "days": [day for day in DAYS if day in book.quiet.days],
        }
    if book.databases:
        named = (
            {"name": each.name, "profile": each.profile, "dsn": each.dsn, "dsn_env": each.dsn_env}
            for each in book.databases
        )
        document["databases"] = [{key: value for key, value in table.items() if value} for table in named]
    commands = {
        way.name: {"argv": list(way.argv), "timeout_s": way.timeout_s}
        for way in book.ways.values()
        if isinstance(way, Command)
    }
    hooks = {
        way.name: ({"url_env": way.url_env} if way.url_env else {"url": way.url}) | {"timeout_s": way.timeout_s}
        for way in book.ways.values()
        if isinstance(way, Webhook)
    }
    document |= {key: value for key, value in (("commands", commands), ("webhooks", hooks)) if value}
    if book.rules is not None:
        document["rules"] = [rule_table(rule) for rule in book.rules]
    for key, places in (("folder", book.folders), ("profile", book.profiles)):
        if places:
            document[key] = {name: {"rules": [rule_table(rule) for rule in rules]} for name, rules in places.items()}
    return tomli_w.dumps(document)
