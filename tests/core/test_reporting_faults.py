"""Fingerprints, what is kept of an exception, and what is hidden in its texts."""

from __future__ import annotations

import asyncio
import linecache
import logging
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from jobdesk_core.profiles.secret_keys import HIDDEN
from jobdesk_core.reporting import faults, redaction
from jobdesk_core.reporting.batches import Settings, Store
from jobdesk_core.reporting.faults import Fault, taken
from jobdesk_core.reporting.fingerprints import fingerprint
from jobdesk_core.reporting.runs import _line
from jobdesk_core.reporting.sessions import Failure


def kind(name: str, base: type[BaseException] = Exception) -> Any:
    """An exception class as some library has it: `requests.exceptions.ConnectionError`."""
    module, _, own = name.rpartition(".")
    return type(own, (base,), {"__module__": module})


ConnectTimeout = kind("httpx.ConnectTimeout")
HTTPStatusError = kind("httpx.HTTPStatusError")
RequestsConnectionError = kind("requests.exceptions.ConnectionError", OSError)
ValidationError = kind("pydantic_core._pydantic_core.ValidationError", ValueError)
IntegrityError = kind("sqlalchemy.exc.IntegrityError")
ClientError = kind("botocore.exceptions.ClientError")
SMTPRecipientsRefused = kind("smtplib.SMTPRecipientsRefused")
LedgerMismatch = kind("billing.LedgerMismatch")


