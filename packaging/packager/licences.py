"""The notices that go with the bundle, and Debian's copyright file: the same, pointing at Debian's own copies."""

from __future__ import annotations

import re

from packager.inventory import LICENCES, Component
from packager.project import MAINTAINER, ROOT

RULE = "=" * 78
#: Texts that every Debian has, and that its policy does not want to be repeated.
COMMON = {
    "Apache-2.0.txt": "Apache-2.0",
    "LGPL-2.1.txt": "LGPL-2.1",
    "LGPL-3.0.txt": "LGPL-3",
    "GPL-3.0.txt": "GPL-3",
}
#: How such texts begin and end where they stand inside another.
WHOLE_TEXTS = {
    r"Apache License\s+Version 2\.0, January 2004.*?(END OF TERMS AND CONDITIONS|\Z)": "Apache-2.0",
    r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 3.*\Z": "LGPL-3",
    r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 2\.1.*?END OF TERMS AND CONDITIONS": "LGPL-2.1",
    # With its appendix, as far as it stands before the next rule: in old copies that has an old address.
    r"GNU GENERAL PUBLIC LICENSE\s+Version 2.*?END OF TERMS AND CONDITIONS"
    r"(?:\s+(?:Appendix: )?How to Apply These Terms(?:(?!\n-{78}).)*?instead of this\s+License\.)?": "GPL-2",
}


def notices(components: list[Component]) -> str:
    """The texts of everything bundled, in full."""
    parts = [_own()]
    for component in components:
        parts.append(_heading(component))
        parts += component.texts
    return "\n".join(part.strip() + "\n" for part in parts)


def debian_copyright(components: list[Component]) -> str:
    """The same for Debian."""
    parts = [f"Jobdesk was packaged by {MAINTAINER}.", _own()]
    for component in components:
        parts.append(_heading(component))
        parts += [_with_references(text) for text in component.texts]
    return "\n".join(part.strip() + "\n" for part in parts)


def _own() -> str:
    words = "Jobdesk is under the licence that follows. It brings along the software below, each under its own."
    return f"{words}\n\n{(ROOT / 'LICENSE').read_text('utf-8')}"


def _heading(component: Component) -> str:
    return f"\n{RULE}\n{component.name} {component.version}\nLicence: {component.licence}\n{component.note}\n"


def _with_references(text: str) -> str:
    if name := next((COMMON[name] for name in COMMON if (LICENCES / name).read_text("utf-8") == text), None):
        return _common(name)
    for pattern, name in WHOLE_TEXTS.items():
        text = re.sub(pattern, _common(name), text, flags=re.DOTALL)
    return text


def _common(name: str) -> str:
    return f"On Debian systems the full text of this licence is in /usr/share/common-licenses/{name}."
