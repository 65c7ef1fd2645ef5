"""Links from jobs by a profile's templates, and the hiding of what looks secret."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from jobdesk_core import EventType, Status
from jobdesk_core.database.rows import EventRow, JobRow
from jobdesk_core.profiles import Profile, ProfileStore, UnreadableProfiles
from jobdesk_core.profiles.links import FIELDS, LONGEST, filled, problem, values_of
from jobdesk_core.profiles.secret_keys import DEFAULT_PATTERN, HIDDEN, compiled, masked
from jobdesk_core.profiles.secret_keys import problem as pattern_problem

AT = dt.datetime(2026, 11, 20, 12, 30, tzinfo=dt.UTC)


def values(**columns: Any) -> dict[str, str | None]:
    row = JobRow(7, "mail.send", "mail", Status.FAILED, 0, 1, None, None, None, None, False, AT)
    events = [EventRow(1, 7, EventType.STARTED, AT), EventRow(2, 7, EventType.FAILED, AT + dt.timedelta(minutes=1))]
    return values_of(row, events) | columns


def test_every_field_can_be_named() -> None:
    assert set(values()) == set(FIELDS)
    template = "https://logs.example/{job_id}/{task}?from={started_at}&to={ended_at}"
    assert problem(template) is None
    address = "https://logs.example/7/mail.send?from=2026-11-20T12%3A30%3A00Z&to=2026-11-20T12%3A31%3A00Z"
    assert filled(template, values()) == address


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("a b&c=d#e", "a%20b%26c%3Dd%23e"),
        ("../../etc", "..%2F..%2Fetc"),
        ("//evil.example", "%2F%2Fevil.example"),
        ("@evil.example", "%40evil.example"),
        ('"><script>', "%22%3E%3Cscript%3E"),
        ("\u202e\n\x00", "%E2%80%AE%0A%00"),
        ("{job_id}", "%7Bjob_id%7D"),
        ("\ud800", "%3F"),
    ],
)
def test_a_value_cannot_leave_its_place_in_the_address(value: str, quoted: str) -> None:
    assert filled("https://logs.example/{lock}/x", values(lock=value)) == f"https://logs.example/{quoted}/x"


@pytest.mark.parametrize("value", [None, "", ".", "..", "x" * LONGEST])
def test_a_job_without_a_fitting_value_has_no_link(value: str | None) -> None:
    assert filled("https://logs.example/{lock}", values(lock=value)) is None


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("file:///etc/passwd", "https://"),
        ("javascript:alert({job_id})", "https://"),
        ("logs.example/{job_id}", "https://"),
        ("https://", "https://"),
        ("https://{queue}/x", "host cannot depend"),
        ("https://me:secret@logs.example/{job_id}", "not contain a user name or password"),
        ("https://logs.example/{nope}", "no field {nope}"),
        ("https://logs.example/{job_id", "not closed"),
        ("https://logs.example/a b", "not contain spaces"),
        ("https://[::1/x", "cannot be read"),
    ],
)
def test_a_template_that_is_no_link_says_why_and_makes_none(template: str, says: str) -> None:
    assert says in (problem(template) or "")
    assert filled(template, values()) is None


def test_links_and_the_pattern_are_kept_in_the_file_of_profiles(tmp_path: Path) -> None:
    store = ProfileStore(tmp_path / "profiles.toml")
    profile = Profile(name="a", links={"Logs": "https://logs.example/{job_id}"}, secret_keys="iban")
    store.save(profile)
    assert store.get("a") == profile
    store.save(Profile(name="a"))
    assert store.get("a") == Profile(name="a"), "what was taken out of a profile does not come back"
    store.path.write_text('[profiles.a]\nlinks = "no table"\n')
    with pytest.raises(UnreadableProfiles):
        store.all()


@pytest.mark.parametrize(
    "key", ["password", "PASSWD", "client_secret", "apiKey", "api-key", "x_token", "Authorization", "private_key"]
)
def test_the_default_pattern_finds_common_secrets(key: str) -> None:
    assert masked({key: "x", "plain": 1, "list": [{key: {"deep": 1}}]}, "") == {
        key: HIDDEN,
        "plain": 1,
        "list": [{key: HIDDEN}],
    }


def test_what_was_revealed_alone_is_shown() -> None:
    value = {"token": "a", "list": [{"token": "b"}, {"token": "c"}]}
    assert masked(value, "", {("list", 1, "token")}) == {"token": HIDDEN, "list": [{"token": HIDDEN}, {"token": "c"}]}


def test_a_profile_may_have_another_pattern_and_a_broken_one_hides_what_the_default_does() -> None:
    assert masked({"iban": 1, "token": 2}, "iban") == {"iban": HIDDEN, "token": 2}
    assert "not a regular expression" in (pattern_problem("(") or "")
    assert compiled("(").pattern == DEFAULT_PATTERN
