"""Two hundred ways to write a filter: understood, marked with what is likely meant, or a text that says so.

And what the conditions find of arguments, attempts and events, beside the same question asked in Python.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from jobdesk_core import SyncPsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.database.rows import jobs_table
from jobdesk_core.filters.completion import offers, wanted_at_end
from jobdesk_core.filters.language import FilterError, JobFilter
from jobdesk_core.filters.qualifiers import KEYS, LIKELY_WORDS
from jobdesk_core.filters.ranges import Moment
from jobdesk_core.operations import parse_ids

UNDERSTOOD = [
    ("failed", "status:failed"),
    ("FAILED", "status:failed"),
    ("Failed", "status:failed"),
    ("running", "status:doing"),
    ("waiting", "status:todo"),
    ("stalled", "stalled"),
    ("todo", "status:todo"),
    ("-failed", "-status:failed"),
    ("!failed", "-status:failed"),
    ("not failed", "-status:failed"),
    ("status=failed", "status:failed"),
    ("status==failed", "status:failed"),
    ("status:failed,todo", "status:failed,todo"),
    ("status=failed,todo", "status:failed,todo"),
    ("STATUS:FAILED", "status:failed"),
    ("status: failed", "status:failed"),
    ("status : failed", "status:failed"),
    ("status = failed", "status:failed"),
    ("status!=failed", "-status:failed"),
    ("!status:failed", "-status:failed"),
    ("-status=failed", "-status:failed"),
    ("status:running", "status:doing"),
    ("status:stalled", "is:stalled"),
    ("status:scheduled", "is:scheduled"),
    ("is:failed", "status:failed"),
    ("is:running", "status:doing"),
    ("args.user_id=42", "args.user_id:42"),
    ("args.user_id==42", "args.user_id:42"),
    ("args.user_id!=42", "-args.user_id:42"),
    ("args.x>30", "args.x:>30"),
    ("args.x>=1.5", "args.x:>=1.5"),
    ("args.x < 10", "args.x:<10"),
    ("args.x:>30", "args.x:>30"),
    ("args.x:>=1.5", "args.x:>=1.5"),
    ("args.x:1..30", "args.x:1..30"),
    ("args.x:..30", "args.x:..30"),
    ("args.x:>2026-11-20", "args.x:>2026-11-20"),
    ("args.x:2026-11-01..2026-11-30", "args.x:2026-11-01..2026-11-30"),
    ("args.x:5-10", "args.x:5-10"),
    ("age>1h", "age:>1h"),
    ("age>=2d", "age:>=2d"),
    ("age < 10m", "age:<10m"),
    ("age:>1hour", "age:>1hour"),
    ("age:>1h30m", "age:>1h30m"),
    ("age:>-10m", "age:>-10m"),
    ("ended:>-10m", "ended:>-10m"),
    ("ended:<10m", "ended:<10m"),
    ("ended:<1h", "ended:<1h"),
    ("deferred:1h..2h", "deferred:1h..2h"),
    ("deferred<1h", "deferred:<1h"),
    ("scheduled:<+1h", "scheduled:<+1h"),
    ("priority>5", "priority:>5"),
    ("priority > 5", "priority:>5"),
    ("priority:>=5", "priority:>=5"),
    ("priority=5", "priority:5"),
    ("priority!=0", "-priority:0"),
    ("priority:5..", "priority:5.."),
    ("attempts>=2", "attempts:>=2"),
    ("attempts:>1", "attempts:>1"),
    ("attempts:3", "attempts:3"),
    ("duration:>5s", "duration:>5s"),
    ("duration>1m", "duration:>1m"),
    ("duration:1m..2m", "duration:1m..2m"),
    ("duration:none", "duration:none"),
    ("waited:>1m", "waited:>1m"),
    ("waited>30s", "waited:>30s"),
    ("started:today", "started:today"),
    ("started:>-1h", "started:>-1h"),
    ("started:none", "started:none"),
    ("worker:3", "worker:3"),
    ("worker=3", "worker:3"),
    ("worker:#3", "worker:#3"),
    ("today", "deferred:today"),
    ("yesterday", "deferred:yesterday"),
    ("tomorrow", "scheduled:tomorrow"),
    ("deferred:today", "deferred:today"),
    ("deferred:yesterday", "deferred:yesterday"),
    ("ended:yesterday..today", "ended:yesterday..today"),
    ("deferred:>yesterday", "deferred:>yesterday"),
    ("deferred:2026-11", "deferred:2026-11"),
    ("ended:>=today", "ended:>=today"),
    ("#123", "#123"),
    ("123", "123"),
    ("#1,#2", "id:1,2"),
    ("#1, #2", "id:1,2"),
    ("123,124", "id:123,124"),
    ("123, 124", "id:123,124"),
    ("1 2 3", "id:1,2,3"),
    ("#1 #2", "id:1,2"),
    ("#4,711", "id:4711"),
    ("id=7", "id:7"),
    ("id:#7", "id:#7"),
    ("queue:none", "queue:none"),
    ("lock:none", "lock:none"),
    ("lock:*", "lock:*"),
    ("lock:-", "lock:-"),
    ("queue!=mail", "-queue:mail"),
    ("queue:-mail", "queue:-mail"),
    ("task:=mail", "task:mail"),
    ("failed or stalled", "status:failed or stalled"),
    ("(failed or todo) queue=mail", "(status:failed or status:todo) queue:mail"),
    ("!(failed)", "-status:failed"),
    ("Status:Failed", "status:failed"),
    ("TODAY", "deferred:today"),
    ("priority:=5", "priority:5"),
    ("attempts=2", "attempts:2"),
    ("task!=mail", "-task:mail"),
    ("age:>90min", "age:>90min"),
    ("duration:>500ms", "duration:>500ms"),
    ("duration:>1m30s", "duration:>1m30s"),
    ("args.x:-5..5", "args.x:-5..5"),
    ("args.x<=2026-11-20T12:30", "args.x:<=2026-11-20T12:30"),
    ("args.x:=5", "args.x:5"),
    ("args.a.b>3", "args.a.b:>3"),
    ("scheduled:tomorrow", "scheduled:tomorrow"),
    ("scheduled:>now", "scheduled:>now"),
    ("started>=today", "started:>=today"),
    ("-today", "-deferred:today"),
    ("status:cancelled,canceled", "status:cancelled,cancelled"),
    ("id>100", "id:>100"),
    ("id:>=100", "id:>=100"),
    ("#12 status:failed", "#12 status:failed"),
    ("worker=#3", "worker:#3"),
    ("ended:today", "ended:today"),
    ("waited:none", "waited:none"),
    ("queue = mail", "queue:mail"),
    ("canceled", "status:cancelled"),
    ("duration:>5min", "duration:>5min"),
]
#: With the first suggestion; it is empty where only a sentence helps.
MARKED = [
    ("status:pending", "status:todo"),
    ("status:faild", "status:failed"),
    ("is:due", "status:todo scheduled:<now"),
    ("args.x:>abc", 'args.x:">abc"'),
    ("args.x:!5", "-args.x:5"),
    ("args.x:null", "args.x:none"),
    ("args.x:any", "args.x:*"),
    ("args.x=~foo", "args.x:*foo*"),
    ("args.x", "-args.x:none"),
    ('args["x"]:5', "args.x:5"),
    ("args->>'x'=5", "args.x:5"),
    ("args[x]=5", "args.x:5"),
    ("arg.x:5", "args.x:5"),
    ("args:user_id=42", "args.user_id:42"),
    ("args:user_id:42", "args.user_id:42"),
    ("kwargs.x:5", "args.x:5"),
    ("payload.user.id=7", "args.user.id:7"),
    ("age:1h", "age:<1h"),
    ("age:>90", "age:>90m"),
    ("age:>1 hour", "age:>1h"),
    ("age:-1h", "age:<1h"),
    ("age:today", "deferred:today"),
    ("age:2026-11-20", "deferred:2026-11-20"),
    ("age:1h-2h", "age:1h..2h"),
    ("ended:10m", "ended:<10m"),
    ("scheduled:<1h", "scheduled:<+1h"),
    ("priority:5-10", "priority:5..10"),
    ("priority:5+", "priority:>=5"),
    ("priority:high", ""),
    ("attempt:2", "attempts:2"),
    ("tries>3", "attempts:>3"),
    ("retries:2", "attempts:2"),
    ("duration:5", "duration:>5s"),
    ("duration:>5", "duration:>5s"),
    ("duration:5s", "duration:>5s"),
    ("runtime:>5s", "duration:>5s"),
    ("took>1m", "duration:>1m"),
    ("wait:>1m", "waited:>1m"),
    ("latency:>5s", "waited:>5s"),
    ("started_at:>-1h", "started:>-1h"),
    ("worker:*", "-worker:none"),
    ("worker:any", "-worker:none"),
    ("worker_id:3", "worker:3"),
    ("deferred:20.11.2026", "deferred:2026-11-20"),
    ("deferred:11/20/2026", "deferred:2026-11-20"),
    ("deferred:2026-1-5", "deferred:2026-01-05"),
    ("1;2", "id:1,2"),
    ("1-5", "id:1..5"),
    ("1..5", "id:1..5"),
    ("id:1-5", "id:1..5"),
    (">100", "id:>100"),
    ("created:today", "deferred:today"),
    ("created:>-1h", "deferred:>-1h"),
    ("created_at:2026-11-20", "deferred:2026-11-20"),
    ("finished:>-1h", "ended:>-1h"),
    ("finished:today", "ended:today"),
    ("user_id:42", "args.user_id:42"),
    ("user_id=42", "args.user_id:42"),
    ("customer:acme", "args.customer:acme"),
    ("user.id:7", "args.user.id:7"),
    ("started:", ""),
    ("order:7", "args.order:7"),
    ("order=7", "args.order:7"),
    ("name:mail", "task:mail"),
    ("task_name:mail", "task:mail"),
    ("state:failed", "status:failed"),
    ("statsu:failed", "status:failed"),
    ("taks:mail", "task:mail"),
    ("queu:mail", "queue:mail"),
    ("prio:5", "priority:5"),
    ("job:7", "id:7"),
    ("errors:timeout", "error:timeout"),
    ("has:lock", "lock:*"),
    ("has:args.x", "args.x:*"),
    ("failed:today", "status:failed ended:today"),
    ("lock:null", "lock:none"),
    ("lock:None", "lock:none"),
    ("lock:any", "lock:*"),
    ("queue:'night shift'", 'queue:"night shift"'),
    ("queue:mail|billing", "queue:mail,billing"),
    ("queue:a||b", "queue:a,b"),
    ("queue:!mail", "-queue:mail"),
    ("queue:>mail", 'queue:">mail"'),
    ("queue>mail", 'queue:">mail"'),
    ("queue~mail", "queue:*mail*"),
    ("task~invoice", "task:*invoice*"),
    ("task=~invoice.*", "task:*invoice*"),
    ("queue.mail:5", "args.queue.mail:5"),
    ("queue mail", "queue:mail"),
    ("queue", '"queue"'),
    ("task", '"task"'),
    ("lock", '"lock"'),
    ("task invoices.send", "task:invoices.send"),
    ("older than 1 hour", "age:>1h"),
    ("older than an hour", "age:>1h"),
    ("newer than 5 minutes", "age:<5m"),
    ("younger than 2d", "age:<2d"),
    ("longer than 5 minutes", "duration:>5m"),
    ("running longer than 1h", "duration:>1h"),
    ("more than 3 attempts", "attempts:>3"),
    ("at least 2 tries", "attempts:>=2"),
    ("last hour", "deferred:>-1h"),
    ("last 24 hours", "deferred:>-24h"),
    ("in the last 10 minutes", "deferred:>-10m"),
    ("failed in the last hour", "status:failed ended:>-1h"),
    ("failed today", "status:failed ended:today"),
    ("failed since yesterday", "status:failed ended:>=yesterday"),
    ("since yesterday", "deferred:>=yesterday"),
    ("before 2026-11-20", "deferred:<2026-11-20"),
    ("between 2026-11-01 and 2026-11-05", "deferred:2026-11-01..2026-11-05"),
    ("id between 1 and 5", "id:1..5"),
    ("1 hour ago", "age:>1h"),
    ("no lock", "lock:none"),
    ("without lock", "lock:none"),
    ("with lock", "-lock:none"),
    ("queue in (mail, billing)", "queue:mail,billing"),
    ("status in (failed,todo)", "status:failed,todo"),
    ("status not in (failed)", "-status:failed"),
    ("queue is mail", "queue:mail"),
    ("lock is null", "lock:none"),
    ("lock is not null", "-lock:none"),
    ("task like 'inv%'", "task:inv*"),
    ("task contains invoice", "task:*invoice*"),
    ("task starts with inv", "task:inv*"),
    ("status is failed", "status:failed"),
    ("status equals failed", "status:failed"),
    ("pending", "status:todo"),
    ("done", "status:succeeded"),
    ("error", "status:failed"),
    ("overdue", "status:todo scheduled:<now"),
    ("stuck", "stalled"),
    ("retried", "attempts:>1"),
    ("slow", "duration:>1m"),
    ("a=b", "args.a:b"),
    ("foo:bar", "args.foo:bar"),
    ("foo>5", "args.foo:>5"),
    ("foo|bar", "queue:foo,bar"),
    ("mail,billing", "queue:mail,billing"),
    ("http://x", '"http://x"'),
    ("+status:failed", "status:failed"),
    ("'mail'", '"mail"'),
    ("&&", "and"),
    ("failed && stalled", "and"),
    ("failed || stalled", "or"),
    ("failed, stalled", "failed"),
    ("50%", '"50%"'),
    ("10m", "age:>10m"),
    ("order by priority", '"priority"'),
    ("sort:priority", "args.sort:priority"),
    ("limit:10", "args.limit:10"),
    ("x..y", '"x..y"'),
    ("created:", "deferred:"),
    ("finished:", "ended:"),
    ("order:", "args.order:"),
    ("user_id:", "args.user_id:"),
    ("newer than 1 day", "age:<1d"),
    ("status is not failed", "-status:failed"),
    ("exception:KeyError", "error:KeyError"),
    ("priority between 1 and 5", "priority:1..5"),
    ("lock='acct 7'", 'lock="acct 7"'),
    ("finished today", "ended:today"),
    ("completed", "status:succeeded"),
    ("queue:mail;billing", "queue:mail,billing"),
    ("status:done", "status:succeeded"),
    ("is:pending", "status:todo"),
    ("priorty:5", "priority:5"),
    ("queing_lock:x", "queueing_lock:x"),
    ("workr:3", "worker:3"),
    ("attempts:three", ""),
    ("oldest", "age:>1d"),
    ("finished", "status:succeeded,failed,cancelled,aborted"),
    ("abort", "abort_requested"),
]
TEXTS = [
    "mail",
    "invoices.send",
    "foo-bar",
    "foo_bar",
    '"failed"',
    '"a=b"',
    "é",
    "ümläut",
    "me@example.org",
    "*mail*",
    "-mail",
    "not mail",
    "all",
]


@pytest.mark.parametrize(("typed", "meant"), UNDERSTOOD)
def test_a_spelling_is_understood(typed: str, meant: str) -> None:
    found = JobFilter.parse(typed)
    assert (found.text, found.texts) == (meant, ())
    assert JobFilter.parse(meant).text == meant


@pytest.mark.parametrize(("typed", "meant"), MARKED)
def test_a_spelling_is_marked_with_what_is_likely_meant_and_never_a_search_for_that_text(
    typed: str, meant: str
) -> None:
    with pytest.raises(FilterError) as caught:
        JobFilter.parse(typed)
    error = caught.value
    assert error.suggestions[:1] == ((meant,) if meant else ())
    assert 0 <= error.position <= error.position + error.length <= len(typed) and error.message
    if meant:
        start, end = error.replaced
        chosen = typed[:start] + meant + typed[end:]
        assert "Did you mean" in str(error)
        if not meant.endswith(":") and meant not in ("and", "or"):
            # What one clicks is understood, if nothing else is wrong.
            assert JobFilter.parse(chosen).text or "," in typed


@pytest.mark.parametrize("typed", TEXTS)
def test_a_text_is_looked_for_in_names_and_says_so(typed: str) -> None:
    (text,) = JobFilter.parse(typed).texts
    assert text.strip("*") in typed


def test_every_word_that_is_likely_meant_otherwise_offers_filters_that_work() -> None:
    for word, meant in LIKELY_WORDS.items():
        with pytest.raises(FilterError) as caught:
            JobFilter.parse(word)
        assert set(meant[:3]) <= set(caught.value.suggestions), word
        assert JobFilter.parse(f'"{word}"').texts == (word,)


def test_the_bar_and_the_list_of_ids_read_numbers_alike() -> None:
    for text in ("123,124", "#1,#2", "#4,711", "1, 2", "1 2 3", "#9,007,199", "1,234,567", "7"):
        (token,) = JobFilter.parse(text).tokens
        assert token.key == "id"
        assert tuple(int(value.text.removeprefix("#")) for value in token.values) == parse_ids(text), text


@pytest.mark.parametrize("key", [key for key in KEYS if "." not in key])
def test_every_condition_is_completed(key: str) -> None:
    wanted = wanted_at_end(key[:2])
    assert wanted is not None and any(each.startswith(f"{key}:") or key == "args" for each in offers(wanted, ()))
    if key in ("attempts", "duration", "waited", "started", "age", "status", "is"):
        wanted = wanted_at_end(f"{key}:")
        assert wanted is not None
        values = offers(wanted, ())
        assert values and all(JobFilter.parse(f"{key}:{value}").tokens for value in values)


# What is found

ARGS: list[Any] = [
    *(
        0,
        1,
        29,
        30,
        31,
        1.5,
        -4,
        1e30,
        Decimal("30.0000000000000000001"),
        "29",
        "31",
        "+7",
        "1.50",
        "31 apples",
        "",
        "x",
    ),
    *(
        True,
        None,
        [31],
        {"y": 31},
        "9" * 500,
        "2026-11-19",
        "2026-11-20",
        "2026-11-20T12:30:00+00:00",
        "2026-11-20 13:00",
    ),
    *("2026-12-01", "1..2", ">30", "a|b", "-", "20261120"),
]
HOUR = 3600


@pytest.fixture(scope="module")
def find(module_dsn: str) -> Iterator[Callable[[str], list[int]]]:
    """Jobs 1 to len(ARGS) with these arguments; from 100 on jobs with pasts."""
    with psycopg.connect(module_dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        insert = (
            "INSERT INTO procrastinate_jobs (id, queue_name, task_name, args, status, attempts, scheduled_at) VALUES "
        )
        for job_id, value in enumerate(ARGS, 1):
            args = json.dumps({"x": float(value) if isinstance(value, Decimal) else value})
            args = f'{{"x": {value}}}' if isinstance(value, Decimal) else args
            connection.execute(f"{insert} (%s, 'q', 't', %s::jsonb, 'todo', 0, NULL)", [job_id, args])  # type: ignore[arg-type]
        for job_id, (status, attempts, due_s, events) in PASTS.items():
            due = None if due_s is None else dt.datetime.now(dt.UTC) - dt.timedelta(seconds=due_s)
            connection.execute(f"{insert} (%s, 'q', 'past', '{{}}', %s, %s, %s)", [job_id, status, attempts, due])  # type: ignore[arg-type]
            for kind, ago in events:
                event = (
                    "INSERT INTO procrastinate_events (job_id, type, at) VALUES (%s, %s, now() - %s * interval '1 s')"
                )
                connection.execute(event, [job_id, kind, ago])
    connector = SyncPsycopgConnector(conninfo=module_dsn)
    connector.open()
    able = connector.run(DETECT)

    def read(text: str) -> list[int]:
        condition, parameters = JobFilter.parse(text).condition(able)
        sql = f"SELECT job.id FROM {jobs_table(able)} WHERE {condition} ORDER BY job.id"
        return connector.run(Statement(sql, lambda rows: [row["id"] for row in rows], parameters))

    yield read
    connector.close()


#: Status, attempts, seconds since it was due, and events with the seconds since.
PASTS: dict[int, tuple[str, int, int | None, list[tuple[str, int]]]] = {
    100: ("todo", 0, None, [("deferred", 100)]),
    101: ("todo", 0, -HOUR, [("deferred", 100), ("scheduled", -HOUR)]),
    102: ("todo", 0, 50, [("deferred", HOUR), ("scheduled", 50)]),
    103: ("doing", 1, None, [("deferred", 100), ("started", 90)]),
    104: ("succeeded", 1, None, [("deferred", HOUR), ("started", HOUR - 5), ("succeeded", HOUR - 25)]),
    105: (
        *("failed", 3, None),
        [
            ("deferred", 9 * HOUR),
            ("started", 8 * HOUR),
            ("deferred_for_retry", 7 * HOUR),
            ("started", 60),
            ("failed", 58),
        ],
    ),
    106: ("cancelled", 0, None, [("deferred", 10), ("cancelled", 5)]),
    107: ("todo", 7, None, []),
}


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or value is None or isinstance(value, list | dict):
        return None
    text = str(value) if not isinstance(value, float) else repr(value)
    try:
        number = Decimal(text)
    except ArithmeticError:
        return None
    return number if not isinstance(value, str) or len(value) <= 400 else None


@pytest.mark.parametrize(
    ("text", "is_met"),
    [
        ("args.x:>30", lambda n: n > 30),
        ("args.x>=1.5", lambda n: n >= Decimal("1.5")),
        ("args.x:<30", lambda n: n < 30),
        ("args.x<=29", lambda n: n <= 29),
        ("args.x:1..30", lambda n: 1 <= n <= 30),
        ("args.x:30..1", lambda n: 1 <= n <= 30),
        ("args.x:-5..0", lambda n: -5 <= n <= 0),
        ("args.x:..0", lambda n: n <= 0),
        ("args.x:>1e29", lambda n: n > Decimal("1e29")),
        ("args.x:>30,<0", lambda n: n > 30 or n < 0),
        ("args.x:30.0000000000000000001..30.1", lambda n: Decimal("30.0000000000000000001") <= n <= Decimal("30.1")),
    ],
)
def test_numbers_in_arguments_are_compared_also_those_written_as_texts(
    find: Callable[[str], list[int]], text: str, is_met: Callable[[Decimal], bool]
) -> None:
    wanted = [
        job_id for job_id, value in enumerate(ARGS, 1) if (number := _number(value)) is not None and is_met(number)
    ]
    assert wanted and find(text) == wanted
    assert find(f"-{text} task:t") == [job_id for job_id in range(1, len(ARGS) + 1) if job_id not in wanted]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("args.x:>2026-11-20", ["2026-12-01"]),
        ("args.x:>=2026-11-20", ["2026-11-20", "2026-11-20T12:30:00+00:00", "2026-11-20 13:00", "2026-12-01"]),
        ("args.x:2026-11-20..2026-11-20", ["2026-11-20", "2026-11-20T12:30:00+00:00", "2026-11-20 13:00"]),
        ("args.x:>2026-11-20T12:30", ["2026-11-20 13:00", "2026-12-01"]),
        ("args.x:<2026-11", []),
        ('args.x:">30"', [">30"]),
        ('args.x:"1..2"', ["1..2"]),
        ("args.x:1..2,x", [1, 1.5, "1.50", "x"]),
        ("args.x:none", [None]),
    ],
)
def test_dates_and_texts_in_arguments_are_found_as_they_are_written(
    find: Callable[[str], list[int]], text: str, values: list[Any]
) -> None:
    assert [ARGS[job_id - 1] for job_id in find(f"{text} task:t")] == values


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("attempts:>1", [105, 107]),
        ("attempts:1", [103, 104]),
        ("attempts>=3 status:failed", [105]),
        ("started:>-2m", [103, 105]),
        ("started:<2m", [103, 105]),
        ("started:none", [100, 101, 102, 106, 107]),
        ("duration:>15s", [103, 104]),
        ("duration:1s..3s", [105]),
        ("duration:<1m", [104, 105]),
        ("duration:none", [100, 101, 102, 106, 107]),
        ("waited:>70s", [100, 105]),
        ("waited:<1m", [102, 103, 104]),
        ("waited:none", [101, 106, 107]),
        ("ended:<2m", [105, 106]),
        ("ended:>-2m", [105, 106]),
        ("ended:>30m", [104]),
        ("age:>-2m", [100, 101, 103, 106]),
        ("deferred:<2m", [100, 101, 103, 106]),
    ],
)
def test_attempts_and_events_are_asked_for(find: Callable[[str], list[int]], text: str, ids: list[int]) -> None:
    assert find(f"task:past ({text})") == ids
    assert find(f"task:past not ({text})") == [job_id for job_id in PASTS if job_id not in ids]


def test_a_day_is_the_local_one_and_another_one_after_midnight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        today, tomorrow = Moment(None, day=0), Moment(None, day=1)
        # The clocks went from 02:00 to 03:00 on that day: it had 23 hours.
        noon = dt.datetime(2026, 3, 29, 10, tzinfo=dt.UTC)
        assert today.resolved(noon) == dt.datetime(2026, 3, 28, 23, tzinfo=dt.UTC)
        assert tomorrow.resolved(noon) == dt.datetime(2026, 3, 29, 22, tzinfo=dt.UTC)
        assert today.resolved(noon + dt.timedelta(days=1)) == dt.datetime(2026, 3, 29, 22, tzinfo=dt.UTC)
    finally:
        monkeypatch.undo()
        time.tzset()
