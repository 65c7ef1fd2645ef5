"""Tables that are other than any release makes them: every command tells of every row, and acts on it."""

from __future__ import annotations

import pytest
from database import run_sql
from jobdesk_core.cli import main
from odd_tables import ODD, make_odd

COMMANDS = (
    *("jobs", "jobs --json", "jobs --csv", "jobs is:stalled", "jobs is:abort_requested", "jobs age:>0s"),
    *("jobs duration:>0s", "show 1", "show 2 --json", "why 1", "why 2", "why 3", "why 4", "why 5 --json", "why 6"),
    *("status", "status --json", "cancel 1 --dry-run", "retry 6 --stalled --force --dry-run"),
    *("purge --all --older-than 1s --dry-run", "health", "health --json", "metrics --once --tasks"),
)


pytestmark = pytest.mark.usefixtures("alone")


@pytest.mark.parametrize("odd", ODD)
def test_every_command_tells_of_every_row(dsn: str, odd: str, capsys: pytest.CaptureFixture[str]) -> None:
    make_odd(dsn, odd)
    for words in COMMANDS:
        code = main([*words.split(), "--dsn", dsn])
        told = capsys.readouterr()
        assert code in (0, 1) and "refused:" not in told.err, (words, told)
        assert words != "jobs --json" or told.out.count("\n") == 6, told.out[:1000]


@pytest.mark.parametrize("odd", ["a view", "own columns", "rows"])
def test_such_rows_are_acted_on(dsn: str, odd: str, capsys: pytest.CaptureFixture[str]) -> None:
    make_odd(dsn, odd)
    # A view's owner decides what may be deleted through it.
    for words in ["cancel 2", *([] if odd == "a view" else ["cancel 3 --delete"])]:
        code = main([*words.split(), "--yes", "--dsn", dsn])
        assert code == 0, (words, capsys.readouterr())
    found = run_sql(dsn, "SELECT status::text FROM procrastinate_jobs WHERE id IN (2, 3) ORDER BY id")
    assert found == (["cancelled", "todo"] if odd == "a view" else ["cancelled"])
