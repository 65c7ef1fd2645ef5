"""`make release`: everything that must be so before anything is published, and what would be. Publishes nothing."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable

from packager import environment, linting
from packager.project import BUILD, DIST, HOMEPAGE, RESERVED, VERSION, NotReady, changelog

#: Written by the proof, with the digest of the sums of what it proved.
STAMP = BUILD / "proof" / "passed"


def release() -> int:
    """Tell how each condition stands. 0 when all hold, otherwise 1."""
    conditions: dict[str, Callable[[], None]] = {
        "The changelog has this version, dated, and nothing beyond it": check_changelog,
        "The project has an address": check_address,
        "Everything is committed, under the version's tag": _check_repository,
        "The packages are of this version": _check_versions,
        "Every tool is content with them": linting.lint,
        "They were proved by make package-test": _check_proof,
    }
    problems = 0
    for sentence, check in conditions.items():
        try:
            check()
            sys.stdout.write(f"yes  {sentence}\n")
        except NotReady as problem:
            problems += 1
            sys.stdout.write(f"NO   {sentence}: {problem}\n")
    sys.stdout.write(
        f"\nJobdesk {VERSION} " + ("would publish:\n" if not problems else "is not ready. It would publish:\n")
    )
    for path in sorted(DIST.glob("*")):
        sys.stdout.write(f"  {path.name}  {path.stat().st_size / 1_000_000:.1f} MB\n")
    return 1 if problems else 0


def check_changelog(text: str | None = None, version: str = VERSION) -> None:
    """Raise NotReady unless the newest section is this version's and none is unreleased."""
    sections = changelog(text)
    pending = [
        entry for section in sections if not section.version for group in section.groups.values() for entry in group
    ]
    if pending:
        raise NotReady(
            f"{len(pending)} entries stand under [Unreleased]. Give them the heading [{version}] and a date."
        )
    released = [section.version for section in sections if section.version]
    if not released or released[0] != version:
        raise NotReady(
            f"its newest version is {released[0] if released else 'missing'}, that of pyproject.toml {version}."
        )


def check_address(address: str = HOMEPAGE) -> None:
    """Raise NotReady while the address is one that nobody can have."""
    if address.endswith(RESERVED):
        raise NotReady(f"{address} stands for one. Set Homepage in pyproject.toml: pictures and packages name it.")


def _check_repository() -> None:
    if changed := environment.run("git", "status", "--porcelain").strip():
        raise NotReady(f"{len(changed.splitlines())} files are changed or new.")
    tags = environment.run("git", "tag", "--points-at", "HEAD").split()
    if f"v{VERSION}" not in tags:
        raise NotReady(f"this commit has no tag v{VERSION}.")


def _check_versions() -> None:
    told = {
        "the .deb": environment.run("dpkg-deb", "-f", linting.one("*.deb"), "Version").strip().partition("-")[0],
        "the .rpm": environment.run("rpm", "-qp", "--qf", "%{VERSION}", linting.one("*.rpm")).strip(),
        "the bill of materials": json.loads(linting.one("*.cdx.json").read_text())["metadata"]["component"]["version"],
        **{path.name: path.name.removesuffix(".tar.gz").split("-")[1] for path in linting.published()},
    }
    if other := [f"{name} is {version}" for name, version in told.items() if version != VERSION]:
        raise NotReady(f"{', '.join(other)}, and not {VERSION}.")


def digest() -> str:
    """What stands for the very packages that are in dist/."""
    return hashlib.sha256((DIST / "SHA256SUMS").read_bytes()).hexdigest()


def _check_proof() -> None:
    if not STAMP.is_file() or STAMP.read_text() != digest():
        raise NotReady("not these. Run: make package-test")