def caught(body: str, *, function: str = "post", file: str = "/srv/app/billing/ledger.py", shift: int = 0) -> Fault:
    """The fault of a function of an application's module `billing.ledger` with this body."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    source = "\n" * shift + f"def {function}():\n{lines}"
    names: dict[str, Any] = {**globals(), "psycopg": psycopg, "__name__": "billing.ledger"}
    exec(compile(source, file, "exec"), names)
    try:
        names[function]()
    except BaseException as error:  # noqa: BLE001
        return whole(error)
    raise AssertionError("nothing was raised")


def whole(error: BaseException) -> Fault:
    """What a worker keeps of an exception, with every text."""

    def at_once(one: BaseException, fault: Fault) -> None:
        fault.text = faults.text_of(one)

    return taken(error, at_once, skip=lambda module: module == __name__)


RAISES = "raise {}({!r})"


def says(type_name: str, *texts: str) -> tuple[str, str]:
    first, second = texts
    return RAISES.format(type_name, first), RAISES.format(type_name, second)


PYDANTIC = (
    "1 validation error for Invoice\n{}\n  Field required [type=missing, input_value={{'id': {}}}, input_type=dict]\n"
    "    For further information visit https://errors.pydantic.dev/2.11/v/missing"
)
POOL = (
    "HTTPSConnectionPool(host='{}', port=443): Max retries exceeded with url: /v1/accounts/{} (Caused by "
    "ConnectTimeoutError(<urllib3.connection.HTTPSConnection object at 0x{}>, 'Connection to {} timed out'))"
)
ALCHEMY = (
    '(psycopg.errors.UniqueViolation) duplicate key value violates unique constraint "{}"\n'
    "DETAIL:  Key (email)=({}) already exists.\n[SQL: INSERT INTO users (email) VALUES (%(email)s)]\n"
    "[parameters: {{'email': '{}'}}]\n(Background on this error at: https://sqlalche.me/e/20/gkpj)"
)
SAME = {
    "an id": says("ValueError", "Invoice 4711 is closed", "Invoice 9 is closed"),
    "a uuid": says(
        "ValueError",
        "No order 7f9c24e8-3b12-4fef-91e0-111213141516",
        "No order 00000000-0000-4000-8000-0123456789ab",
    ),
    "an address in memory": says(
        "TypeError",
        "<billing.Invoice object at 0x7f3a5c1d2e50> is not JSON serializable",
        "<billing.Invoice object at 0x10a> is not JSON serializable",
    ),
    "a quoted value": says(
        "ValueError", "invalid literal for int() with base 10: 'abc'", "invalid literal for int() with base 10: 'x y'"
    ),
    "a path": says(
        "FileNotFoundError",
        "[Errno 2] No such file or directory: /var/data/in/4711.csv",
        "[Errno 2] No such file or directory: /tmp/b.csv",
    ),
    "a path in quotes": ("open('/nonexistent/4711.csv')", "open('/nonexistent/other folder/x')"),
    "a time": says("ValueError", "No rate for 2026-03-01T10:00:00+00:00", "No rate for 2025-12-31 23:59:59.123456Z"),
    "an email": says("ValueError", "No account for ada@example.org", "No account for grace.hopper@mail.example.com"),
    "the path of a URL": says(
        "HTTPStatusError",
        "Server error '503 Service Unavailable' for url 'https://api.example.org/v1/users/1'",
        "Server error '503 Service Unavailable' for url 'https://api.example.org/v1/orders/22?page=3'",
    ),
    "requests: path and object": says(
        "RequestsConnectionError",
        POOL.format("api.example.org", 17, "7f00aa", "api.example.org"),
        POOL.format("api.example.org", 99812, "7ffe12", "api.example.org"),
    ),
    "an IP address": says("ConnectTimeout", "10.0.0.7:443 timed out", "192.168.12.9:443 timed out"),
    "a token of letters and digits": says("LedgerMismatch", "acct-7f3k2 off", "acct-99zz1 off"),
    "a key that is a value": ("{}['user-4711']", "{}['user-12']"),
    "a key that is a number": ("{}[4711]", "{}[12]"),
    "a length": ("[][7]", "[][9]"),
    "psycopg: a unique value": says(
        "psycopg.errors.UniqueViolation",
        'duplicate key value violates unique constraint "users_key"\nDETAIL:  Key (email)=(a@b.c) already exists.',
        'duplicate key value violates unique constraint "users_key"\nDETAIL:  Key (email)=(x) already exists.',
    ),
    "psycopg: where in the statement": says(
        "psycopg.errors.UndefinedTable",
        'relation "invoices" does not exist\nLINE 1: SELECT * FROM invoices\n                      ^',
        'relation "invoices" does not exist\nLINE 3:   JOIN invoices USING (id)\n               ^',
    ),
    "SQLAlchemy: the parameters": says(
        "IntegrityError",
        ALCHEMY.format("users_email_key", "a@b.c", "a@b.c"),
        ALCHEMY.format("users_email_key", "d@e.f", "d@e.f"),
    ),
    "pydantic: the input": says("ValidationError", PYDANTIC.format("vat_id", 1), PYDANTIC.format("vat_id", 22222)),
    "how many of a group": (
        "raise ExceptionGroup('3 failed', [ConnectTimeout('a 1'), ConnectTimeout('a 2'), ConnectTimeout('a 3')])",
        "raise ExceptionGroup('2 failed', [ConnectTimeout('a 8'), ConnectTimeout('a 9')])",
    ),
    "a chained value": (
        "try:\n    int('abc')\nexcept ValueError as error:\n    raise LedgerMismatch('row 17') from error",
        "try:\n    int('1 2')\nexcept ValueError as error:\n    raise LedgerMismatch('row 9') from error",
    ),
    "what was being handled": (
        "try:\n    {}['cache']\nexcept KeyError:\n    raise LedgerMismatch('off')",
        "raise LedgerMismatch('off')",
    ),
}
NOT_SAME = {
    "another type": ("raise ValueError('closed')", "raise RuntimeError('closed')"),
    "other words": says("ValueError", "Invoice 4711 is closed", "Invoice 4711 is empty"),
    "another name for a key": ("{}['vat_id']", "{}['tax_id']"),
    "another attribute": ("None.vat_id", "None.tax_id"),
    "another argument": ("dict.fromkeys(iterable=1, foo=2)", "int(bar=1)"),
    "another module": ("import no_such_module_a", "import no_such_module_b"),
    "another column": says(
        "psycopg.errors.NotNullViolation",
        'null value in column "vat_id" of relation "invoices" violates not-null constraint',
        'null value in column "due_on" of relation "invoices" violates not-null constraint',
    ),
    "another constraint": says(
        "IntegrityError",
        ALCHEMY.format("users_email_key", "a@b.c", "a@b.c"),
        ALCHEMY.format("users_name_key", "a@b.c", "a@b.c"),
    ),
    "another field": says("ValidationError", PYDANTIC.format("vat_id", 1), PYDANTIC.format("due_on", 1)),
    "another status": says(
        "HTTPStatusError",
        "Client error '404 Not Found' for url 'https://api.example.org/v1/users/1'",
        "Client error '401 Unauthorized' for url 'https://api.example.org/v1/users/1'",
    ),
    "another errno": says("OSError", "[Errno 111] Connection refused", "[Errno 113] Connection refused"),
    "another host": says(
        "RequestsConnectionError",
        POOL.format("api.example.org", 17, "7f00aa", "api.example.org"),
        POOL.format("hooks.example.net", 17, "7f00aa", "hooks.example.net"),
    ),
    "another code of AWS": says(
        "ClientError",
        "An error occurred (AccessDenied) when calling the PutObject operation: Access Denied",
        "An error occurred (NoSuchBucket) when calling the PutObject operation: Access Denied",
    ),
    "another cause": (
        "try:\n    int('abc')\nexcept ValueError as error:\n    raise LedgerMismatch('row 17') from error",
        "try:\n    {}['abc']\nexcept KeyError as error:\n    raise LedgerMismatch('row 17') from error",
    ),
    "a cause and none": (
        "try:\n    int('abc')\nexcept ValueError as error:\n    raise LedgerMismatch('row 17') from error",
        "raise LedgerMismatch('row 17')",
    ),
    "another member": (
        "raise ExceptionGroup('failed', [ConnectTimeout('a'), ValueError('b')])",
        "raise ExceptionGroup('failed', [ConnectTimeout('a'), TypeError('b')])",
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_is_the_same_fault(name: str) -> None:
    first, second = SAME[name]

    assert fingerprint(caught(first)) == fingerprint(caught(second))


@pytest.mark.parametrize("name", NOT_SAME)
def test_is_another_fault(name: str) -> None:
    first, second = NOT_SAME[name]

    assert fingerprint(caught(first)) != fingerprint(caught(second))


def test_lines_and_places_of_deployments_do_not_count_and_functions_do() -> None:
    body = "raise ValueError('closed')"
    one = fingerprint(caught(body))

    assert fingerprint(caught(body, shift=40)) == one
    assert fingerprint(caught(body, file="/srv/releases/2026-03/billing/ledger.py")) == one
    assert fingerprint(caught(body, function="close")) != one


def test_the_applications_function_counts_however_deep_in_a_library_it_failed() -> None:
    shallow, deep = "import json\njson.loads('{')", "import json\njson.JSONDecoder().decode('{')"
    installed = "/usr/lib/python3/site-packages/billing/ledger.py"

    assert fingerprint(caught(shallow)) == fingerprint(caught(deep))
    # Without being told whose it is, an installed application is a library.
    assert fingerprint(caught(shallow, file=installed), frozenset({"billing"})) == fingerprint(caught(shallow))
    assert fingerprint(caught(shallow, file=installed)) != fingerprint(caught(shallow))


# What is kept of an exception


class Hostile(Exception):
    """Its text is whatever it is told to do."""

    def __init__(self, act: Callable[[], str]) -> None:
        super().__init__("not this one")
        self.act = act

    def __str__(self) -> str:
        return self.act()


def _exit() -> str:
    raise SystemExit(3)


def _recurse() -> str:
    return _recurse() + "x"


@pytest.mark.parametrize(
    "act", [lambda: 1 / 0, _exit, _recurse, lambda: 5, lambda: (_ for _ in ()).throw(KeyboardInterrupt)]
)
def test_a_text_that_cannot_be_had_is_told_as_that(act: Any) -> None:
    fault = whole(Hostile(act))

    assert faults.message(fault, None) == faults.NO_TEXT


def test_strange_texts_are_cut_and_can_be_written() -> None:
    odd = "\0half \ud83d pair, ünd €" + "ü" * 10_000
    message = faults.message(whole(ValueError(odd)), None)

    assert len(message.encode()) <= faults.MOST_MESSAGE
    assert message.startswith("half \\ud83d pair, ünd €ü") and message.endswith("ü…")
    started = time.process_time()
    huge = whole(ValueError("x" * 100_000_000))
    assert len(faults.traceback_text(huge, None)) < 2 * faults.MOST_MESSAGE
    assert time.process_time() - started < 2
    # Several arguments would all be represented: that is done elsewhere.
    asked: list[BaseException] = []
    taken(ValueError("x" * 100_000, "y"), lambda error, fault: asked.append(error))
    taken(Hostile(lambda: ""), lambda error, fault: asked.append(error))
    assert len(asked) == 2


def test_circles_crowds_and_depths_end() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    crowd = ExceptionGroup("many", [ValueError(number) for number in range(1000)])
    nested: Exception = ValueError("inmost")
    for _ in range(3000):
        nested = ExceptionGroup("one", [nested])

    assert faults.traceback_text(whole(first), None).count("ValueError") == 2
    told = faults.traceback_text(whole(crowd), None)
    assert told.count("ValueError") == faults.MOST_EXCEPTIONS - 1 and "and 976 more" in told
    assert len(list(whole(nested).chain())) == 1

    def deeper() -> None:
        deeper()

    try:
        deeper()
    except RecursionError as error:
        told = faults.traceback_text(taken(error, lambda *_: None), None)
    assert "[Previous line repeated" in told and len(told) < 3000


def test_a_traceback_is_as_pythons_without_what_is_around_the_task() -> None:
    fault = caught("try:\n    {}['vat_id']\nexcept KeyError as error:\n    raise LedgerMismatch('off') from error")
    told = faults.traceback_text(fault, None)

    assert told.splitlines() == [
        "Traceback (most recent call last):",
        '  File "/srv/app/billing/ledger.py", line 3, in post',
        "KeyError: 'vat_id'",
        "",
        "The above exception was the direct cause of the following exception:",
        "",
        "Traceback (most recent call last):",
        '  File "/srv/app/billing/ledger.py", line 5, in post',
        "billing.LedgerMismatch: off",
    ]


def test_a_long_traceback_loses_its_middle() -> None:
    group = ExceptionGroup("many", [ValueError("ü" * 900 + str(number)) for number in range(24)])
    told = faults.traceback_text(whole(group), None)

    assert len(told.encode()) <= faults.MOST_TRACEBACK
    assert "bytes are left out here" in told
    assert told.startswith("ExceptionGroup: many") and told.endswith("23\n")


def test_nothing_of_the_exception_stays_alive() -> None:
    class Big:
        """Something that a task holds in a local variable."""

    import gc
    import weakref

    alive: list[Any] = []

    def fail() -> None:
        big = Big()
        alive.append(weakref.ref(big))
        raise ValueError("closed")

    try:
        fail()
    except ValueError as error:
        fault = whole(error)
    gc.collect()

    assert fault.text == "closed"
    assert alive[0]() is None


def test_cancelled_and_exits_are_told_by_their_names() -> None:
    names = [whole(error).type for error in (asyncio.CancelledError(), SystemExit(3), KeyboardInterrupt())]

    assert names == ["asyncio.exceptions.CancelledError", "SystemExit", "KeyboardInterrupt"]


# Secrets

PLANTED = "pl4nted-S3cret"
SECRETS = {
    "a password in an address": "could not connect to postgresql://me:{}@db:5432/x",
    "one with an @ in it": "amqp://me:pa@{}@mq/ failed",
    "one without a user": "redis://:{}@cache:6379/0",
    "password=": "connection failed: host=db password={} user=me",
    "password='": "connection failed: password='{} and more' user=me",
    "json": '{{"user": "me", "api_key": "{}"}}',
    "a dict": "{{'Api-Key': '{}', 'n': 1}}",
    "bytes": "{{b'x-api-key': b'{}'}}",
    "a header": "headers: Authorization: Bearer {}",
    "basic": "{{'Authorization': 'Basic {}'}}",
    "cookie": "Set-Cookie: {}; Path=/",
    "an option": "mysqldump --password {} --all",
    "an environment": "DB_PASSWORD={}\nHOME=/root",
    "a query": "GET https://api.example.org/v1?access_token={}&page=2",
    "yaml": "client_secret: {}",
    "parameters": "[SQL: SELECT %s]\n[parameters: ('x', '{}')]\n(Background on",
    "a row": "DETAIL:  Failing row contains (1, {}, null).",
    "an input": "Field required [type=missing, input_value={{'a': '{}'}}, input_type=dict]",
    "a key": "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
    "a key without an end": "-----BEGIN PRIVATE KEY-----\nMIIE\n{}",
    "a quote that does not end in its line": 'bad: password="{} and on\nnext line',
    "the second cookie": "failed\nCookie: sid=x1; b={}\nHost: x",
    "the second cookie in a line of code": r"fail('no\nCookie: sid=x1; b={}')",
    "a tuple": "{{'password': ('{}', 1), 'n': 2}}",
    "a list of them": "{{'tokens': ['x', 'y) {}'], 'n': 2}}",
    "a list of lists": "secrets = [['x'], ['{}']]",
    "headers": "{{'Cookie': [('sid', '{}')]}}",
    "a signed address": "PUT https://x.blob.example.org/a?sv=2024&sig={}&se=1 failed",
    "a key in a query": "GET https://maps.example.org/json?address=x&key={}",
    "json within json": r"body: {{\"password\": \"{} x\", \"n\": 1}}",
    "pairs": "[('Authorization', 'Bearer {}'), ('Accept', '*')]",
    "pairs of bytes": "[(b'x-api-key', b'{}')]",
    "xml": "<user>me</user><password>{}</password>",
    "a command": "curl -u me:{} https://x.example.org",
    "a user that is a token": "git clone https://{}0123456789@git.example.org/x.git",
    "an account": "AccountName=me;AccountKey={}==;EndpointSuffix=x",
    "a webhook": "POST https://hooks.slack.com/services/T0/B0/{} failed",
    "a sentence": "the password is {}, which is refused",
    "a sentence with a quote": "invalid token '{} x' of me",
}
#: Where a text may be cut before a secret has ended.
CUT = {
    "an address": "postgresql://me:{}@db/x",
    "a value": 'password="{} and more"',
    "a bearer": "Authorization: Bearer {}.x",
}
WHOLE_SECRETS = [
    "AKIAIOSFODNN7EXAMPLE", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "xoxb-1234567890-abcdefghij", "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "4111 1111 1111 1111", "5500-0000-0000-0004",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
def test_what_looks_secret_is_hidden(name: str) -> None:
    told = redaction.shown(SECRETS[name].format(PLANTED), 2000)

    assert PLANTED not in told and "S3cret" not in told
    assert HIDDEN in told


def test_secrets_are_known_by_their_looks_and_other_words_stay() -> None:
    for secret in WHOLE_SECRETS:
        assert secret not in redaction.masked(f"refused {secret} today"), secret
    for text in [
        'password authentication failed for user "me"',
        "token expired",
        "KeyError: 'vat_id'",
        "job 1234567890123 of 2026-03-01 10:00:00",
        "AttributeError: 'X' object has no attribute 'token_count'",
        "https://api.example.org:8080/users/@me",
        "Unexpected token < in JSON at position 0",
        "Unexpected token '}' at 7",
        "ValueError: ('missing', 'token')",
        "https://me@x.example.org/ and ssh://git@x.example.org",
        "the password is too short: 12 characters at least",
        "config=(1, 2) and design=x",
        "GET https://x.example.org/a?code=500&key=7 failed",
    ]:
        assert redaction.masked(text) == text


def test_no_secret_is_cut_into_what_nobody_recognizes() -> None:
    for length in range(1900, 2010):
        assert "S3cret" not in redaction.shown("x" * length + " password=" + PLANTED * 3, 2000)


@pytest.mark.parametrize("name", CUT)
def test_no_line_of_a_log_is_cut_before_it_is_masked(name: str) -> None:
    store = Store(Settings("app"))
    for length in range(900, 1020, 7):
        text = "x" * length + " " + CUT[name].format(PLANTED * 3)
        line = _line(logging.LogRecord("own", logging.INFO, "", 0, text, (), None))
        failure = Failure(1, 1, "t", "q", Fault("E", "", []), "failed", 0, uuid.uuid4(), (line, "and on"))
        told = store._lines(failure)
        assert "S3cret" not in told and "pl4nted" not in told
        assert told.endswith("\nand on") and len(told) < 1_100


def test_a_teams_own_function_hides_more_and_cannot_fail_openly() -> None:
    def fails(text: str) -> str:
        raise ValueError(text)

    assert redaction.shown("iban DE02", 100, lambda text: text.replace("DE02", "…")) == "iban …"
    assert redaction.shown("iban DE02", 100, fails) == redaction.NOT_REDACTED
    assert redaction.shown("iban DE02", 100, lambda text: None) == redaction.NOT_REDACTED  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    "text",
    ["a", "password", "-", "://", "1 ", "token ", "\"'", "a:b@", "x://a:", "[parameters: ", "eyJ", "secret='",
     "input_value=", "Failing row contains ", "-----BEGIN PRIVATE KEY-----", "Authorization: ", "a-", "--key ",
     "=", "'\\", "secret=(", "token: [['", "\\\\\\", "('token', '", "<token ", "?key=", "password is "],
)  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    started = time.monotonic()
    redaction.masked(text * (50_000 // len(text)))

    assert time.monotonic() - started < 5


def test_source_lines_are_read_late_and_masked() -> None:
    assert linecache.getline(__file__, 1)
    password = "hunter2"
    try:
        connect = f"password={password}"
        raise ValueError(len(connect))
    except ValueError as error:
        fault = taken(error, lambda *_: None)

    assert "hunter2" not in faults.traceback_text(fault, None)
    assert fault.frames[0].function.startswith("test_source_lines") and Path(__file__).samefile(fault.frames[0].file)
    assert sys.getrefcount(fault) < 10
