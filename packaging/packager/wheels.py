"""The wheel and the source distribution, and their proof on every Python of this machine that they are for."""

from __future__ import annotations

import shutil
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

from packager import environment
from packager.project import BUILD, DIST, ROOT, VERSION, NotReady

#: What each extra must make possible.
EXTRAS = {
    "aiopg": "from jobdesk_core import AiopgConnector",
    "psycopg2": "from jobdesk_core import Psycopg2Connector",
    "sqlalchemy": "from jobdesk_core import SQLAlchemyPsycopg2Connector",
    "demo": "import pathlib, tempfile, jobdesk_core.embedded as e; folder = pathlib.Path(tempfile.mkdtemp()); "
    "folder.chmod(0o755); e.EmbeddedServer(folder).start().stop(); e.shutil.rmtree(folder)",
}
ALONE = "import jobdesk_core, sys; sys.exit('Qt was loaded' if 'PySide6' in sys.modules else 0)"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")


def build() -> list[Path]:
    """Make both in dist/. The backend is the locked one: nothing is fetched."""
    # From a copy of what is in the repository: an unfinished file beside it is not to go out.
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        environment.run(environment.python(), "-m", "build", "--no-isolation", "--outdir", made, ROOT)
        DIST.mkdir(exist_ok=True)
        return [Path(shutil.move(path, DIST / path.name)) for path in sorted(made.iterdir())]


def refuse_strangers(wheel: Path) -> None:
    """Raise NotReady when the wheel holds anything but the two packages, or lacks a file of them."""
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    if tops != {"jobdesk", "jobdesk_core"}:
        raise NotReady(f"The wheel should hold jobdesk and jobdesk_core alone, and holds {', '.join(sorted(tops))}.")
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    if f"jobdesk-{table['project']['version']}.dist-info/licenses/LICENSE" not in names:
        raise NotReady("The wheel holds no licence.")
    for package in (ROOT / "core" / "jobdesk_core", ROOT / "gui" / "jobdesk"):
        wanted = {
            path.relative_to(package.parent).as_posix()
            for path in package.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        if wanted - names:
            raise NotReady(f"The wheel lacks {', '.join(sorted(wanted - names))}.")


def prove(wheel: Path, source: Path) -> list[str]:
    """Install them as people do, on each Python there is, and return what was done. Raises NotReady."""
    done = []
    pythons = {version: found for version in VERSIONS if (found := _find(version)) is not None}
    for version, interpreter in pythons.items():
        with tempfile.TemporaryDirectory(prefix="jobdesk-wheel-") as name:
            python = Path(name) / "bin" / "python"
            environment.run(interpreter, "-m", "venv", name)
            environment.run(python, "-m", "pip", "install", "-q", f"{wheel}[{','.join(EXTRAS)}]")
            environment.run(python, "-c", ALONE)
            for code in EXTRAS.values():
                environment.run(python, "-c", code)
            _expect_version(Path(name) / "bin" / "jobdesk")
        done.append(f"the wheel with every extra, on Python {version}")
    done.append(_by_pipx(f"{wheel}[demo]"))
    done.append(_by_uv(f"{source}[demo]"))
    return done


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
        environment.run(environment.VENV / "bin" / "pipx", "install", "--python", sys.executable, what, env=env)
        _expect_version(Path(name) / "bin" / "jobdesk")
    return "the wheel by pipx, with the demo"


def _by_uv(what: str) -> str:
    with tempfile.TemporaryDirectory(prefix="jobdesk-uv-") as name:
        env = environment.variables(UV_TOOL_DIR=f"{name}/tools", UV_TOOL_BIN_DIR=f"{name}/bin")
        program = environment.VENV / "bin" / "uv"
        environment.run(program, "tool", "install", "--python", sys.executable, what, env=env, cwd=BUILD)
        _expect_version(Path(name) / "bin" / "jobdesk")
    return "the source distribution by uv tool, with the demo"


def _expect_version(program: Path) -> None:
    told = environment.run(program, "--version").strip()
    if told != VERSION:
        raise NotReady(f"{program.name} --version says {told}, not {VERSION}.")
