"""What a connection is made with, as libpq and Jobdesk resolve it, and where each value comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import psycopg
from psycopg import pq

from jobdesk_core.connectors.psycopg_adapters import bounded
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.masking import without_secrets
from jobdesk_core.profiles import passfile
from jobdesk_core.profiles.places import HIDDEN, Place, found_by_libpq, named_by_service
from jobdesk_core.profiles.profile import APPLICATION_NAME, SECRETS, Profile, is_readable, place_of, words_of

#: Told wherever they come from; others when somebody has set them.
_ALWAYS = ("host", "port", "dbname", "user", "sslmode")
_FIRST = ("service", "host", "hostaddr", "port", "dbname", "user", "sslmode")
_PLACE = ("host", "hostaddr", "port", "dbname", "user")


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter of libpq, its value (dots for a secret), and where that comes from."""

    name: str
    value: str
    origin: str


@lru_cache(maxsize=1)
def _options() -> dict[str, tuple[str, str]]:
    """Of each parameter the variable that names it, and what libpq takes without one."""
    found = pq.Conninfo.get_defaults()
    return {each.keyword.decode(): ((each.envvar or b"").decode(), (each.compiled or b"").decode()) for each in found}


def variables() -> dict[str, str]:
    """The variable of the environment that names each parameter, empty where there is none."""
    return {name: variable for name, (variable, _) in _options().items()}


def settings_of(profile: Profile, *, is_password_known: bool = False) -> list[Setting]:
    """What this profile connects with; empty when that cannot be told. Reads the environment and libpq's files.

    `is_password_known` says that one was typed, or is in the keyring: it goes before the password file.
    """
    conninfo, arguments = words_of(profile)
    place = place_of(profile)
    if place is None or not is_readable(conninfo):
        return []
    try:
        named = psycopg.conninfo.conninfo_to_dict(conninfo, **arguments)
        ours = bounded(conninfo, arguments)
    except (psycopg.Error, ConnectorException, ValueError):
        return []
    found = found_by_libpq(named)
    service = str(named.get("service") or found.get("service") or "")
    in_service, file = named_by_service(service) if service else ({}, "")
    ours = {name: str(value) for name, value in ours.items() if name not in arguments}
    told = []
    for name, (variable, compiled) in _options().items():
        value = str(found.get(name) or "")
        if name in named:
            origin, value = "this connection", str(named[name])
        elif name in in_service:
            origin = f"service {service}, {file}"
        elif variable and _is_set(variable):
            origin = f"{variable} of the environment"
        elif name in ours and name != "client_encoding":
            origin, value = "Jobdesk", ours[name]
        elif name == "fallback_application_name" or name == "password":
            continue
        elif name == "application_name":
            origin, value = "Jobdesk", APPLICATION_NAME
        elif name in _ALWAYS:
            origin, value = _usual(name, place, compiled)
        else:
            continue
        if name in _PLACE:
            value = place.parameters[name]
        if name not in SECRETS and name != "passfile" and (value or name in _ALWAYS):
            told.append(Setting(name, HIDDEN if name == "options" else without_secrets(value), origin))
    told.sort(key=lambda setting: _FIRST.index(setting.name) if setting.name in _FIRST else len(_FIRST))
    told.append(_password(profile, place, in_service, named, is_known=is_password_known))
    return told


def _is_set(variable: str) -> bool:
    return bool(os.environ.get(variable))


def _usual(name: str, place: Place, compiled: str) -> tuple[str, str]:
    if name == "user":
        return "your account on this machine", place.user
    if name == "dbname":
        return "the name of the user", place.dbname
    return "libpq's default", compiled


def _password(
    profile: Profile, place: Place, in_service: Mapping[str, str], named: Mapping[str, object], *, is_known: bool
) -> Setting:
    if profile.password_command:
        return Setting("password", HIDDEN, "what the password command prints")
    if is_known or named.get("password"):
        return Setting("password", HIDDEN, "typed, or this machine's keyring")
    if place.via and not place.is_named_alike_everywhere:
        return Setting("password", "–", "none is known: what is kept for this machine is for none behind SSH")
    if "password" in in_service and not place.via:
        return Setting("password", HIDDEN, "the service's definition")
    if _is_set("PGPASSWORD") and not place.via:
        return Setting("password", HIDDEN, "PGPASSWORD of the environment, for where it belongs")
    file = passfile.place_of_passfile(str(named.get("passfile") or ""))
    trouble = passfile.problem(file)
    if trouble is not None:
        return Setting("password", "–", trouble)
    line = passfile.matching_line(file, place)
    if line is not None:
        return Setting("password", HIDDEN, f"line {line} of {file}")
    return Setting("password", "–", "none is known: it is asked for when the server wants one")
