"""A password that is planted in everything that may carry one, and found again in any of its spellings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from jobdesk_core.profiles import Profile, ProfileStore
from jobdesk_core.profiles.secrets import keep_password
from psycopg.conninfo import make_conninfo

#: One that is plain, and one of what connection strings, shells, JSON and markup are made of.
PASSWORDS = ("Zq9xVwQ7k", "Zq9xV@%:/?# '\"\\&ä<b>wQ7k")
#: Parts of both, so that it is found however it is quoted, cut or taken apart.
MARKS = ("Zq9xV", "wQ7k")
CARRIERS = (
    *("address", "keywords", "PGPASSWORD", "password file", "service file", "keyring", "options", "sslpassword"),
    *("file of profiles, DSN", "file of profiles, arguments", "file of profiles, more"),
)


def tells(*texts: object) -> list[str]:
    """What of a planted password stands in these texts, or bytes."""
    return [mark for each in texts for mark in MARKS if mark in _text(each)]


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


@dataclass(slots=True)
class Planted:
    """Where a password was put: a connection string or a saved connection's name, and files that may hold it."""

    dsn: str = ""
    profile: str = ""
    files: list[Path] = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        """The options of the command line that connect by it."""
        return ["--profile", self.profile] if self.profile else ["--dsn", self.dsn]


async def plant(
    carrier: str, password: str, words: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Planted:
    """Put the password into the carrier, for the server that these words name. HOME is the folder."""
    plain = make_conninfo("", **words)
    place = f"{words['host']}:{words['port']}:*:{words['user']}"
    if carrier == "address":
        server = f"{quote(words['host'], safe='')}:{words['port']}/{words['dbname']}"
        return Planted(f"postgresql://{words['user']}:{quote(password, safe='')}@{server}")
    if carrier in ("keywords", "sslpassword"):
        return Planted(make_conninfo(plain, **{"password" if carrier == "keywords" else carrier: password}))
    if carrier == "options":
        return Planted(
            make_conninfo(plain, options="-c app.token=" + password.replace("\\", "\\\\").replace(" ", "\\ "))
        )
    if carrier == "PGPASSWORD":
        monkeypatch.setenv("PGPASSWORD", password)
        return Planted(plain)
    if carrier == "password file":
        escaped = password.replace("\\", "\\\\").replace(":", "\\:")
        return Planted(plain, files=[_written(folder / ".pgpass", f"{place}:{escaped}\n")])
    if carrier == "service file":
        lines = "\n".join(f"{name}={value}" for name, value in words.items())
        held = f"[planted]\n{lines}\npassword={password}\n"
        return Planted("service=planted", files=[_written(folder / ".pg_service.conf", held)])
    if carrier == "keyring":
        ProfileStore().save(Profile(name="planted", method="arguments", arguments=words))
        profile = ProfileStore().get("planted")
        assert profile is not None and await keep_password(profile, password)
        return Planted(profile="planted")
    return Planted(profile="planted", files=[_by_hand(carrier, password, words)])


def _by_hand(carrier: str, password: str, words: dict[str, str]) -> Path:
    """A file of profiles with a password in it, which Jobdesk itself never writes."""
    text = '[profiles.planted]\nmethod = "arguments"\n'
    if carrier.endswith("DSN"):
        text = (
            f'[profiles.planted]\nmethod = "dsn"\ndsn = {json.dumps(make_conninfo("", password=password, **words))}\n'
        )
    names = {"arguments": words | {"password": password}, "more": words | {"sslpassword": password}}
    for name, value in names.get(carrier.rpartition(" ")[2], {}).items():
        text += f"arguments.{name} = {json.dumps(value)}\n"
    return _written(ProfileStore().path, text)


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    return path


def of_error(error: BaseException | None) -> Iterator[Any]:
    """All that can be read of an error and of what led to it."""
    while error is not None:
        yield from (str(error), repr(error), error.args, getattr(error, "__notes__", ()))
        error = error.__cause__ or error.__context__


def written(folder: Path, but: list[Path]) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, but for some: its name and its bytes."""
    for path in folder.rglob("*"):
        if path.is_file() and path not in but:
            yield path.name, path.read_bytes()
