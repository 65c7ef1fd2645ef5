"""What is pasted into the connection's field is read as whoever pasted it meant it, or not at all."""

# ruff: noqa: E501 - a line is what someone pastes
from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobdesk_core.profiles.pasted import PasteNotUnderstood, address_of, read_pasted
from psycopg.conninfo import conninfo_to_dict

BILLING = {"user": "me", "host": "db.example", "port": "6432", "dbname": "billing"}

MEANT = [
    ("postgresql://me:pw@db.example:6432/billing", "address", BILLING, "pw"),
    ("postgres://me:pw@db.example:6432/billing", "address", BILLING, "pw"),
    ("postgresql+psycopg2://me:pw@db.example:6432/billing", "address", BILLING, "pw"),
    ("postgresql+asyncpg://me:pw@db.example:6432/billing?ssl=require", "address", BILLING | {"sslmode": "require"}, "pw"),
    ("postgis://me:pw@db.example:6432/billing", "address", BILLING, "pw"),
    ("jdbc:postgresql://db.example:6432/billing?user=me&password=pw&ssl=true", "address", BILLING | {"sslmode": "require"}, "pw"),
    ("postgresql://me:p%40w%3A%2F%25%20%C3%BC@db.example:6432/billing", "address", BILLING, "p@w:/% ü"),
    ("postgresql://me:p@w/x@db.example:6432/billing", "address", BILLING, "p@w/x"),
    ("postgresql://me:p:w@db.example:6432/billing", "address", BILLING, "p:w"),
    ("postgresql://me:p?w@db.example:6432/billing", "address", BILLING, "p?w"),
    ("postgresql://me:p#w@db.example:6432/billing", "address", BILLING, "p#w"),
    ("postgresql://me@db.example:6432/billing?options=-c%20statement_timeout%3D5s", "address",
     BILLING | {"options": "-c statement_timeout=5s"}, None),
    ("postgresql://me@a:1,b:2/billing?target_session_attrs=read-write", "address",
     {"user": "me", "host": "a,b", "port": "1,2", "dbname": "billing", "target_session_attrs": "read-write"}, None),
    ("postgresql://me@[2001:db8::1]:6432/billing", "address", BILLING | {"host": "2001:db8::1"}, None),
    ("postgresql://me@[fe80::1%25eth0]/billing", "address", {"user": "me", "host": "fe80::1%eth0", "dbname": "billing"}, None),
    ("postgresql://me@%2Fvar%2Frun%2Fpostgresql/billing", "address",
     {"user": "me", "host": "/var/run/postgresql", "dbname": "billing"}, None),
    ("postgresql:///billing?host=/var/run/postgresql", "address", {"host": "/var/run/postgresql", "dbname": "billing"}, None),
    ("postgresql://db.example", "address", {"host": "db.example"}, None),
    ("host=db.example port=6432 user=me dbname=billing password='p w'", "connection string", BILLING, "p w"),
    ("service=billing", "connection string", {"service": "billing"}, None),
    ("db.example", "host", {"host": "db.example"}, None),
    ("db.example:6432", "host", {"host": "db.example", "port": "6432"}, None),
    ("me@db.example:6432/billing", "host", BILLING, None),
    ("me:pw@db.example:6432/billing", "host", BILLING, "pw"),
    ("localhost", "host", {"host": "localhost"}, None),
    ("192.0.2.7", "host", {"host": "192.0.2.7"}, None),
    ("::1", "host", {"host": "::1"}, None),
    ("[::1]:6432", "host", {"host": "::1", "port": "6432"}, None),
    ("/var/run/postgresql", "host", {"host": "/var/run/postgresql"}, None),
    ("DATABASE_URL=postgres://me:pw@db.example:6432/billing", "variables", BILLING, "pw"),
    ('export DATABASE_URL="postgres://me:pw@db.example:6432/billing"  # live', "variables", BILLING, "pw"),
    ("PGHOST=db.example\nPGPORT=6432\nPGUSER=me\nPGPASSWORD='p#w'\nPGDATABASE=billing", "variables", BILLING, "p#w"),
    ("PGHOST=db.example PGPORT=6432 PGUSER=me PGDATABASE=billing psql", "psql", BILLING, None),
    ("DB_HOST=db.example\nDB_PORT=6432\nDB_USERNAME=me\nDB_PASSWORD=pw\nDB_DATABASE=billing", "variables", BILLING, "pw"),
    ("POSTGRES_HOST: db.example\nPOSTGRES_PORT: 6432\nPOSTGRES_USER: me\nPOSTGRES_PASSWORD: pw\nPOSTGRES_DB: billing",
     "settings", BILLING, "pw"),
    ("production:\n  adapter: postgresql\n  host: db.example\n  port: 6432\n  username: me\n  password: pw\n  database: billing",
     "settings", BILLING, "pw"),
    ("production:\n  url: postgres://me:pw@db.example:6432/billing", "settings", BILLING, "pw"),
    ("DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': 'billing', 'USER': 'me',\n"
     " 'PASSWORD': 'p,w', 'HOST': 'db.example', 'PORT': 6432, 'OPTIONS': {'sslmode': 'require'}}}",
     "settings", BILLING | {"sslmode": "require"}, "p,w"),
    ("'NAME': 'billing',\n'USER': 'me',\n'PASSWORD': os.environ['PW'],\n'HOST': 'db.example',\n'PORT': '6432'",
     "settings", BILLING, None),
    ('{"username": "me", "password": "pw", "host": "db.example", "port": 6432, "dbname": "billing", "engine": "postgres"}',
     "settings", BILLING, "pw"),
    ("psql -h db.example -p 6432 -U me -d billing", "psql", BILLING, None),
    ("psql -hdb.example -p6432 -Ume billing", "psql", BILLING, None),
    ("$ PGPASSWORD='p w' psql --host=db.example --port=6432 --username=me billing -c 'SELECT 1'", "psql", BILLING, "p w"),
    ("psql 'postgresql://me:pw@db.example:6432/billing'", "psql", BILLING, "pw"),
    ('psql "host=db.example port=6432 user=me dbname=billing"', "psql", BILLING, None),
    ("psql billing me -h db.example -p 6432", "psql", BILLING, None),
    ("docker exec -it db psql -U me -p 6432 -h db.example billing", "psql", BILLING, None),
    ("db.example:6432:billing:me:p\\:w", "password file", BILLING, "p:w"),
    ("*:*:billing:me:pw", "password file", {"user": "me", "dbname": "billing"}, "pw"),
    ("export PGHOST=db.example PGPORT=6432 PGUSER=me PGPASSWORD='p w' PGDATABASE=billing", "variables", BILLING, "p w"),
    ("PGHOST=db.example PGPORT=6432 PGUSER=me PGPASSWORD=p#w PGDATABASE=billing", "variables", BILLING, "p#w"),
    ("Server=db.example;Port=6432;User Id=me;Password=pw;Database=billing;", "variables", BILLING, "pw"),
    ("'postgresql://me:pw@db.example:6432/billing'", "address", BILLING, "pw"),
    ("<postgresql://me:pw@db.example:6432/billing>", "address", BILLING, "pw"),
    # Of several databases one is read: the password of another never goes with it.
    ("[billing]\nhost=db.example\nport=6432\nuser=me\ndbname=billing\n\n[other]\nhost=other\npassword=no", "variables", BILLING, None),
    ("development:\n  host: other\n  password: no\nproduction:\n  host: db.example\n  port: 6432\n  username: me\n"
     "  database: billing\n  password: <%= ENV['PW'] %>\ntest:\n  database: test", "settings", BILLING, None),
    ("default: &default\n  username: me\n  password: pw\nproduction:\n  <<: *default\n  host: db.example\n  port: 6432\n"
     "  database: billing", "settings", BILLING, "pw"),
    ("services:\n  db:\n    environment:\n      POSTGRES_USER: me\n      POSTGRES_PASSWORD: pw\n    ports:\n      - 6432:5432",
     "settings", {"user": "me"}, "pw"),
    ("DATABASES = {'replica': {'HOST': 'other', 'PASSWORD': 'no'}, 'default': {'NAME': 'billing', 'USER': 'me',\n"
     " 'PASSWORD': os.environ['PW'], 'HOST': 'db.example', 'PORT': 6432}}", "settings", BILLING, None),
    ("billing-eu", "service", {"service": "billing-eu"}, None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "parameters", "password"), MEANT, ids=[each[0][:60] for each in MEANT])
