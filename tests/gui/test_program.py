"""The program as a process: its arguments, its end, and the tour (packaging/tour) from the first page to the last."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import jobdesk
import psycopg
import pytest
from programs import started
from psycopg.conninfo import conninfo_to_dict
from PySide6.QtGui import QImage
from waiting import until_true

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "jobdesk"]
#: A minute where nothing else runs; three where much does.
TOUR_S = 600
TOUR = [sys.executable, str(ROOT / "packaging" / "tour")]
SOMEONE = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'jobdesk'"


def environment(home: Path, **more: str) -> Mapping[str, str]:
    """A home of its own, no display, and none of the caller's connections."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "QT_"))}
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        kept.pop(name, None)
    return kept | {"HOME": str(home)} | more


def run(
    home: Path, *arguments: str, program: Sequence[str] = PROGRAM, timeout_s: float = 110, **more: str
) -> subprocess.CompletedProcess[str]:
    command, variables = [*program, *arguments], environment(home, **more)
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=timeout_s, check=False)


def tour(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(home, *arguments, program=TOUR, timeout_s=TOUR_S - 20, QT_QPA_PLATFORM="offscreen")


def test_the_version_is_told(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert run(tmp_path, "--version").stdout.strip() == project["version"]


@pytest.mark.parametrize("display", [{}, {"DISPLAY": ":4711"}], ids=["none", "one that does not answer"])
def test_without_a_display_one_sentence_and_code_2(tmp_path: Path, display: Mapping[str, str]) -> None:
    ended = run(tmp_path, **display)
    assert ended.returncode == 2
    assert "needs a display" in ended.stderr and "Traceback" not in ended.stderr and len(ended.stderr.splitlines()) == 1


def test_without_qts_libraries_one_sentence_and_code_2_and_the_commands_go_on(tmp_path: Path) -> None:
    (tmp_path / "PySide6").mkdir()
    broken = 'raise ImportError("libglib-2.0.so.0: cannot open shared object file: No such file or directory")'
    (tmp_path / "PySide6" / "__init__.py").write_text(broken)
    ended = run(tmp_path, PYTHONPATH=str(tmp_path))
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    assert "libglib-2.0.so.0" in ended.stderr and "apt-get install" in ended.stderr
    assert "Which database?" in run(tmp_path, "jobs", PYTHONPATH=str(tmp_path)).stderr


@pytest.mark.skipif(sys.platform != "linux", reason="xcb is Linux's")
@pytest.mark.parametrize(
    ("library", "package"), [("libxcb-keysyms.so.1", "libxcb-keysyms1"), ("libxcb-icccm.so.4", "libxcb-icccm4")]
)
def test_a_library_of_the_display_that_is_missing_is_named_with_its_package(
    tmp_path: Path, library: str, package: str
) -> None:
    # An empty file in front of a sound one: the loader refuses it, whatever is installed here.
    (tmp_path / library).touch()
    ended = run(tmp_path, QT_QPA_PLATFORM="xcb", LD_LIBRARY_PATH=str(tmp_path))
    assert ended.returncode == 2 and len(ended.stderr.splitlines()) == 1, ended.stderr
    assert library in ended.stderr and package in ended.stderr.partition("apt-get install")[2].split()


@pytest.mark.parametrize("way", ["dsn", "environment", "profile"])
def test_it_connects_as_it_is_told_and_ends_in_good_order(dsn: str, tmp_path: Path, way: str) -> None:
    variables = {"QT_QPA_PLATFORM": "offscreen", "XDG_CONFIG_HOME": str(tmp_path)}
    arguments = {"dsn": ["--dsn", dsn], "environment": [], "profile": ["--profile", "mine"]}[way]
    if way == "environment":
        names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE", "password": "PGPASSWORD"}
        variables |= {names[key]: str(value) for key, value in conninfo_to_dict(dsn).items() if key in names}
    elif way == "profile":
        (tmp_path / "jobdesk").mkdir()
        (tmp_path / "jobdesk" / "profiles.toml").write_text(f'[profiles.mine]\nmethod = "dsn"\ndsn = "{dsn}"\n')
    with (
        psycopg.connect(dsn, autocommit=True) as connection,
        started(
            [*PROGRAM, *arguments], env=environment(tmp_path, **variables), stderr=subprocess.PIPE, text=True
        ) as program,
    ):

        def connected() -> int:
            row = connection.execute(SOMEONE).fetchone()
            assert row is not None
            return int(row[0])

        until_true(lambda: connected() or program.poll() is not None, what="the connection")
        program.send_signal(signal.SIGTERM)
        _, errors = program.communicate(timeout=60)
        assert (program.returncode, errors) == (0, "")
        assert not connected()


def test_the_program_has_no_tour(tmp_path: Path) -> None:
    ended = run(tmp_path, f"--tour={tmp_path}", QT_QPA_PLATFORM="offscreen")
    assert ended.returncode == 2 and "unrecognized arguments: --tour" in ended.stderr
    sources = [*(ROOT / "gui").rglob("*.py"), *(ROOT / "core").rglob("*.py")]
    assert [path for path in sources if "PySide6.QtTest" in path.read_text("utf-8")] == []


def test_a_tour_of_nothing_ends_with_a_sentence(tmp_path: Path) -> None:
    assert "build/tour --demo" in tour(tmp_path, "--demo").stderr
    ended = tour(tmp_path, str(tmp_path / "tour"))
    assert ended.returncode == 2 and "Which database is the tour to show?" in ended.stderr
    nowhere = "postgresql://127.0.0.1:1/nowhere"
    ended = tour(tmp_path, str(tmp_path / "tour"), "--dsn", nowhere)
    assert ended.returncode == 1 and "FAILED: not connected" in ended.stdout + ended.stderr


@pytest.mark.timeout(TOUR_S)
def test_the_tour_walks_through_everything_on_live_data(tmp_path: Path) -> None:
    pictures = tmp_path / "tour"
    ended = tour(tmp_path, str(pictures), "--demo")
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    for line in ("cancelled", "aborted", "failed again", "it is gone", "run by a worker"):
        assert line in ended.stdout
    names = sorted(path.name for path in pictures.glob("*.png"))
    assert len(names) > 40
    for page in ("overview", "jobs", "queues", "tasks", "workers"):
        for shade in ("light", "dark"):
            assert any(f"-{page}-{shade}" in name for name in names), (page, shade)
    assert not QImage(str(pictures / names[0])).isNull()


def test_the_package_knows_its_resources() -> None:
    from jobdesk.runtime.resources import resource

    assert resource("icons/jobdesk.svg").is_file(), jobdesk.__file__
