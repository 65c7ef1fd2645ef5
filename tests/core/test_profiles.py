"""Saved connections: what is written, what is never written, and what they lead to."""

from __future__ import annotations

import dataclasses
import os
import sys
import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
from database import connected
from hypothesis import given, settings
from hypothesis import strategies as st
from jobdesk_core import SyncPsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.exceptions import UnreadableDsn
from jobdesk_core.profiles import (
    ENVIRONMENTS,
    Profile,
    ProfileStore,
    UnreadableProfiles,
    UnsavableProfile,
    connection_parameters,
    database_of,
    place_of,
    profile_of_environment,
    secret_keys,
    split_password,
    where,
)
from jobdesk_core.profiles.finding import FindingStore
from jobdesk_core.profiles.secrets import typed
from psycopg.conninfo import conninfo_to_dict, make_conninfo

SECRET = "open-sesame"
PROFILES = [
    Profile(name="environment"),
    Profile(name="by dsn", method="dsn", dsn="postgresql://u@h:5433/d?sslmode=require", environment="production"),
    Profile(name="by arguments", method="arguments", arguments={"host": "h", "sslmode": "require"}, is_read_only=True),
    Profile(name="coloured", environment="my own", colour="#123456"),
]
DSNS = [f"postgresql://u:{SECRET}@h/d", f"host=h password={SECRET}", f"postgresql://u@h/d?password={SECRET}"]


@pytest.fixture
def store(tmp_path: Path) -> ProfileStore:
    return ProfileStore(tmp_path / "not yet there" / "profiles.toml")


def test_without_a_file_there_are_no_profiles(store: ProfileStore) -> None:
    assert (store.all(), store.get("x"), store.last_used) == ([], None, None)
    store.delete("x")
    assert not store.path.exists()


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_a_profile_comes_back_as_it_was_saved(store: ProfileStore, profile: Profile) -> None:
    store.save(profile)
    assert ProfileStore(store.path).get(profile.name) == profile


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(), max_size=5), st.dictionaries(st.text(min_size=1), st.text(), max_size=3))
def test_any_name_and_any_argument_come_back(names: list[str], arguments: dict[str, str]) -> None:
    arguments.pop("password", None)
    with tempfile.TemporaryDirectory() as folder:
        store = ProfileStore(Path(folder) / "profiles.toml")
        for name in names:
            store.save(Profile(name=name, method="arguments", arguments=arguments))
            store.remember(name)
        assert {profile.name for profile in store.all()} == set(names)
        assert all(profile.arguments == arguments for profile in store.all())
        assert store.last_used == (names[-1] if names else None)


def test_profiles_are_listed_by_name_replaced_by_name_and_deleted(store: ProfileStore) -> None:
    for name in ("b", "A", "c"):
        store.save(Profile(name=name))
    store.save(Profile(name="b", environment="staging"))
    store.delete("c")
    assert [(profile.name, profile.environment) for profile in store.all()] == [("A", ""), ("b", "staging")]


@pytest.mark.parametrize("dsn", DSNS)
def test_no_password_is_written_or_shown(store: ProfileStore, dsn: str) -> None:
    profile = Profile(name="p", method="dsn", dsn=dsn, arguments={"host": "h", "password": SECRET})
    store.save(profile)
    assert SECRET not in store.path.read_text()
    assert SECRET not in profile.display_dsn
    assert SECRET not in dataclasses.replace(profile, method="arguments").display_dsn
    saved = store.get("p")
    assert saved is not None
    assert saved.arguments == {"host": "h"}
    assert conninfo_to_dict(saved.dsn)["host"] == "h"


@pytest.mark.parametrize("dsn", [f"host=h sslpassword={SECRET}", f"postgresql://u@h/d?sslpassword={SECRET}"])
def test_the_password_of_a_key_is_neither_written_nor_shown(store: ProfileStore, dsn: str) -> None:
    profile = Profile(name="p", method="dsn", dsn=dsn, arguments={"host": "h", "sslpassword": SECRET})
    store.save(profile)
    assert SECRET not in store.path.read_text()
    assert SECRET not in profile.display_dsn
    assert SECRET not in Profile(name="p", method="arguments", arguments=profile.arguments).display_dsn


@pytest.mark.parametrize("dsn", [f"postgresql://u:{SECRET}%zz@h/d", f"host=h password=some {SECRET}"])
def test_a_dsn_that_cannot_be_read_is_neither_saved_nor_shown(store: ProfileStore, dsn: str) -> None:
    profile = Profile(name="p", method="dsn", dsn=dsn)
    with pytest.raises(UnsavableProfile) as caught:
        store.save(profile)
    assert SECRET not in str(caught.value) + profile.display_dsn
    assert not store.path.exists()


