"""What went wrong, in a sentence: every failure here is one that a real server or libpq gave."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from database import connected, defer, role, run_sql
from jobdesk_core import Job, JobManager, PsycopgConnector
from jobdesk_core.cli.exit_codes import CONNECTION, REFUSED, code_of
from jobdesk_core.connectors import refusals
from jobdesk_core.connectors.psycopg_adapters import translated
from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.embedded import EmbeddedServer
from jobdesk_core.exceptions import AlreadyEnqueued, ConnectorException, JobdeskException, UniqueViolation
from jobdesk_core.masking import without_secrets
from jobdesk_core.troubles import Trouble, explain
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from waiting import until

SECRET = "open-sesame"


async def trouble_of(dsn: str, text: str | None = None) -> Trouble:
    """The trouble that connecting makes, or else running a command."""
    connector = PsycopgConnector(conninfo=dsn)
    try:
        with pytest.raises(JobdeskException) as caught:
            await connector.open_async()
            assert text is not None, "The connection was expected to fail."
            await connector.run_async(Statement(text, nothing))
    finally:
        await connector.close_async()
    return explain(caught.value)


@pytest.fixture(scope="module")
def strict_dsn() -> Iterator[str]:
    """A server of its own that asks for passwords; its role `keeper` has SECRET."""
    with tempfile.TemporaryDirectory(prefix="jobdesk-tests-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedServer(folder, is_durable=False) as server:
            run_sql(server.dsn, f"CREATE ROLE keeper LOGIN PASSWORD '{SECRET}'")
            (rules,) = run_sql(server.dsn, "SELECT current_setting('hba_file')")
            Path(rules).write_text("local postgres,nothing all scram-sha-256\n")
            run_sql(server.dsn, "SELECT pg_reload_conf()")
            yield make_conninfo(server.dsn, user="keeper", dbname="postgres")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# Getting in


async def test_nothing_listens_on_the_port() -> None:
    port = free_port()
    trouble = await trouble_of(f"host=127.0.0.1 port={port}")
    assert (trouble.kind, trouble.sentence) == ("unreachable", f'There is no server at "127.0.0.1", port {port}.')
    assert "Connection refused" in trouble.detail


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("Permission denied", 'This machine\'s user may not use socket "/run/x/.s.PGSQL.5432".'),
        ("No such file or directory", 'There is no server on socket "/run/x/.s.PGSQL.5432".'),
        (
            "Something new",
            'The connection failed: connection to server on socket "/run/x/.s.PGSQL.5432" failed: Something new',
        ),
    ],
)
def test_the_reason_is_told_and_not_what_libpq_asks_behind_it(reason: str, sentence: str) -> None:
    asked = "\tIs the server running locally and accepting connections on that socket?"
    said = f'connection failed: connection to server on socket "/run/x/.s.PGSQL.5432" failed: {reason}\n{asked}'
    assert explain(psycopg.errors.ConnectionTimeout(said)).sentence.endswith(sentence)


async def test_there_is_no_socket(tmp_path: Path) -> None:
    trouble = await trouble_of(f"host={tmp_path}")
    assert trouble.kind == "unreachable"
    assert str(tmp_path) in trouble.sentence


async def test_a_host_that_nobody_knows_is_named() -> None:
    trouble = await trouble_of("host=nowhere.invalid")
    assert (trouble.kind, trouble.sentence) == ("unreachable", "The host nowhere.invalid is not known.")


async def test_a_password_with_an_at_sign_leaves_no_part_in_the_host() -> None:
    trouble = await trouble_of(f"postgresql://u:some@{SECRET}@nowhere.invalid/d")
    assert (trouble.kind, trouble.sentence) == ("unreachable", "The host ••• is not known.")
    assert SECRET not in repr(trouble)


async def test_a_server_that_does_not_answer_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        trouble = await trouble_of(f"host=127.0.0.1 port={silent.getsockname()[1]} connect_timeout=2")
    assert (trouble.kind, trouble.sentence) == ("unreachable", "The server cannot be reached.")


@pytest.mark.parametrize(
    ("password", "sentence"),
    [("wrong-" + SECRET, "The password for role keeper is wrong."), (None, "The server asks for a password.")],
)
async def test_the_password_is_wrong_or_missing(
    strict_dsn: str, password: str | None, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSFILE", "/nowhere")
    monkeypatch.delenv("PGPASSWORD", raising=False)
    dsn = make_conninfo(strict_dsn, **({} if password is None else {"password": password}))
    await until(lambda: _is_refused(dsn), what="the server to have read its rules")
    trouble = await trouble_of(dsn)
    assert (trouble.kind, trouble.sentence) == ("password", sentence)
    assert SECRET not in repr(trouble)


async def test_the_right_password_opens(strict_dsn: str) -> None:
    async with connected(strict_dsn, kwargs={"password": SECRET}) as (_, able):
        assert able.role == "keeper"


async def _is_refused(dsn: str) -> bool:
    connector = PsycopgConnector(conninfo=dsn)
    try:
        await connector.open_async()
    except ConnectorException:
        return True
    finally:
        await connector.close_async()
    return False


async def test_the_server_does_not_let_anyone_in_from_here(strict_dsn: str) -> None:
    await until(lambda: _is_refused(strict_dsn))
    trouble = await trouble_of(make_conninfo(strict_dsn, dbname="template1", password=SECRET))
    assert (trouble.kind, trouble.sentence) == ("rights", "The server does not let this role in from here.")


async def test_there_is_no_such_database(server_dsn: str) -> None:
    trouble = await trouble_of(make_conninfo(server_dsn, dbname="not there"))
    assert (trouble.kind, trouble.sentence) == ("no_database", "There is no database not there on this server.")


async def test_there_is_no_such_role(dsn: str) -> None:
    # A server that asks for passwords does not tell: this is the embedded server, which trusts.
    trouble = await trouble_of(make_conninfo(dsn, user="nobody-of-this-name", password=SECRET))
    assert trouble.kind in ("no_role", "password")
    assert "nobody-of-this-name" in trouble.sentence
    assert SECRET not in repr(trouble)


async def test_a_role_may_not_connect_to_a_database(dsn: str) -> None:
    name = conninfo_to_dict(dsn)["dbname"]
    run_sql(dsn, f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
    with role(dsn) as role_dsn:
        trouble = await trouble_of(role_dsn)
    assert (trouble.kind, trouble.sentence) == ("rights", f"This role may not connect to database {name}.")


@pytest.mark.parametrize(
    ("options", "kind"), [("CONNECTION LIMIT 0", "busy"), ("NOLOGIN", "rights")], ids=["limit", "no login"]
)
async def test_a_role_is_turned_away(dsn: str, options: str, kind: str) -> None:
    with role(dsn) as role_dsn:
        run_sql(dsn, f"ALTER ROLE {conninfo_to_dict(role_dsn)['user']} {options}")
        trouble = await trouble_of(role_dsn)
    assert trouble.kind == kind
    assert "connection failed" not in trouble.sentence


# Encryption, and servers that are none or speak another language


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of certificates, each its own authority: here for localhost, there for another host."""
    folder = tmp_path_factory.mktemp("certificates")
    for name, host in (("here", "localhost"), ("there", "elsewhere.example")):
        options = f"-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {name}.key -out {name}.crt"
        subject = f"-days 2 -subj /CN={host} -addext subjectAltName=DNS:{host}"
        command = ["openssl", "req", "-x509", *options.split(), *subject.split()]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    _make_odd(folder)
    return folder


