"""`make package-test`: the packages are linted, installed on bare Debians, used, upgraded and purged."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from packager import environment, linting, release, servers, wheels
from packager.bundle import BUNDLE
from packager.environment import VENV
from packager.project import BUILD, VERSION, NotReady
from packager.roots import HOME, SUITES, Root

PICTURES = BUILD / "proof"
#: How much longer the packaged program may take to its first window than the unpackaged one.
MOST_SLOWER = 1.5
ROUNDS = 5
PREVIOUS = "0.0.1-1"
#: Below the user's own folders, which a purge leaves alone.
OWN_FOLDERS = tuple(f"{HOME}/{name}" for name in (".config/jobdesk", ".local/share/jobdesk", ".local/state/jobdesk"))


def prove() -> None:
    """Raise NotReady at the first thing that is not as it should be."""
    environment.need(environment.TOOLS_TO_BUILD | environment.TOOLS_TO_TEST)
    _say("The files")
    linting.lint()
    _say("For people with Python")
    for sentence in wheels.prove():
        _done(sentence)
    _say("The first window")
    _first_window()
    previous = _previous(linting.one("*.deb"))
    with servers.postgres() as (base, certificate), servers.display() as display:
        for suite in SUITES:
            _say(f"Debian {suite}")
            name = f"proof_{suite}"
            with servers.database(base, certificate, name) as dsn, servers.busy(dsn):
                _prove_on(Root(suite), suite, dsn, certificate, display, previous)
    release.STAMP.write_text(release.digest())
    _say("Everything is as it should be.")


def _prove_on(root: Root, suite: str, dsn: str, certificate: Path, display: str, previous: Path) -> None:
    pictures = PICTURES / suite
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    before = _traces(root)
    root.root("apt-get", "install", "-y", "--no-install-recommends", root.give(previous, "previous.deb"))
    profiles = _save_profile(root, dsn.replace(str(certificate), root.give(certificate, "server.crt")))
    saved = profiles.read_text()
    _done("the previous version, with a saved connection")
    root.root("apt-get", "install", "-y", root.give(linting.one("*.deb"), "jobdesk.deb"))
    told = root.user("jobdesk", "--version").strip()
    _expect(told == VERSION and profiles.read_text() == saved, f"after the upgrade: version {told}, profiles changed")
    _done("upgraded: the saved connections are as they were")
    _without_a_display(root)
    told = root.user("jobdesk", "status", "--profile", "proof")
    _expect("mail" in told, f"the status of a server that takes TLS alone: {told}")
    _done("the command line: the status of a server that takes TLS alone")
    for name, arguments in {"tls": ["--profile", "proof"], "demo": ["--demo"]}.items():
        _window(root, display, arguments, pictures / f"{name}.png")
    _archive(root)
    root.root("mkdir", "-p", "/var/lib/jobdesk/demo")  # what a demo of root's leaves
    saved = profiles.read_text()  # the program has noted in it which one was opened last
    _expect("[profiles.proof]" in saved, "the saved connection is gone")
    root.root("apt-get", "purge", "-y", "jobdesk")
    left = [path for path in _traces(root) if path not in before and not path.startswith(OWN_FOLDERS)]
    _expect(not left, f"left behind by the purge: {', '.join(left)}")
    _expect(profiles.read_text() == saved, "the purge touched the saved connections")
    _done("purged: nothing is left but the user's own files")


def _save_profile(root: Root, dsn: str) -> Path:
    """A saved connection as the program writes it, and its password where libpq looks for it."""
    profiles = root.home(".config/jobdesk/profiles.toml")
    profiles.parent.mkdir(parents=True)
    words = " ".join(part for part in dsn.split() if not part.startswith("password="))
    profiles.write_text(f'[profiles.proof]\nmethod = "dsn"\ndsn = "{words}"\n')
    passwords = root.home(".pgpass")
    passwords.write_text(f"*:*:*:*:{servers.PASSWORD}\n")
    passwords.chmod(0o600)
    root.own(profiles.parents[1])
    root.own(passwords)
    return profiles


def _without_a_display(root: Root) -> None:
    process = root.popen("jobdesk", user="someone")
    words, _ = process.communicate(timeout=60)
    is_one_sentence = len(words.strip().splitlines()) == 1 and "needs a display" in words
    _expect(process.returncode == 2 and is_one_sentence, f"without a display: {process.returncode}, {words}")
    _done("without a display: one sentence, exit 2")


def _window(root: Root, display: str, arguments: list[str], picture: Path) -> None:
    begun = time.monotonic()
    process = root.popen("jobdesk", *arguments, user="someone", DISPLAY=display)
    try:
        seconds = servers.seconds_to_window(display, begun)
        time.sleep(12)  # for it to show its jobs
        servers.screenshot(display, picture)
        _expect(process.poll() is None, "the program ended by itself")
    finally:
        code = root.end(process)
    _expect(code == 0, f"asked to end, the program ended with {code}")
    what = " ".join(arguments)
    _done(f"{what} on an X display: a window after {seconds:.1f} s, a picture of it, and an end in good order")


def _archive(root: Root) -> None:
    """The archive runs from another folder than the package's, with another name, and through a link."""
    environment.run("tar", "-C", root.folder / "srv", "-xf", linting.one("*.tar.xz"))
    (unpacked,) = (root.folder / "srv").glob("jobdesk-*-linux-*")
    unpacked.rename(unpacked.with_name("moved here"))
    told = root.user("/srv/moved here/jobdesk", "--version").strip()
    _expect(told == VERSION, f"the archive's program says {told}")
    root.user("/srv/moved here/add-to-menu.sh")
    entry = root.home(".local/share/applications/jobdesk.desktop").read_text()
    _expect('Exec="/srv/moved here/jobdesk"' in entry, f"the archive's menu entry: {entry}")
    root.user("/srv/moved here/add-to-menu.sh", "--remove")
    shutil.rmtree(root.folder / "srv" / "moved here")
    _done("the archive: runs from where it was moved to, and comes into the menu and out of it")


