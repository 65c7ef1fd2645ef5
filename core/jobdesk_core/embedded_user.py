"""Who the embedded server runs as when root starts it, which PostgreSQL refuses to be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

#: Ids that systems give to no user, group or service: https://systemd.io/UIDS-GIDS
FREE_IDS = range(60_578, 61_184)


class EmbeddedServerError(Exception):
    """The embedded PostgreSQL server did not start."""


def is_root() -> bool:
    """Whether this process is root's."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def own_id() -> int:
    """The id of a user and a group that root's server runs as: nobody's, so that nobody else is its superuser."""
    import grp  # not on Windows, where nobody is root
    import pwd

    users, groups = ({each[2] for each in database} for database in (pwd.getpwall(), grp.getgrall()))
    place = Path("/proc/self/uid_map")
    maps = [[*map(int, line.split())] for line in (place.read_text().splitlines() if place.exists() else ())]
    for number in FREE_IDS:
        is_there = not maps or any(first <= number < first + count for first, _, count in maps)
        if number not in users and number not in groups and is_there:
            return number
    raise EmbeddedServerError(
        "PostgreSQL refuses to run as root, and no user id is free for it here. Start Jobdesk as an ordinary user."
    )


def named_user() -> dict[str, Any]:
    """The identity of some user who has a name and no rights, for as long as initdb runs."""
    import pwd

    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise EmbeddedServerError(
            "PostgreSQL refuses to run as root, and this machine has no user nobody. Start Jobdesk as an ordinary user."
        ) from error
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
