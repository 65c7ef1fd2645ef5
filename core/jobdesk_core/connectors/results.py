"""Rows of psycopg's as values: the driver's own fast way, and one that nothing in a row can stop."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
from psycopg.adapt import Dumper, Loader, Transformer
from psycopg.pq import Format
from psycopg.types.datetime import TimestamptzLoader

from jobdesk_core import moments
from jobdesk_core.moments import FarTime

#: What the driver raises for values that Python does not have, or text that is not of its encoding.
UNREADABLE = (psycopg.DataError, psycopg.NotSupportedError, ValueError, OverflowError, NotImplementedError)


class _FarBinary(Loader):
    format = Format.BINARY

    def load(self, data: Any) -> dt.datetime:
        return moments.of_microseconds(int.from_bytes(bytes(data), "big", signed=True))


class _FarText(TimestamptzLoader):
    def load(self, data: Any) -> dt.datetime:
        text = bytes(data).decode()
        return moments.of_text(text) or super().load(data)


class _LooseText(Loader):
    def load(self, data: Any) -> str:
        return bytes(data).decode("utf-8", "backslashreplace")


class _LooseTextBinary(_LooseText):
    format = Format.BINARY


class _FarDumper(Dumper):
    oid = psycopg.adapters.types["timestamptz"].oid

    def dump(self, obj: Any) -> bytes:
        text: str = obj.text
        return text.encode()


#: For every connection, those of an application too: without it the driver would write the nearest time.
psycopg.adapters.register_dumper(FarTime, _FarDumper)


def unreadable_rows(cursor: Any, *, as_tuples: bool) -> list[Any]:
    """The rows of the cursor's result once more, every value of them as near as can be told.

    Raises what the driver raised where that does not help.
    """
    for loader in (_FarText, _FarBinary):
        cursor.adapters.register_loader("timestamptz", loader)
    for kind in ("text", "varchar", "name", "bpchar"):
        cursor.adapters.register_loader(kind, _LooseText)
        cursor.adapters.register_loader(kind, _LooseTextBinary)
    result = cursor.pgresult
    names = [column.name for column in cursor.description]
    reader = Transformer(cursor)
    reader.set_pgresult(result)
    make: Any = tuple if as_tuples else lambda values: dict(zip(names, values, strict=True))
    return list(reader.load_rows(0, result.ntuples, make))
