"""The macOS disk image, by dmgbuild. Signing and notarising are the workflow's, which has the secrets."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from packager import environment, tree
from packager.project import DIST, PACKAGING, VERSION


def build(application: Path, notices: str) -> Path:
    """Make dist/jobdesk-VERSION-macos-MACHINE.dmg of the application."""
    tree.write(application / "Contents" / "Resources" / "licences" / "THIRD-PARTY.txt", notices)
    sign = ["codesign", "--force", "--deep", "--options", "runtime", "--timestamp"]
    if identity := os.environ.get("JOBDESK_CODESIGN_IDENTITY"):
        # Once more, as the notices have come into it.
        entitlements = PACKAGING / "macos" / "entitlements.plist"
        environment.run(*sign, "--entitlements", entitlements, "--sign", identity, application)
    else:
        environment.run("codesign", "--force", "--deep", "--sign", "-", application)
    made = DIST / f"jobdesk-{VERSION}-macos-{platform.machine()}.dmg"
    settings = environment.variables(JOBDESK_APP=str(application), JOBDESK_PACKAGING=str(PACKAGING))
    program = environment.VENV / "bin" / "dmgbuild"
    environment.run(program, "-s", PACKAGING / "macos" / "dmg_settings.py", "Jobdesk", made, env=settings)
    return made
