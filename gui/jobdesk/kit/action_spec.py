"""What is declared of an action: its name, its place in the menus, its keys, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Needs(Enum):
    """What must be there before an action makes sense."""

    NOTHING = "nothing"
    DESK = "desk"
    JOBS = "jobs"


@dataclass(frozen=True, slots=True)
class Spec:
    """One action. `key` is `noun.verb`, as in the package of commands."""

    key: str
    text: str
    menu: str
    icon: str = ""
    shortcut: str = ""
    tip: str = ""
    needs: Needs = Needs.NOTHING
    starts_group: bool = False
    submenu: str = ""
    #: What it is called where its menu is not seen, when its text alone does not tell it apart.
    name: str = ""
    #: Whether its keys are those of the table of jobs alone: elsewhere they have a meaning of their own.
    is_of_table: bool = False
    #: Whether it is one of several of its submenu, of which exactly one is in force.
    is_choice: bool = False
