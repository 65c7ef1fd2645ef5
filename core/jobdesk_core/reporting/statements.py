"""The SQL of the reports: what is written, what is found out about others, and what is forgotten."""

from __future__ import annotations

from jobdesk_core.reported.ddl import VERSION as VERSION

#: Every transaction is short, waits for nobody, and not for the disk either: a report may be lost with the server.
BEGIN = (
    "BEGIN READ WRITE; SET LOCAL statement_timeout = '4s'; SET LOCAL lock_timeout = '1s'; "
    "SET LOCAL synchronous_commit = off"
)
#: The installed version, and the server's time.
LOOK = "SELECT (SELECT max(version) FROM jobdesk.version) AS version, clock_timestamp() AS now"

# Rows come as one text of JSON, which costs the worker's process least to write.
ERRORS = """\
INSERT INTO jobdesk.errors
       (job_id, attempt, at, app, task_name, queue_name, type, message, traceback, fingerprint, worker, outcome)
SELECT * FROM json_to_recordset(%(rows)s::json) AS row (
       job_id bigint, attempt integer, at timestamptz, app text, task_name text, queue_name text, type text,
       message text, traceback text, fingerprint text, worker uuid, outcome text)
ON CONFLICT DO NOTHING"""

PROGRESS = """\
INSERT INTO jobdesk.progress AS known (job_id, attempt, done, total, note, at)
SELECT * FROM json_to_recordset(%(rows)s::json) AS row (
       job_id bigint, attempt integer, done float8, total float8, note text, at timestamptz)
 ORDER BY 1
ON CONFLICT (job_id) DO UPDATE
   SET attempt = excluded.attempt, done = excluded.done, total = excluded.total, note = excluded.note, at = excluded.at
 WHERE known.attempt <= excluded.attempt"""

LOGS = """\
INSERT INTO jobdesk.logs (job_id, attempt, at, lines)
SELECT * FROM json_to_recordset(%(rows)s::json) AS row (
       job_id bigint, attempt integer, at timestamptz, lines text)
 ORDER BY 1
ON CONFLICT (job_id, attempt) DO UPDATE SET at = excluded.at, lines = excluded.lines"""

#: Those of ours that someone has taken for lost: the network was away, or this process stood still.
TAKEN_FOR_LOST = "SELECT id FROM jobdesk.workers WHERE id = ANY (%(ids)s::uuid[]) AND ended_at IS NOT NULL"
NOT_LOST = "DELETE FROM jobdesk.errors WHERE worker = ANY (%(ids)s::uuid[]) AND outcome = 'lost'"
BEAT = """\
INSERT INTO jobdesk.workers (id, worker_id, app, host, pid, name, queues, concurrency, versions, started_at, beat_at,
                             ended_at, memory_bytes, cpu_share, running, dropped)
VALUES (%(id)s::uuid, %(worker_id)s::bigint, %(app)s::text, %(host)s::text, %(pid)s::integer, %(name)s::text,
        %(queues)s::text[], %(concurrency)s::integer, %(versions)s::jsonb, %(started_at)s::timestamptz, now(),
        CASE WHEN %(has_ended)s::boolean THEN now() END, %(memory_bytes)s::bigint, %(cpu_share)s::real,
        %(running)s::bigint[], %(dropped)s::bigint)
ON CONFLICT (id) DO UPDATE
   SET worker_id = excluded.worker_id, versions = excluded.versions, beat_at = excluded.beat_at,
       ended_at = excluded.ended_at, memory_bytes = excluded.memory_bytes, cpu_share = excluded.cpu_share,
       running = excluded.running, dropped = excluded.dropped"""

TASKS = """\
INSERT INTO jobdesk.tasks (app, name, doc, signature, queue, retry, aliases)
VALUES (%(app)s::text, %(name)s::text, %(doc)s::text, %(signature)s::jsonb, %(queue)s::text, %(retry)s::jsonb,
        %(aliases)s::text[])
ON CONFLICT (app, name) DO UPDATE
   SET doc = excluded.doc, signature = excluded.signature, queue = excluded.queue, retry = excluded.retry,
       aliases = excluded.aliases, reported_at = excluded.reported_at"""
SCHEDULES = """\
INSERT INTO jobdesk.schedules (app, task_name, periodic_id, cron, zone, arguments, queue)
VALUES (%(app)s::text, %(task_name)s::text, %(periodic_id)s::text, %(cron)s::text, %(zone)s::text,
        %(arguments)s::jsonb, %(queue)s::text)
ON CONFLICT (app, task_name, periodic_id) DO UPDATE
   SET cron = excluded.cron, zone = excluded.zone, arguments = excluded.arguments, queue = excluded.queue,
       reported_at = excluded.reported_at"""

# Workers that were killed. Their last heartbeat names their jobs, and so does Procrastinate's table where the release
# keeps the worker there. Of these, lost are those that are still running by that table, or that someone has put back:
# they would have told of any other end.
SILENT = """\
SELECT id, worker_id, app, host, pid, name, queues, running, beat_at FROM jobdesk.workers
 WHERE ended_at IS NULL AND beat_at < now() - make_interval(secs => %(seconds)s::float8)
 ORDER BY id LIMIT 20 FOR UPDATE SKIP LOCKED"""
HAS_JOBS = "SELECT has_table_privilege(to_regclass('procrastinate_jobs'), 'SELECT') AS may_read"
HAS_WORKER_ID = """\
SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('procrastinate_jobs')
                  AND attname = 'worker_id' AND NOT attisdropped) AS has_worker_id"""
