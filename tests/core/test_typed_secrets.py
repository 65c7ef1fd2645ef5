"""No password that is typed, rightly or wrongly, anywhere on the command line, is ever told back."""

from __future__ import annotations

import itertools
import re
import string
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jobdesk_core.cli import main
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.profiles import Profile, connection_parameters, database_of
from jobdesk_core.troubles import explain

pytestmark = pytest.mark.usefixtures("alone")
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
    "me:{}@127.0.0.1/db",
    "//me:{}@127.0.0.1/db",
    "jdbc:postgresql://127.0.0.1:1/db?user=me&password={}",
    "postgresql+psycopg://me:{}@" + PLACE,
    "PGPASSWORD={}",
    "host=127.0.0.1 port=1 scram_client_key={}",
    "postgresql://me@" + PLACE + "?oauth_client_secret={}",
    "postgresql://me@" + PLACE + "?sslpassword={}",
)
#: As other programs take a password: behind an option, or apart from its name.
APART = (
    ["status", "--password", "{}"],
    ["status", "-W", "{}"],
    ["-p", "{}", "status"],
    ["status", "-p{}"],
    ["status", "--db-password={}"],
    ["status", "password", "=", "{}"],
    ["status", "--dsn", "host=127.0.0.1", "password=", "{}"],
    ["status", "--client-secret", "{}"],
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
    ["{}"],
    ["{}", "status"],
    ["status", "--url={}"],
    ["jobs", "--limit", "{}"],
    ["jobs", "--order", "{}"],
    ["watch", "--interval", "{}"],
    ["defer", "t", "--at", "{}", "--dsn", ""],
    ["defer", "t", "--from", "{}"],
    ["purge", "--older-than", "{}", "--dsn", ""],
    ["status", "--theme", "{}"],
)
#: A part of it that is in no sentence of ours, with the signs that take a connection string apart around it.
SEAMS = "/?#@&=:%'\"\\ +,;[]"
PASSWORDS = st.lists(st.sampled_from(SEAMS), min_size=1, max_size=4).map(
    lambda signs: "".join(f"Zq{n}xV{sign}" for n, sign in enumerate(signs)) + "wQz9"
)


def tells(text: str) -> list[str]:
    """The parts of a planted password in a text."""
    return re.findall(r"Zq\dxV|wQz9", text)


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


def test_every_place_of_every_spelling(capsys: pytest.CaptureFixture[str]) -> None:
    """The whole table, with passwords of the kinds that go wrong in turns: what is drawn above meets a part of it."""
    passwords = ("Zq0xVwQz9", "Zq1xV@%:/Zq2xV 'wQz9\"", "Zq3xVäwQz9", "Zq4xV%40wQz9")
    turns = itertools.cycle(passwords)
    table = [
        *([word.format(written.format(next(turns))) for word in placed] for written in WRITTEN for placed in PLACED),
        *([word.format(password) for word in placed] for password in passwords for placed in APART),
    ]
    for words in table:
        code = main(words)
        told = capsys.readouterr()
        assert code in (2, 3), (words, told)
        assert not tells(told.out + told.err), (words, told)


@pytest.mark.skipif(sys.platform != "linux", reason="the list of processes is overwritten on Linux only")
def test_the_list_of_processes_does_not_show_it() -> None:
    said = (
        "from jobdesk_core.cli import main; main(__import__('sys').argv[1:]); print(open('/proc/self/cmdline').read())"
    )
    for words in (["--dsn", f"postgresql://me:Zq0xVäwQz9@{PLACE}"], ["-W", "Zq1xVwQz9"]):
        ended = subprocess.run([sys.executable, "-c", said, "status", *words], capture_output=True, text=True)
        assert words[0] in ended.stdout and "status" in ended.stdout, ended
        assert not tells(ended.stdout + ended.stderr), ended


@settings(max_examples=150, deadline=None)
@given(PASSWORDS, st.sampled_from(WRITTEN))
def test_neither_does_a_trouble_nor_a_name(password: str, written: str) -> None:
    profile = Profile(name="x", method="dsn", dsn=written.format(password))
    assert not tells(database_of(profile.dsn) + profile.display_dsn)
    try:
        PsycopgConnector(**connection_parameters(profile)).get_sync_connector().open()
    except ConnectorException as error:
        trouble = explain(error)
        assert not tells(trouble.sentence + trouble.remedy + trouble.detail)


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
