"""A bare Debian in a folder, and commands within it. Its processes and mounts are gone when a command ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from packager import environment
from packager.project import BUILD, NotReady

#: The oldest Debian that is supported, and the newest.
SUITES = ("bookworm", "trixie")
MIRROR = "http://deb.debian.org/debian"
#: The person who uses the program there.
USER = "someone"
HOME = f"/home/{USER}"
PATHS = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Root:
    """One such folder, laid out anew from a kept archive."""

    def __init__(self, suite: str) -> None:
        kept = BUILD / "roots" / f"{suite}.tar"
        self.folder = BUILD / "roots" / suite
        shutil.rmtree(self.folder, ignore_errors=True)
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            environment.run("debootstrap", "--variant=minbase", suite, self.folder, MIRROR)
            environment.run("tar", "-C", self.folder, "-cf", kept.with_suffix(".part"), ".")
            kept.with_suffix(".part").rename(kept)
        else:
            self.folder.mkdir(parents=True)
            environment.run("tar", "-C", self.folder, "-xf", kept)
        self.root("useradd", "--create-home", "--shell", "/bin/sh", USER)
        self.root("apt-get", "update", "-qq")

    def root(self, *command: str) -> str:
        """Run a command as root and return what it printed. Raises NotReady with its words when it fails."""
        return self._checked(self.popen(*command, user="root"), command)

    def user(self, *command: str, **variables: str) -> str:
        """The same as an ordinary user with a home."""
        return self._checked(self.popen(*command, user=USER, **variables), command)

    def popen(self, *command: str, user: str, **variables: str) -> subprocess.Popen[str]:
        """Start a command, its outputs in one pipe."""
        mounts = (
            'mount -t proc proc "$1/proc" && mount -t tmpfs tmpfs "$1/dev/shm" && mkdir -p "$1/tmp/.X11-unix" '
            '&& mount --bind /tmp/.X11-unix "$1/tmp/.X11-unix"; root=$1; shift; exec chroot "$root" "$@"'
        )
        home = "/root" if user == "root" else HOME
        who = [] if user == "root" else ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups"]
        clean = ["env", "-i", PATHS, f"HOME={home}", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"]
        settings = [f"{name}={value}" for name, value in variables.items()]
        return subprocess.Popen(
            [
                *("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", mounts, "sh", str(self.folder)),
                *(*clean, *settings, *who, *command),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end(self, process: subprocess.Popen[str]) -> int:
        """Ask what runs in there to end, as a desktop does, and return its exit code. Raises TimeoutExpired."""
        # The one that we started waits for it; it is the first process of a namespace of its own.
        (inside,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(inside), signal.SIGTERM)
        try:
            process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.kill(int(inside), signal.SIGKILL)  # and with it everything of its namespace
            raise
        return process.returncode

    def home(self, name: str) -> Path:
        """A path in the user's home, as this machine sees it."""
        return self.folder / HOME[1:] / name

    def give(self, source: Path, name: str) -> str:
        """Copy a file to where everyone there can read it and return its path there."""
        target = self.folder / "srv" / name
        shutil.copy(source, target)
        target.chmod(0o644)
        return f"/srv/{name}"

    def own(self, path: Path) -> None:
        """Give a file in the home to its user."""
        self.root("chown", "-R", f"{USER}:{USER}", f"/{path.relative_to(self.folder)}")

    def _checked(self, process: subprocess.Popen[str], command: tuple[str, ...]) -> str:
        words, _ = process.communicate(timeout=900)
        if process.returncode != 0:
            raise NotReady(
                f"{' '.join(command)} ended with {process.returncode} in {self.folder.name}:\n{words[-3000:]}"
            )
        return words
