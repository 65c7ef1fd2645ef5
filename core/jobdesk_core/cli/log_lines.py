"""What a worker's process writes to its error stream: text, or a JSON object for each record."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import logging
import sys
from typing import Any, TextIO, cast

from jobdesk_core.cli import exit_codes
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.masking import masked

LEVELS = ("debug", "info", "warning", "error", "critical")
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class SafeHandler(logging.StreamHandler[TextIO]):
    """Writes no password that is known, whoever quotes it."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as the formatter has it, without secrets."""
        return masked(super().format(record))


class JsonLines(logging.Formatter):
    """A JSON object on one line: time (UTC), level, logger, message, the record's extras, and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        told: dict[str, Any] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        told |= {name: value for name, value in vars(record).items() if name not in _OF_EVERY_RECORD}
        if record.exc_info:
            told["exc_info"] = self.formatException(record.exc_info)
        return json.dumps(told, default=str, ensure_ascii=False)


def add_logging(parser: argparse.ArgumentParser) -> None:
    """Add what decides about the log."""
    level = parser.add_mutually_exclusive_group()
    level.add_argument("-v", "--verbose", action="store_true", help="log everything: the level debug")
    level.add_argument("--log-level", choices=LEVELS, default="info", help="what is logged (default: info)")
    parser.add_argument(
        "--log-format", default="text", metavar="FORMAT", help="text, json, or a format of Python's logging"
    )
    parser.add_argument("--log-format-style", choices=("%", "{", "$"), default="%", help="of a format of one's own")


def configure(options: argparse.Namespace) -> None:
    """Log to the error stream as the options say. Raises Ended for a format that is none."""
    handler = SafeHandler(sys.stderr)
    if options.log_format == "json":
        handler.setFormatter(JsonLines())
    else:
        text, style = (TEXT, "%") if options.log_format == "text" else (options.log_format, options.log_format_style)
        try:
            handler.setFormatter(logging.Formatter(text, style=cast("Any", style)))
        except ValueError as error:
            raise Ended(
                exit_codes.USAGE, f"--log-format is text, json, or a format of Python's logging: {error}"
            ) from error
    level = "debug" if options.verbose else options.log_level
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
