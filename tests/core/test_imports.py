"""What is loaded by what, and what the lock names: seen from a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LOAD = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
if sys.argv[2] == "whole":
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def loaded_by(package: str, extent: str) -> set[str]:
    """The top-level packages that are there once a package, or each of its modules, is imported."""
    command = [sys.executable, "-c", LOAD, package, extent]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("extent", ["top", "whole"])
def test_the_core_loads_neither_qt_nor_the_window_nor_procrastinate(extent: str) -> None:
    names = loaded_by("jobdesk_core", extent)
    assert "jobdesk_core" in names
    assert not names & {"PySide6", "shiboken6", "qasync", "jobdesk", "procrastinate"}


@pytest.mark.parametrize("extent", ["top", "whole"])
def test_the_window_never_loads_procrastinate(extent: str) -> None:
    names = loaded_by("jobdesk", extent)
    assert "jobdesk" in names
    assert "procrastinate" not in names


def test_the_window_starts_without_what_only_some_ask_for_and_keeps_no_source_of_its_modules() -> None:
    start = "import sys, linecache, jobdesk.application; from jobdesk.runtime.garbage import forget_sources"
    command = [sys.executable, "-c", f"{start}; forget_sources(); print(len(linecache.cache), *sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    kept, *names = done.stdout.split()
    assert kept == "0"
    pages = {
        f"jobdesk.{name}.page" for name in ("overview", "failures", "schedules", "workers", "locks", "health", "fleet")
    }
    others = {
        "keyring",
        "jeepney",
        "prometheus_client",
        "http.client",
        "jobdesk_core.health",
        "jobdesk_core.failures.records",
        "jobdesk.window.wall",
        "jobdesk.exporting.dialog",
    }
    assert (pages | others) & set(names) == set()


def test_the_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 broken" in done.stdout


@pytest.mark.parametrize("words", ["http", "--index-url", "--extra-index-url", "--find-links", "file:", "@ "])
def test_the_lock_names_no_place_to_fetch_from(words: str) -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert [line for line in text.splitlines() if words in line] == []


def test_the_lock_has_a_hash_for_every_package() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    packages = [entry for entry in text.replace("\\\n", " ").splitlines() if "==" in entry.partition("#")[0]]
    assert packages
    assert [entry for entry in packages if "--hash=sha256:" not in entry] == []
