"""Of several hosts the one that answered is asked first from then on: a silent one costs its wait once, not each time.

Kept for as long as the program runs, by the list of hosts as it was given. Where the driver is to choose at random, or
by what the hosts are, every one that answers is as good, and the others follow in their order.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

_PARTS = ("host", "hostaddr", "port")
_Hosts = tuple[tuple[str, str, str], ...]
#: The place in its list of the host that answered last.
_answered: dict[_Hosts, int] = {}


@dataclass(frozen=True, slots=True)
class Several:
    """The hosts of a connection string that names more than one."""

    hosts: _Hosts

    @property
    def in_order(self) -> dict[str, str]:
        """The parameters of a connection, with the host that answered last in the first place."""
        first = _answered.get(self.hosts, 0)
        ordered = (self.hosts[first], *self.hosts[:first], *self.hosts[first + 1 :])
        columns = zip(_PARTS, zip(*ordered, strict=True), strict=True)
        return {name: ",".join(held) for name, held in columns if any(held)}

    def note(self, connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
        """Remember which of them has answered."""
        info = connection.info
        for place, (host, address, port) in enumerate(self.hosts):
            if info.port == int(port or 5432) and info.host in (host, address):
                _answered[self.hosts] = place
                return


def several(conninfo: str, options: dict[str, Any]) -> Several | None:
    """The hosts that these lead to, libpq's environment included; None when there is only one."""
    try:
        given = conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        return None  # the driver will tell
    if "service" in given or options.get("service"):
        return None
    found = []
    for name in _PARTS:
        value = options.get(name, given.get(name)) or os.environ.get(f"PG{name.upper()}", "")
        found.append(str(value).split(","))
    count = max(len(found[0]), len(found[1]))
    if count < 2:
        return None
    # One port stands for all.
    columns = [each * count if len(each) == 1 else each for each in found]
    if any(len(each) != count for each in columns):
        return None
    return Several(tuple(zip(*columns, strict=True)))
