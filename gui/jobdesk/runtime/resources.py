"""Where the files of `resources/` are: beside the package in a checkout, inside it when it is installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def resource(name: str) -> Path:
    """The path of one file, such as `icons/jobdesk.svg`."""
    installed = _PACKAGE / "resources"
    return (installed if installed.is_dir() else _PACKAGE.parents[1] / "resources") / name
