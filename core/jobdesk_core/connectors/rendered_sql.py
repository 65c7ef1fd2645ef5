"""A statement as people read it, or paste it into psql: its parameters as they would be."""

from __future__ import annotations

import re
from typing import Any

from psycopg import sql

from jobdesk_core.connectors.psycopg_adapters import adapted
from jobdesk_core.connectors.statement import Statement

_PLACE = re.compile(r"%\((\w+)\)s|%%")


def shown_sql(statement: Statement[Any]) -> str:
    """The statement's SQL with each parameter as a literal, ending in a semicolon."""
    if not statement.parameters:
        return f"{statement.sql};"

    def value(match: re.Match[str]) -> str:
        if match[1] is None:
            return "%"
        return sql.Literal(adapted(statement.parameters[match[1]], None)).as_string()

    return f"{_PLACE.sub(value, statement.sql)};"
