"""Where the history of a database lies: a file of its own for each database that a connection really leads to."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from pathlib import Path

import platformdirs

from jobdesk_core.database.marks import Server
from jobdesk_core.profiles import Profile, place_of


def history_folder() -> Path:
    """The folder of all histories, in the user's state folder, beside the journal."""
    return platformdirs.user_state_path("jobdesk", appauthor=False) / "history"


def history_path(profile: Profile, server: Server, *, folder: Path | None = None) -> Path:
    """The file of the database that a profile leads to now, and that the server says it is.

    Two profiles of the same database, as two roles of it, share one; a profile that is renamed keeps its own. A
    database that was created anew under the same name begins a new one.
    """
    place = place_of(profile)
    where = (place.servers, place.dbname, place.via) if place is not None else profile.display_dsn
    identity = hashlib.sha256(repr((where, profile.schema, server.name)).encode()).hexdigest()[:12]
    words = (place.dbname, profile.schema, place.servers[0][0]) if place is not None else (profile.name,)
    name = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(word for word in words if word)).strip("-.")[:28].strip("-.")
    return (folder or history_folder()) / f"{name or 'database'}-{identity}.sqlite"


def histories(folder: Path | None = None) -> list[Path]:
    """The files of all histories on this machine, by name."""
    found = (folder or history_folder()).glob("*.sqlite")
    return sorted(path for path in found if "-unreadable-" not in path.name)


def drop_old(folder: Path, days: int) -> None:
    """Delete the files that nobody has written into for so many days: their databases are not watched any more."""
    oldest = time.time() - days * 86_400
    for path in folder.glob("*.sqlite"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < oldest:
                for ending in ("-wal", "-shm", ""):
                    path.with_name(path.name + ending).unlink(missing_ok=True)
