"""What its application says of a task, as workers reported it: its words, queue, retries and schedules."""

from __future__ import annotations

import asyncio
import json

from jobdesk_core.reported.reading import Answer
from jobdesk_core.reported.records import Parameter, ReportedSchedule, ReportedTask
from PySide6.QtCore import QCoreApplication

from jobdesk.connection.desk import Desk
from jobdesk.kit import formats
from jobdesk.kit.text_block import Run

#: Characters of a text, and schedules of one task.
LONGEST, MOST_SCHEDULES = 400, 20
TaskReports = tuple[Answer[ReportedTask | None], Answer[list[ReportedSchedule]]]


async def read_task(desk: Desk, name: str) -> TaskReports:
    """What is reported of the task of this name."""
    task, schedules = await asyncio.gather(desk.monitor.reports.task(name), desk.monitor.reports.schedules())
    return task, schedules


def runs_of(name: str, reports: TaskReports) -> list[Run]:
    """The words for it; of what is not reported, that and why."""
    task, schedules = reports
    if task.value is None and not schedules.value:
        return [Run(task.refusal or _tr("Its workers have not reported it."), "secondary")]
    runs: list[Run] = []
    if task.value is not None:
        runs += _of_task(task.value)
    names = {name, *(task.value.aliases if task.value is not None else ()), *([task.value.name] if task.value else [])}
    mine = [each for each in schedules.value or [] if each.task in names]
    for each in mine[:MOST_SCHEDULES]:
        zone = f" ({each.zone})" if each.zone else _tr(" (UTC)")
        runs += [Run(_tr("schedule  "), "secondary"), Run(_text(each.cron), is_mono=True), Run(zone, "secondary")]
        runs += [Run(f"  {_text(each.periodic_id)}", "secondary"), Run("\n")] if each.periodic_id else [Run("\n")]
    return runs


def _of_task(task: ReportedTask) -> list[Run]:
    runs: list[Run] = []
    if task.doc.strip():
        runs.append(Run(_text(task.doc.strip().split("\n\n")[0]) + "\n", "secondary"))
    if task.signature is not None:
        runs.append(Run(f"({', '.join(map(_parameter, task.signature))})\n", is_mono=True))
    facts = [
        (_tr("application"), task.app),
        (_tr("queue"), task.queue or ""),
        (_tr("retry"), _retry(task.retry)),
        (_tr("aliases"), ", ".join(task.aliases)),
    ]
    for name, value in facts:
        if value:
            runs += [Run(f"{name}  ", "secondary"), Run(f"{_text(value)}\n")]
    return runs


def _parameter(parameter: Parameter) -> str:
    kind = f": {parameter.annotation}" if parameter.annotation else ""
    default = f" = {parameter.default}" if parameter.default is not None else ""
    return _text(f"{parameter.name}{kind}{default}")


def _retry(retry: object) -> str:
    if retry in (None, False, {}):
        return ""
    return retry if isinstance(retry, str) else json.dumps(retry, ensure_ascii=False, default=str)


def _text(text: str) -> str:
    return formats.visible(formats.cut(text, LONGEST))


def _tr(text: str) -> str:
    return QCoreApplication.translate("ReportedTask", text)
