"""An address that opens a place of the code in an editor: a template that a profile holds, filled from a traceback.

The path is the one that the worker reported. Where the code lies elsewhere on this machine, `{path:/srv/shop/}` is the
path without that beginning, so that the template can put another in its place.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

_FIELD = re.compile(r"\{(path|line)(?::([^{}]*))?\}")
#: What would not open an editor, but a page or a program.
_REFUSED = frozenset({"", "http", "https", "file", "javascript", "data", "mailto", "jobdesk"})
LONGEST = 4_000


def problem(template: str) -> str | None:
    """Why a template cannot open an editor, or None. An empty one opens none."""
    if not template:
        return None
    try:
        scheme = urlsplit(template).scheme
    except ValueError:
        return "This address cannot be read."
    if scheme in _REFUSED or "{" in template.partition(":")[0]:
        return "An editor's address begins with the editor's own word, such as vscode://file{path}:{line}."
    if "{path" not in template:
        return "An editor's address needs {path}."
    rest = _FIELD.sub("", template)
    if "{" in rest or "}" in rest:
        return "The fields are {path}, {path:/beginning/to/leave/out/} and {line}."
    if re.search(r"[\s\x00-\x1f\x7f]", template):
        return "An address must not contain spaces."
    return None


def filled(template: str, path: str, line: int) -> str | None:
    """The address of a place in the code; None without a template, or for a path that is not below its beginning."""
    if not template or problem(template) or not path.isprintable() or ".." in re.split(r"[/\\]", path):
        return None
    beginnings = [found[2] for found in _FIELD.finditer(template) if found[1] == "path" and found[2]]
    if any(not path.startswith(beginning) for beginning in beginnings):
        return None

    def value(found: re.Match[str]) -> str:
        if found[1] == "line":
            return str(line)
        return quote(path.removeprefix(found[2] or ""), safe="/:\\", errors="replace")

    address = _FIELD.sub(value, template)
    return address if len(address) <= LONGEST else None