def _make_odd(folder: Path) -> None:
    """Certificates for localhost that `openssl req` makes none of: expired; of another authority, and revoked by it."""
    (folder / "own.cnf").write_text(
        "[ca]\ndefault_ca = own\n[own]\ndatabase = index\nserial = serial\nnew_certs_dir = .\ndefault_md = sha256\n"
        "policy = any\nemail_in_dn = no\ndefault_crl_days = 2\n[any]\ncommonName = supplied\n"
    )
    (folder / "index").touch()
    (folder / "serial").write_text("01\n")
    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout expired.key"
    here = "-config own.cnf -cert here.crt -keyfile here.key"
    times = "-startdate 20200101000000Z -enddate 20210101000000Z"
    for command in (
        f"req -new {key} -out expired.csr -subj /CN=localhost",
        f"ca -batch -selfsign -config own.cnf {times} -keyfile expired.key -in expired.csr -out expired.crt",
        f"req -new {key.replace('expired', 'revoked')} -out revoked.csr -subj /CN=revoked",
        f"ca {here} -batch -days 2 -in revoked.csr -out revoked.crt",
        f"ca {here} -revoke revoked.crt",
        f"ca {here} -gencrl -out revoked.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


@contextlib.contextmanager
def answering(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """The port of a server on the loopback that answers each client so, and its end."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                with client, contextlib.suppress(OSError):
                    client.settimeout(10)
                    answer(client)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")
@pytest.mark.parametrize(
    ("shown", "options", "sentence"),
    [
        (
            "here",
            "sslrootcert=/nowhere/ca.crt",
            "There is no file /nowhere/ca.crt with trusted certificate authorities.",
        ),
        (
            "here",
            "sslrootcert={folder}/here.key",
            "The file {folder}/here.key contains no readable certificate of an authority",
        ),
        ("there", "sslrootcert={folder}/there.crt", 'certificate is for "elsewhere.example", not for localhost.'),
        ("here", "sslrootcert={folder}/there.crt", "The server's certificate is self-signed, and not trusted here."),
        ("expired", "sslrootcert={folder}/expired.crt", "The server's certificate has expired."),
        ("revoked", "sslrootcert={folder}/there.crt", "The authority of the server's certificate is unknown here."),
        (
            "revoked",
            "sslmode=verify-ca sslrootcert={folder}/here.crt sslcrl={folder}/revoked.pem",
            "The server's certificate has been revoked.",
        ),
        (
            "here",
            "sslmode=require ssl_max_protocol_version=TLSv1.2",
            "The server and this machine have no version of TLS in common.",
        ),
        (b"N", "sslrootcert={folder}/here.crt", "The server does not offer encryption, and sslmode asks for it."),
        (b"HTTP/1.1 400 Bad Request", "sslrootcert={folder}/here.crt", 'What answers at "127.0.0.1", port'),
        (b"HTTP/1.1 400 Bad Request", "sslmode=disable", "is not a PostgreSQL server."),
        ("here", "sslmode=require sslcert={folder}/here.crt sslkey=/nowhere/key", "There is no file /nowhere/key"),
        ("here", "sslmode=require sslcert={folder}/here.crt sslkey={folder}/there.key", "could not load private key"),
    ],
)
async def test_what_hinders_encryption_is_told(
    certificates: Path, shown: str | bytes, options: str, sentence: str
) -> None:
    def answer(client: socket.socket) -> None:
        client.recv(8)
        if isinstance(shown, bytes):
            client.sendall(shown)
            return
        client.sendall(b"S")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(certificates / f"{shown}.crt", certificates / f"{shown}.key")
        with context.wrap_socket(client, server_side=True) as encrypted:
            encrypted.recv(8)

    mode = "" if "sslmode" in options else "sslmode=verify-full "
    with answering(answer) as port:
        trouble = await trouble_of(
            f"host=localhost hostaddr=127.0.0.1 port={port} user=keeper password={SECRET} {mode}"
            + options.format(folder=certificates)
        )
    assert trouble.kind == "unreachable" and sentence.format(folder=certificates) in trouble.sentence
    assert trouble.remedy and SECRET not in repr(trouble)


@pytest.mark.parametrize(
    ("code", "words", "kind", "sentence"),
    [
        ("28P01", "Passwort-Authentifizierung für »keeper« fehlgeschlagen", "password", "role keeper is wrong"),
        ("28P01", "пользователь «keeper» не прошёл проверку подлинности", "password", "role keeper is wrong"),
        ("28000", "kein pg_hba.conf-Eintrag für Host »10.0.0.1«", "rights", "let role keeper in: kein pg_hba"),
        ("3D000", "Datenbank »shop« existiert nicht", "no_database", "no database shop on this server"),
        ("42501", "keine Berechtigung für Datenbank »shop«", "rights", "may not connect to database shop"),
        ("53300", "tut mir leid, schon zu viele Verbindungen", "busy", "no connection to spare"),
        ("53300", "現在クライアント数が多すぎます", "busy", "no connection to spare"),
        ("53200", "mémoire épuisée", "limit", "not enough memory"),
        ("53100", "kein Platz mehr auf dem Gerät", "limit", "disk is full"),
        ("57P03", "das Datenbanksystem startet", "busy", "starting or stopping"),
        ("57P03", "le système de bases de données est en cours de restauration", "busy", "starting or stopping"),
        ("57P01", "Verbindung wird abgebrochen", "dropped", "ended the connection"),
        ("08P01", "no such database: shop", "busy", "pooler in front of the server refused: no such database: shop"),
        ("XX000", 'C "28P01" steht hier nur im Text', "unreachable", 'failed: C "28P01" steht hier nur im Text'),
    ],
)  # fmt: skip
@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="the protocol is looked at on Linux alone")
async def test_why_a_server_lets_nobody_in_is_known_in_every_language(
    code: str, words: str, kind: str, sentence: str
) -> None:
    with answering(partial(_refusing, code, words)) as port:
        trouble = await trouble_of(
            f"host=127.0.0.1 port={port} user=keeper dbname=shop sslmode=disable gssencmode=disable password={SECRET}"
        )
    assert trouble.kind == kind and sentence in trouble.sentence and SECRET not in repr(trouble)
    assert words in trouble.detail


async def test_a_server_that_asks_for_a_password_is_known_in_every_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSFILE", "/nowhere")
    monkeypatch.delenv("PGPASSWORD", raising=False)
    with answering(partial(_refusing, "28P01", "")) as port:
        trouble = await trouble_of(f"host=127.0.0.1 port={port} user=keeper sslmode=disable gssencmode=disable")
    assert (trouble.kind, trouble.sentence) == ("password", "The server asks for a password.")


async def test_where_the_protocol_cannot_be_looked_at_a_wrong_password_is_known_by_the_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refusals, "_sqlstate", lambda refused: None)
    words = "Passwort-Authentifizierung für Benutzer »keeper« fehlgeschlagen"
    with answering(partial(_refusing, "28P01", words)) as port:
        trouble = await trouble_of(
            f"host=127.0.0.1 port={port} user=keeper sslmode=disable gssencmode=disable password={SECRET}"
        )
    assert trouble.kind == "password" and words in trouble.sentence


def _refusing(code: str, words: str, client: socket.socket) -> None:
    client.recv(4096)
    client.sendall(b"R" + (8).to_bytes(4, "big") + (3).to_bytes(4, "big"))
    if not client.recv(4096):
        return
    told = (("S", "SCHWERWIEGEND"), ("V", "FATAL"), ("C", code), ("M", words))
    fields = b"".join(f"{name}{text}\0".encode() for name, text in told)
    client.sendall(b"E" + (len(fields) + 5).to_bytes(4, "big") + fields + b"\0")


# Within


async def test_a_role_without_rights_is_told_what_it_may_not(dsn: str) -> None:
    with role(dsn) as role_dsn:
        trouble = await trouble_of(role_dsn, "DELETE FROM procrastinate_jobs")
    assert (trouble.kind, trouble.sentence) == (
        "rights",
        "This role may not do that: permission denied for table procrastinate_jobs.",
    )


async def test_a_database_without_schema_is_told(empty_dsn: str) -> None:
    trouble = await trouble_of(empty_dsn, "SELECT 1 FROM procrastinate_jobs")
    assert trouble.kind == "no_schema"
    assert "procrastinate_jobs" in trouble.sentence


async def test_a_read_only_transaction_is_told(dsn: str) -> None:
    trouble = await trouble_of(dsn, "BEGIN READ ONLY; DELETE FROM procrastinate_jobs")
    assert (trouble.kind, trouble.sentence) == (
        "rights",
        "The server refused the change: cannot execute DELETE in a read-only transaction.",
    )


async def test_a_query_beyond_the_statement_timeout_is_told(dsn: str) -> None:
    trouble = await trouble_of(make_conninfo(dsn, options="-c statement_timeout=50"), "SELECT pg_sleep(20)")
    assert (trouble.kind, trouble.sentence) == ("timeout", "The query was cancelled before it ended.")


async def test_a_connection_cut_by_the_server_is_told_and_replaced(dsn: str) -> None:
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
    async with connected(dsn) as (connector, _):
        sleeping = asyncio.create_task(connector.run_async(Statement("SELECT pg_sleep(20)", nothing)))
        await until(lambda: run_sql(dsn, cut))
        with pytest.raises(ConnectorException) as caught:
            await sleeping
        trouble = explain(caught.value)
        assert (trouble.kind, trouble.remedy) == ("dropped", "Jobdesk reconnects by itself.")
        assert (await connector.run_async(DETECT)).has_schema


async def test_a_taken_queueing_lock_is_told(dsn: str) -> None:
    defer(dsn, queueing_lock="one")
    async with connected(dsn) as (connector, _):
        with pytest.raises(AlreadyEnqueued) as caught:
            await JobManager(connector).defer_job_async(Job(task_name="t", queueing_lock="one"))
    trouble = explain(caught.value)
    assert trouble.kind == "queueing_lock"
    assert "queueing lock one is taken" in trouble.sentence


async def test_a_unique_index_that_is_not_ours_keeps_its_words(dsn: str) -> None:
    run_sql(dsn, "CREATE UNIQUE INDEX theirs ON procrastinate_jobs (task_name)")
    defer(dsn)
    async with connected(dsn) as (connector, _):
        with pytest.raises(UniqueViolation) as caught:
            await JobManager(connector).defer_job_async(Job(task_name="t"))
    trouble = explain(caught.value)
    assert (trouble.kind, trouble.sentence.count("theirs")) == ("unknown", 1)


@pytest.mark.parametrize("queue", ["q" * 41, "ü" * 21, "日" * 14])
async def test_a_queue_name_beyond_the_channel_is_told(dsn: str, queue: str) -> None:
    async with connected(dsn) as (connector, able):
        assert able.queue_name_limit_bytes == 40
        with pytest.raises(ConnectorException) as caught:
            await JobManager(connector).defer_job_async(Job(task_name="t", queue=queue))
        assert await JobManager(connector).defer_job_async(Job(task_name="t", queue="ü" * 20))
    trouble = explain(caught.value)
    assert (trouble.kind, trouble.remedy) == ("bad_input", "Choose a queue name of at most 40 bytes.")


@pytest.mark.parametrize("value", ["a\0b", {1, 2}])
async def test_an_argument_that_the_database_does_not_take_is_told(dsn: str, value: object) -> None:
    async with connected(dsn) as (connector, _):
        with pytest.raises((ConnectorException, TypeError)) as caught:
            await JobManager(connector).defer_job_async(Job(task_name="t", task_kwargs={"a": value}))
    assert explain(caught.value).kind in ("bad_input", "unknown")


# Secrets


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:{}@127.0.0.1:1/d",
        "postgresql://u:{}@[::1/d",
        "postgresql://u:{}%zz@127.0.0.1:1/d",
        "postgresql://u:some {}@127.0.0.1:1/d",
        "postgresql://u:some@{}@127.0.0.1:1/d",
        "postgresql://u:some/{}@127.0.0.1:1/d",
        "postgresql://u@127.0.0.1:1/d?password={}&colour=red",
        "postgres:/u:{}@127.0.0.1/d",
        "host=127.0.0.1 port=1 password={}",
        "host=127.0.0.1 port=1 password=some {}",
        "host=127.0.0.1 port=1 password='{}",
        "host=127.0.0.1 port=1 password={} colour=red",
        "127.0.0.1 password={}",
    ],
)
async def test_a_password_is_in_no_trouble(dsn: str) -> None:
    trouble = await trouble_of(dsn.format(SECRET))
    assert SECRET not in repr(trouble)
    assert trouble.sentence


@pytest.mark.parametrize(
    ("text", "blotted"),
    [
        ("at postgresql://u:{}@h/d!", "at postgresql://u:•••@h/d!"),
        ("postgresql://u:a@{}@h/d", "postgresql://u:•••@h/d"),
        ("postgresql://u:a/{}@h/d", "postgresql://u:•••@h/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("host=h password={} dbname=d", "host=h password=••• dbname=d"),
        ("PASSWORD = '{} \\' {}' dbname=d", "PASSWORD = ••• dbname=d"),
        ("sslpassword={}", "sslpassword=•••"),
        ("host=h dbname=password", "host=h dbname=password"),
    ],
)
def test_passwords_are_blotted_out_and_nothing_else(text: str, blotted: str) -> None:
    assert without_secrets(text.replace("{}", SECRET)) == blotted


def test_what_a_pooler_says_in_the_servers_place_is_of_the_connection_and_no_refusal_of_the_database() -> None:
    said = "server login has been failing, try again later (server_login_retry)"
    trouble = explain(psycopg.errors.ProtocolViolation(said))
    assert trouble.kind == "busy" and trouble.sentence == f"The pooler in front of the server refused: {said}."
    error = translated(psycopg.errors.ProtocolViolation(said))
    error.__cause__ = psycopg.errors.ProtocolViolation(said)
    assert code_of(error) == CONNECTION and error.is_passing


async def test_what_a_server_refuses_is_told_by_its_sqlstate_in_whatever_language(dsn: str) -> None:
    raised = "DO $$ BEGIN RAISE EXCEPTION 'Irgendetwas ist geschlossen, too many' USING ERRCODE = '{}'; END $$"
    told = {state: (await trouble_of(dsn, raised.format(state))) for state in (
        "55P03", "40P01", "40001", "53100", "53200", "53300", "53400", "54000", "42P01", "42501", "57014", "25P03"
    )}  # fmt: skip
    kinds = {state: trouble.kind for state, trouble in told.items()}
    assert kinds == {
        "55P03": "locked",
        "40P01": "locked",
        "40001": "locked",
        "53100": "limit",
        "53200": "limit",
        "53300": "busy",
        "53400": "limit",
        "54000": "limit",
        "42P01": "no_schema",
        "42501": "rights",
        "57014": "timeout",
        "25P03": "dropped",
    }
    assert len({trouble.sentence for trouble in told.values()}) == len(told)
    assert all(trouble.remedy for trouble in told.values())


async def test_a_real_lock_is_told_as_a_lock(dsn: str) -> None:
    with psycopg.connect(dsn) as blocking:
        blocking.execute("LOCK TABLE procrastinate_jobs")
        trouble = await trouble_of(dsn, "SET lock_timeout = '50ms'; SELECT count(*) FROM procrastinate_jobs")
    assert trouble.sentence == "Another transaction holds a lock on what this needs."


def test_a_broken_link_is_known_by_its_state_in_whatever_language() -> None:
    error = ConnectorException()
    error.__cause__ = psycopg.OperationalError("Server beendete die Verbindung unerwartet")
    assert explain(error).kind == "dropped"


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        (psycopg.errors.LockNotAvailable, REFUSED),
        (psycopg.errors.DeadlockDetected, REFUSED),
        (psycopg.errors.QueryCanceled, REFUSED),
        (psycopg.errors.DiskFull, REFUSED),
        (psycopg.errors.OutOfMemory, REFUSED),
        (psycopg.errors.UndefinedTable, REFUSED),
        (psycopg.errors.InsufficientPrivilege, REFUSED),
        (psycopg.errors.ReadOnlySqlTransaction, REFUSED),
        (psycopg.errors.TooManyConnections, CONNECTION),
        (psycopg.errors.CannotConnectNow, CONNECTION),
        (psycopg.errors.AdminShutdown, CONNECTION),
        (psycopg.errors.IdleInTransactionSessionTimeout, CONNECTION),
        (psycopg.errors.ConnectionFailure, CONNECTION),
        (psycopg.OperationalError, CONNECTION),
    ],
)
def test_a_script_is_told_a_refusal_from_a_lost_connection(refused: type[psycopg.Error], code: int) -> None:
    error = ConnectorException()
    error.__cause__ = refused("was auch immer")
    assert code_of(error) == code
