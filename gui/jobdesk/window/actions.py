"""The table of all actions, put together from what the features declare. Menus, palette and shortcuts read it."""

from __future__ import annotations

from collections.abc import Iterable

from jobdesk.connection.command_group import CommandGroup
from jobdesk.kit.action_spec import Spec
from jobdesk.window.commands import GROUPS


def assembled(groups: Iterable[type[CommandGroup]]) -> tuple[Spec, ...]:
    """What the groups declare, in the order of the menus."""
    specs: list[Spec] = []
    for group in groups:
        place = len(specs)
        for spec in group.specs:
            if spec.after:
                place = 1 + [each.key for each in specs].index(spec.after)
            specs.insert(place, spec)
            place += 1
    return tuple(specs)


SPECS = assembled(GROUPS)
