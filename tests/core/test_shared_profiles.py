"""Profiles among many and among people: order, the file that a team keeps, files for others, and what lies about."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jobdesk_core.profiles import Profile, ProfileStore, UnreadableProfiles
from jobdesk_core.profiles.found import MOST_PROPOSED, found_here
from jobdesk_core.profiles.shared import UnreadableShared, compare, export, read_shared

SECRET = "Zq0xV-wQz9"
EU = Profile(name="billing-eu", method="dsn", dsn="postgresql://u@eu/b", folder="eu", tags=("prod", "pooler"))
US = Profile(name="billing-us", method="arguments", arguments={"host": "us", "dbname": "b"}, folder="us")


@pytest.fixture
def store(tmp_path: Path) -> ProfileStore:
    return ProfileStore(tmp_path / "own" / "profiles.toml")


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "team.toml"
    monkeypatch.setenv("JOBDESK_PROFILES", str(path))
    return path


def names(store: ProfileStore) -> list[str]:
    return [profile.name for profile in store.all()]


# Order


def test_profiles_stand_in_the_order_that_they_were_given_and_new_ones_behind(store: ProfileStore) -> None:
    for name in ("b", "c", "A"):
        store.save(Profile(name=name))
    assert names(store) == ["A", "b", "c"]
    store.arrange(["c", "A", "b"])
    store.save(Profile(name="aa"))
    assert names(store) == ["c", "A", "b", "aa"]
    store.save(Profile(name="renamed"), instead_of="A")
    store.delete("b")
    assert names(store) == ["c", "renamed", "aa"]


@pytest.mark.parametrize("order", ['"c"', "3", '["c", 3, "gone", "c"]', "{}"])
def test_an_order_that_makes_no_sense_harms_nobody(store: ProfileStore, order: str) -> None:
    store.save(Profile(name="b"))
    store.save(Profile(name="c"))
    store.path.write_text(f"order = {order}\n" + store.path.read_text())
    assert sorted(names(store)) == ["b", "c"]
    assert names(store)[0] == ("c" if order.startswith("[") else "b")


def test_folder_and_tags_are_kept_and_those_of_another_type_are_none(store: ProfileStore) -> None:
    store.save(EU)
    assert store.get("billing-eu") == EU
    store.path.write_text('[profiles.x]\nfolder = 3\ntags = "prod"\n[profiles.y]\ntags = [" a ", "", "a", 7]\n')
    assert [(each.folder, each.tags) for each in store.all()] == [("3", ()), ("", ("a", "7"))]


# The team's file


def test_a_teams_profiles_stand_beside_ones_own_and_only_these_are_saved(store: ProfileStore, team: Path) -> None:
    export([EU, US], team)
    before = team.read_bytes()
    store.save(Profile(name="mine"))
    assert [(each.name, each.is_shared) for each in store.all()] == [
        ("billing-eu", True),
        ("billing-us", True),
        ("mine", False),
    ]
    assert [each.name for each in store.own()] == ["mine"]
    store.arrange(["mine", "billing-us", "billing-eu"])
    assert names(store) == ["mine", "billing-us", "billing-eu"]
    # One's own of the same name stands instead, and what is deleted is one's own.
    store.save(dataclasses.replace(EU, is_read_only=True))
    (own,) = [each for each in store.all() if each.name == "billing-eu"]
    assert (own.is_read_only, own.is_shared) == (True, False)
    store.delete("billing-eu")
    assert store.get("billing-eu") == EU
    assert team.read_bytes() == before and "billing" not in "".join(names(ProfileStore(store.path))[:1])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "There is no file"),
        (b"\xff\xfe", "not text in UTF-8"),
        (f"password = {SECRET}".encode(), "not a file of connections"),
        (b"profiles = 3", "not a file of connections"),
        (b"x = " + b"[" * 20_000, "not a file of connections"),
        ("folder", "cannot be read"),
    ],
)
def test_a_teams_file_that_cannot_be_read_is_told_and_ones_own_are_there(
    store: ProfileStore, team: Path, content: bytes | str | None, reason: str
) -> None:
    store.save(Profile(name="mine"))
    assert reason in store.team_trouble if content is None else True
    if isinstance(content, bytes):
        team.write_bytes(content)
    elif content is not None:
        team.mkdir()
    assert reason in store.team_trouble and SECRET not in store.team_trouble
    assert names(store) == ["mine"]


def test_without_the_variable_there_is_no_team(store: ProfileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOBDESK_PROFILES", raising=False)
    assert (store.team_trouble, store.all()) == ("", [])
    monkeypatch.setenv("JOBDESK_PROFILES", " ")
    assert (store.team_trouble, store.all()) == ("", [])


# Files for others


@pytest.mark.parametrize(
    "profile",
    [
        Profile(name="x", method="dsn", dsn=f"postgresql://u:{SECRET}@h/d"),
        Profile(name="x", method="dsn", dsn=f"host=h password={SECRET} sslpassword={SECRET}"),
        Profile(name="x", method="dsn", dsn=f"postgresql://u:{SECRET}@@h/d"),
        Profile(name="x", method="dsn", dsn=f"postgresql://u:{SECRET}/@h/d"),
        Profile(name="x", method="arguments", arguments={"host": "h", "password": SECRET, "sslpassword": SECRET}),
        Profile(name="x", method="arguments", arguments={"host": f"postgresql://u:{SECRET}@h/d"}),
    ],
    ids=lambda profile: profile.method,
)
def test_no_secret_is_handed_on_and_none_of_a_file_is_used(
    profile: Profile, tmp_path: Path, store: ProfileStore, team: Path
) -> None:
    out = tmp_path / "out.toml"
    assert export([profile], out) == 1
    assert SECRET not in out.read_text() and (os.name == "nt" or out.stat().st_mode & 0o077 == 0)
    # A file that somebody else has made.
    dsn = profile.dsn.replace('"', "")
    arguments = "".join(f'{name} = "{value}"\n' for name, value in profile.arguments.items())
    team.write_text(
        f'[profiles.x]\nmethod = "{profile.method}"\ndsn = "{dsn}"\napp_is_allowed = true\n'
        f"[profiles.x.arguments]\n{arguments}"
    )
    (read,) = store.all()
    assert SECRET not in repr(read) and not read.app_is_allowed and read.is_shared


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.builds(
            Profile,
            name=st.text(),
            environment=st.text(),
            folder=st.text(),
            tags=st.lists(st.text(min_size=1).map(str.strip).filter(bool), unique=True).map(tuple),
            is_read_only=st.booleans(),
            schema=st.text(),
            links=st.dictionaries(st.text(min_size=1), st.text()),
        ),
        unique_by=lambda profile: profile.name,
        max_size=4,
    )
)
def test_what_is_exported_is_read_back(profiles: list[Profile]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.toml"
        export(profiles, path)
        assert read_shared(path) == profiles
        assert [each.state for each in compare(profiles, read_shared(path))] == ["same"] * len(profiles)


def test_what_a_file_would_bring_is_told_before() -> None:
    changed = dataclasses.replace(US, arguments={"host": "elsewhere"}, is_read_only=True)
    new = Profile(name="new")
    found = compare([EU, changed, new], [EU, US])
    assert [(each.profile.name, each.state, each.differs) for each in found] == [
        ("billing-eu", "same", ()),
        ("billing-us", "differs", ("arguments", "is_read_only")),
        ("new", "new", ()),
    ]


def test_a_file_that_is_none_says_so(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("[[")
    with pytest.raises(UnreadableShared, match="not a file of connections"):
        read_shared(tmp_path / "x")


def test_a_full_or_locked_place_keeps_the_file_that_was_there(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"."):
        export([EU], tmp_path / "not there" / "out.toml")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"."):
        export([EU], tmp_path / "folder")


# What lies about


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of one's own: no variables, and files only where the test puts them."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv("PGSYSCONFDIR", str(tmp_path / "etc"))
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))
    return tmp_path


def test_nothing_lies_about_on_an_empty_machine(machine: Path) -> None:
    assert found_here(machine) == []


def test_each_kind_is_found_once_and_no_password_is_shown(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "services").write_text("[billing]\nhost=eu\ndbname=billing\n[orders]\nhost=us\n")
    (machine / "pgpass").write_text(
        f"# mine\neu:5432:billing:me:{SECRET}\n*:*:*:*:{SECRET}\neu:5432:*:me:{SECRET}\nnonsense\n"
    )
    (machine / "pgpass").chmod(0o600)
    (machine / ".env").write_text(f"SECRET_KEY=x\nDATABASE_URL=postgres://app:{SECRET}@db.internal/shop\n")
    monkeypatch.setenv("PGHOST", "here")
    found = found_here(machine)
    assert [(each.source, each.profile.display_dsn) for each in found] == [
        ("the environment's PG variables", "libpq's environment"),
        (".env", "user=app host=db.internal dbname=shop"),
        ("pg_service.conf", "service=billing"),
        ("pg_service.conf", "service=orders"),
        ("the password file", "host=eu port=5432 dbname=billing user=me"),
    ]
    assert [each.password for each in found] == [None, SECRET, None, None, None]
    assert SECRET not in repr(found)


@pytest.mark.parametrize("content", [b"\xff", b"SECRET=1\n", b"x" * (2 << 20), b"DATABASE_URL=mysql://a@b/c\n"])
def test_a_file_that_names_no_database_proposes_nothing(machine: Path, content: bytes) -> None:
    (machine / ".env").write_bytes(content)
    (machine / "pgpass").write_bytes(content)
    assert found_here(machine) == []


def test_many_are_cut_off(machine: Path) -> None:
    (machine / "services").write_text("".join(f"[s{n:02}]\nhost=h{n}\n" for n in range(40)))
    assert len(found_here(machine)) == MOST_PROPOSED


def test_an_own_file_that_cannot_be_read_is_still_said(store: ProfileStore, team: Path) -> None:
    export([EU], team)
    store.path.parent.mkdir(parents=True)
    store.path.write_text("[[")
    with pytest.raises(UnreadableProfiles):
        store.all()