def _traces(root: Root) -> list[str]:
    words = root.root("find", "/", "-xdev", "-name", "*jobdesk*", "-not", "-path", "/proc/*", "-not", "-path", "/srv/*")
    words += root.root("find", "/usr/share/icons", "/usr/share/applications", "-type", "f") if _has_icons(root) else ""
    return [line for line in words.splitlines() if not line.startswith("/var/log/")]


def _has_icons(root: Root) -> bool:
    return all((root.folder / "usr" / "share" / name).is_dir() for name in ("icons", "applications"))


def _first_window() -> None:
    """The packaged and the unpackaged program take turns, and the best of each counts: the machine is shared."""
    commands = {
        "unpackaged": [str(VENV / "bin" / "jobdesk")],
        "packaged": [str(BUNDLE / "jobdesk")],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    with servers.display() as display:
        for _ in range(ROUNDS):
            for name, command in commands.items():
                begun = time.monotonic()
                process = subprocess.Popen(
                    ["env", "-i", "LC_ALL=C.UTF-8", f"DISPLAY={display}", f"HOME={BUILD / 'empty-home'}", *command],
                    stderr=subprocess.DEVNULL,
                )
                times[name].append(servers.seconds_to_window(display, begun))
                process.terminate()
                process.wait(20)
    best = {name: min(measured) for name, measured in times.items()}
    ratio = best["packaged"] / best["unpackaged"]
    told = f"packaged {best['packaged']:.2f} s, unpackaged {best['unpackaged']:.2f} s: {ratio:.2f}×"
    _expect(ratio <= MOST_SLOWER, f"the first window comes too late: {told}")
    _done(told)


def _previous(deb: Path) -> Path:
    """The package under an older version, quickly compressed: what a user has before an upgrade."""
    made = BUILD / "previous.deb"
    folder = BUILD / "previous"
    shutil.rmtree(folder, ignore_errors=True)
    environment.run("dpkg-deb", "--raw-extract", deb, folder)
    control = folder / "DEBIAN" / "control"
    control.write_text(
        "".join(
            f"Version: {PREVIOUS}\n" if line.startswith("Version:") else line
            for line in control.read_text().splitlines(keepends=True)
        )
    )
    environment.run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", folder, made)
    shutil.rmtree(folder)
    return made


def _expect(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise NotReady(otherwise)


def _done(sentence: str) -> None:
    _say(f"  {sentence}")


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()
