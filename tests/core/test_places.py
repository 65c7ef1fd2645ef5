"""A password goes to the servers, the role and the database that it was kept for, and nowhere else: asked of a server
that takes down what it is sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from jobdesk_core.cli import main
from jobdesk_core.profiles import Profile, ProfileStore, connection_parameters, place_of
from jobdesk_core.profiles.places import resolved
from jobdesk_core.profiles.secrets import (
    Passwords,
    forget_password,
    keep_password,
    kept_password,
    move_password,
    typed,
)
from made_up_server import MadeUpServer
from psycopg.conninfo import make_conninfo

SECRET = "open-sesame"
pytestmark = pytest.mark.usefixtures("alone")


def words_of(server: MadeUpServer, **changes: str) -> dict[str, str]:
    return {"host": "127.0.0.1", "port": str(server.port), "user": "me", "dbname": "billing"} | changes


def saved(name: str, **arguments: str) -> Profile:
    """A profile as it comes from the file."""
    ProfileStore().save(Profile(name=name, method="arguments", arguments=arguments))
    found = ProfileStore().get(name)
    assert found is not None
    return found


# Where parameters lead


def test_a_place_is_what_libpq_makes_of_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".pg_service.conf").write_text("[prod]\nhost=db.prod\nport=6000\nuser=them\n")
    for conninfo, environment, servers, user, dbname in (
        ("postgresql://me@h:5433/d", {}, [("h", "", "5433")], "me", "d"),
        ("user=me", {"PGHOST": "h", "PGPORT": "1"}, [("h", "", "1")], "me", "me"),
        ("host=a,b dbname=d user=me", {"PGPORT": "7"}, [("a", "", "7"), ("b", "", "7")], "me", "d"),
        ("host=a,b port=1,2 user=me", {}, [("a", "", "1"), ("b", "", "2")], "me", "me"),
        ("host=a user=me", {"PGHOSTADDR": "192.0.2.1"}, [("a", "192.0.2.1", "5432")], "me", "me"),
        ("host=/run/pg user=me", {}, [("/run/pg", "", "5432")], "me", "me"),
        ("service=prod", {"PGUSER": "me"}, [("db.prod", "", "6000")], "them", "them"),
        ("host=h dbname=d", {"PGSERVICE": "prod"}, [("h", "", "6000")], "them", "d"),
    ):
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            found = resolved(conninfo)
            assert found is not None, conninfo
            assert [*found.place.servers] == servers, conninfo
            assert (found.place.user, found.place.dbname) == (user, dbname), conninfo
            # What is sent to libpq leads there in any environment.
            again = resolved("", found.place.parameters)
        assert again is not None and again.place == found.place == resolved("", found.place.parameters).place  # type: ignore[union-attr]
    for nowhere in ("service=none", "host=a,b port=1,2,3", "port", "postgresql://["):
        assert resolved(nowhere) is None


def test_the_default_place_is_a_socket_or_this_machine() -> None:
    found = resolved("user=me")
    assert found is not None and found.place.servers[0][0]
    same = resolved("", {"host": found.place.servers[0][0], "user": "me"})
    assert same is not None and same.place == found.place


# Which password goes there

MOVES: list[Callable[[int], dict[str, str]]] = [
    lambda port: {"port": str(port)},
    lambda port: {"host": "localhost", "port": str(port)},
    lambda port: {"host": "127.0.0.1,127.0.0.1", "port": f"{port},{port}"},
    lambda port: {"host": "db.prod", "hostaddr": "127.0.0.1", "port": str(port)},
]


@pytest.mark.parametrize("move", MOVES)
def test_what_a_saved_connection_has_in_the_keyring_goes_to_no_other_server(
    ring: dict[str, str],
    home: MadeUpServer,
    elsewhere: MadeUpServer,
    run_coroutine: Callable[..., object],
    move: Callable[[int], dict[str, str]],
) -> None:
    profile = saved("billing", **words_of(home))
    assert run_coroutine(keep_password(profile, SECRET))
    assert main(["status", "--profile", "billing"]) == 3
    assert home.got == [SECRET]
    # By a connection string whose database has the saved one's name, and by a saved one that was changed.
    words = words_of(elsewhere, **move(elsewhere.port))
    assert main(["status", "--dsn", make_conninfo("", **words)]) == 3
    saved("billing", **words)
    assert main(["status", "--profile", "billing"]) == 3
    assert elsewhere.asked >= 2 and elsewhere.got == []


@pytest.mark.parametrize("other", [{"user": "them"}, {"dbname": "other"}])
def test_nor_to_another_role_or_database(
    ring: dict[str, str], home: MadeUpServer, run_coroutine: Callable[..., object], other: dict[str, str]
) -> None:
    run_coroutine(keep_password(saved("billing", **words_of(home)), SECRET))
    saved("billing", **words_of(home, **other))
    assert main(["status", "--profile", "billing"]) == 3
    assert home.asked and home.got == []


@pytest.mark.parametrize("variable", ["PGPORT", "PGHOST", "PGHOSTADDR", "PGUSER", "PGDATABASE", "PGSERVICE"])
def test_nor_where_a_variable_leads(
    ring: dict[str, str],
    home: MadeUpServer,
    elsewhere: MadeUpServer,
    run_coroutine: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variable: str,
) -> None:
    words = words_of(home)
    del words[
        {"PGHOSTADDR": "host", "PGSERVICE": "port"}.get(variable, variable[2:].lower().replace("database", "dbname"))
    ]
    for name, value in words_of(home).items():
        monkeypatch.setenv({"dbname": "PGDATABASE"}.get(name, f"PG{name.upper()}"), value)
    (tmp_path / ".pg_service.conf").write_text(f"[moved]\nport={elsewhere.port}\n")
    profile = saved("billing", **words)
    run_coroutine(keep_password(profile, SECRET))
    ring["billing"] = SECRET  # as an earlier release kept it
    values = {"PGPORT": str(elsewhere.port), "PGHOST": "localhost", "PGSERVICE": "moved"}
    monkeypatch.setenv(variable, values.get(variable, "127.0.0.1" if variable == "PGHOSTADDR" else "other"))
    assert main(["status", "--profile", "billing"]) == 3
    assert home.asked + elsewhere.asked and home.got == elsewhere.got == []


async def test_what_an_earlier_release_kept_by_the_name_is_moved_to_its_place_and_never_sent_elsewhere(
    ring: dict[str, str], home: MadeUpServer, elsewhere: MadeUpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring["billing"] = SECRET
    unsaved = Profile(name="billing", method="arguments", arguments=words_of(elsewhere))
    assert await kept_password(unsaved) is None
    without_host = saved("billing", port=str(home.port), user="me", dbname="billing")
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    assert await kept_password(without_host) is None
    assert await kept_password(Profile(name="billing", saved_as="billing")) is None, "libpq's environment"
    monkeypatch.delenv("PGHOST")
    assert ring == {"billing": SECRET}
    profile = saved("billing", **words_of(home))
    assert await kept_password(profile) == SECRET
    assert list(ring.values()) == [SECRET] and "billing" not in ring
    assert await kept_password(profile) == SECRET
    assert str(home.port) in next(iter(ring)) and next(iter(ring)).endswith("#billing")


async def test_a_password_follows_a_new_name_and_not_to_another_place(
    ring: dict[str, str], home: MadeUpServer, elsewhere: MadeUpServer
) -> None:
    before, after = saved("a", **words_of(home)), saved("b", **words_of(home))
    await keep_password(before, SECRET)
    await move_password(before, after)
    assert await kept_password(before) is None and await kept_password(after) == SECRET
    moved = saved("b", **words_of(elsewhere))
    await move_password(after, moved)
    assert ring == {}
    await keep_password(moved, SECRET)
    ring["b"] = "of an earlier release"
    await forget_password(moved)
    assert ring == {}


def test_a_connection_that_is_open_leads_to_the_same_place_whatever_is_set_later(
    home: MadeUpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    profile = Profile(name="x", method="dsn", dsn=f"port={home.port} user=me dbname=billing")
    parameters = connection_parameters(profile, typed(profile, SECRET))
    for name, value in (("PGHOST", "elsewhere.invalid"), ("PGHOSTADDR", "192.0.2.1")):
        monkeypatch.setenv(name, value)
    later = resolved(parameters["conninfo"], parameters["kwargs"])
    assert later is not None and later.place.servers == (("127.0.0.1", "", str(home.port)),)


async def test_what_is_held_in_memory_stays_at_its_place(home: MadeUpServer, elsewhere: MadeUpServer) -> None:
    passwords = Passwords()
    here, there = saved("a", **words_of(home)), saved("a", **words_of(elsewhere))
    secret = passwords.hold(here, SECRET)
    assert await passwords.of(here) == secret and await passwords.of(there) is None
    # Handed over for another place it is not sent, either.
    assert "password" not in connection_parameters(there, secret)["kwargs"]
    assert SECRET not in repr(secret) + repr(passwords)
    passwords.rename("a", "b")
    assert await passwords.of(here) is None and await passwords.of(saved("b", **words_of(home))) == secret
    passwords.drop(saved("b", **words_of(home)))
    assert await passwords.of(saved("b", **words_of(home))) is None


def test_libpqs_own_passwords_go_where_they_were_kept_for(
    home: MadeUpServer, elsewhere: MadeUpServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there, here = words_of(elsewhere), words_of(home)
    (tmp_path / ".pg_service.conf").write_text(
        f"[prod]\nhost=127.0.0.1\nport={home.port}\npassword={SECRET}\n[who]\nuser=me\npassword={SECRET}\n"
    )
    (tmp_path / ".pgpass").write_text(f"127.0.0.1:{home.port}:*:me:{SECRET}\n")
    (tmp_path / ".pgpass").chmod(0o600)
    at_home = {"PGHOST": "127.0.0.1", "PGPORT": str(home.port), "PGPASSWORD": SECRET}
    no_pgpass = {"PGPASSFILE": str(tmp_path / "none")}
    cases: list[tuple[dict[str, str], str, bool, bool]] = [
        # the environment, the connection string, and whether home and elsewhere are sent the password
        ({}, make_conninfo("", **here), True, False),
        ({}, make_conninfo("", **there), False, False),
        (at_home, "dbname=billing user=me", True, False),
        (at_home, make_conninfo("", **there), False, False),
        ({**at_home, "PGDATABASE": "billing", **no_pgpass}, "dbname=other user=me", False, False),
        ({**at_home, "PGUSER": "me", **no_pgpass}, "dbname=other user=them", False, False),
        ({**at_home, **no_pgpass}, "dbname=other user=them", True, False),
        ({"PGPASSWORD": SECRET, **no_pgpass}, make_conninfo("", **there), False, True),
        ({**no_pgpass}, "service=prod user=me dbname=any", True, False),
        ({**no_pgpass}, f"service=prod port={elsewhere.port} user=me", False, False),
        ({"PGSERVICE": "prod", **no_pgpass}, make_conninfo("", **there), False, False),
        ({"PGSERVICE": "prod", **no_pgpass}, "user=me", True, False),
        ({**no_pgpass}, f"service=who host=127.0.0.1 port={home.port}", True, False),
        ({**no_pgpass}, f"service=who user=them host=127.0.0.1 port={home.port}", False, False),
    ]
    for environment, conninfo, is_sent_home, is_sent_elsewhere in cases:
        home.got.clear()
        elsewhere.got.clear()
        with monkeypatch.context() as patch:
            patch.setattr("jobdesk_core.profiles.places._first_servers", {})
            for name, value in environment.items():
                patch.setenv(name, value)
            assert main(["status", "--dsn", conninfo]) == 3
        assert (SECRET in home.got, SECRET in elsewhere.got) == (is_sent_home, is_sent_elsewhere), (
            conninfo,
            environment,
        )


def test_a_line_of_the_password_file_goes_to_no_address_that_another_named(
    elsewhere: MadeUpServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".pgpass").write_text(f"db.prod:{elsewhere.port}:*:me:{SECRET}\n")
    (tmp_path / ".pgpass").chmod(0o600)
    (tmp_path / ".pg_service.conf").write_text("[moved]\nhostaddr=127.0.0.1\n[named]\nhost=db.prod\n")
    host, address = {"host": "db.prod"}, {"hostaddr": "127.0.0.1"}
    rest = {"port": str(elsewhere.port), "user": "me", "dbname": "billing"}
    cases: list[tuple[dict[str, str], dict[str, str], bool]] = [
        ({"PGHOSTADDR": "127.0.0.1"}, host, False),
        ({}, host | {"service": "moved"}, False),
        ({"PGHOST": "db.prod"}, address, False),
        ({}, address | {"service": "named"}, False),
        ({}, host | address, True),
        ({"PGHOST": "db.prod", "PGHOSTADDR": "127.0.0.1"}, {}, True),
    ]
    for environment, words, is_sent in cases:
        asked = elsewhere.asked
        elsewhere.got.clear()
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            assert main(["status", "--dsn", make_conninfo("", **rest, **words)]) == 3
        assert elsewhere.asked > asked and (SECRET in elsewhere.got) is is_sent, (environment, words)


def test_a_password_of_no_server_in_particular_goes_to_the_first_only(
    home: MadeUpServer, elsewhere: MadeUpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", SECRET)
    for server in (home, elsewhere, home):
        main(["status", "--dsn", make_conninfo("", **words_of(server))])
    assert home.got == [SECRET, SECRET] and elsewhere.asked and elsewhere.got == []


def test_what_leads_nowhere_has_no_place() -> None:
    for dsn in ("service=none", "postgresql://me:a/b@h/d", "host=h password=some thing", "postgresql://me:pw@["):
        assert place_of(Profile(name="x", method="dsn", dsn=dsn)) is None
