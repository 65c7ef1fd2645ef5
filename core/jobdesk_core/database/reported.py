"""Whether the reports of workers can be read in a database, and why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

State = Literal["absent", "foreign", "older", "newer", "current", "unreadable"]


@dataclass(frozen=True, slots=True)
class Reported:
    """Whether reports can be read here, and which tables.

    `absent`: there is no schema `jobdesk`; `foreign`: there is one that Jobdesk did not make; `older` and `newer` than
    this program's `version`; `unreadable`: this role may not look into it. What `readable` names can be read in any
    state: a table of a newer version may have columns that are not known here, never fewer.
    """

    state: State = "absent"
    readable: frozenset[str] = frozenset()
    #: The version that is installed, None where it is not known.
    version: int | None = None
    #: Of whom its sentences speak.
    database: str = field(default="", compare=False)
    role: str = field(default="", compare=False)
    #: Whether there is a schema of that name, whatever lies in it.
    is_there: bool = False
    #: Which of the tables are there, readable or not.
    tables: frozenset[str] = frozenset()
    #: What else lies in the schema, by name.
    others: tuple[str, ...] = ()

    def refusal(self, table: str) -> str | None:
        """Why a table cannot be read, as a sentence; None when it can."""
        if table in self.readable:
            return None
        what = _WHAT[table]
        if self.state in ("absent", "foreign"):
            verb = "is" if table == "progress" else "are"
            why = "is not installed" if self.state == "absent" else "was not made by Jobdesk"
            return f"No {what} {verb} reported in this database: the schema jobdesk {why}."
        cannot = f"The reported {what} cannot be read here:"
        if self.state == "unreadable":
            return f"{cannot} role {self.role} may not read the schema jobdesk."
        if table in self.tables:
            return f"{cannot} role {self.role} may not read the table jobdesk.{table}."
        return f"{cannot} version {self.version} of the schema jobdesk has no table {table}."


#: What the tables hold, in words.
_WHAT = {
    "errors": "errors",
    "workers": "workers",
    "tasks": "tasks",
    "schedules": "schedules",
    "progress": "progress",
    "logs": "log lines",
    "version": "versions",
}