MISPLACED = (f"postgresql://u:{SECRET}@h/d", f"u:{SECRET}@h/d", f"host=h password={SECRET}", f"//u:{SECRET}@h")


@pytest.mark.parametrize("name", ["host", "hostaddr", "port", "user", "dbname", "service"])
@pytest.mark.parametrize("text", MISPLACED)
def test_a_connection_string_in_a_field_of_one_name_is_neither_saved_nor_shown_nor_connected(
    store: ProfileStore, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    for profile in (
        Profile(name="p", method="arguments", arguments={"host": "h"} | {name: text}),
        Profile(name="p", method="dsn", dsn=make_conninfo("", **{name: text})),
        Profile(name="p", method="arguments", arguments={f"{text}?a": "b"}),
    ):
        with pytest.raises(UnsavableProfile) as caught:
            store.save(profile)
        assert place_of(profile) is None
        with pytest.raises(UnreadableDsn) as refused:
            connection_parameters(profile)
        told = f"{caught.value} {refused.value} {profile.display_dsn} {where(profile)} {database_of(profile.dsn)}"
        assert SECRET not in told
    variable = {"dbname": "PGDATABASE"}.get(name, f"PG{name.upper()}")
    monkeypatch.setenv(variable, text)
    environment = profile_of_environment()
    assert SECRET not in environment.name + where(environment)


def test_what_the_session_is_told_is_kept_and_not_shown(store: ProfileStore) -> None:
    options = f"-c app.token={SECRET}"
    for profile in (
        Profile(name="p", method="dsn", dsn=make_conninfo("host=h", options=options)),
        Profile(name="p", method="arguments", arguments={"host": "h", "options": options}),
    ):
        store.save(profile)
        assert store.get("p") == profile and SECRET not in profile.display_dsn + where(profile)


def test_only_its_owner_may_read_the_file(store: ProfileStore) -> None:
    store.save(Profile(name="p"))
    store.path.chmod(0o644)
    store.remember("p")
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in store.path.parent.iterdir()] == ["profiles.toml"]


@pytest.mark.parametrize(
    "content",
    [
        b"profiles = [",
        b"\xff\xfe",
        b"profiles = 3",
        b"[profiles]\np = 3",
        b"[profiles.p]\narguments = 'x'",
    ],
    ids=["not TOML", "not UTF-8", "no table", "no profile", "no arguments"],
)
def test_a_file_that_cannot_be_read_is_told_and_left_as_it_is(store: ProfileStore, content: bytes) -> None:
    store.path.parent.mkdir()
    store.path.write_bytes(content)
    for act in (store.all, lambda: store.get("p"), lambda: store.save(Profile(name="p")), lambda: store.delete("p")):
        with pytest.raises(UnreadableProfiles, match="left as it is"):
            act()
    assert store.path.read_bytes() == content


def test_what_a_newer_version_wrote_is_kept(store: ProfileStore) -> None:
    store.path.parent.mkdir()
    store.path.write_text('wide = true\n[profiles.p]\nmethod = "telepathy"\nshape = "round"\n')
    found = store.get("p")
    assert found == Profile(name="p")
    store.save(Profile(name="p", environment="demo"))
    document = tomllib.loads(store.path.read_text())
    assert (document["wide"], document["profiles"]["p"]["shape"]) == (True, "round")


def test_each_named_environment_has_a_colour_of_its_own() -> None:
    colours = [colour for name, colour in ENVIRONMENTS.items() if name]
    assert len(colours) == len(set(colours)) == 4
    assert all(len(colour) == 7 and int(colour[1:], 16) >= 0 for colour in colours)


# What they lead to


@pytest.mark.parametrize(
    ("dsn", "rest", "password"),
    [
        ("postgresql://u:p%40ss@h/d", {"user": "u", "host": "h", "dbname": "d"}, "p@ss"),
        ("host=h password='it''s'", None, None),
        ("host=h password='it\\'s me'", {"host": "h"}, "it's me"),
        ("host=h", {"host": "h"}, None),
        ("", {}, None),
    ],
)
def test_a_password_is_split_from_its_dsn(dsn: str, rest: dict[str, str] | None, password: str | None) -> None:
    kept, found = split_password(dsn)
    assert found == password
    if rest is None:
        assert kept == dsn
    else:
        assert conninfo_to_dict(kept) == rest


