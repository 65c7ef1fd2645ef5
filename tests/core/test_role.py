"""A profile that names a role: every transaction is that role's, reads too, directly and behind a pooler."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from database import role, run_sql
from jobdesk_core import PsycopgConnector, SyncPsycopgConnector, masking
from jobdesk_core.cli import main
from jobdesk_core.connectors.settings import Route
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.profiles import Profile, connection_parameters
from jobdesk_core.troubles import explain
from pgbouncer import PROGRAM, pgbouncer
from psycopg.conninfo import conninfo_to_dict

WHO = Statement("SELECT current_user::text AS who", lambda rows: str(rows[0]["who"]))


def parameters(dsn: str, wanted: str) -> dict[str, Any]:
    return connection_parameters(Profile(name="x", method="dsn", dsn=dsn, role=wanted))


@pytest.mark.parametrize("is_pooled", [False, True])
async def test_every_transaction_is_of_the_role(dsn: str, is_pooled: bool, capsys: pytest.CaptureFixture[str]) -> None:
    if is_pooled and PROGRAM is None:
        pytest.skip("needs PgBouncer")
    with (
        role(dsn, "SELECT ON ALL TABLES IN SCHEMA public") as reader_dsn,
        role(dsn) as login_dsn,
    ):
        reader, login = (str(conninfo_to_dict(each)["user"]) for each in (reader_dsn, login_dsn))
        run_sql(dsn, f"GRANT {reader} TO {login}")
        with pgbouncer(login_dsn, servers=1) if is_pooled else _Nothing(login_dsn) as way:
            connector = PsycopgConnector(**parameters(way, reader))
            await connector.open_async()
            try:
                assert (connector.route is Route.POOLED) == is_pooled
                able = await connector.run_async(DETECT)
                assert (able.role, able.rights.read) == (reader, None) and able.rights.defer is not None
                assert await connector.run_async(WHO) == reader
                async with connector.transaction() as lent:
                    assert await connector.run_async(WHO, connection=lent) == reader
                async with connector.transaction(snapshot=True) as lent:
                    assert await connector.run_async(WHO, connection=lent) == reader
            finally:
                await connector.close_async()
            synchronous = SyncPsycopgConnector(**parameters(way, reader))
            synchronous.open()
            assert synchronous.run(WHO) == reader
            with synchronous.transaction() as lent:
                assert synchronous.run(WHO, connection=lent) == reader
            if is_pooled:
                with pytest.raises(ConnectorException, match="cannot be done as another role"):
                    synchronous.run(Statement("VACUUM procrastinate_jobs", lambda rows: None, is_bare=True))
            synchronous.close()
            if is_pooled:
                # The server's session that others get is as it was.
                with psycopg.connect(way, prepare_threshold=None) as other:
                    assert other.execute("SELECT current_user::text").fetchone() == (login,)
            for wanted, kind, sentence in (
                ("nobody_at_all", "no_role", "There is no role nobody_at_all on this server."),
                ("pg_monitor", "rights", "Whoever has signed in may not act as role pg_monitor."),
            ):
                with pytest.raises(ConnectorException) as refused:
                    await PsycopgConnector(**parameters(way, wanted)).open_async()
                trouble = explain(refused.value)
                assert (trouble.kind, trouble.sentence) == (kind, sentence)
    assert main(["status", "--dsn", dsn]) == 0


class _Nothing:
    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def __enter__(self) -> str:
        return self._dsn

    def __exit__(self, *_: object) -> None: ...


def test_a_password_that_is_a_word_hides_no_reason(dsn: str) -> None:
    masking.hide(["role", "exist"])
    with pytest.raises(ConnectorException) as refused:
        SyncPsycopgConnector(**parameters(dsn, "nobody_at_all")).open()
    assert explain(refused.value).kind == "no_role"
