"""The forms of a connection convert into each other, and nothing is lost but what a form cannot hold, which is told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jobdesk_core.profiles.forms import as_address, as_variables, as_words
from jobdesk_core.profiles.pasted import read_pasted
from psycopg.conninfo import conninfo_to_dict

ODD = "me & you@home: 100% /sl\\ash 'q' \"Q\" ü é = ? # [x] , ;"
CASES = [
    {"host": "db.example", "port": "6432", "dbname": "shop", "user": "me", "sslmode": "verify-full"},
    {"host": "a,b", "port": "5432,6432", "dbname": ODD, "user": ODD, "target_session_attrs": "read-write"},
    {"host": "a,b", "port": "5432", "load_balance_hosts": "random"},
    {"host": "a,b", "dbname": "x"},
    {"host": "::1", "port": "5432", "dbname": "x"},
    {"host": "fe80::1%eth0", "dbname": "x"},
    {"host": "/var/run/postgresql", "dbname": "x", "user": "me"},
    {"hostaddr": "10.0.0.7", "port": "1", "options": "-c search_path=a,b -c x.y='z z'"},
    {"service": "billing", "application_name": ODD},
    {"dbname": "x"},
    {},
]


@pytest.mark.parametrize("parameters", CASES)
def test_nothing_is_lost(parameters: dict[str, str]) -> None:
    assert conninfo_to_dict(as_words(parameters)) == parameters
    assert conninfo_to_dict(as_address(parameters)) == parameters
    lines, left_out = as_variables(parameters)
    assert left_out == ()
    if parameters:
        assert read_pasted(lines, frozenset).parameters == parameters


def test_what_has_no_variable_is_told_and_passwords_go_nowhere() -> None:
    given = {"host": "h", "keepalives_idle": "7", "password": "planted", "sslpassword": "planted"}
    lines, left_out = as_variables(given)
    assert (lines, left_out) == ("PGHOST=h", ("keepalives_idle",))
    assert "planted" not in as_words(given) + as_address(given) + lines


texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None, database=None)
@given(user=texts, dbname=texts, application_name=texts, options=texts)
def test_any_text_comes_back(user: str, dbname: str, application_name: str, options: str) -> None:
    parameters = {"user": user, "dbname": dbname, "application_name": application_name, "options": options}
    assert conninfo_to_dict(as_words(parameters)) == parameters
    assert conninfo_to_dict(as_address(parameters)) == parameters