async def test_each_method_reaches_the_database(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    variables = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE", "password": "PGPASSWORD"}
    for name, value in parts.items():
        monkeypatch.setenv(variables[name], value)
    for profile in (
        Profile(name="e", dsn="host=nowhere.invalid", arguments={"host": "nowhere.invalid"}),
        Profile(name="d", method="dsn", dsn=dsn, arguments={"host": "nowhere.invalid"}),
        Profile(name="a", method="arguments", dsn="host=nowhere.invalid", arguments=parts | {"sslmode": ""}),
    ):
        parameters = connection_parameters(profile)
        async with connected(parameters.pop("conninfo"), **parameters) as (connector, able):
            assert (able.database, able.has_schema) == (parts["dbname"], True)
            async with connector.pool.connection() as connection:
                cursor = await connection.execute("SELECT current_setting('application_name')")
                assert await cursor.fetchone() == ("jobdesk",)


@pytest.mark.parametrize("way", ["DSN", "URL", "arguments", "PGAPPNAME", "service"])
def test_the_name_that_the_user_gave_the_session_wins(
    dsn: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    profile = Profile(name="x", method="dsn", dsn=dsn)
    if way == "DSN":
        profile = replace(profile, dsn=make_conninfo(dsn, application_name="mine"))
    elif way == "URL":
        words = {name: value for name, value in parts.items() if name != "dbname"} | {"application_name": "mine"}
        profile = replace(profile, dsn=f"postgresql:///{parts['dbname']}?{urlencode(words)}")
    elif way == "arguments":
        profile = replace(profile, method="arguments", arguments=parts | {"application_name": "mine"})
    elif way == "PGAPPNAME":
        monkeypatch.setenv("PGAPPNAME", "mine")
    else:
        lines = "".join(f"{name}={value}\n" for name, value in (parts | {"application_name": "mine"}).items())
        (tmp_path / "services").write_text(f"[billing]\n{lines}")
        monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
        profile = replace(profile, dsn="service=billing")
    connector = SyncPsycopgConnector(**connection_parameters(profile))
    connector.open()
    try:
        name = Statement("SELECT current_setting('application_name') AS name", lambda rows: rows[0]["name"])
        assert connector.run(name) == "mine"
    finally:
        connector.close()


def test_the_password_is_an_argument_only_when_there_is_one() -> None:
    profile = Profile(name="d", method="dsn", dsn="host=h")
    assert connection_parameters(profile, typed(profile, SECRET))["kwargs"]["password"] == SECRET
    assert "password" not in connection_parameters(profile)["kwargs"]


def test_what_was_hidden_and_left_alone_is_as_it_was() -> None:
    original = {"password": "p", "in": [{"token": [1]}, {"plain": "••••••"}], "n": 1}
    shown = secret_keys.masked(original, "")
    assert shown["password"] == secret_keys.HIDDEN and shown["in"][0] == {"token": secret_keys.HIDDEN}
    assert secret_keys.restored(shown, original, "") == original
    edited = shown | {"password": "new", "token": secret_keys.HIDDEN}
    assert secret_keys.restored(edited, original, "")["password"] == "new"
    assert secret_keys.still_hidden(secret_keys.restored(edited, original, ""))


def test_a_renamed_profile_leaves_no_trace_of_its_old_name(store: ProfileStore) -> None:
    for name in ("a", "b"):
        store.save(Profile(name=name, environment=name))
    store.remember("a")
    document = store.path.read_text().replace("[profiles.a]", '[profiles.a]\nof_a_newer_release = "kept"')
    store.path.write_text(document)
    store.save(Profile(name="c", environment="x"), instead_of="a")
    assert [(each.name, each.environment) for each in store.all()] == [("b", "b"), ("c", "x")]
    assert store.last_used == "c" and "of_a_newer_release" in store.path.read_text()
    store.save(Profile(name="b", environment="y"), instead_of="c")
    assert [(each.name, each.environment) for each in store.all()] == [("b", "y")]
    store.save(Profile(name="d"), instead_of="never saved")
    assert [each.name for each in store.all()] == ["b", "d"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes in folders.")
def test_a_pipe_in_the_place_of_a_file_is_told_and_not_waited_for(store: ProfileStore) -> None:
    store.path.parent.mkdir()
    for place in (store.path, store.path.with_name("finding.toml")):
        os.mkfifo(place)
    for act in (store.all, lambda: store.last_used, lambda: store.save(Profile(name="p"))):
        with pytest.raises(UnreadableProfiles, match="not a file"):
            act()
    finding = FindingStore(store.path.with_name("finding.toml"))
    assert finding.views("p") == [] and finding.past("p") == []
    store.path.unlink()
    store.path.symlink_to("/dev/zero")
    with pytest.raises(UnreadableProfiles, match="not a file"):
        store.all()
