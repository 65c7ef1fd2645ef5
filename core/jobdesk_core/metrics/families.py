"""What Prometheus is told of each database: names, units and labels by its conventions, and a bounded number of series.

`profile` names the database. Queues, and tasks where they are wanted, have series of their own as they are first seen,
up to a limit. What comes after that is summed up as `other`, so that the sums are right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric

from jobdesk_core.jobs import EventType
from jobdesk_core.metrics.source import Seen
from jobdesk_core.reading.open_jobs import NONE_OPEN, OpenGroup
from jobdesk_core.watching.attention import RULES, RuleKey, attention
from jobdesk_core.watching.situation import Situation
from jobdesk_core.watching.tally import BOUNDS_S, OTHER, Buckets, Span

#: Queues, and tasks, of one database that have series of their own; all others are OTHER.
MOST_NAMES = 200
#: Lines of attention of one database that are told by their subject.
MOST_LINES = 50
#: The kinds of events that are counted.
EVENTS = (
    EventType.DEFERRED,
    EventType.STARTED,
    EventType.SUCCEEDED,
    EventType.FAILED,
    EventType.DEFERRED_FOR_RETRY,
    EventType.CANCELLED,
    EventType.ABORTED,
    EventType.RETRIED,
)
#: Gauges of open jobs: name, help, and what it is of a group.
_OPEN: tuple[tuple[str, str, Callable[[OpenGroup], int]], ...] = (
    ("due", "Waiting jobs that may start now.", lambda group: group.due),
    ("scheduled", "Waiting jobs that are scheduled for later.", lambda group: group.scheduled),
    ("running", "Jobs that a worker has started.", lambda group: group.running),
    ("stalled", "Running jobs without a live worker; they are among the running ones.", lambda group: group.stalled),
    ("held", "Due jobs that wait for a lock; they are among the due ones.", lambda group: group.held),
)
#: How long something lasted: name and help.
_SPANS: tuple[tuple[Span, str], ...] = (
    ("wait", "For how long jobs had waited, from when they were due, when their first run began"),
    ("run", "For how long runs had lasted that ended, however they did"),
)
#: The ends of the buckets as Prometheus names them, and what is told where nothing is counted over time.
_ENDS = (*(str(bound) for bound in BOUNDS_S), "+Inf")
_PERCENTILES = (50, 95, 99)


class Names:
    """The queues, or tasks, that have series of their own: the first that were seen, and they stay."""

    def __init__(self, most: int = MOST_NAMES) -> None:
        self._most = most
        self._known: dict[str, None] = {}

    def of(self, names: Iterable[str]) -> None:
        """Take these in, as far as there is room."""
        for name in sorted(names):
            if len(self._known) < self._most:
                self._known.setdefault(name)

    def label(self, name: str) -> str:
        """Under which name it is told."""
        return name if name in self._known else OTHER

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)


class Families:
    """Makes the metrics of what was seen, and remembers which names have series."""

    def __init__(self, *, with_tasks: bool = False, with_counters: bool = True, most_names: int = MOST_NAMES) -> None:
        self._with_tasks, self._with_counters, self._most = with_tasks, with_counters, most_names
        self._names: dict[tuple[str, str], Names] = {}

    def of(self, seen: Sequence[Seen]) -> Iterator[Metric]:
        """All metrics, each once, with a series for each database that it is known of."""
        yield _gauge(
            "jobdesk_up",
            "Whether the database has answered this scrape, or its last answer still serves.",
            ("profile",),
            _up(seen),
        )
        yield from self._of_the_question(seen)
        answered = [each for each in seen if each.look is not None]
        for kind in ("queue", "task") if self._with_tasks else ("queue",):
            yield from self._open(answered, kind)
        yield from self._workers(answered)
        yield from _attention(answered)
        if self._with_counters:
            yield from self._counters(seen)
        for kind in ("queue", "task") if self._with_tasks else ("queue",):
            yield from self._spans(seen, kind) if self._with_counters else self._lately(answered, kind)

    def _of_the_question(self, seen: Sequence[Seen]) -> Iterator[Metric]:
        info = InfoMetricFamily("jobdesk_database", "What database it is.", labels=("profile",))
        looks = [(each, each.look) for each in seen if each.look is not None]
        for each, look in looks:
            able = look.capabilities
            postgres = str(able.server_version // 10_000)
            info.add_metric((each.name,), {"database": able.database, "release": able.release, "postgres": postgres})
        yield info
        ages = [((each.name,), each.age_s) for each in seen if each.age_s is not None]
        yield _gauge("jobdesk_answer_age_seconds", "How old the answer is that is told.", ("profile",), ages)
        for name, text, values in (
            (
                "answer_seconds",
                "How long the question took, there and back.",
                [look.latency_ms / 1e3 for _, look in looks],
            ),
            (
                "answer_cost_seconds",
                "How long the server took for the question.",
                [look.cost_ms / 1e3 for _, look in looks],
            ),
            (
                "counts_capped",
                "1 where there are more open jobs or events than one question counts: then numbers are at least that.",
                [float(look.is_at_least or look.is_rate_at_least) for _, look in looks],
            ),
        ):
            rows = [((each.name,), value) for (each, _), value in zip(looks, values, strict=True)]
            yield _gauge(f"jobdesk_{name}", text, ("profile",), rows)

    def _open(self, seen: Sequence[Seen], kind: str) -> Iterator[Metric]:
        prefix = "jobdesk_jobs" if kind == "queue" else "jobdesk_task_jobs"
        groups = {each.name: self._groups(each, kind) for each in seen}
        for name, text, value in _OPEN:
            rows = [((p, q), float(value(group))) for p, by_name in groups.items() for q, group in by_name.items()]
            yield _gauge(f"{prefix}_{name}", text, ("profile", kind), rows)
        oldest = []
        for each in seen:
            assert each.look is not None
            for name, group in groups[each.name].items():
                if group.oldest is not None:
                    oldest.append(((each.name, name), max(0.0, (each.look.server_time - group.oldest).total_seconds())))
                elif not group.due:
                    oldest.append(((each.name, name), 0.0))
        told = "For how long the oldest due job has waited; 0 where none is due."
        yield _gauge(f"{prefix.removesuffix('_jobs')}_oldest_due_seconds", told, ("profile", kind), oldest)

    def _groups(self, seen: Seen, kind: str) -> dict[str, OpenGroup]:
        assert seen.look is not None
        jobs = seen.look.situation.open
        by_name = jobs.queues if kind == "queue" else jobs.tasks
        names = self._known(seen.name, kind)
        names.of(by_name)
        found = dict.fromkeys(names, NONE_OPEN)
        for name, group in by_name.items():
            label = names.label(name)
            found[label] = found.get(label, NONE_OPEN) + group
        return found

    def _known(self, profile: str, kind: str) -> Names:
        return self._names.setdefault((profile, kind), Names(self._most))

    def _workers(self, seen: Sequence[Seen]) -> Iterator[Metric]:
        rows = []
        for each in seen:
            workers = each.look.workers if each.look is not None else None
            if workers is not None:
                alive, known = workers
                rows += [((each.name, "alive"), float(alive)), ((each.name, "unresponsive"), float(known - alive))]
        yield _gauge("jobdesk_workers", "Registered workers, from release 3.1 on.", ("profile", "state"), rows)

    def _counters(self, seen: Sequence[Seen]) -> Iterator[Metric]:
        asked = CounterMetricFamily("jobdesk_questions", "Questions that were asked.", labels=("profile", "result"))
        for each in seen:
            asked.add_metric((each.name, "answered"), each.questions - each.failures)
            asked.add_metric((each.name, "failed"), each.failures)
        yield asked
        for kind in ("queue", "task") if self._with_tasks else ("queue",):
            name = "jobdesk_job_events" if kind == "queue" else "jobdesk_task_job_events"
            text = "What has happened to jobs since this exporter started."
            family = CounterMetricFamily(name, text, labels=("profile", kind, "event"))
            for each in seen:
                for (label, event), number in self._happened(each, kind).items():
                    family.add_metric((each.name, label, event), number)
            yield family

    def _spans(self, seen: Sequence[Seen], kind: str) -> Iterator[Metric]:
        for span, text in _SPANS:
            name = f"jobdesk_{'' if kind == 'queue' else 'task_'}job_{span}_seconds"
            family = HistogramMetricFamily(name, f"{text}, since this exporter started.", labels=("profile", kind))
            for each in seen:
                lasted = self._lasted(each, kind, span)
                for label, buckets in ({name: Buckets() for name in self._known(each.name, kind)} | lasted).items():
                    family.add_metric((each.name, label), list(zip(_ENDS, buckets.at_most, strict=True)), buckets.sum_s)
            yield family

    def _lately(self, seen: Sequence[Seen], kind: str) -> Iterator[Metric]:
        for span, text in _SPANS:
            rows = []
            for each in seen:
                for label, buckets in self._lasted(each, kind, span).items():
                    of_all = [(part, buckets.percentile(part / 100)) for part in _PERCENTILES]
                    rows += [((each.name, label, str(part)), value) for part, value in of_all if value is not None]
            name = f"jobdesk_recent_{'' if kind == 'queue' else 'task_'}job_{span}_seconds"
            yield _gauge(name, f"{text}, within the last hour.", ("profile", kind, "percentile"), rows)

    def _lasted(self, seen: Seen, kind: str, span: Span) -> dict[str, Buckets]:
        lasted = seen.tally.of_queues(span) if kind == "queue" else seen.tally.of_tasks(span)
        names = self._known(seen.name, kind)
        names.of(lasted)
        found: dict[str, Buckets] = {}
        for name, buckets in lasted.items():
            found.setdefault(names.label(name), Buckets()).add(buckets)
        return found

    def _happened(self, seen: Seen, kind: str) -> Counter[tuple[str, str]]:
        counted = seen.tally.events.copy()
        names = self._known(seen.name, kind)
        names.of(queue if kind == "queue" else task for queue, task, _ in counted)
        # Each name has all its events from the start: a counter that appears late loses its first step.
        found: Counter[tuple[str, str]] = Counter({(name, event.value): 0 for name in names for event in EVENTS})
        for (queue, task, event), number in counted.items():
            if event in EVENTS:
                found[names.label(queue if kind == "queue" else task), event.value] += number
        return found


def _attention(seen: Sequence[Seen]) -> Iterator[Metric]:
    """How many lines each rule says, also none where it could judge; and the number that each of the worst measures."""
    counts: list[tuple[tuple[str, ...], float]] = []
    lines: list[tuple[tuple[str, ...], float]] = []
    for each in seen:
        assert each.look is not None
        told = attention(each.look.situation)
        numbers = Counter(line.rule for line in told)
        judged = [rule for rule in RULES if numbers[rule] or _is_judged(rule, each.look.situation)]
        counts += [((each.name, rule), float(numbers[rule])) for rule in judged]
        by_key = {(line.rule, line.subject): line for line in told[:MOST_LINES]}
        lines += [((each.name, line.rule, line.subject, line.tone), float(line.number)) for line in by_key.values()]
    yield _gauge("jobdesk_attention_lines", "How many lines a rule says need attention.", ("profile", "rule"), counts)
    text = "What a rule measures of a subject that needs attention, in jobs or seconds."
    yield _gauge("jobdesk_attention", text, ("profile", "rule", "subject", "tone"), lines)


def _is_judged(rule: RuleKey, situation: Situation) -> bool:
    """Whether the rule had what it goes by: then none is a zero, and not a guess."""
    if rule in ("no_worker", "unresponsive_worker", "stalled_jobs"):
        return situation.open.workers is not None
    facts = {
        "unrecorded": situation.unrecorded,
        "schedule": situation.schedules,
        "lock": situation.lock_lines,
        "unserved": situation.served,
        "long_run": situation.long_runs,
        "backlog": situation.growths,
        "slow_database": situation.latency,
        # Told by a metric of its own.
        "oldest_due": None,
    }
    return facts.get(rule, ()) is not None


def _up(seen: Sequence[Seen]) -> list[tuple[tuple[str, ...], float]]:
    return [((each.name,), float(each.is_up)) for each in seen]


def _gauge(
    name: str, text: str, labels: Sequence[str], rows: Iterable[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family
