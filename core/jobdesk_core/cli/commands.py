"""The commands by name, and whether a command line names one. Loads nothing else: the window asks it at its start."""

from __future__ import annotations

from collections.abc import Sequence

#: The commands by name, with what each is for.
COMMANDS = {
    "jobs": "list the jobs that match a filter",
    "show": "show everything about one job",
    "why": "explain why a job is in its present state",
    "errors": "show the error of each attempt of a job, as reported",
    "failures": "list what fails, how often and since when, and what it has in common",
    "queues": "list the queues with their jobs by status",
    "tasks": "list the tasks with their jobs by status",
    "workers": "list the workers, and what they report of themselves",
    "locks": "list the locks: who holds each, and who waits for it",
    "schedules": "list the periodic tasks: cadence, last run, next run, and whether each is on time",
    "status": "count jobs by queue and status; workers, schema release and permissions",
    "health": "show how tables, indexes and the schema fare, what a purge would free, and what to do",
    "metrics": "answer Prometheus, print its metrics once, or print a Grafana dashboard",
    "watch": "print each change as it happens",
    "defer": "defer one job, or many from CSV or NDJSON",
    "cancel": "cancel waiting jobs, or ask running ones to abort",
    "retry": "put failed or stalled jobs back into their queue",
    "fail": "mark stalled jobs as failed, so that they do not run again",
    "purge": "delete finished jobs",
    "journal": "list what was done from here, and find out what nobody knew of it",
    "history": "list what this machine has recorded of databases, show its hours, or forget it",
    "check": "try a connection step by step: network, encryption, sign-in, schema, permissions",
    "worker": "run the jobs of an app",
    "schema": "create the schema, or print it",
    "reporting": "install, upgrade, remove or show the schema that workers report into",
    "healthchecks": "look whether an app, its database and the schema are there",
}
#: Options of the program whose value follows as a word of its own.
_WITH_VALUE = ("--dsn", "--profile", "--schema", "--ssh", "--theme")
_APPS = ("-a", "--app")


def first_word(arguments: Sequence[str]) -> str | None:
    """The first word that is neither an option nor an option's value: a command, or meant to be one."""
    is_value = False
    for argument in arguments:
        if not is_value and not argument.startswith("-"):
            return argument
        # argparse takes a part of an option's name, too.
        is_value = not is_value and (
            argument in _APPS or (len(argument) > 2 and any(name.startswith(argument) for name in _WITH_VALUE))
        )
    return None


def is_command(arguments: Sequence[str]) -> bool:
    """Whether the command line is meant, which tells of a slip in a command's name; the window takes a link at most."""
    word = first_word(arguments)
    return word is not None and not word.lower().startswith("jobdesk://")


def listed() -> str:
    """The commands with what each is for, a line for each."""
    return "\n".join(f"  {name:12} {told}" for name, told in COMMANDS.items())
