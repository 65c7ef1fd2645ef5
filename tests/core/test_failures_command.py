"""`jobdesk failures`: a table for people, JSON Lines for programs, and what the failed have in common."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from database import run_sql
from failing import Ran, write
from jobdesk_core.cli import exit_codes, main
from jobdesk_core.cli.failures import bars
from jobdesk_core.failures import stretches
from jobdesk_core.failures.groups import FailuresReader
from jobdesk_core.failures.records import Failures
from jobdesk_core.operations.steps import Steps
from reports import add_error, ago


def called(capsys: pytest.CaptureFixture[str], dsn: str, *words: str) -> tuple[int, str, str]:
    code = main(["failures", *words, "--dsn", dsn])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def of_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def some(dsn: str) -> list[int]:
    bad = [Ran("render", [("failed", 60.0 + n)], args={"template": "eu", "n": n}, queue="bill") for n in range(12)]
    good = [Ran("render", [("succeeded", 60.0 + n)], args={"template": "us", "n": n}) for n in range(40)]
    old = [Ran("render", [("succeeded", 9_000.0)]), Ran("new\x1b[2J", [("failed", 30.0)])]
    return write(dsn, [*bad, *good, *old])


def test_a_table_for_people(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    some(dsn)
    code, out, err = called(capsys, dsn)
    assert code == exit_codes.DONE
    head, render, new, *rest = out.splitlines()
    assert head.split()[:5] == ["task", "error", "failed", "of", "runs"]
    assert render.split()[:4] == ["render", "12", "23.1", "%"] and "rising" in render
    assert "new\\u001b[2J" in new and "\x1b" not in out
    assert "13 failed runs in the last hour, of 53 runs; 13 jobs still failed." in rest
    assert any(line.startswith("Burst: ") for line in rest)
    assert "First run of task new\\u001b[2J: " in out and "No errors are reported" in err
    code, out, _ = called(capsys, dsn, "queue:nowhere")
    assert (code, out) == (exit_codes.NOT_ALL, "No failures in the last hour. 0 runs.\n")
    code, out, _ = called(capsys, dsn, "--range", "all", "--by", "worker", "queue:bill")
    assert code == exit_codes.DONE and out.splitlines()[1].startswith("not known")
    assert "12 failed runs in all that this database holds, of 12 runs" in out


def test_json_for_programs(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    ids = some(dsn)
    for job in ids[:5]:
        add_error(dsn, job, "httpx.ConnectTimeout", "no answer", task_name="render", at=ago(60))
    code, out, err = called(capsys, dsn, "--json", "task:render")
    first, group = of_lines(out)
    assert code == exit_codes.DONE and err == ""
    assert (first["kind"], first["failed"], first["is_whole"], first["by"]) == ("range", 12, True, "task")
    assert first["since"].endswith("+00:00") and sum(first["trend"]) == 12
    assert (group["kind"], group["task"], group["failed"], group["share"]) == ("group", "render", 12, 12 / 52)
    assert [child["failed"] for child in group["children"]] == [5, 7], "the rising one first"
    assert group["children"][0]["error"]["type"] == "httpx.ConnectTimeout"
    assert group["filter"].startswith("(task:render) status:failed task:render ended:>=")
    code, out, _ = called(capsys, dsn, "--by", "error")
    assert "ConnectTimeout no answer" in out and "not reported" in out
    code, out, _ = called(capsys, dsn)
    told = out.splitlines()
    assert "2 kinds" in told[1] and told[3].strip().startswith("not reported")


def test_what_the_failed_have_in_common(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    some(dsn)
    code, out, _ = called(capsys, dsn, "--common", "render")
    lines = out.splitlines()
    assert code == exit_codes.DONE and lines[0] == "render: 12 jobs that failed beside 40 that succeeded."
    assert any(line.split()[:3] == ["args.template", '"eu"', "12"] and line.endswith("only failed") for line in lines)
    code, out, _ = called(capsys, dsn, "--common", "render", "--json")
    contrast, *found = of_lines(out)
    assert contrast["kind"] == "contrast" and (contrast["failed"], contrast["succeeded"]) == (12, 40)
    template = next(line for line in found if line["what"] == "args.template")
    assert (template["kind"], template["ratio"], template["succeeded"]) == ("common", None, 0)
    assert "args.template:eu" in template["filter"]
    code, out, err = called(capsys, dsn, "--common", "rendr")
    assert (code, out) == (exit_codes.NOT_ALL, "")
    assert "No run of rendr failed in the last hour." in err and "render" in err
    run_sql(dsn, "DELETE FROM procrastinate_jobs WHERE id > 4")
    code, out, _ = called(capsys, dsn, "--common", "render")
    assert code == exit_codes.NOT_ALL and "Too few to compare." in out


def test_what_is_not_understood(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert called(capsys, dsn, "statu:failed")[0] == exit_codes.USAGE
    for words in (("--range", "2h"), ("--by", "queue")):
        code, out, _ = called(capsys, dsn, *words)
        assert (code, out) == (exit_codes.USAGE, ""), words
    code, out, err = called(capsys, dsn, "error:X")
    assert code != exit_codes.DONE and out == "" and "the schema jobdesk is not installed" in err


def test_bars_are_as_many_as_fit_and_the_newest_is_last(capsys: pytest.CaptureFixture[str]) -> None:
    assert bars([0] * 60 + [8]).endswith("█") and len(bars([1] * 61)) == 16
    assert bars([0, 0, 1, 8]) == "··▁█" and bars([]) == ""
    assert set(bars([0] * 31)) == {"·"}


def test_the_manual_knows_the_command() -> None:
    root = Path(__file__).parents[2]
    for path in ("packaging/linux/jobdesk.1.in", "resources/help/command-line.md", "resources/help/failures.md"):
        text = (root / path).read_text(encoding="utf-8").replace("\\-", "-")
        for option in ("--range", "--by", "--common"):
            assert option in text, (path, option)


def test_ctrl_c_tells_what_is_counted_by_then(
    dsn: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(dsn, [Ran("t", [("failed", 40.0 + 30 * n)]) for n in range(60)])
    for name in ("FIRST_STRETCH", "SHORTEST_STRETCH", "LONGEST_STRETCH"):
        monkeypatch.setattr(stretches, name, 30)
    asked = iter(range(3))

    def more(reader: FailuresReader) -> Steps[Failures]:
        if next(asked, None) is None:
            raise KeyboardInterrupt
        return (yield from read_more(reader))

    read_more = FailuresReader.more
    monkeypatch.setattr(FailuresReader, "more", more)
    code, out, err = called(capsys, dsn)
    assert code == exit_codes.INTERRUPTED and "Interrupted: older runs were not counted." in err
    assert re.search(r"^30 failed runs since 20\S+ \S+, of 30 runs; 30 jobs still failed\.$", out, re.M)
