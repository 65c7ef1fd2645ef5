"""A Grafana dashboard of the exporter's metrics, made here so that it names none that there is not."""

from __future__ import annotations

from typing import Any

#: How Grafana knows it, and what its panels ask.
UID, SOURCE = "jobdesk", {"type": "prometheus", "uid": "${source}"}
_OF = '{profile=~"$profile"}'
_EVENTS = 'sum by ({by}) (rate(jobdesk_job_events_total{{profile=~"$profile", event=~"{events}"}}[$__rate_interval]))'
_P95 = (
    "histogram_quantile(0.95, sum by (queue, le) "
    '(rate(jobdesk_job_{span}_seconds_bucket{{profile=~"$profile"}}[$__rate_interval])))'
)


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana imports it."""
    tiles = [
        _tile("Databases that answer", f"sum(jobdesk_up{_OF})", "green"),
        _tile("Need attention", f"sum(jobdesk_attention_lines{_OF})", "red"),
        _tile("Due", f"sum(jobdesk_jobs_due{_OF})", "blue"),
        _tile("Oldest due", f"max(jobdesk_oldest_due_seconds{_OF})", "orange", unit="s"),
        _tile("Stalled", f"sum(jobdesk_jobs_stalled{_OF})", "red"),
        _tile("Workers alive", 'sum(jobdesk_workers{profile=~"$profile", state="alive"})', "green"),
    ]
    table = _table("Needs attention now", f"jobdesk_attention{_OF}")
    return {
        "uid": UID,
        "title": "Jobdesk: Procrastinate job queues",
        "description": "Shows what jobdesk-core metrics tells.",
        "tags": ["jobdesk", "procrastinate"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": [_source(), _profile()]},
        "panels": _placed(tiles, _graphs(), table),
    }


def _graphs() -> list[dict[str, Any]]:
    return [
        _graph("Due jobs by queue", [(f"sum by (queue) (jobdesk_jobs_due{_OF})", "{{queue}}")]),
        _graph(
            "Oldest due job by queue", [(f"max by (queue) (jobdesk_oldest_due_seconds{_OF})", "{{queue}}")], unit="s"
        ),
        _graph(
            "Runs that ended, per second",
            [(_EVENTS.format(by="event", events="succeeded|failed|aborted|deferred_for_retry"), "{{event}}")],
            unit="ops",
            is_stacked=True,
        ),
        _graph(
            "Failures by queue, per second",
            [(_EVENTS.format(by="queue", events="failed|deferred_for_retry"), "{{queue}}")],
            unit="ops",
        ),
        _graph(
            "How long jobs had waited when they began, 95th percentile by queue",
            [(_P95.format(span="wait"), "{{queue}}")],
            unit="s",
        ),
        _graph("How long runs lasted, 95th percentile by queue", [(_P95.format(span="run"), "{{queue}}")], unit="s"),
        _graph(
            "Running and stalled",
            [
                (f"sum(jobdesk_jobs_running{_OF})", "running"),
                (f"sum(jobdesk_jobs_stalled{_OF})", "stalled"),
                (f"sum(jobdesk_jobs_held{_OF})", "held by a lock"),
                (f"sum(jobdesk_jobs_scheduled{_OF})", "scheduled"),
            ],
        ),
        _graph("Workers", [(f"sum by (state) (jobdesk_workers{_OF})", "{{state}}")]),
        _graph("What needs attention", [(f"sum by (rule) (jobdesk_attention_lines{_OF})", "{{rule}}")]),
        _graph(
            "How long the database takes to answer",
            [
                (f"max by (profile) (jobdesk_answer_seconds{_OF})", "{{profile}}"),
                (f"max by (profile) (jobdesk_answer_cost_seconds{_OF})", "{{profile}}, of the server"),
            ],
            unit="s",
        ),
    ]


def _placed(tiles: list[dict[str, Any]], graphs: list[dict[str, Any]], table: dict[str, Any]) -> list[dict[str, Any]]:
    """A row of tiles, the table, and then two graphs beside each other, on Grafana's 24 columns."""
    width = 24 // len(tiles)
    panels = [each | {"gridPos": {"x": at * width, "y": 0, "w": width, "h": 4}} for at, each in enumerate(tiles)]
    panels.append(table | {"gridPos": {"x": 0, "y": 4, "w": 24, "h": 6}})
    for at, each in enumerate(graphs):
        panels.append(each | {"gridPos": {"x": 12 * (at % 2), "y": 10 + 8 * (at // 2), "w": 12, "h": 8}})
    return [panel | {"id": number} for number, panel in enumerate(panels, 1)]


def _targets(queries: list[tuple[str, str]], **more: Any) -> list[dict[str, Any]]:
    return [
        {"refId": chr(ord("A") + at), "datasource": SOURCE, "expr": expr, "legendFormat": legend, **more}
        for at, (expr, legend) in enumerate(queries)
    ]


def _tile(title: str, expr: str, colour: str, unit: str = "none") -> dict[str, Any]:
    return {
        "type": "stat",
        "title": title,
        "datasource": SOURCE,
        "targets": _targets([(expr, "")], instant=True),
        "fieldConfig": {
            "defaults": {"unit": unit, "decimals": 0, "color": {"mode": "fixed", "fixedColor": colour}},
            "overrides": [],
        },
        "options": {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "graphMode": "none"},
    }


def _graph(
    title: str, queries: list[tuple[str, str]], unit: str = "short", *, is_stacked: bool = False
) -> dict[str, Any]:
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 20 if is_stacked else 5, "showPoints": "never"}
    custom |= {"stacking": {"mode": "normal" if is_stacked else "none", "group": "A"}}
    return {
        "type": "timeseries",
        "title": title,
        "datasource": SOURCE,
        "targets": _targets(queries),
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": custom}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def _table(title: str, expr: str) -> dict[str, Any]:
    hidden = {"Time": True, "__name__": True, "instance": True, "job": True}
    return {
        "type": "table",
        "title": title,
        "datasource": SOURCE,
        "targets": _targets([(expr, "")], instant=True, format="table"),
        "fieldConfig": {"defaults": {"custom": {"align": "auto"}}, "overrides": []},
        "options": {"showHeader": True},
        "transformations": [
            {"id": "organize", "options": {"excludeByName": hidden, "renameByName": {"Value": "number"}}}
        ],
    }


def _source() -> dict[str, Any]:
    return {"name": "source", "label": "Source", "type": "datasource", "query": "prometheus", "hide": 0, "refresh": 1}


def _profile() -> dict[str, Any]:
    query = "label_values(jobdesk_up, profile)"
    return {
        "name": "profile",
        "label": "Database",
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": "profile"},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
        "hide": 0,
    }
