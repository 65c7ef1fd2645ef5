"""The wheels and the source distributions, and their proof on every Python of this machine that they are for."""

from __future__ import annotations

import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from packager import environment
from packager.project import BUILD, DIST, DISTRIBUTIONS, ROOT, VERSION, NotReady

#: What each extra of the core must make possible.
EXTRAS = {
    "aiopg": "from jobdesk_core import AiopgConnector",
    "psycopg2": "from jobdesk_core import Psycopg2Connector",
    "sqlalchemy": "from jobdesk_core import SQLAlchemyPsycopg2Connector",
    "demo": "import pathlib, tempfile, jobdesk_core.embedded as e; folder = pathlib.Path(tempfile.mkdtemp()); "
    "folder.chmod(0o755); e.EmbeddedServer(folder).start().stop(); e.shutil.rmtree(folder)",
    "keyring": "import keyring",
}
ALONE = "import jobdesk_core, sys; sys.exit('Qt was loaded' if 'PySide6' in sys.modules else 0)"
#: Without Qt, and without what comes by extras.
BARE = (
    "import importlib.util as u, jobdesk_core; "
    "found = [n for n in ('PySide6', 'shiboken6', 'qasync', 'keyring', 'jobdesk') if u.find_spec(n)]; "
    "raise SystemExit(f'{found} came along' if found else 0)"
)
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
#: What each distribution's wheel holds.
PACKAGES = {"jobdesk-core": DISTRIBUTIONS["jobdesk-core"] / "jobdesk_core", "jobdesk": ROOT / "gui" / "jobdesk"}


def build() -> list[Path]:
    """Make both of each distribution in dist/. The backend is the locked one: nothing is fetched."""
    # From a copy of what is in the repository: an unfinished file beside it is not to go out.
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        for folder in DISTRIBUTIONS.values():
            environment.run(environment.python(), "-m", "build", "--no-isolation", "--outdir", made, folder)
        DIST.mkdir(exist_ok=True)
        return [Path(shutil.move(path, DIST / path.name)) for path in sorted(made.iterdir())]


def pattern(distribution: str, ending: str) -> str:
    """What finds a distribution's wheel ("whl") or source ("tar.gz") in dist/."""
    return f"{distribution.replace('-', '_')}-[0-9]*.{ending}"


def refuse_strangers(wheel: Path, distribution: str) -> None:
    """Raise NotReady when the wheel holds anything but its one package, or lacks a file of it."""
    names = set(zipfile.ZipFile(wheel).namelist())
    package = PACKAGES[distribution]
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    if tops != {package.name}:
        raise NotReady(f"{wheel.name} should hold {package.name} alone, and holds {', '.join(sorted(tops))}.")
    if f"{distribution.replace('-', '_')}-{VERSION}.dist-info/licenses/LICENSE" not in names:
        raise NotReady(f"{wheel.name} holds no licence.")
    wanted = {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    if wanted - names:
        raise NotReady(f"{wheel.name} lacks {', '.join(sorted(wanted - names))}.")


def prove() -> list[str]:
    """Install what is in dist/ as people do, on each Python there is, and return what was done. Raises NotReady."""
    done = []
    pythons = {version: found for version in VERSIONS if (found := _find(version)) is not None}
    for version, interpreter in pythons.items():
        with tempfile.TemporaryDirectory(prefix="jobdesk-wheel-") as name:
            python = Path(name) / "bin" / "python"
            environment.run(interpreter, "-m", "venv", name)
            _install(python, "jobdesk-core")
            environment.run(python, "-c", BARE)
            _expect_version(Path(name) / "bin" / "jobdesk-core")
            done.append(f"the core alone, without Qt, on Python {version}")
            _install(python, f"jobdesk-core[{','.join(EXTRAS)}]")
            _install(python, "jobdesk")
            environment.run(python, "-c", ALONE)
            for code in EXTRAS.values():
                environment.run(python, "-c", code)
            _expect_version(Path(name) / "bin" / "jobdesk")
        done.append(f"the window and every extra, on Python {version}")
    done.append(_by_pipx("jobdesk[demo]"))
    done.append(_by_uv("jobdesk[demo]"))
    return done


def _install(python: Path, what: str) -> None:
    environment.run(python, "-m", "pip", "install", "-q", "--find-links", DIST, f"{what}=={VERSION}")


def _find(version: str) -> Path | None:
    """An interpreter of this version: on the path, or one that pyenv keeps."""
    named = shutil.which(f"python{version}")
    kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    for candidate in [*([Path(named)] if named else []), *kept]:
        try:
            environment.run(candidate, "-c", "import ensurepip, venv")
        except NotReady:
            continue
        return candidate
    return None


def _by_pipx(what: str) -> str:
    with tempfile.TemporaryDirectory(prefix="jobdesk-pipx-") as name:
        env = environment.variables(PIPX_HOME=name, PIPX_BIN_DIR=f"{name}/bin", PIPX_MAN_DIR=f"{name}/man")
        environment.run(
            *(environment.VENV / "bin" / "pipx", "install", "--python", sys.executable),
            *("--pip-args", f"--find-links {DIST}", f"{what}=={VERSION}"),
            env=env,
        )
        _expect_version(Path(name) / "bin" / "jobdesk")
    return "the wheel by pipx, with the demo"


def _by_uv(what: str) -> str:
    with tempfile.TemporaryDirectory(prefix="jobdesk-uv-") as name:
        env = environment.variables(UV_TOOL_DIR=f"{name}/tools", UV_TOOL_BIN_DIR=f"{name}/bin")
        program = environment.VENV / "bin" / "uv"
        environment.run(
            *(program, "tool", "install", "--python", sys.executable, "--find-links", DIST),
            *("--no-binary-package", "jobdesk", "--no-binary-package", "jobdesk-core", f"{what}=={VERSION}"),
            env=env,
            cwd=BUILD,
        )
        _expect_version(Path(name) / "bin" / "jobdesk")
    return "the source distribution by uv tool, with the demo"


def _expect_version(program: Path) -> None:
    told = environment.run(program, "--version").strip()
    if told != VERSION:
        raise NotReady(f"{program.name} --version says {told}, not {VERSION}.")
