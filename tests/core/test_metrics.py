"""What Prometheus is told: true, bounded, parsed by its own client, cheap for a slow server, and 0 for a dead one."""

from __future__ import annotations

import http.client
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest
from database import defer, finish, role, run_sql, start
from jobdesk_core.cli import exit_codes, main
from jobdesk_core.cli.metrics import Told
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.metrics import source as source_module
from jobdesk_core.metrics.dashboard import dashboard
from jobdesk_core.metrics.exporter import Exporter
from jobdesk_core.metrics.families import Families
from jobdesk_core.metrics.source import Source
from jobdesk_core.profiles import Profile, ProfileStore
from jobdesk_core.watching import tally
from jobdesk_core.watching.tally import OTHER
from prometheus_client import generate_latest as plain
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from psycopg.conninfo import make_conninfo
from waiting import until_true

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
RESOURCES = Path(__file__).parents[2] / "resources"


def connecting(dsn: str) -> SyncPsycopgConnector:
    connector = SyncPsycopgConnector(conninfo=dsn, min_size=1, max_size=1)
    connector.open()
    return connector


@contextmanager
def exporting(*dsns: str, patience_s: float = 20.0, families: Families | None = None) -> Iterator[Exporter]:
    """An exporter of these databases, named a, b and so on, none of whose answers serves twice."""
    sources = [Source(name, partial(connecting, dsn)) for name, dsn in zip("abc", dsns, strict=False)]
    for source in sources:
        source._is_fresh = lambda: False  # type: ignore[method-assign]
    with closing(Exporter(sources, families or Families(), patience_s=patience_s)) as exporter:
        yield exporter


