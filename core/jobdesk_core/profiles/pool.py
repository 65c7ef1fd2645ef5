"""How many connections a profile keeps, for how long, and how long one is waited for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

#: The least and the most of each.
LIMITS = {"size": (2, 50), "timeout_s": (1, 600), "lifetime_s": (60, 604_800), "idle_s": (10, 86_400)}


@dataclass(frozen=True, slots=True)
class Pool:
    """At most `size` connections; the rest in seconds.

    `timeout_s` is how long a free one is waited for, `lifetime_s` after how long one is made anew, `idle_s` after how
    long one that nobody uses is given back.
    """

    size: int = 4
    timeout_s: int = 5
    lifetime_s: int = 3600
    idle_s: int = 600

    @property
    def parameters(self) -> dict[str, Any]:
        """The keywords for a connector. One connection always waits for its next question."""
        return {
            "min_size": 1,
            "max_size": self.size,
            "timeout": float(self.timeout_s),
            "max_lifetime": float(self.lifetime_s),
            "max_idle": float(self.idle_s),
        }


def pool_of(table: Any) -> Pool:
    """The pool that a table of TOML describes; what is no number, or not between the limits, is as usual."""
    given = table if isinstance(table, dict) else {}
    kept = {}
    for each in fields(Pool):
        value, (least, most) = given.get(each.name), LIMITS[each.name]
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            kept[each.name] = value
    return Pool(**kept)


def table_of_pool(pool: Pool) -> dict[str, int]:
    """The pool as a table of TOML."""
    return asdict(pool)
