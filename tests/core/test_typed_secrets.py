"""No password that is typed, rightly or wrongly, anywhere on the command line, is ever told back."""

from __future__ import annotations

import os
import re
import string
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jobdesk_core.cli import main
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.profiles import Profile, connection_parameters, database_of
from jobdesk_core.troubles import explain

#: Nothing listens there, and nothing is waited for.
PLACE = "127.0.0.1:1/db"
WRITTEN = (
    "postgresql://me:{}@" + PLACE,
    "postgresql:/me:{}@" + PLACE,
    "postgres://me:{}@@" + PLACE,
    "postgresql://me:{}@127.0.0.1:x/db",
    "postgresql://me:{}@" + PLACE + "?nonsense=1",
    "postgresql://me@" + PLACE + "?password={}&b",
    "postgresql://me@" + PLACE + "?sslmode=disable&password={}",
    "host=127.0.0.1 port=1 dbname=db user=me password={}",
    "host=127.0.0.1 port=1 password={} dbname=db",
    "host = 127.0.0.1 port 1 password = {}",
    "password='{} host=127.0.0.1 port=1",
)
PLACED = (
    ["status", "--dsn", "{}"],
    ["status", "{}"],
    ["jobs", "--dsn={}"],
    ["--dsn", "{}", "jobs"],
    ["defer", "t", "--dsn", "{}", "--nonsense"],
    ["why", "{}", "1"],
    ["status", "--profile", "{}"],
    ["cancel", "--dsn", "", "{}"],
)
#: A part of it that is in no sentence of ours, with the signs that take a connection string apart around it.
SEAMS = "/?#@&=:%'\"\\ +,;[]"
PASSWORDS = st.lists(st.sampled_from(SEAMS), min_size=1, max_size=4).map(
    lambda signs: "".join(f"Zq{n}xV{sign}" for n, sign in enumerate(signs)) + "wQz9"
)


def tells(text: str) -> list[str]:
    """The parts of a planted password in a text."""
    return re.findall(r"Zq\dxV|wQz9", text)


@pytest.fixture(autouse=True)
def alone(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    for name in ("CONFIG", "STATE", "DATA", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path))
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "1")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("/7M+r?E':dHz", WRITTEN[0], PLACED[0])
@example("a&Zq0xV", WRITTEN[5], PLACED[0])
@given(PASSWORDS, st.sampled_from(WRITTEN), st.sampled_from(PLACED))
def test_the_command_line_tells_no_part_of_it(
    capsys: pytest.CaptureFixture[str], password: str, written: str, placed: list[str]
) -> None:
    code = main([word.format(written.format(password)) if "{}" in word else word for word in placed])
    told = capsys.readouterr()
    assert code in (2, 3), told
    assert not tells(told.out + told.err), told
    assert "Traceback" not in told.err


@settings(max_examples=150, deadline=None)
@given(PASSWORDS, st.sampled_from(WRITTEN))
def test_neither_does_a_trouble_nor_a_name(password: str, written: str) -> None:
    profile = Profile(name="x", method="dsn", dsn=written.format(password))
    assert not tells(database_of(profile.dsn) + profile.display_dsn)
    try:
        PsycopgConnector(**connection_parameters(profile)).get_sync_connector().open()
    except ConnectorException as error:
        trouble = explain(error)
        assert not tells(trouble.sentence + trouble.way_out + trouble.detail)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            ["jobs", "show", "why", "defer", "retry", "cancel", "status", "watch", "--json", "--limit", "-1"]
        )
        | st.text(string.printable + "é\ud800\x00日", max_size=12),
        max_size=5,
    )
)
def test_whatever_is_typed_ends_in_a_sentence(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    code = main([*words, "--dsn", f"postgresql://me@{PLACE}"])
    told = capsys.readouterr()
    assert code in range(6), told
    assert "Traceback" not in told.err
    assert told.err or code == 0
