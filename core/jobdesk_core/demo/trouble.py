"""What goes wrong in the sample tasks: real errors, of our own code and of libraries that it calls."""

from __future__ import annotations

import json
import logging
import smtplib
import sqlite3
from pathlib import Path
from typing import Any

logger = logging.getLogger("shop")

#: The data of the sample's customers, by the last digit of an account. One of them is not complete.
_CUSTOMERS = {str(digit): {"name": f"Customer {digit}", "vat_id": f"DE{digit * 9}"} for digit in range(9)}
_CUSTOMERS["7"].pop("vat_id")


class MailServerBusy(Exception):
    """The sample mail server does not answer."""


class LedgerMismatch(Exception):
    """The sample ledger does not add up."""


def hand_to_mail_server(to: str) -> None:
    """Nobody listens at this port: what the library says of that is the cause of our own error."""
    logger.info("Handing over the mail for %s", to)
    try:
        smtplib.SMTP("127.0.0.1", 9, timeout=0.5)
    except OSError as error:
        raise MailServerBusy(f"No mail server took the mail for {to}") from error


def check_balance(account: str, month: str) -> None:
    """Either a customer's data are not complete, or the books do not add up."""
    logger.info("Balancing %s", account)
    vat_id = _CUSTOMERS[account[-1]]["vat_id"]
    raise LedgerMismatch(f"{account} is off by {len(vat_id)}{account[-1]}.40 in {month}")


def parse_rates(currency: str) -> Any:
    """An answer that was cut off on its way."""
    return json.loads('{"base": "EUR", "rates": {"' + currency)


def read_photo(path: str) -> bytes:
    """A file that has been moved."""
    return (Path("/nowhere") / path.lstrip("/")).read_bytes()


def insert_rows(table: str, partition: int) -> None:
    """Rows that are there already, and such as have no number: several errors at once."""
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE rows (id integer PRIMARY KEY)")
        database.execute("INSERT INTO rows VALUES (1)")
        errors: list[Exception] = []
        for row in ("1", f"{table}-{partition}"):
            try:
                database.execute("INSERT INTO rows VALUES (?)", [int(row)])
            except (ValueError, sqlite3.Error) as error:
                errors.append(error)
    database.close()
    raise ExceptionGroup(f"{len(errors)} rows were refused", errors)


def go_wrong(task: str, arguments: dict[str, Any]) -> None:
    """Raise what a task raises that goes wrong with these arguments; nothing for one that never does."""
    if task == "mail.deliver":
        hand_to_mail_server(str(arguments.get("to")))
    elif task == "ledger.reconcile":
        check_balance(str(arguments.get("account")), str(arguments.get("month")))
    elif task == "etl.load_partition":
        insert_rows(str(arguments.get("table")), int(arguments.get("partition", 0)))
    elif task == "invoices.send_invoice":
        parse_rates("USD")
    elif task == "media.make_thumbnail":
        read_photo(str(arguments.get("path")))
