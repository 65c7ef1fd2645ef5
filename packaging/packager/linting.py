"""The checks that need no installation: each format's own tool is asked about each file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from packager import environment, wheels, windows
from packager.environment import VENV
from packager.project import BUILD, DIST, DISTRIBUTIONS, IDENTIFIER, ROOT, NotReady

INTERPRETER = VENV / "bin" / "python"
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
VALIDATE_SBOM = """
import sys, cyclonedx.schema, cyclonedx.validation.json as json
error = json.JsonStrictValidator(cyclonedx.schema.SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read())
sys.exit(str(error) if error else 0)
"""


def lint() -> None:
    """Raise NotReady with the words of the first tool that finds fault."""
    share = BUILD / "stage" / "root" / "usr" / "share"
    _lintian(one("*.deb"))
    _told("desktop-file-validate", share / "applications" / "jobdesk.desktop")
    _told("appstreamcli", "validate", "--no-net", share / "metainfo" / f"{IDENTIFIER}.metainfo.xml")
    _silent("mandoc", "-Tlint", "-Wwarning", share / "man" / "man1" / "jobdesk.1.gz")
    _told("rpm", "-K", "--nosignature", one("*.rpm"))
    _told("sha256sum", "--check", "--quiet", "SHA256SUMS", cwd=DIST)
    _told(INTERPRETER, "-c", VALIDATE_SBOM, one("*.cdx.json"))
    _told(INTERPRETER, "-m", "twine", "check", "--strict", *published())
    _told(
        *(INTERPRETER, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"),
        WORKFLOW,
    )
    for name in DISTRIBUTIONS:
        wheels.refuse_strangers(one(wheels.pattern(name, "whl")), name)
        sys.stdout.write(f"  wheel of {name}: its package alone, and all of it\n")
    _installer()


def published() -> list[Path]:
    """The wheels and the source distributions."""
    return [one(wheels.pattern(name, ending)) for name in DISTRIBUTIONS for ending in ("whl", "tar.gz")]


def one(pattern: str) -> Path:
    """The one file in dist/ of this kind."""
    found = sorted(DIST.glob(pattern))
    if len(found) != 1:
        raise NotReady(f"There should be one {pattern} in {DIST.name}/, and there are {len(found)}. Run: make package")
    return found[0]


def _told(*command: str | Path, cwd: Path = ROOT) -> None:
    environment.run(*command, cwd=cwd)
    name = Path(command[2] if command[0] == INTERPRETER and command[1] == "-m" else command[0]).name
    sys.stdout.write(f"  {'cyclonedx' if command[0] == INTERPRETER and command[1] == '-c' else name}: no complaint\n")
    sys.stdout.flush()


def _silent(*command: str | Path) -> None:
    words = environment.run(*command)
    if words.strip():
        raise NotReady(words)
    _told(*command)


def _lintian(deb: Path) -> None:
    done = subprocess.run(
        ["lintian", "--allow-root", "--tag-display-limit", "0", "--fail-on", "error,warning", str(deb)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 or re.search(r"^[EW]:", done.stdout, re.MULTILINE):
        raise NotReady(f"lintian complains:\n{done.stdout}{done.stderr}")
    sys.stdout.write("  lintian: no error, no warning\n")


def _installer() -> None:
    """The Windows installer, compiled around a payload of two files that stand for the bundle."""
    payload = BUILD / "stub"
    (payload / "_internal").mkdir(parents=True, exist_ok=True)
    (payload / "jobdesk.exe").write_bytes(b"MZ")
    (payload / "_internal" / "stub.dll").write_bytes(b"MZ")
    made = BUILD / "stub-installer.exe"
    _told("makensis", "-WX", "-V2", *windows.definitions(payload, made), windows.SCRIPT)