RUNNING_BY_WORKER = (
    "SELECT id FROM procrastinate_jobs WHERE worker_id = %(worker_id)s::bigint AND status = 'doing' LIMIT 1000"
)
# When a worker starts, Procrastinate forgets whose the jobs of those were that have been silent for 30 s. Then they are
# the jobs without a worker that began after the last heartbeat, in a queue of this worker, and that nobody else runs.
ORPHANS = """\
SELECT job.id FROM procrastinate_jobs AS job
 WHERE job.status = 'doing' AND job.worker_id IS NULL
   AND (%(queues)s::text[] IS NULL OR job.queue_name = ANY (%(queues)s::text[]))
   AND EXISTS (SELECT FROM procrastinate_events AS event WHERE event.job_id = job.id AND event.type = 'started'
                  AND event.at BETWEEN %(beat_at)s::timestamptz - interval '1 second'
                                   AND %(beat_at)s::timestamptz + interval '15 seconds')
   AND NOT EXISTS (SELECT FROM jobdesk.workers AS other WHERE other.id <> %(id)s::uuid AND other.ended_at IS NULL
                      AND job.id = ANY (other.running))
 LIMIT 1000"""
# The run that was lost is the present one, unless somebody has put the job back since, and perhaps another worker runs
# it already: then it is the one before.
LOST = """\
INSERT INTO jobdesk.errors
       (job_id, attempt, at, app, task_name, queue_name, type, message, fingerprint, worker, outcome)
SELECT job.id, lost.attempt, %(at)s::timestamptz, %(app)s::text, job.task_name, job.queue_name, 'LostWithItsWorker',
       %(message)s::text, 'lost with its worker', %(worker)s::uuid, 'lost'
  FROM procrastinate_jobs AS job
 CROSS JOIN LATERAL (SELECT job.attempts + CASE WHEN job.status::text = 'todo'
       OR to_jsonb(job) ->> 'worker_id' <> (%(worker_id)s::bigint)::text
       OR EXISTS (SELECT FROM jobdesk.workers AS other
                   WHERE other.id <> %(worker)s::uuid AND other.ended_at IS NULL AND job.id = ANY (other.running)
                     AND other.beat_at > %(at)s::timestamptz) THEN 0 ELSE 1 END AS attempt) AS lost
 WHERE job.id = ANY (%(ids)s::bigint[]) AND job.status::text IN ('doing', 'aborting', 'todo') AND lost.attempt > 0
   AND NOT EXISTS (SELECT FROM jobdesk.errors AS told WHERE told.job_id = job.id AND told.attempt >= lost.attempt)
ON CONFLICT DO NOTHING"""
LEFT_BEHIND = "UPDATE jobdesk.workers SET ended_at = beat_at, running = '{}' WHERE id = ANY (%(ids)s::uuid[])"

#: One of all who report is enough.
ALONE = "SELECT pg_try_advisory_xact_lock(7382910466) AS is_mine"
#: What is forgotten, some rows at a time: by age, and what is too many. `most` and `days` come with each.
FORGET = {
    "errors": """\
DELETE FROM jobdesk.errors WHERE id = ANY (ARRAY(
    SELECT id FROM jobdesk.errors WHERE at < now() - make_interval(days => %(days)s::integer)
     ORDER BY at LIMIT %(step)s::integer)) OR id = ANY (ARRAY(
    SELECT id FROM jobdesk.errors WHERE id <= (SELECT max(id) FROM jobdesk.errors) - %(most)s::bigint
     ORDER BY id LIMIT %(step)s::integer))""",
    "workers": """\
DELETE FROM jobdesk.workers WHERE id = ANY (ARRAY(
    SELECT id FROM jobdesk.workers WHERE beat_at < now() - make_interval(days => %(days)s::integer)
     ORDER BY beat_at LIMIT %(step)s::integer)) OR id = ANY (ARRAY(
    SELECT id FROM jobdesk.workers ORDER BY beat_at DESC, id OFFSET %(most)s::bigint LIMIT %(step)s::integer))""",
    "progress": """\
DELETE FROM jobdesk.progress WHERE job_id = ANY (ARRAY(
    SELECT job_id FROM jobdesk.progress WHERE at < now() - make_interval(days => %(days)s::integer)
     ORDER BY at LIMIT %(step)s::integer)) OR job_id = ANY (ARRAY(
    SELECT job_id FROM jobdesk.progress ORDER BY at DESC, job_id OFFSET %(most)s::bigint LIMIT %(step)s::integer))""",
    "logs": """\
DELETE FROM jobdesk.logs WHERE (job_id, attempt) IN (
    SELECT job_id, attempt FROM jobdesk.logs WHERE at < now() - make_interval(days => %(days)s::integer)
     ORDER BY at LIMIT %(step)s::integer) OR (job_id, attempt) IN (
    SELECT job_id, attempt FROM jobdesk.logs ORDER BY at DESC, job_id OFFSET %(most)s::bigint
     LIMIT %(step)s::integer)""",
    "tasks": """\
DELETE FROM jobdesk.tasks WHERE (app, name) IN (
    SELECT app, name FROM jobdesk.tasks WHERE reported_at < now() - make_interval(days => %(days)s::integer)
     LIMIT %(step)s::integer) OR (app, name) IN (
    SELECT app, name FROM jobdesk.tasks ORDER BY reported_at DESC, app, name OFFSET %(most)s::bigint
     LIMIT %(step)s::integer)""",
    "schedules": """\
DELETE FROM jobdesk.schedules WHERE (app, task_name, periodic_id) IN (
    SELECT app, task_name, periodic_id FROM jobdesk.schedules
     WHERE reported_at < now() - make_interval(days => %(days)s::integer) LIMIT %(step)s::integer)
    OR (app, task_name, periodic_id) IN (
    SELECT app, task_name, periodic_id FROM jobdesk.schedules ORDER BY reported_at DESC, app, task_name, periodic_id
    OFFSET %(most)s::bigint LIMIT %(step)s::integer)""",
}
