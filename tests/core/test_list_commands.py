"""Every list on the command line in every form: a table, CSV, JSON and NDJSON, printed or into a file that is whole."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from database import defer, finish, run_sql, start
from jobdesk_core.cli import main
from jobdesk_core.reading.records import RecordLines

ODD = '=SUM(A1)\n"q";x'
#: The lists, and what names a row of each.
LISTS = {
    ("jobs",): "id",
    ("queues",): "queue",
    ("tasks",): "task",
    ("locks",): "lock",
    ("failures", "--range", "all"): "task",
}


def fill(dsn: str) -> None:
    for queue in ("mail", ODD):
        defer(dsn, queue_name=queue, task_name="t", lock=ODD)
    job_id, _ = start(dsn)
    finish(dsn, job_id, "failed")
    start(dsn)
    defer(dsn, queue_name="mail", task_name="u", lock=ODD)


def records(path: Path) -> list[dict[str, Any]]:
    text = path.read_text("utf-8")
    if path.suffix == ".csv":
        return list(csv.DictReader(text.splitlines(keepends=True)))
    found = json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
    return [each for each in found if each.get("kind") != "range"]


def test_every_list_is_the_same_in_every_form(dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(dsn)
    for words, name in LISTS.items():
        assert main([*words, "--dsn", dsn]) == 0, words
        assert capsys.readouterr().out, "a table"
        found = {}
        for suffix in ("csv", "json", "ndjson"):
            path = tmp_path / f"{words[0]}.{suffix}"
            path.write_text("before")
            assert main([*words, "--dsn", dsn, "--output", str(path)]) == 0, (words, suffix)
            told = capsys.readouterr()
            found[suffix] = records(path)
            noun = "group" if words[0] == "failures" else words[0][:-1]
            many = len(found[suffix])
            assert told.out == "" and told.err.startswith(f"{many} {noun}{'s' if many != 1 else ''}"), told
            assert path.stat().st_mode & 0o777 == 0o600
        assert [each[name] for each in found["json"]] == [each[name] for each in found["ndjson"]]
        assert len(found["csv"]) == len(found["json"]) and name in found["csv"][0]
        assert main([*words, "--dsn", dsn, "--ndjson"]) == main([*words, "--dsn", dsn, "--json"]) == 0
        printed = [json.loads(line).get(name) for line in capsys.readouterr().out.splitlines()]
        assert printed[: len(printed) // 2] == printed[len(printed) // 2 :] and printed[-1]
    queues = {each["queue"]: each for each in records(tmp_path / "queues.json")}
    assert (queues["mail"]["due"], queues["mail"]["failed"], queues[ODD]["running"]) == (1, 1, 1)
    assert queues["mail"]["oldest_due_since"].endswith("+00:00") and queues[ODD]["oldest_due_since"] is None
    assert {each["queue"] for each in records(tmp_path / "queues.csv")} == {"mail", '\'=SUM(A1)\n"q";x'}
    (lock,) = records(tmp_path / "locks.ndjson")
    assert (lock["lock"], lock["waiting"], lock["state"]) == (ODD, 1, lock["state"])


def test_a_list_without_rows_has_its_head_and_says_so(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words, name in LISTS.items():
        if words[0] != "failures":
            assert main([*words, "--dsn", dsn, "--csv"]) == 1, words
            told = capsys.readouterr()
            (head,) = told.out.splitlines()
            assert name in head.split(",") and told.err.startswith(f"0 {words[0]}"), words
    fill(dsn)
    for words in LISTS:
        assert main([*words, "--dsn", dsn, "--csv"]) == 0
        filled = capsys.readouterr().out.splitlines()[0]
        assert words[0] != "locks" or filled == "lock,state,waiting,not_yet_due,waiting_since,job,job_since,task,queue"


def test_no_lock_of_a_name_is_not_told_as_no_locks(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(dsn)
    assert main(["locks", "none_such", "--dsn", dsn]) == 1
    assert capsys.readouterr().err == 'No lock has "none_such" in its name.\n'


def test_a_file_that_cannot_be_is_told_and_nothing_is_written(
    dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(dsn)
    path = tmp_path / "jobs.csv"
    path.write_text("before")
    for name, code, said in (
        ("none/jobs.csv", 5, "no such file or directory"),
        ("jobs.xlsx", 2, "Which form?"),
        ("", 2, "Which form?"),
    ):
        assert main(["jobs", "--dsn", dsn, "--output", str(tmp_path / name) if name else ""]) == code, name
        assert said in capsys.readouterr().err, name

    def full(_lines: RecordLines, _records: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RecordLines, "add", full)
    assert main(["jobs", "--dsn", dsn, "--output", str(path)]) == 5
    assert "no space left" in capsys.readouterr().err
    assert path.read_text() == "before" and [each.name for each in tmp_path.iterdir()] == ["jobs.csv"]


def test_interrupted_and_cut_off_it_leaves_nothing_half(dsn: str, tmp_path: Path) -> None:
    run_sql(
        dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'q', 't' FROM generate_series(1, 60000)"
    )
    path = tmp_path / "jobs.ndjson"
    path.write_text("before")
    command = [sys.executable, "-m", "jobdesk_core", "--dsn", dsn, "jobs", "--ndjson"]
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = subprocess.Popen([*command, "--output", str(path)], stderr=subprocess.PIPE, text=True)
        try:
            deadline = time.monotonic() + 60
            while not any(each.stat().st_size for each in tmp_path.glob(".jobdesk-*")) and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
        assert process.returncode == code and "Traceback" not in err
        assert path.read_text() == "before" and [each.name for each in tmp_path.iterdir()] == ["jobs.ndjson"]
    shell = f"{' '.join(map(_quoted, command))} | head -n 3; echo ${{PIPESTATUS[0]}}"
    cut = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60, check=True)
    assert cut.stdout.splitlines()[-1] == "141" and len(cut.stdout.splitlines()) == 4 and not cut.stderr


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"