def read(text: str) -> Samples:
    """Every sample by its name and labels, as Prometheus' own parser has them; none of them twice."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation.endswith(".") and family.type in ("gauge", "counter", "histogram")
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, tuple(sorted(labels.items()))))


def test_what_is_told_is_true_and_counters_count_on(dsn: str) -> None:
    odd = 'q "\\\n€'
    defer(dsn, queue_name=odd)
    run_sql(dsn, "UPDATE procrastinate_events SET at = at - interval '90 s'")
    defer(dsn, queue_name="mail", scheduled_at="2999-01-01")
    first = defer(dsn, queue_name="mail", priority=9)
    with exporting(dsn) as exporter:
        samples = read(exporter.text())
        assert value(samples, "jobdesk_up", profile="a") == 1
        assert value(samples, "jobdesk_jobs_due", profile="a", queue=odd) == 1
        assert value(samples, "jobdesk_jobs_due", profile="a", queue="mail") == 1
        assert value(samples, "jobdesk_jobs_scheduled", profile="a", queue="mail") == 1
        assert 90 <= (value(samples, "jobdesk_oldest_due_seconds", profile="a", queue=odd) or 0) < 150
        assert value(samples, "jobdesk_workers", profile="a", state="alive") == 0
        assert value(samples, "jobdesk_attention_lines", profile="a", rule="no_worker") == 1
        assert value(samples, "jobdesk_attention", profile="a", rule="no_worker", subject="", tone="bad") == 2
        assert value(samples, "jobdesk_attention_lines", profile="a", rule="failures") == 0
        # Nobody has asked for what these go by: none is not told as zero.
        assert value(samples, "jobdesk_attention_lines", profile="a", rule="schedule") is None
        events = {"profile": "a", "queue": "mail"}
        assert value(samples, "jobdesk_job_events_total", event="started", **events) == 0
        job_id, _ = start(dsn)
        assert job_id == first
        finish(dsn, job_id, "failed")
        samples = read(exporter.text())
        assert value(samples, "jobdesk_jobs_due", profile="a", queue="mail") == 0
        assert value(samples, "jobdesk_job_events_total", event="started", **events) == 1
        assert value(samples, "jobdesk_job_events_total", event="failed", **events) == 1
        assert value(samples, "jobdesk_job_events_total", event="deferred", **events) == 0
        assert value(samples, "jobdesk_workers", profile="a", state="alive") == 1
        # A queue that has become empty is told as that.
        run_sql(dsn, "DELETE FROM procrastinate_jobs")
        samples = read(exporter.text())
        assert value(samples, "jobdesk_jobs_due", profile="a", queue=odd) == 0
        assert value(samples, "jobdesk_oldest_due_seconds", profile="a", queue=odd) == 0
        assert value(samples, "jobdesk_questions_total", profile="a", result="answered") == 3
        # The stricter form that Prometheus asks for says the same.
        strict = list(openmetrics(generate_latest(exporter.registry).decode()))
        assert {sample.name for family in strict for sample in family.samples} == {name for name, _ in samples}


#: A job in each line: its queue, how often it was tried, when it was due, and what happened when, in seconds.
LASTED = (
    ("mail", 1, None, {"deferred": 0, "started": 0.25, "succeeded": 1.25}),  # a bound belongs to its bucket
    ("mail", 1, 40, {"deferred": 0, "started": 42, "failed": 43}),
    ("mail", 2, 10, {"deferred": 0, "started": 60, "succeeded": 80}),  # how long its first run waited is not known
    ("mail", 1, None, {"deferred": 30, "started": 29, "aborted": 28}),  # a clock was set
    ("mail", 1, None, {"succeeded": 5}),  # purged
    ("mail", 1, None, {"started": 5}),
    ("mail", 300, None, {"started": 6, "deferred_for_retry": 7}),  # tried without end
    ("slow", 1, None, {"deferred": -20_000, "started": 0}),
)


def lasting(dsn: str) -> None:
    """Have all of that happen, within the last minutes."""
    base = run_sql(dsn, "SELECT date_trunc('second', now()) - interval '5 minutes'")[0]
    at = "%s + %s * interval '1 second'"
    for queue, attempts, due, events in LASTED:
        columns = {"queue_name": queue, "attempts": attempts, "status": "succeeded"}
        job_id = defer(dsn, **columns)
        run_sql(dsn, "DELETE FROM procrastinate_events WHERE job_id = %s", job_id)
        run_sql(dsn, f"UPDATE procrastinate_jobs SET scheduled_at = {at} WHERE id = %s", base, due, job_id)
        for event, second in events.items():
            insert = f"INSERT INTO procrastinate_events (job_id, type, at) VALUES (%s, %s, {at})"
            run_sql(dsn, insert, job_id, event, base, second)


def histogram(samples: Samples, name: str, **labels: str) -> tuple[dict[float, float], float | None, float | None]:
    """How many up to each bound that adds some; how many in all, and their sum."""
    found = {
        float(dict(pairs)["le"]): number
        for (each, pairs), number in samples.items()
        if each == f"{name}_bucket" and labels.items() <= dict(pairs).items()
    }
    steps = {
        bound: number
        for bound, number in found.items()
        if number > max([n for b, n in found.items() if b < bound] or [0])
    }
    return steps, value(samples, f"{name}_count", **labels), value(samples, f"{name}_sum", **labels)


def test_how_long_jobs_waited_and_ran_is_told_in_buckets_that_only_grow(dsn: str) -> None:
    lasting(dsn)
    defer(dsn, queue_name="early")
    early, _ = start(dsn)
    with exporting(dsn, families=Families(with_tasks=True)) as exporter:
        samples = read(exporter.text())
        # What was before the exporter is not counted, for its counters would not be seen to start anew; but a counter
        # that appears late would lose its first step.
        assert histogram(samples, "jobdesk_job_run_seconds", profile="a", queue="mail") == ({}, 0, 0)
        assert value(samples, "jobdesk_job_events_total", profile="a", queue="slow", event="started") == 0
        lasting(dsn)
        finish(dsn, early, "succeeded")
        samples = read(exporter.text())
        assert histogram(samples, "jobdesk_job_run_seconds", profile="a", queue="early")[1] == 1
        assert histogram(samples, "jobdesk_job_wait_seconds", profile="a", queue="early")[1] == 0
        of_mail = {"profile": "a", "queue": "mail"}
        waits = ({0.01: 1, 0.25: 2, 2.5: 3}, 3, 0 + 0.25 + 2)
        runs = ({0.01: 1, 1.0: 4, 30.0: 5}, 5, 0 + 1 + 1 + 1 + 20)
        assert histogram(samples, "jobdesk_job_wait_seconds", **of_mail) == waits
        assert histogram(samples, "jobdesk_job_run_seconds", **of_mail) == runs
        # Beyond the last bound; and of a run that has not ended nothing is told.
        assert histogram(samples, "jobdesk_job_wait_seconds", profile="a", queue="slow") == ({math.inf: 1}, 1, 20_000)
        assert histogram(samples, "jobdesk_job_run_seconds", profile="a", queue="slow") == ({}, 0, 0)
        assert histogram(samples, "jobdesk_task_job_run_seconds", profile="a", task="t")[1] == 6
        # Nothing is counted twice, or taken back when it is purged.
        run_sql(dsn, "DELETE FROM procrastinate_jobs")
        samples = read(exporter.text())
        assert histogram(samples, "jobdesk_job_run_seconds", **of_mail) == runs
        only = exporter.registry.restricted_registry(["jobdesk_up"])
        assert read(plain(only).decode()) == {("jobdesk_up", (("profile", "a"),)): 1}


def test_names_are_bounded_and_the_sums_stay_right(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        defer(dsn, queue_name=f"queue {number}", task_name=f"task {number % 2}")
    with exporting(dsn, families=Families(with_tasks=True, most_names=3)) as exporter:
        for _ in range(2):
            samples = read(exporter.text())
            due = {key[1]: number for key, number in samples.items() if key[0] == "jobdesk_jobs_due"}
            assert len(due) == 4 and sum(due.values()) == 7
            assert value(samples, "jobdesk_jobs_due", profile="a", queue=OTHER) == 4
            assert value(samples, "jobdesk_task_jobs_due", profile="a", task="task 1") == 3
            # The first that were seen keep theirs.
            defer_again = [f"queue {number}" for number in (9, 0)]
            assert value(samples, "jobdesk_jobs_due", profile="a", queue="queue 0") == 1
        for name in defer_again:
            defer(dsn, queue_name=name)
        samples = read(exporter.text())
        assert value(samples, "jobdesk_jobs_due", profile="a", queue="queue 0") == 2
        assert value(samples, "jobdesk_job_events_total", profile="a", queue=OTHER, event="deferred") == 1
        # Names without end take no memory without end, and are counted all the same.
        monkeypatch.setattr(tally, "MOST_KEYS", 0)
        for number in range(50):
            defer(dsn, queue_name=f"another {number}")
        samples = read(exporter.text())
        assert value(samples, "jobdesk_job_events_total", profile="a", queue=OTHER, event="deferred") == 51
        assert not any(queue.startswith("another") for queue, *_ in exporter.sources[0].tally.events)


def test_a_dead_one_is_0_a_slow_one_delays_nobody_and_nothing_piles_up(
    dsn: str, empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    defer(dsn)
    nowhere = "host=127.0.0.1 port=1 dbname=x user=y password=very-secret connect_timeout=2"
    with exporting(dsn, empty_dsn, nowhere, patience_s=0.5) as exporter:
        until_true(lambda: value(read(exporter.text()), "jobdesk_up", profile="a") == 1)
        samples = read(exporter.text())
        assert [value(samples, "jobdesk_up", profile=name) for name in "bc"] == [0, 0]
        assert value(samples, "jobdesk_workers", profile="b", state="alive") is None
        with psycopg.connect(dsn) as holder:
            holder.execute("LOCK TABLE procrastinate_jobs IN ACCESS EXCLUSIVE MODE")
            threads = [threading.Thread(target=exporter.text, daemon=True) for _ in range(4)]
            began = time.monotonic()
            for thread in threads:
                thread.start()
            samples = read(exporter.text())
            assert value(samples, "jobdesk_up", profile="a") == 0 and time.monotonic() - began < 20
            # What is known is told with its age, for some time, and what was counted for ever.
            assert value(samples, "jobdesk_jobs_due", profile="a", queue="q") == 1
            assert 0 < (value(samples, "jobdesk_answer_age_seconds", profile="a") or 0) < 60
            monkeypatch.setattr(source_module, "KEPT_S", 0.0)
            samples = read(exporter.text())
            assert value(samples, "jobdesk_jobs_due", profile="a", queue="q") is None
            assert value(samples, "jobdesk_job_events_total", profile="a", queue="q", event="deferred") == 0
            assert (value(samples, "jobdesk_answer_age_seconds", profile="a") or 0) > 0
            # One question goes on, however many have asked for its answer meanwhile.
            assert [each.name for each in threading.enumerate()].count("metrics of a") <= 1
            for thread in threads:
                thread.join(30)
        until_true(lambda: value(read(exporter.text()), "jobdesk_up", profile="a") == 1, what="it answers again")
        assert "very-secret" not in exporter.text()


def test_what_was_dear_serves_the_next_scrape(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "FRESH_S", 60.0)
    source = Source("a", lambda: connecting(dsn))
    with closing(Exporter([source], Families(), patience_s=20)) as exporter:
        first = read(exporter.text())
        second = read(exporter.text())
        asked = [value(each, "jobdesk_questions_total", profile="a", result="answered") for each in (first, second)]
        assert asked == [1, 1]
        assert (value(second, "jobdesk_answer_age_seconds", profile="a") or 0) > 0


@pytest.mark.parametrize("state", ["1.1.2", "2.8.0", "3.1.0"])
def test_an_old_release_tells_what_it_has(released_dsn: str, state: str) -> None:
    defer(released_dsn, queue_name="mail")
    with exporting(released_dsn) as exporter:
        for _ in range(2):
            samples = read(exporter.text())
            assert value(samples, "jobdesk_up", profile="a") == 1
    assert value(samples, "jobdesk_jobs_due", profile="a", queue="mail") == 1
    assert histogram(samples, "jobdesk_job_run_seconds", profile="a", queue="mail") == ({}, 0, 0)
    alive = value(samples, "jobdesk_workers", profile="a", state="alive")
    assert alive == (0 if state == "3.1.0" else None)


PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="There is no promtool on the PATH.")
def test_promtool_finds_no_fault(dsn: str, empty_dsn: str) -> None:
    lasting(dsn)
    for families in (Families(with_tasks=True), Families(with_counters=False)):
        with exporting(dsn, empty_dsn, families=families) as exporter:
            exporter.text()
            lasting(dsn)
            told = exporter.text()
        checked = subprocess.run(
            [PROMTOOL or "", "check", "metrics"], input=told, capture_output=True, text=True, timeout=60, check=False
        )
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_dashboard_names_no_metric_that_there_is_not(dsn: str) -> None:
    defer(dsn)
    with exporting(dsn) as exporter:
        samples = read(exporter.text())
    made = dashboard()
    assert json.loads((RESOURCES / "grafana" / "jobdesk.json").read_text()) == made, "jobdesk-core metrics --dashboard"
    labels: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for name, pairs in samples:
        for label, text in pairs:
            labels[name][label].add(text)
    for target in (each for panel in made["panels"] for each in panel["targets"]):
        expr = target["expr"]
        asked = re.findall(r"jobdesk_[a-z_]+", expr)
        assert asked and set(asked) <= set(labels), expr
        # Each label that is asked for, with each of its values; those that are grouped by, and told in the legend.
        for name, matchers in re.findall(r"(jobdesk_[a-z_]+)\{([^}]*)\}", expr):
            for label, text in re.findall(r'(\w+)=~?"([^"]*)"', matchers):
                assert text == "$profile" or set(text.split("|")) <= labels[name][label], (expr, label)
        grouped = {label for found in re.findall(r"by \(([^)]*)\)", expr) for label in found.split(", ")}
        assert grouped <= set(labels[asked[0]]) and set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= grouped
    panels = made["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = {
        (x, y)
        for panel in panels
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    }
    assert len(taken) == sum(panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in panels)
    assert max(x for x, _ in taken) < 24


def test_once_for_several_profiles_without_a_secret(
    dsn: str, alone: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lasting(dsn)
    grants = [f"SELECT ON procrastinate_{name}" for name in ("jobs", "events", "workers", "periodic_defers")]
    with role(dsn, *grants) as poor:
        ProfileStore().save(Profile(name="shop", method="dsn", dsn=dsn))
        ProfileStore().save(Profile(name="mail", method="dsn", dsn=poor.replace("password=of-a-role", "")))
        os.environ["PGPASSWORD"] = "of-a-role"
        try:
            assert main(["metrics", "--once", "--profile", "shop", "--profile", "mail"]) == exit_codes.DONE
        finally:
            del os.environ["PGPASSWORD"]
    out, err = capsys.readouterr()
    samples = read(out)
    assert [value(samples, "jobdesk_up", profile=name) for name in ("shop", "mail")] == [1, 1]
    # Wherever they are named.
    for words in (
        ["--profile", "shop", "--profile", "mail", "metrics", "--once"],
        ["--profile", "shop", "metrics", "--once", "--profile", "mail", "--profile", "shop"],
    ):
        main(words)
        again = read(capsys.readouterr().out)
        assert [value(again, "jobdesk_up", profile=name) is None for name in ("shop", "mail")] == [False, False]
    # What has happened since this command began says nothing; how long things lasted within the last hour does.
    recent = {"profile": "shop", "queue": "mail", "percentile": "50"}
    assert value(samples, "jobdesk_recent_job_run_seconds", **recent) == 0.75
    assert value(samples, "jobdesk_recent_job_wait_seconds", profile="shop", queue="slow", percentile="95") == 14_400
    assert "_total" not in out and "_bucket" not in out and "of-a-role" not in out + err
    # Why one does not answer is said beside the metrics.
    ProfileStore().save(Profile(name="mail", method="dsn", dsn=make_conninfo(dsn, dbname="nowhere")))
    assert main(["metrics", "--once", "--profile", "shop", "--profile", "mail"]) == exit_codes.DONE
    out, err = capsys.readouterr()
    assert value(read(out), "jobdesk_up", profile="mail") == 0
    assert err == "mail: There is no database nowhere on this server.\n"
    for words in (["--listen", "9187"], ["--listen", ":9187"], ["--listen", "127.0.0.1:x"], ["--listen", "..:1"], []):
        assert main(["metrics", *words, "--dsn", dsn]) == exit_codes.USAGE
    for mode in (["--once"], ["--listen", "127.0.0.1:0"]):
        capsys.readouterr()
        assert main(["metrics", *mode, "--dsn", "nonsense"]) == exit_codes.USAGE
        assert capsys.readouterr().err.startswith("The connection string cannot be read: ")


def test_why_one_does_not_answer_is_said_once_and_that_it_does_again(
    dsn: str, empty_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dsns = ["host=/nowhere", "host=/nowhere", empty_dsn, "host=/nowhere", dsn, dsn]
    source = Source("shop", lambda: connecting(dsns.pop(0)), Told())
    source._is_fresh = lambda: False  # type: ignore[method-assign]
    with closing(Exporter([source], Families(), patience_s=20.0)) as exporter:
        ups = [value(read(exporter.text()), "jobdesk_up", profile="shop") for _ in range(6)]
    assert ups == [0, 0, 0, 0, 1, 1]
    first, second, third = capsys.readouterr().err.splitlines()
    assert first.startswith("shop: ") and "has no Procrastinate schema" in second and third == "shop answers again."


#: Method, path, what is accepted; the status, the kind of text, and whether there is any.
ASKED = (
    ("GET", "/metrics", "", (200, "text/plain", True)),
    ("GET", "/metrics", "application/openmetrics-text;version=1.0.0", (200, "application/openmetrics-text", True)),
    ("HEAD", "/metrics", "", (200, "text/plain", False)),
    ("POST", "/metrics", "", (405, "text/plain", True)),
    ("GET", "/", "", (200, "text/html", True)),
    ("GET", "/metric", "", (404, "text/plain", True)),
)


def answered(port: int, method: str, path: str, accept: str, _expected: object) -> tuple[int, str, bool]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, headers={"Accept": accept})
        answer = connection.getresponse()
        return answer.status, (answer.getheader("Content-Type") or "text/plain").partition(";")[0], bool(answer.read())


def test_it_listens_where_it_is_told_and_ends_cleanly(dsn: str) -> None:
    command = [sys.executable, "-m", "jobdesk_core", "metrics", "--listen", "0.0.0.0:0", "--dsn", dsn]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            found = re.search(r"at http://0\.0\.0\.0:(\d+)/metrics", line)
            assert found is not None, line
            assert "no password and no encryption" in process.stderr.readline()
            port = int(found[1])

            def ups() -> list[float]:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
                    samples = read(answer.read().decode())
                return [number for (name, _), number in samples.items() if name == "jobdesk_up"]

            until_true(lambda: ups() == [1])
            assert [answered(port, *each) for each in ASKED] == [each[-1] for each in ASKED]
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == exit_codes.DONE
            assert process.stderr.read() == ""
        finally:
            process.kill()