def test_what_is_pasted_is_read_as_it_was_meant(
    text: str, kind: str, parameters: dict[str, str], password: str | None
) -> None:
    found = read_pasted(f"  {text}\n", lambda: frozenset({"billing-eu"}))
    assert (found.kind, dict(found.parameters), found.password) == (kind, parameters, password)
    assert password is None or password not in repr(found)


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ("postgresql://h/d?pgbouncer=true&connection_limit=5", ("pgbouncer", "connection_limit")),
        ("psql -h h -v ON_ERROR_STOP=1 d", ("-v",)),
        ("DATABASE_URL=postgres://h/d\nSECRET_KEY=abc", ("secret_key",)),
        ("docker exec -it db psql -h h d", ("docker",)),
    ],
)
def test_what_is_no_parameter_is_named_as_left_out(text: str, left_out: tuple[str, ...]) -> None:
    assert read_pasted(text).left_out == left_out


@pytest.mark.parametrize("text", ["postgresql://h/d?schema=queue", "jdbc:postgresql://h/d?currentSchema=queue,public"])
def test_a_schema_is_understood(text: str) -> None:
    assert read_pasted(text).schema == "queue"


def test_a_guess_is_told() -> None:
    assert "last @" in read_pasted("postgresql://me:p@w@db/x").guess
    assert "no service" in read_pasted("billing").guess
    assert read_pasted("postgresql://me:p%40w@db/x").guess == ""


@pytest.mark.parametrize(
    "text",
    ["", "   ", "mysql://me:planted@h/d", "hello there planted", "redis://h", "postgresql://h:po rt/d", "a\x00b", "{", "SELECT 'planted'",
     "host=h user=me passwrd=planted", "host='h password=planted", "PGHOST=h user=me PGPASSWORD=planted"],
)  # fmt: skip
def test_what_is_not_understood_is_refused_in_a_sentence_without_it(text: str) -> None:
    with pytest.raises(PasteNotUnderstood) as refusal:
        read_pasted(text)
    assert "planted" not in str(refusal.value)
    assert str(refusal.value).endswith(".")


words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)


@given(
    parameters=st.fixed_dictionaries(
        {"host": st.sampled_from(["h", "a,b", "::1", "fe80::1%eth0", "/var/run/x y", "db.example"])},
        optional={"user": words, "dbname": words, "port": st.just("5433"), "options": words, "sslrootcert": words},
    ),
    password=st.none() | words,
)
def test_an_address_is_read_back_without_a_loss_by_us_and_by_libpq(
    parameters: dict[str, str], password: str | None
) -> None:
    address = address_of(parameters, password)
    secret = {} if password is None else {"password": password}
    assert conninfo_to_dict(address) == parameters | secret
    found = read_pasted(address)
    assert (dict(found.parameters), found.password) == (parameters, password)


@given(st.text(max_size=80))
def test_anything_at_all_is_understood_or_refused(text: str) -> None:
    with contextlib.suppress(PasteNotUnderstood):
        read_pasted(text)
