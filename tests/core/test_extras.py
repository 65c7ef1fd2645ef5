"""A connector whose extra is not installed says which one it needs; everything else works without any."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: A fresh interpreter in which the given packages cannot be imported.
WITHOUT = """
import sys
for name in {missing!r}:
    sys.modules[name] = None
{code}
"""
DRIVERS = ["aiopg", "psycopg2", "sqlalchemy"]


def run_without(missing: list[str], code: str) -> subprocess.CompletedProcess[str]:
    script = WITHOUT.format(missing=missing, code=code)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("name", "module", "missing", "extra"),
    [
        ("AiopgConnector", "aiopg", ["aiopg"], "aiopg"),
        ("AiopgConnector", "aiopg", DRIVERS, "aiopg"),
        ("Psycopg2Connector", "psycopg2", ["psycopg2"], "psycopg2"),
        ("SQLAlchemyPsycopg2Connector", "sqlalchemy", ["sqlalchemy"], "sqlalchemy"),
        ("SQLAlchemyPsycopg2Connector", "sqlalchemy", ["psycopg2"], "sqlalchemy"),
    ],
)
@pytest.mark.parametrize("place", ["jobdesk_core.contrib.{module}", "jobdesk_core"])
def test_without_its_extra_the_error_names_it(
    name: str, module: str, missing: list[str], extra: str, place: str
) -> None:
    done = run_without(missing, f"from {place.format(module=module)} import {name}")
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith(f"{name} needs the extra {extra}. Install it with: pip install 'jobdesk[{extra}]'")


def test_the_error_is_an_import_error_and_one_of_ours() -> None:
    code = """
try:
    import jobdesk_core.contrib.aiopg
except ImportError as error:
    from jobdesk_core.exceptions import ExtraMissing
    assert isinstance(error, ExtraMissing) and error.extra == "aiopg"
    print("caught")
"""
    done = run_without(DRIVERS, code)
    assert done.stdout == "caught\n", done.stderr


def test_the_core_needs_no_extra() -> None:
    done = run_without(DRIVERS, "from jobdesk_core import *\nimport jobdesk_core.monitor, jobdesk_core.demo")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["AiopgConnector", "Psycopg2Connector", "SQLAlchemyPsycopg2Connector"])
def test_with_its_extra_a_connector_stands_beside_the_others(name: str) -> None:
    import jobdesk_core

    assert getattr(jobdesk_core, name).__name__ == name
    with pytest.raises(AttributeError, match="NoConnector"):
        _ = jobdesk_core.NoConnector
