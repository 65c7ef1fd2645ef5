"""The filter language: what the SQL finds is what the value says of each row, and every text can be said."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jobdesk_core import SyncPsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import DETECT, Capabilities
from jobdesk_core.database.rows import JobRow, job_tuples, jobs_table, row_columns
from jobdesk_core.filters.language import FLAGS, FilterError, JobFilter, argument_term, term
from jobdesk_core.filters.qualifiers import KEYS
from jobdesk_core.jobs import Status
from psycopg.types.json import Jsonb

NASTY = [
    *(
        "mail",
        "MAIL",
        "mail.send",
        "none",
        "None",
        "",
        " ",
        "night shift",
        "a,b",
        "a",
        "b",
        "*",
        "a*b",
        "50%",
        "_",
        "a_b",
    ),
    *(
        '"',
        '""',
        'say "hi"',
        "'",
        "''; DROP TABLE x",
        "\\",
        "\\%",
        "-a",
        "#12",
        "12",
        "{",
        "[]",
        "key:value",
        ">1",
        "1..2",
    ),
    *("é", "É", "ß", "K", "\u202egnp.exe", "a\u200fb", "a\tb", "a\nb", "x" * 128, "😀", "%(f0)s", "%s", "now", "::"),
]
PRIORITIES = [-(2**31), -1, 0, 1, 5, 2**31 - 1]
IDS = [1, 2, 3, 10, 11, 2**31, 2**53 - 1, 2**53, 2**53 + 1, 2**62, 2**63 - 2]
#: In seconds, far from every bound that a filter of these tests names.
AGES = [None, 1_800, 18_000, 216_000, 1_728_000]
TIMES = [
    "0001-01-01 00:00+00",
    "1999-12-31 23:59:59.999999+00",
    "2026-11-20 12:30:15+00",
    "9999-12-31 23:59:59+00",
    "9999-12-31 12:00:00+00",
    "12000-01-01 00:00:00+00",
    "0044-03-15 12:00:00+00 BC",
    "infinity",
    "-infinity",
    None,
]
STATUSES = ["todo", "doing", "succeeded", "failed", "cancelled", "aborted"]
Found = tuple[SyncPsycopgConnector, Capabilities, list[JobRow]]


def rows_to_insert() -> Iterator[tuple[Any, ...]]:
    choose = random.Random(4)
    for job_id in [*IDS, *range(100, 190)]:
        status = choose.choice(STATUSES)
        yield (
            *(
                job_id,
                choose.choice(NASTY),
                choose.choice(NASTY),
                choose.choice([None, *NASTY]),
                choose.choice([None, *NASTY]),
            ),
            *(choose.choice(PRIORITIES), status, choose.choice(TIMES), choose.choice([None, 1, 2])),
            status != "todo" and choose.random() < 0.3,
            Jsonb({"key": choose.choice(NASTY), "n": choose.choice([None, 4.5, 42, "42"]), "in": {"a.b": job_id}}),
            choose.choice(AGES),
        )


def fill(dsn: str) -> None:
    """Rows of every kind, past the triggers, whose notifications have no room for such names."""
    insert = (
        "INSERT INTO procrastinate_jobs (id, queue_name, task_name, lock, queueing_lock, priority, status, "
        "scheduled_at, worker_id, abort_requested, args) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
        "ON CONFLICT DO NOTHING"
    )
    event = (
        "INSERT INTO procrastinate_events (job_id, type, at) VALUES "
        "(%s, 'deferred', now() - %s * interval '1 s'), (%s, 'started', now() - interval '99 years')"
    )
    with psycopg.connect(dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now()), (now() - interval '1 h')"
        )
        for *columns, age in rows_to_insert():
            inserted = connection.execute(insert, columns).rowcount
            if inserted and age is not None:
                connection.execute(event, (columns[0], age, columns[0]))


@pytest.fixture
def filled(dsn: str) -> Iterator[Found]:
    fill(dsn)
    connector = SyncPsycopgConnector(conninfo=dsn)
    connector.open()
    try:
        able = connector.run(DETECT)
        yield connector, able, find(connector, able, "")
    finally:
        connector.close()


def find(connector: SyncPsycopgConnector, able: Capabilities, text: str) -> list[JobRow]:
    condition, parameters = JobFilter.parse(text).condition(able)
    sql = f"SELECT {row_columns(able)} FROM {jobs_table(able)} WHERE {condition} ORDER BY job.id"
    return connector.run(Statement(sql, job_tuples, parameters, is_page=True))


def check(filled: Found, text: str) -> list[JobRow]:
    """Compare both answers wherever the value has one, also of the opposite; what the SQL finds."""
    connector, able, every = filled
    job_filter, now = JobFilter.parse(text), dt.datetime.now(dt.UTC)
    found = find(connector, able, text)
    held = {row.id for row in found}
    for row in every:
        verdict = job_filter.matches(row, now)
        assert verdict is None or verdict == (row.id in held), (text, row)
    return found


# What can be asked

texts = st.sampled_from(NASTY) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
quoted = texts.map(lambda text: term("queue", text).removeprefix("queue:"))
text_values = quoted | st.tuples(quoted, quoted).map("*".join) | st.sampled_from(["none", "*", "*a*", "m*l*"])
integers = st.sampled_from([*PRIORITIES, *IDS]) | st.integers(-(10**25), 10**25)
numbers = (
    integers.map(str)
    | st.tuples(st.sampled_from([">", ">=", "<", "<="]), integers).map(lambda both: f"{both[0]}{both[1]}")
    | st.tuples(integers, integers).map(lambda both: f"{both[0]}..{both[1]}")
    | integers.map(lambda number: f"..{number}")
    | integers.map(lambda number: f"{number}..")
)
ages = st.sampled_from(
    [">10m", "<10m", ">=1h", "<=1d", "1h..1d", "1w..1h", "<1w", ">99999999w", "<99999999w", "0s..1h"]
)
moments = st.sampled_from(
    ["0001-01-01", "9999-12-31", "2026-11-20", '"2026-11-20 12:30Z"', "2026-11-20T12:30:15Z", "1999-12-31T23:59:59.9Z"]  # noqa: RUF005
    + ["today", "yesterday", "tomorrow", "2026-11", "9999-12", "infinity", "-infinity", "12000-01-01", "300000-02-03"]
    + ['"0044-03-15 12:00+00 BC"', '"0044-03-15 BC"', '"12000-01-01 00:00:00+01"', "9999-12-31T12:00Z"]
    + ["now", "-10m", "-1d", "+99999999w", "-99999999w", "9999-12-31T23:59+00:00", "0001-01-01T00:00-05:00"]
)
times = (
    st.tuples(st.sampled_from([">", ">=", "<", "<="]), moments).map("".join)
    | st.tuples(moments, moments).map("..".join)
    | moments.map(lambda moment: f"{moment}..")
    | moments.map(lambda moment: f"..{moment}")
    | st.sampled_from(["none", "2026-11-20", '"2026-11-20 12:30:15Z"', "9999-12-31", "0001-01-01"])
)


#: What is asked for by the texts that both forms are compared on.
COMPARED: set[str] = set()


def asked(keys: list[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    COMPARED.update(keys)
    parts = st.tuples(st.sampled_from(["", "-"]), st.sampled_from(keys), st.lists(values, min_size=1, max_size=3))
    return parts.map(lambda three: f"{three[0]}{three[1]}:{','.join(three[2])}")


conditions = st.one_of(
    asked(["status"], st.sampled_from([*STATUSES, "aborting"])),
    asked(["queue", "task", "lock", "queueing_lock"], text_values),
    asked(["priority", "id", "attempts"], numbers),
    asked(["age"], ages),
    asked(["deferred", "scheduled", "started", "ended"], times),
    asked(["deferred", "started", "ended"], ages),
    asked(["duration", "waited"], ages | st.just("none")),
    asked(["args.n"], numbers | st.sampled_from([">1e3", "<2026-11-20", "2026-11..2026-12", ">=4.5", "none"])),
    asked(["worker"], st.sampled_from(["none", "1", "2", "#1", "99999999999999999999"])),
    asked(["is"], st.sampled_from(["aborting", "abort_requested", "scheduled", "stalled"])),
    asked(
        ["args", "args.key", "args.n", 'args.in."a.b"'],
        text_values.filter(lambda value: value[:1] == '"' or (value[:1] != "{" and ":" not in value)),
    ),
    texts.map(lambda text: term("", text)),
    st.sampled_from(["mail", "-MAIL", "#1", "#2", "9,007,199,254,740,993", '-args:{"n": 42}', 'args:{"in":{}}']),
)


def put_together(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(parts, min_size=1, max_size=3)
    return (
        several.map(" or ".join)
        | several.map(" AND ".join)
        | several.map(" ".join)
        | parts.map("({})".format)
        | parts.map("not ({})".format)
        | parts.map("-( {} )".format)
        | st.tuples(parts, parts).map(lambda both: f"({both[0]}) not not ({both[1]})")
    )


trees = st.recursive(conditions | conditions.map("not {}".format), put_together, max_leaves=6)


def test_the_database_finds_what_the_value_says_of_every_row(filled: Found) -> None:
    assert len(filled[2]) > 80

    @settings(max_examples=400, deadline=None, database=None)
    @given(trees)
    def compare(text: str) -> None:
        check(filled, text)
        written = JobFilter.parse(text).text
        assert JobFilter.parse(written).text == written
        assert {row.id for row in find(*filled[:2], written)} == {row.id for row in find(*filled[:2], text)}

    compare()


#: Of what workers report and of added columns no row tells: these have tests of their own.
ELSEWHERE = ("error", "host", "result", "column.<name>")


@pytest.mark.parametrize("key", KEYS)
def test_every_qualifier_has_a_condition_and_is_among_those_that_are_compared(key: str) -> None:
    try:
        JobFilter.parse(f"{key.replace('<', '').replace('>', '')}:1")
    except FilterError as error:
        assert "There is no filter" not in str(error)
    assert key in ELSEWHERE or key.replace("<key>", "key") in COMPARED


def test_no_match_lies_beyond_the_ids_that_a_filter_leaves(filled: Found) -> None:
    @settings(max_examples=200, deadline=None, database=None)
    @given(trees | put_together(asked(["id"], numbers)))
    def compare(text: str) -> None:
        ids = JobFilter.parse(text).ids
        low, high = ids.ends
        for row in find(*filled[:2], text):
            assert low <= row.id <= high, text
            assert ids.nearest(row.id, is_down=True) == row.id == ids.nearest(row.id, is_down=False), text

    compare()


def test_a_changed_condition_changes_what_is_found_as_it_says(filled: Found) -> None:
    now = dt.datetime.now(dt.UTC)

    def ids(text: str) -> set[int]:
        return {row.id for row in filled[2] if JobFilter.parse(text).matches(row, now)}

    @settings(max_examples=200, deadline=None, database=None)
    @given(st.lists(conditions, min_size=2, max_size=4), st.randoms(use_true_random=False))
    def compare(parts: list[str], chance: random.Random) -> None:
        whole, place = JobFilter.parse(" or ".join(parts)), chance.randrange(len(parts))
        rest = " or ".join(parts[:place] + parts[place + 1 :])
        assert whole.without(place) == JobFilter.parse(rest).text
        turned = JobFilter.parse(whole.with_opposite(place))
        assert turned.with_opposite(place) == JobFilter.parse(turned.with_opposite(place)).text
        if JobFilter.parse(parts[place]).matches(filled[2][0], now) is not None:
            assert ids(turned.text) == ids(f"({rest}) or not ({parts[place]})")

    compare()


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("status:todo AND queue:a", "status:todo queue:a"),
        ("(status:todo queue:a) task:b", "status:todo queue:a task:b"),
        ("(a or b) c", "(a or b) c"),
        ("a b or c d", "a b or c d"),
        ("(a b) OR (c d)", "a b or c d"),
        ("((a or b))", "a or b"),
        ("not a -b not -c", "-a -b c"),
        ("not (a or b)", "not (a or b)"),
        ("-(a b) not not c", "not (a b) c"),
        ("not not (a or b) c", "(a or b) c"),
        ("not not (a b) c", "a b c"),
        ('not -or not -"or"', '"o"r "or"'),
        ("not --a", '"-"a'),
        ("queue:f(x) (queue:f(y))", "queue:f(x) queue:f(y)"),
        ('(args:{"a":1})', 'args:{"a":1}'),
        ("stalled or -aborting", "stalled or -aborting"),
        ("not(a)or(b)", "-a or b"),
        ("-", "-"),
    ],
)
def test_a_filter_is_always_written_the_same_way(typed: str, written: str) -> None:
    assert JobFilter.parse(typed).text == written
    assert JobFilter.parse(written).text == written


@pytest.mark.parametrize(
    ("text", "place", "without", "opposite"),
    [
        ("a", 0, "", "-a"),
        ("a or b", 0, "b", "-a or b"),
        ("(a or b) c", 1, "a c", "(a or -b) c"),
        ("(a or b) c", 2, "a or b", "(a or b) -c"),
        ("not (a b) c", 0, "-b c", "not (-a b) c"),
        ("(a or not (b c)) d", 1, "(a or -c) d", "(a or not (-b c)) d"),
    ],
)
def test_one_condition_is_left_out_or_turned_round(text: str, place: int, without: str, opposite: str) -> None:
    job_filter = JobFilter.parse(text)
    assert (job_filter.without(place), job_filter.with_opposite(place)) == (without, opposite)


@pytest.mark.parametrize(
    ("text", "wanted", "narrowed"),
    [
        ("", "queue:a", "queue:a"),
        ("status:todo queue:a,b", "queue:a", "status:todo queue:a"),
        ("status:todo -queue:a", "queue:a", "status:todo queue:a"),
        ("queue:a,b", "-queue:a", "queue:a,b -queue:a"),
        ("-queue:a -queue:b", "-queue:a", "-queue:b -queue:a"),
        ("a or queue:b", "queue:a", "(a or queue:b) queue:a"),
        ("args.x:1 args.y:2", "args.x:3", "args.y:2 args.x:3"),
    ],
)
def test_a_filter_is_narrowed_to_a_value(text: str, wanted: str, narrowed: str) -> None:
    assert JobFilter.parse(text).narrowed(wanted) == narrowed


@pytest.mark.parametrize(("word", "flag"), [(flag, f"is:{flag}") for flag in FLAGS])
def test_a_flag_needs_no_key_and_its_name_in_quotation_marks_is_a_text(filled: Found, word: str, flag: str) -> None:
    assert [row.id for row in check(filled, word)] == [row.id for row in check(filled, flag)]
    assert not check(filled, f'"{word}"')


def test_many_ids_are_one_parameter(filled: Found) -> None:
    found = check(filled, "id:" + ",".join(str(number) for number in range(100, 70_000)))
    assert {row.id for row in found} == {row.id for row in filled[2] if 100 <= row.id < 70_000}


@pytest.mark.parametrize("key", ["queue", "task", "lock", "queueing_lock"])
def test_every_text_in_the_table_is_found_by_its_term(filled: Found, key: str) -> None:
    column = {"queue": "queue_name", "task": "task_name"}.get(key, key)
    for text in {getattr(row, column) for row in filled[2]} - {None}:
        assert {getattr(row, column) for row in check(filled, term(key, text))} == {text}


@given(texts, st.lists(texts, min_size=1, max_size=3))
def test_a_term_means_exactly_its_value(value: str, path: list[str]) -> None:
    for text in (term("lock", value), argument_term(path, value), term("args", value)):
        (token,) = JobFilter.parse(f"status:todo {text} mail").tokens[1:2]
        (meant,) = token.values
        assert meant.text == value and not meant.is_none and not meant.is_pattern, text
        assert token.path in ((), tuple(path)) and token.json is None
    (free,) = JobFilter.parse(term("", value)).tokens
    assert (free.key, free.values[0].parts, free.is_negated) == ("", (value,), False)


@given(st.text(max_size=30))
def test_no_text_does_more_than_tell_what_is_wrong_with_it(text: str) -> None:
    try:
        JobFilter.parse(text)
    except FilterError as error:
        assert 0 <= error.position <= len(text) and error.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('args:{"n": 42}', lambda args: args["n"] == 42),
        ('args:{"in":{}}', lambda args: True),
        ("args.n:42", lambda args: str(args["n"]) == "42"),
        ("args.n:none", lambda args: args["n"] is None),
        ("args.n:4.5,none", lambda args: args["n"] in (4.5, None)),
        ("args.key:*a*", lambda args: "a" in args["key"]),
        (term("args", 'say "hi"'), lambda args: args["key"] == 'say "hi"'),
        (term("args", "a\nb"), lambda args: args["key"] == "a\nb"),
        (term("args", '"n": 42'), lambda args: args["n"] == 42),
        (argument_term(["in", "a.b"], "101"), lambda args: args["in"]["a.b"] == 101),
    ],
)
def test_arguments_are_found_by_path_content_and_text(filled: Found, text: str, expected: Any) -> None:
    connector, _, every = filled
    read = Statement("SELECT id, args FROM procrastinate_jobs", lambda rows: {row["id"]: row["args"] for row in rows})
    wanted = {job_id for job_id, args in connector.run(read).items() if expected(args)}
    assert wanted and {row.id for row in check(filled, text)} == wanted
    assert {row.id for row in check(filled, f"-{text}")} == {row.id for row in every} - wanted


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("#1 and #2", "#1 and #2"),
        ("#1 #2", "id:1,2"),
        ("status:todo (#1) (2,3)", "status:todo #1 and id:2,3"),
        ("#1 (#2 mail)", "#1 and #2 mail"),
        ("-#1 and #2 and id:3..4 and #5", "-#1 #2 id:3..4 #5"),
        ("(#1 or mail) and #2", "(#1 or mail) #2"),
    ],
)
def test_ids_that_must_both_be_met_are_never_written_as_a_list(text: str, written: str) -> None:
    found = JobFilter.parse(text)
    assert (found.text, JobFilter.parse(found.text).ids) == (written, found.ids)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (f"id:{2**53 + 1}", [2**53 + 1]),
        (f"id:>={2**63 - 2}", [2**63 - 2]),
        (f"id:>{10**40}", []),
        (f"id:<{'9' * 5000} id:3..1", [1, 2, 3]),
        ("id:1..3 -id:2", [1, 3]),
        ("#9,007,199,254,740,992", [2**53]),
        (f"priority:{2**31 - 1},{-(2**31)} id:..3 -id:>0", []),
    ],
)
def test_numbers_beyond_a_column_are_no_error(filled: Found, text: str, ids: list[int]) -> None:
    assert [row.id for row in check(filled, text)] == ids


def test_priorities_at_the_limits_and_beyond_are_told_apart(filled: Found) -> None:
    for text, wanted in ((f"priority:{2**31 - 1}", 2**31 - 1), (f"priority:<={-(2**31)}", -(2**31))):
        assert {row.priority for row in check(filled, text)} == {wanted}
    assert check(filled, f"priority:>{2**31 - 1}") == [] and len(check(filled, f"priority:<{2**31}")) == len(filled[2])


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("infinity", {"infinity"}),
        ("+Infinity", {"infinity"}),
        ("-infinity", {"-infinity"}),
        (">=infinity", {"infinity"}),
        (">infinity,<-infinity", set()),
        ("<=-infinity", {"-infinity"}),
        (">9999-12-31", {"infinity", "12000-01-01 00:00:00+00"}),
        (">9999-12", {"infinity", "12000-01-01 00:00:00+00"}),
        ("12000-01-01", {"12000-01-01 00:00:00+00"}),
        ('"12000-01-01 00:00:00+00"', {"12000-01-01 00:00:00+00"}),
        (">12000-01-01", {"infinity"}),
        (">300000-01-01", {"infinity"}),
        ("<0001-01-01", {"-infinity", "0044-03-15 12:00:00+00 BC"}),
        ('"0044-03-15 12:00+00 BC"', {"0044-03-15 12:00:00+00 BC"}),
        ('"9999-01-01 BC".."0044-03-16 bc"', {"0044-03-15 12:00:00+00 BC"}),
        ("-infinity..-99999999w", {"-infinity"}),
        (
            "+99999999w..infinity",
            {"9999-12-31 12:00:00+00", "9999-12-31 23:59:59+00", "12000-01-01 00:00:00+00"} | {"infinity"},
        ),
        ('"9999-12-31 12:00Z"', {"9999-12-31 12:00:00+00"}),
    ],
)
def test_times_beyond_the_calendar_are_found(filled: Found, value: str, found: set[str]) -> None:
    check(filled, f"-scheduled:{value}")
    rows = check(filled, f"scheduled:{value}")
    assert {str(row.scheduled_at).replace("+00:00", "+00") for row in rows} == found


def test_the_first_and_the_last_year_are_found(filled: Found) -> None:
    years = {1: "scheduled:<0002-01-01", 9999: "scheduled:>=9999-12-31T12:00Z", 2026: '"2026-11-20 12:30:15Z"'}
    for year, text in years.items():
        found = check(filled, text if text.startswith("scheduled") else f"scheduled:{text}")
        assert found and year in {row.scheduled_at and row.scheduled_at.year for row in found}


@pytest.mark.parametrize(
    ("value", "is_met"),
    [
        ("2026-11-20T12:30:15Z", True),
        ("2026-11-20T12:30Z", True),
        ("2026-11-20T12:30:14Z", False),
        (">2026-11-20T12:30Z", False),
        (">2026-11-20T12:29Z", True),
        (">=2026-11-20T12:30:15Z", True),
        ("<2026-11-20T12:30Z", False),
        ("<=2026-11-20T12:30Z", True),
        ("<2026-11-20T13:30:16+01:00", True),
        ("2026-11-20T12:30:15Z..", True),
        ("..2026-11-20T12:30:15Z", True),
        ("..2026-11-20T12:30:14Z,2026-11-20T12:30:16Z..", False),
        ("-100d..+99999w", True),
        (">now,none", False),
    ],
)
def test_a_time_is_as_long_as_it_is_written(filled: Found, value: str, is_met: bool) -> None:
    now = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    at = dt.datetime(2026, 11, 20, 12, 30, 15, tzinfo=dt.UTC)
    row = next(row for row in filled[2] if row.scheduled_at == at)
    assert JobFilter.parse(f"scheduled:{value}").matches(row, now) is is_met
    check(filled, f"scheduled:{value}")


@pytest.mark.parametrize(
    ("text", "ages"),
    [
        ("age:>1h", {18_000, 216_000, 1_728_000}),
        ("age:<=1h", {1_800}),
        ("age:1h..1w", {18_000, 216_000}),
        ("deferred:>-1h", {1_800}),
        ("deferred:-1w..-1d,none", {None, 216_000}),
    ],
)
def test_ages_are_counted_from_the_first_deferral(filled: Found, text: str, ages: set[int | None]) -> None:
    now = dt.datetime.now(dt.UTC)
    found = {row.deferred_at and round((now - row.deferred_at).total_seconds(), -2) for row in check(filled, text)}
    assert found == ages


def test_a_job_is_found_by_when_it_ended_last_and_not_while_it_runs_again(filled: Found, dsn: str) -> None:
    ended = "'failed', now() - interval '2 h'), (%(id)s, 'failed', now() - interval '10 min'"
    ids = [row.id for row in filled[2] if row.status is Status.FAILED][:2]
    with psycopg.connect(dsn) as connection:
        for job_id in ids:
            insert = f"INSERT INTO procrastinate_events (job_id, type, at) VALUES (%(id)s, {ended})"
            connection.execute(insert.encode(), {"id": job_id})
        connection.execute("UPDATE procrastinate_jobs SET status = 'todo' WHERE id = %s", [ids[1]])
    filled = (*filled[:2], find(*filled[:2], ""))

    def found(text: str) -> set[int]:
        return {row.id for row in check(filled, text)}

    assert found("ended:>-1h") == {ids[0]} and not found("ended:<-1h")
    assert ids[1] in found("ended:none") and ids[0] not in found("ended:none")
    assert ids[0] in found("-ended:none status:failed")


def test_a_to_z_alone_have_another_case_under_every_collation(filled: Found, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        # PostgreSQL 17 brings its own, before it is ICU's where there is one.
        find = "SELECT collname FROM pg_collation WHERE collname IN ('pg_c_utf8', 'und-x-icu')"
        collation = connection.execute(find).fetchone()
        if collation is None:
            pytest.skip("This server knows no collation but its own.")
        for column in ("queue_name", "task_name", "lock", "queueing_lock"):
            alter = f'ALTER TABLE procrastinate_jobs ALTER COLUMN {column} TYPE text COLLATE "{collation[0]}"'
            connection.execute(alter.encode())
    assert {row.task_name for row in check(filled, "mail")} >= {"mail", "MAIL"}
    for text in ("é", "É", "ß", "k"):
        assert check(filled, text) or text == "k"


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("lock:a,,b", 0, "next to the comma"),
        ("lock:a\0", 0, "NUL"),
        ('args:{"a": 1', 12, "not a JSON object"),
        ('args:{"a": NaN}', 5, "cannot be read"),
        ('args:{"a": 1e999}', 5, "cannot be read"),
        ("args:" + '{"a":' * 20_000, 5, "cannot be read"),
        ('args:{"a":1}x', 12, "space must follow"),
        ('args:{"a":"\\u0000"}', 0, "NUL"),
        ("queue.a:b", 0, "has no parts"),
        ("worker:1..2", 0, "worker takes"),
        ("age:2026-11-20", 4, "age takes"),
        ("scheduled:soon", 10, "scheduled takes"),
        ("deferred:none,2026-02-30", 14, "deferred takes"),
        ("is:due", 3, "is takes"),
        ("priority:..", 9, "takes a number"),
        ("status:todo,nope", 12, "no status nope"),
        ("sttus:todo", 0, "Did you mean status"),
        ("mail or", 5, "missing after or"),
        ("or mail", 0, "missing before or"),
        ("mail and or b", 5, "missing after and"),
        ("(a or) b", 3, "missing after or"),
        ("not", 0, "missing after not"),
        ("a ()", 2, "nothing between"),
        ("((a) b", 0, "not closed"),
        ("(", 0, "missing after"),
        ("a) b", 1, "never opened"),
        (") b", 0, "never opened"),
        ("lock:a(b", 6, "belongs to a text"),
        ("(" * 60 + "a" + ")" * 60, 50, "at most 50 deep"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_place(text: str, position: int, words: str) -> None:
    with pytest.raises(FilterError, match=words) as caught:
        JobFilter.parse(text)
    assert caught.value.position == position
