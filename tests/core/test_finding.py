"""What helps in finding: completion, what the database is known to hold, counts of views, and the file of views."""

from __future__ import annotations

from pathlib import Path

import pytest
from database import connected, run_sql
from hypothesis import given, settings
from hypothesis import strategies as st
from jobdesk_core.exceptions import CapabilityMissing
from jobdesk_core.filters.completion import MOST_OFFERED, Wanted, offers, wanted_at_end
from jobdesk_core.filters.completion_values import MOST_KEPT, KnownValues, Question
from jobdesk_core.filters.language import FilterError, JobFilter
from jobdesk_core.number import Kind
from jobdesk_core.profiles.finding import MOST_PAST, MOST_RECENT, FindingStore, SavedView
from jobdesk_core.reading.view_count import FEWEST_IDS, FIRST_IDS, MOST_COUNTED, ViewCount
from releases import STATES

INSERT = (
    "INSERT INTO procrastinate_jobs (task_name, queue_name, lock, args) "
    "SELECT %s, 'q', %s, %s::jsonb FROM generate_series(1, %s)"
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", Wanted(0, "name", "")),
        ("sta", Wanted(0, "name", "sta")),
        ("status:todo que", Wanted(12, "name", "que")),
        ("-que", Wanted(1, "name", "que")),
        ("(status:todo or -(que", Wanted(18, "name", "que")),
        ("status:", Wanted(7, "value", "", "status")),
        ("status:todo,fa", Wanted(12, "value", "fa", "status")),
        ('queue:"a,b c",x,"night sh', Wanted(16, "value", "night sh", "queue")),
        ('queue:"a b" c', Wanted(12, "name", "c")),
        ('queue:"a b" ', Wanted(12, "name", "")),
        ('(a or b) lock:"x (', Wanted(14, "value", "x (", "lock")),
        ("-lock:", Wanted(6, "value", "", "lock")),
        ("args.", Wanted(0, "path", "", "args", ())),
        ("args.user.na", Wanted(0, "path", "na", "args", ("user",))),
        ('args."e mail".x:', Wanted(16, "value", "", "args", ("e mail", "x"))),
        ("args.user:4", Wanted(10, "value", "4", "args", ("user",))),
    ],
)
def test_what_is_being_typed_is_understood(text: str, wanted: Wanted) -> None:
    assert wanted_at_end(text) == wanted


@given(st.text(max_size=40))
def test_completion_comes_to_terms_with_every_text(text: str) -> None:
    wanted = wanted_at_end(text)
    assert wanted is None or 0 <= wanted.start <= len(text)
    if wanted is not None:
        offers(wanted, [text, "a"])


@settings(max_examples=200)
@given(
    st.sampled_from(["queue:", "lock:a,", "-task:", "(status:todo or queue:", "args.", "args.a.", 'args."b c":']),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=10),
)
def test_what_is_offered_can_be_read_and_means_what_is_held(begun: str, held: str) -> None:
    wanted = wanted_at_end(begun)
    assert wanted is not None
    written = offers(wanted, [held])[-1]
    whole = begun[: wanted.start] + written + ("1" if wanted.kind == "path" else "")
    token = JobFilter.parse(whole + ")" * whole.startswith("(")).tokens[-1]
    assert (token.path[-1] if wanted.kind == "path" else token.values[-1].text) == held


def test_offers_begin_with_what_begins_so_and_are_bounded() -> None:
    wanted = wanted_at_end("queue:ma")
    assert wanted is not None
    assert offers(wanted, ["email", "mail", "x", "MAJOR"]) == ["mail", "MAJOR", "email"]
    assert len(offers(wanted, [f"ma{number}" for number in range(10_000)])) == MOST_OFFERED


# Known values


async def test_arguments_are_known_by_path_and_secrets_are_not_kept(dsn: str) -> None:
    run_sql(dsn, INSERT, "a", None, '{"user": {"id": 7, "x": [1]}, "api_token": "hunter2", "none": null}', 3)
    run_sql(dsn, INSERT, "b", None, '{"other": true}', 2)
    run_sql(dsn, INSERT, "b", None, '"no object"', 1)
    run_sql(dsn, INSERT, "b", None, '{"long": "' + "x" * 200 + '", "deep": {"a": {"b": {"c": {"d": 1}}}}}', 1)
    async with connected(dsn) as (connector, _):
        known = KnownValues(connector, secret_pattern="token")
        question = Question("args", "a")
        assert known.is_due(question) and known.segments(question, ()) == []
        await known.read(question)
        assert not known.is_due(question)
        assert set(known.segments(question, ())) == {"user", "api_token", "none"}
        assert set(known.segments(question, ("user",))) == {"id", "x"}
        assert known.values(question, ("user", "id")) == ["7"]
        for path in (("api_token",), ("user", "x"), ("none",), ("nowhere",)):
            assert known.values(question, path) == []
        await known.read(Question("args"))
        assert set(known.segments(Question("args"), ())) == {"user", "api_token", "none", "other", "long", "deep"}
        assert known.values(Question("args"), ("other",)) == ["true"]
        assert known.values(Question("args"), ("long",)) == []
        assert "hunter2" not in repr(known._answers)


async def test_locks_are_known_the_most_frequent_first_and_answers_are_bounded(dsn: str) -> None:
    for lock, times in (("rare", 1), ("often", 3), (None, 5), ("x" * 500, 9)):
        run_sql(dsn, INSERT, "a", lock, "{}", times)
    async with connected(dsn) as (connector, _):
        known = KnownValues(connector, secret_pattern="token")
        await known.read(Question("lock"))
        assert known.values(Question("lock")) == ["often", "rare"]
        for number in range(MOST_KEPT + 5):
            await known.read(Question("args", str(number)))
        assert len(known._answers) == MOST_KEPT and known.is_due(Question("lock"))


