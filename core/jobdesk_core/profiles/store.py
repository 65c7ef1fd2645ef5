"""The file of saved profiles: TOML in the user's configuration folder, written whole or not at all."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import platformdirs
import tomli_w

from jobdesk_core.connectors.ssh.command import problem as ssh_problem
from jobdesk_core.files import text_of, whole_file
from jobdesk_core.profiles.places import is_misplaced
from jobdesk_core.profiles.profile import SECRETS, Profile, is_readable, public_dsn
from jobdesk_core.profiles.shared import UnreadableShared, read_shared, team_file
from jobdesk_core.profiles.table import checked, profile_of, table_of


class UnreadableProfiles(Exception):
    """The file of profiles cannot be read, and is left as it is."""


class UnsavableProfile(Exception):
    """The connection string cannot be read, or stands in another field: a password in it cannot be left out."""


class ProfileStore:
    """Reads the file on each question, so that two windows see each other's profiles."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or platformdirs.user_config_path("jobdesk", appauthor=False) / "profiles.toml"

    def all(self) -> list[Profile]:
        """The profiles in the order that they have been given, those without a place by their names behind them.

        With them those of the file that a team keeps (see `shared`); one that is saved here under the same name stands
        instead. Raises UnreadableProfiles with the reason.
        """
        document = self._read()
        saved = document.get("profiles", {})
        shared = [profile for profile in self._of_team() if profile.name not in saved]
        found = [*(profile_of(name, saved[name]) for name in saved), *shared]
        places = {name: place for place, name in enumerate(_order(document))}
        return sorted(found, key=lambda each: (places.get(each.name, len(places)), each.name.casefold()))

    def own(self) -> list[Profile]:
        """The profiles that are saved here, without those of the team's file. Raises UnreadableProfiles."""
        return [profile for profile in self.all() if not profile.is_shared]

    @property
    def team_trouble(self) -> str:
        """Why the file that a team keeps cannot be read, in a sentence; empty when it can, or there is none."""
        path = team_file()
        try:
            if path is not None:
                read_shared(path)
        except UnreadableShared as error:
            return f"The connections of your team are not there: {error}"
        return ""

    def arrange(self, names: Sequence[str]) -> None:
        """Have the profiles in this order from now on. Raises UnreadableProfiles, OSError."""
        document = self._read()
        if _order(document) != list(names):
            document["order"] = list(names)
            self._write(document)

    def get(self, name: str) -> Profile | None:
        """The profile of this name."""
        return next((profile for profile in self.all() if profile.name == name), None)

    def save(self, profile: Profile, *, instead_of: str = "") -> None:
        """Add a profile, or replace the one of its name. A password in its DSN or arguments is left out.

        `instead_of` is the name that a renamed one had: all is written at once, so that never both or none are there.
        Raises UnsavableProfile for a DSN that cannot be read, UnreadableProfiles for such a file.
        """
        document = self._read()
        if not is_readable(profile.dsn):
            raise UnsavableProfile("The connection string cannot be read, and it may hold a password: fix it first.")
        if is_misplaced(profile.arguments):
            raise UnsavableProfile("A field holds a connection string, and perhaps a password: it goes to DSN.")
        if ssh_problem(profile.ssh) is not None:
            raise UnsavableProfile("The host of SSH cannot be read, and it may hold a password: fix it first.")
        kept = {name: value for name, value in profile.arguments.items() if name not in SECRETS}
        clean = replace(profile, dsn=public_dsn(profile.dsn), arguments=kept)
        saved = document.setdefault("profiles", {})
        is_renamed = bool(instead_of) and instead_of != profile.name and instead_of in saved
        before = saved.pop(instead_of) if is_renamed else saved.get(profile.name, {})
        saved[profile.name] = before | table_of(clean)
        if is_renamed and document.get("last_used") == instead_of:
            document["last_used"] = profile.name
        if is_renamed and instead_of in _order(document):
            document["order"] = [profile.name if name == instead_of else name for name in _order(document)]
        self._write(document)

    def delete(self, name: str) -> None:
        """Forget a profile."""
        document = self._read()
        if document.get("profiles", {}).pop(name, None) is not None:
            self._write(document)

    @property
    def last_used(self) -> str | None:
        """The name of the profile that was opened last."""
        name = self._read().get("last_used")
        return name if isinstance(name, str) else None

    def remember(self, name: str) -> None:
        """Note which profile was opened last."""
        document = self._read()
        if document.get("last_used") != name:
            document["last_used"] = name
            self._write(document)

    def _read(self) -> dict[str, Any]:
        try:
            return checked(tomllib.loads(text_of(self.path)))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise UnreadableProfiles(
                f"The saved connections in {self.path} cannot be read ({error}). The file is left as it is: "
                "fix it, or move it away."
            ) from error

    def _write(self, document: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(self.path) as file:
            file.write(tomli_w.dumps(document))

    def _of_team(self) -> list[Profile]:
        path = team_file()
        try:
            return [] if path is None else [replace(profile, is_shared=True) for profile in read_shared(path)]
        except UnreadableShared:
            return []  # told by `team_trouble`: one's own are there all the same


def _order(document: dict[str, Any]) -> list[str]:
    order = document.get("order", [])
    names = [name for name in order if isinstance(name, str)] if isinstance(order, list) else []
    return list(dict.fromkeys(names))
