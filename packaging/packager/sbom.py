"""The bill of materials, in CycloneDX's JSON: what is in the bundle, and what is in the wheels within."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import quote

from packager.inventory import Component
from packager.project import SUMMARY, VERSION, changelog

#: What a wheel's own bill tells of and jobdesk.spec leaves out, with psql, which alone uses it.
LEFT_OUT = ("readline", "ncurses-libs")


def document(components: list[Component]) -> str:
    """The whole file. The same bundle gives the same text."""
    listed = [_entry(component) for component in components]
    for component in components:
        for path in component.sboms:
            inner = json.loads(path.read_text("utf-8")).get("components", [])
            not_meant = (component.name.replace("-", "_"), *LEFT_OUT)
            listed += [_inner(each, component) for each in inner if each.get("name") not in not_meant]
    unique = {entry["bom-ref"]: entry for entry in listed}
    root = {
        "type": "application",
        "bom-ref": "jobdesk",
        "name": "jobdesk",
        "version": VERSION,
        "description": SUMMARY,
        "licenses": [{"license": {"id": "MIT"}}],
    }
    whole = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(unique, sort_keys=True))}",
        "version": 1,
        "metadata": {"timestamp": f"{changelog()[0].date or '2026-01-01'}T00:00:00Z", "component": root},
        "components": sorted(unique.values(), key=lambda entry: str(entry["bom-ref"])),
        "dependencies": [{"ref": "jobdesk", "dependsOn": sorted(unique)}],
    }
    return json.dumps(whole, indent=2) + "\n"


def _entry(component: Component) -> dict[str, Any]:
    url = f"pkg:{component.kind}/{quote(component.name.lower().replace(' ', '-'))}"
    url += f"@{quote(component.version)}" if component.version else ""
    entry = {"type": "library", "bom-ref": url, "name": component.name, "purl": url}
    if component.version:
        entry["version"] = component.version
    return entry | {"licenses": [{"license": {"name": component.licence or "see the notices"}}]}


def _inner(entry: dict[str, Any], owner: Component) -> dict[str, Any]:
    """A component that a wheel's own bill of materials tells of, without the wheel builder's paths."""
    url = str(entry.get("purl", f"pkg:generic/{quote(entry['name'])}")).partition("?")[0]
    kept = {key: entry[key] for key in ("type", "name", "version") if key in entry}
    return kept | {
        "bom-ref": url,
        "purl": url,
        "properties": [{"name": "jobdesk:within", "value": f"{owner.name} {owner.version}"}],
    }