@pytest.mark.parametrize("state", STATES)
async def test_values_and_counts_are_read_from_every_release(released_dsn: str, state: str) -> None:
    run_sql(released_dsn, INSERT, "a", "l", '{"n": 1}', 2)
    async with connected(released_dsn) as (connector, able):
        known = KnownValues(connector, secret_pattern="token")
        for key in ("lock", "queueing_lock", "args"):
            await known.read(Question(key))
        assert known.values(Question("lock")) == ["l"]
        assert known.values(Question("args"), ("n",)) == ["1"]
        count = ViewCount(connector, able)
        assert await worth(count, JobFilter.parse("lock:l or (priority:5 not worker:none)")) == (Kind.AS_OF, 2)
        if not able.has_workers:
            with pytest.raises(CapabilityMissing):
                await count.read(JobFilter.parse("a or stalled"))


# Counts of views


async def worth(count: ViewCount, wanted: JobFilter) -> tuple[Kind, int | None]:
    found = await count.read(wanted)
    assert found is not None and (found.as_of is not None) is (found.kind is Kind.AS_OF)
    return found.kind, found.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("args.n:1", (Kind.AS_OF, 30)),
        ("args.n:2", (Kind.AT_LEAST, MOST_COUNTED)),
        ("args.n:1 or lock:none", (Kind.AT_LEAST, MOST_COUNTED)),
        ("args.n:3", (Kind.AS_OF, 0)),
        ("id:1..10 args.n:1", (Kind.AS_OF, 10)),
        ("id:90000000..", (Kind.AS_OF, 0)),
    ],
)
async def test_a_view_is_counted_and_says_whether_that_is_all(dsn: str, text: str, expected: tuple[Kind, int]) -> None:
    run_sql(dsn, INSERT, "a", None, '{"n": 1}', 30)
    run_sql(dsn, INSERT, "a", None, '{"n": 2}', MOST_COUNTED + 1)
    async with connected(dsn) as (connector, able):
        assert await worth(ViewCount(connector, able), JobFilter.parse(text)) == expected


async def test_a_view_counts_among_the_newest_and_looks_at_more_the_next_time(dsn: str) -> None:
    run_sql(dsn, INSERT, "old", None, "{}", 7)
    run_sql(dsn, INSERT, "new", None, "{}", FIRST_IDS + 100)
    async with connected(dsn) as (connector, able):
        count, wanted = ViewCount(connector, able), JobFilter.parse("task:old")
        assert await worth(count, wanted) == (Kind.AT_LEAST, 0)
        count._width(wanted.text).grow(2)
        assert await worth(count, wanted) == (Kind.AS_OF, 7)


async def test_a_view_that_takes_too_long_is_given_up_and_looked_at_less(dsn: str) -> None:
    run_sql(dsn, INSERT, "a", None, "{}", 20_000)
    async with connected(dsn) as (connector, able):
        count, wanted = ViewCount(connector, able, limit_s=0.001), JobFilter.parse("args:nothing")
        assert await count.read(wanted) is None
        assert FEWEST_IDS <= count._widths[wanted.text].size < FIRST_IDS


# The file


def test_views_and_the_past_are_kept_by_profile(tmp_path: Path) -> None:
    store, other = (FindingStore(tmp_path / "sub" / "finding.toml") for _ in range(2))
    views = [SavedView('é "x"', 'lock:"a\nb"', "OLDEST"), SavedView("b", "")]
    store.set_views("one", views)
    store.add_past("one", "a")
    store.add_past("one", "a b", instead_of="a")
    store.add_past("one", "c")
    store.add_past("one", "a b")
    store.add_past("two", "z")
    store.add_past("two", "x" * 10_000)
    store.add_recent("view.jobs")
    assert other.views("one") == views and other.views("two") == []
    assert (other.past("one"), other.past("two"), other.recent()) == (["a b", "c"], ["z"], ["view.jobs"])
    store.set_views("one", views[:1])
    assert other.views("one") == views[:1] and other.past("one") == ["a b", "c"]


def test_the_past_is_bounded(tmp_path: Path) -> None:
    store = FindingStore(tmp_path / "finding.toml")
    for number in range(MOST_PAST + 10):
        store.add_past("one", f"id:{number}")
        store.add_recent(str(number))
    assert store.past("one")[0] == f"id:{MOST_PAST + 9}" and len(store.past("one")) == MOST_PAST
    assert len(store.recent()) == MOST_RECENT


@pytest.mark.parametrize(
    "text", ["no toml [", "profiles = 3", "[profiles]\none = 1", '[profiles.one]\nviews = [1, {name = ""}]\npast = [2]']
)
def test_a_file_that_someone_has_broken_is_taken_for_empty(tmp_path: Path, text: str) -> None:
    path = tmp_path / "finding.toml"
    path.write_text(text)
    store = FindingStore(path)
    assert (store.views("one"), store.past("one"), store.recent()) == ([], [], [])


def test_a_file_that_cannot_be_read_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "finding.toml"
    path.write_text("no toml [")
    with pytest.raises(ValueError, match=r"Expected|expected"):
        FindingStore(path).set_views("one", [])
    assert path.read_text() == "no toml [" and len(list(tmp_path.iterdir())) == 1


def test_a_broken_filter_is_an_error_with_a_place() -> None:
    with pytest.raises(FilterError):
        JobFilter.parse("a or")
