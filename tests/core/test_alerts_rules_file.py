"""The file of rules: read and written the same, and what is wrong in it named with its line, and no secret told."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from jobdesk_core.alerts.book import RuleBook, Watched, as_toml, parsed, read, write
from jobdesk_core.alerts.quiet import NEVER, QuietHours
from jobdesk_core.alerts.rule import DEFAULT_RULES, AlertRule
from jobdesk_core.alerts.tables import UnreadableRules
from jobdesk_core.alerts.ways import Command, Webhook

WHOLE = RuleBook(
    rules=(AlertRule("idle_queue", "mail*", {"idle_s": 45.0}, ("desktop", "page", "chat"), True, True, True, True),),
    folders={"production": (AlertRule("unreachable", values={"for_s": 5.0}),)},
    profiles={'billing "eu"': (), "etl.it": (AlertRule("failures", is_on=False, ways=()),)},
    ways={
        "page": Command("page", ("~/bin/page-oncall", "--team", "ops"), 20.0),
        "chat": Webhook("chat", "https://chat.example/hooks/T0K3N"),
        "other": Webhook("other", url_env="OTHER_HOOK"),
    },
    quiet=QuietHours(dt.time(22, 30), dt.time(6, 15), frozenset(("mo", "su"))),
    databases=(Watched("eu", profile="billing-eu"), Watched("us", dsn_env="US_DSN")),
)


def test_the_same_after_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "alerts.toml"
    assert read(path) == RuleBook()
    for book in (WHOLE, RuleBook(), RuleBook(rules=())):
        write(book, path)
        assert read(path) == book
    assert "T0K3N" not in repr(WHOLE)
    assert path.stat().st_mode & 0o077 == 0


def test_whose_rules_are_in_force() -> None:
    cases = [
        ("etl.it", "", WHOLE.profiles["etl.it"]),
        ("etl.it", "production", WHOLE.profiles["etl.it"]),
        ('billing "eu"', "production", ()),
        ("another", "production", WHOLE.folders["production"]),
        ("another", "production/eu", WHOLE.folders["production"]),
        ("another", "elsewhere", WHOLE.rules),
    ]
    for profile, folder, rules in cases:
        assert WHOLE.of(profile, folder) == rules
    assert RuleBook().of("x") == DEFAULT_RULES
    assert WHOLE.with_rules("x", DEFAULT_RULES).of("x") == DEFAULT_RULES
    assert WHOLE.without_way("page").rules == (
        AlertRule("idle_queue", "mail*", {"idle_s": 45.0}, ("desktop", "chat"), True, True, True, True),
    )
    # Once nobody is sent anything, one that is added later is sent no jobs.
    assert WHOLE.without_way("page").without_way("chat").rules[0].sends_jobs is False
    # A file from before there was the choice.
    assert parsed("[[rules]]\nrule = 'lock'\nways = []").of("x")[0].sends_jobs is False


def test_quiet_hours_by_default_are_none() -> None:
    assert parsed("").quiet == NEVER
    assert parsed("[quiet_hours]\nfrom = 23:00:00\n").quiet.start == dt.time(23)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = ", "f.toml: its end is not TOML."),
        ("x = 1\n[rules\n", "f.toml: line 2 is not TOML."),
        ("\nruless = 1", "f.toml, line 2: There is no ruless here. Known: rules, folder,"),
        ("[[rules]]\nsubject = 'x'", "line 1: A rule says which it is: rule = … Known: no_worker,"),
        ("[[rules]]\nrule = 'idle'", "line 2: There is no rule idle. Known: no_worker,"),
        ("[[rules]]\nrule = 'lock'\n\n[[rules]]\nrule = 'idle'", "line 5: There is no rule idle."),
        ("[[rules]]\nrule = 'idle_queue'\nfor = 3", "line 3: There is no for here. Known: rule, subject, ways,"),
        ("[[rules]]\nrule = 'idle_queue'\nidle_s = '3'", "line 3: idle_s is a number."),
        ("[[rules]]\nrule = 'idle_queue'\nidle_s = true", "line 3: idle_s is a number."),
        ("[[rules]]\nrule = 'idle_queue'\nidle_s = nan", "line 3: idle_s is a number."),
        ("[[rules]]\nrule = 'idle_queue'\nidle_s = 0", "line 3: idle_s is between 1 and 2,592,000."),
        ("[[rules]]\nrule = 'lock'\nlock_waiting = 1.5", "line 3: lock_waiting is a whole number."),
        ("[[rules]]\nrule = 'unreachable'\nsubject = 'x'", "line 3: unreachable is about the whole database"),
        ("[[rules]]\nrule = 'lock'\nways = ['page']", "line 3: ways has no page. Known: desktop."),
        ("[[rules]]\nrule = 'lock'\nways = 'page'", "line 3: ways is a list of texts."),
        ("[[rules]]\nrule = 'lock'\non = 1", "line 3: on is true or false."),
        ("[profile.'a.b']\n[[profile.'a.b'.rules]]\nrule = 'x'", "line 3: There is no rule x."),
        ("[profile]\na = 3", "line 2: profile.a is a table."),
        ("[folder.a]\nrule = 3", "line 2: There is no rule here. Known: rules."),
        ("rules = 3", "line 1: rules is a list of tables: [[rules]]."),
        ("[commands.a]\nargv = 'rm -rf'", "line 1: A command has argv, a list of texts"),
        ("[commands.a]\nargv = ['x']\ntimeout_s = 1000", "line 3: timeout_s is between 1 and 120."),
        ("[commands.desktop]\nargv = ['x']", "line 1: desktop is the name of the desktop's notifications."),
        ("[webhooks.a]\nurl = 'http://chat.example/T0K3N'", "line 2: A webhook goes by https."),
        ("[webhooks.a]\nurl = 'https://[T0K3N'", "line 2: The address of the webhook cannot be read."),
        ("[webhooks.a]\ntimeout_s = 3", "line 1: A webhook has either url or url_env."),
        ("[commands.a]\nargv = ['x']\n[webhooks.a]\nurl_env = 'X'", "line 3: There is a command a, too"),
        ("[quiet_hours]\nfrom = '25:00'", "line 2: from is a time as 23:00."),
        ("[quiet_hours]\ndays = ['Monday']", "line 2: days has no Monday. Known: mo, tu, we, th, fr, sa, su."),
        ("[[databases]]\nname = 'x'", "line 1: A database has exactly one of profile, dsn and dsn_env."),
        ("[[databases]]\nprofile = 'x'\n[[databases]]\nprofile = 'x'", "line 3: Two databases are called x."),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(UnreadableRules) as caught:
        parsed(text, "f.toml")
    assert told in str(caught.value)
    assert "T0K3N" not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    for path, told in ((tmp_path, "Is a directory"), (tmp_path / "x.toml", "is not text in UTF-8.")):
        with pytest.raises(UnreadableRules, match=told):
            read(path)


def test_a_file_as_people_write_it() -> None:
    book = parsed('rules = [{rule = "lock", subject = "x"}]\n[commands]\npage = {argv = ["a"]}\n')
    assert (book.rules, book.ways) == ((AlertRule("lock", "x"),), {"page": Command("page", ("a",))})
    assert parsed(as_toml(book)) == book
