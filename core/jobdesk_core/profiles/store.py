"""The file of saved profiles: TOML in the user's configuration folder, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import platformdirs
import tomli_w

from jobdesk_core.files import text_of
from jobdesk_core.profiles.places import is_misplaced
from jobdesk_core.profiles.profile import SECRETS, Profile, is_readable, public_dsn

#: What says where the application's code lies, and what it needs.
_APP = ("app_python", "app_path", "app_folder", "app_variables")


class UnreadableProfiles(Exception):
    """The file of profiles cannot be read, and is left as it is."""


class UnsavableProfile(Exception):
    """The connection string cannot be read, or stands in another field: a password in it cannot be left out."""


class ProfileStore:
    """Reads the file on each question, so that two windows see each other's profiles."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or platformdirs.user_config_path("jobdesk", appauthor=False) / "profiles.toml"

    def all(self) -> list[Profile]:
        """The profiles in the order of their names. Raises UnreadableProfiles with the reason."""
        saved = self._read().get("profiles", {})
        return [_profile(name, saved[name]) for name in sorted(saved, key=str.casefold)]

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
        kept = {name: value for name, value in profile.arguments.items() if name not in SECRETS}
        clean = replace(profile, dsn=public_dsn(profile.dsn), arguments=kept)
        saved = document.setdefault("profiles", {})
        is_renamed = bool(instead_of) and instead_of != profile.name and instead_of in saved
        before = saved.pop(instead_of) if is_renamed else saved.get(profile.name, {})
        saved[profile.name] = before | _table(clean)
        if is_renamed and document.get("last_used") == instead_of:
            document["last_used"] = profile.name
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
            document = tomllib.loads(text_of(self.path))
            _check(document)
            return document
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise UnreadableProfiles(
                f"The saved connections in {self.path} cannot be read ({error}). The file is left as it is: "
                "fix it, or move it away."
            ) from error

    def _write(self, document: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, unfinished = tempfile.mkstemp(dir=self.path.parent, prefix=".profiles-")
        try:
            with os.fdopen(handle, "wb") as stream:
                tomli_w.dump(document, stream)
            Path(unfinished).replace(self.path)
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise


def _check(document: dict[str, Any]) -> None:
    saved = document.get("profiles", {})
    tables = [saved, *saved.values()] if isinstance(saved, dict) else [saved]
    tables += [table.get(name, {}) for table in tables if isinstance(table, dict) for name in ("arguments", "links")]
    if not all(isinstance(table, dict) for table in tables):
        raise ValueError("each profile, its arguments and its links must be tables")


def _profile(name: str, table: dict[str, Any]) -> Profile:
    method = table.get("method")
    return Profile(
        name=name,
        method=method if method in ("dsn", "arguments") else "environment",
        dsn=str(table.get("dsn", "")),
        arguments={key: str(value) for key, value in table.get("arguments", {}).items()},
        environment=str(table.get("environment", "")),
        colour=str(table.get("colour", "")),
        is_read_only=bool(table.get("is_read_only", False)),
        links={key: str(value) for key, value in table.get("links", {}).items()},
        secret_keys=str(table.get("secret_keys", "")),
        editor=str(table.get("editor", "")),
        schema=str(table.get("schema", "")),
        **{name: str(table.get(name, "")) for name in _APP},
        app_is_allowed=table.get("app_is_allowed") is True,
        saved_as=name,
    )


def _table(profile: Profile) -> dict[str, Any]:
    return {
        "method": profile.method,
        "dsn": profile.dsn,
        "arguments": dict(profile.arguments),
        "environment": profile.environment,
        "colour": profile.colour,
        "is_read_only": profile.is_read_only,
        "links": dict(profile.links),
        "secret_keys": profile.secret_keys,
        "editor": profile.editor,
        "schema": profile.schema,
        **{name: getattr(profile, name) for name in _APP},
        "app_is_allowed": profile.app_is_allowed,
    }
