"""Profiles as a file for others: what a team keeps, what one sends, and what another one's file would bring.

Such a file has the form of the file of saved profiles. Nothing secret goes into it, and nothing secret that stands in
one is used. What would run a program is never taken over as allowed: that is for each person to say.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import tomli_w

from jobdesk_core.connectors.ssh.command import problem as ssh_problem
from jobdesk_core.files import text_of, whole_file
from jobdesk_core.profiles.places import is_misplaced
from jobdesk_core.profiles.profile import SECRETS, Profile, is_readable, public_dsn
from jobdesk_core.profiles.table import checked, profile_of, table_of

#: The variable that names the file which a team keeps.
TEAM_FILE = "JOBDESK_PROFILES"
#: What belongs to one person's machine and is not handed on.
_OWN = ("app_is_allowed", "last_used")


class UnreadableShared(Exception):
    """A file of profiles that somebody has handed on cannot be read. The text says why, and holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One profile of somebody's file, and how it stands to what is saved here.

    `is_new`, or one of the same name is saved: then `differs` names the fields that are not the same, none for the same
    profile.
    """

    profile: Profile
    state: Literal["new", "same", "differs"]
    differs: tuple[str, ...] = ()


def team_file(variables: Mapping[str, str] = os.environ) -> Path | None:
    """The file that the environment names, if it names one."""
    named = variables.get(TEAM_FILE, "").strip()
    return Path(named).expanduser() if named else None


def read_shared(path: Path) -> list[Profile]:
    """The profiles of such a file in its order, without anything secret. Raises UnreadableShared."""
    try:
        document = checked(tomllib.loads(text_of(path)))
    except FileNotFoundError as error:
        raise UnreadableShared(f"There is no file {path}.") from error
    except OSError as error:
        raise UnreadableShared(f"{path} cannot be read: {error.strerror or type(error).__name__}.") from error
    except UnicodeDecodeError as error:
        raise UnreadableShared(f"{path} is not text in UTF-8.") from error
    except (ValueError, RecursionError) as error:
        # The parser's own words repeat what stands there, which may be a password.
        raise UnreadableShared(f"{path} is not a file of connections, as Jobdesk exports it.") from error
    return [without_secrets(profile_of(name, table)) for name, table in document.get("profiles", {}).items()]


def without_secrets(profile: Profile) -> Profile:
    """The profile as it may be handed on: no password, and nothing allowed that runs a program.

    A connection string that cannot be read, or that stands in another field, is left out: a password in it cannot be
    told from the rest.
    """
    arguments = {name: value for name, value in profile.arguments.items() if name not in SECRETS}
    if is_misplaced(arguments):
        arguments = {}
    return replace(
        profile,
        dsn=public_dsn(profile.dsn) if is_readable(profile.dsn) else "",
        arguments=arguments,
        app_is_allowed=False,
        ssh=profile.ssh if ssh_problem(profile.ssh) is None else "",
        saved_as="",
    )


def export(profiles: Iterable[Profile], path: Path) -> int:
    """Write profiles into a file for others, whole or not at all; how many. Raises OSError."""
    tables: dict[str, dict[str, Any]] = {}
    for profile in profiles:
        table = table_of(without_secrets(profile))
        tables[profile.name] = {
            name: value for name, value in table.items() if name not in _OWN and value not in ("", {}, [])
        }
    with whole_file(path) as file:
        file.write(tomli_w.dumps({"profiles": tables}))
    return len(tables)


def compare(arriving: Sequence[Profile], saved: Sequence[Profile]) -> list[Arrival]:
    """How the profiles of somebody's file stand to those that are saved here, in the file's order."""
    here = {profile.name: profile for profile in saved}
    found = []
    for profile in arriving:
        own = here.get(profile.name)
        if own is None:
            found.append(Arrival(profile, "new"))
            continue
        differs = tuple(
            each.name
            for each in fields(Profile)
            if each.compare and each.name != "app_is_allowed" and getattr(own, each.name) != getattr(profile, each.name)
        )
        found.append(Arrival(profile, "differs" if differs else "same", differs))
    return found
