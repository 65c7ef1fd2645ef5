"""What is declared of an action: its name, its place in the menus, its keys, what it runs, and what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from PySide6.QtCore import QCoreApplication


class Needs(Enum):
    """What must be there before an action makes sense."""

    NOTHING = "nothing"
    DESK = "desk"
    JOBS = "jobs"


@dataclass(frozen=True, slots=True)
class Spec:
    """One action. `key` is `noun.verb`; `run` is the method of the group of commands that declares it.

    In its menu it comes behind the one that its group declares before it, or behind the one that `after` names.
    """

    key: str
    text: str
    menu: str
    run: Callable[[Any], object]
    icon: str = ""
    shortcut: str = ""
    tip: str = ""
    needs: Needs = Needs.NOTHING
    starts_group: bool = False
    submenu: str = ""
    after: str = ""
    #: What it is called where its menu is not seen, when its text alone does not tell it apart.
    name: str = ""
    #: Whether its keys are those of the table of jobs alone: elsewhere they have a meaning of their own.
    is_of_table: bool = False
    #: Whether it is one of several of its submenu, of which exactly one is in force.
    is_choice: bool = False

    @property
    def noun(self) -> str:
        """What it acts upon."""
        return self.key.partition(".")[0]

    @property
    def verb(self) -> str:
        """What it does to it."""
        return self.key.partition(".")[2]


def translated(text: str) -> str:
    """An action's text in the user's language."""
    return QCoreApplication.translate("Actions", text)
