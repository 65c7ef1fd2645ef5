"""What a profile says to libpq, in each form that libpq takes: an address, words with `=`, variables.

A password is in none of them.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping

from jobdesk_core.profiles.origins import variables
from jobdesk_core.profiles.pasted import address_of
from jobdesk_core.profiles.profile import SECRETS, Profile, dsn_of, parameters_of, words_of


def named_by(profile: Profile) -> dict[str, str]:
    """The parameters that a profile names, or the environment, where it leaves them to that."""
    conninfo, arguments = words_of(profile)
    if profile.method == "environment":
        return {name: os.environ[variable] for name, variable in variables().items() if os.environ.get(variable)}
    return {**parameters_of(conninfo), **arguments}


def as_words(parameters: Mapping[str, str]) -> str:
    """`host=… dbname=…`, each value in quotes where it needs them."""
    return dsn_of(_public(parameters))


def as_address(parameters: Mapping[str, str]) -> str:
    """`postgresql://user@host:port/database?…`."""
    return address_of(_public(parameters))


def as_variables(parameters: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """A line for each variable, quoted for a shell, and the parameters for which libpq has none."""
    named, given = variables(), _public(parameters)
    kept = {name: value for name, value in given.items() if named.get(name)}
    lines = [f"{named[name]}={shlex.quote(value)}" for name, value in kept.items()]
    return "\n".join(lines), tuple(name for name in given if name not in kept)


def _public(parameters: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if name not in SECRETS and value != ""}
