"""libpq's password file: whether libpq reads it, and which of its lines it takes. Passwords are left in it."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path

from jobdesk_core.profiles.places import Place

_FIELD = re.compile(r"((?:\\.|[^:\\])*)(?::|$)")
#: A socket in libpq's own folder counts as this machine.
_LOCAL_FOLDERS = ("/tmp", "/var/run/postgresql", "/run/postgresql")


def place_of_passfile(named: str = "") -> Path:
    """Where the file is: as `passfile` names it, or PGPASSFILE, or in the user's own folder."""
    if named or os.environ.get("PGPASSFILE"):
        return Path(named or os.environ["PGPASSFILE"])
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", "")) / "postgresql" / "pgpass.conf"
    return Path("~/.pgpass").expanduser()


def problem(path: Path) -> str | None:
    """Why libpq does not read a file that is there, with the remedy; None when it does, or when there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"The password file {path} cannot be read: {error.strerror}."
    if not stat.S_ISREG(found.st_mode):
        return f"The password file {path} is not a plain file, so it is not read."
    if sys.platform != "win32" and found.st_mode & 0o077:
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        return f"The password file {path} can be read by others (mode {mode}), so it is not used. chmod 600 {path}"
    if not os.access(path, os.R_OK):
        return f"The password file {path} cannot be read: Permission denied."
    return None


def matching_line(path: Path, place: Place) -> int | None:
    """The number of the line that libpq takes for the first server of a place, None when for none."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    host, _, port = place.servers[0]
    host = "localhost" if not host or host in _LOCAL_FOLDERS else host
    wanted = (host, port or "5432", place.dbname, place.user)
    for number, line in enumerate(lines, 1):
        fields = [re.sub(r"\\(.)", r"\1", each) for each in _FIELD.findall(line)[:5]]
        is_line = len(fields) == 5 and not line.startswith("#")
        if is_line and all(field in ("*", want) for field, want in zip(fields, wanted, strict=False)):
            return number
    return None
