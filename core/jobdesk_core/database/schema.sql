-- The tables, functions and triggers that Jobdesk and Procrastinate 3.4 to 3.10 share.
-- Written from the description of the interface; names and types are the interface and must not change.

CREATE TYPE procrastinate_job_status AS ENUM (
    'todo', 'doing', 'succeeded', 'failed', 'cancelled', 'aborting', 'aborted'
);

CREATE TYPE procrastinate_job_event_type AS ENUM (
    'deferred', 'started', 'deferred_for_retry', 'failed', 'succeeded', 'cancelled',
    'abort_requested', 'aborted', 'scheduled', 'retried'
);

CREATE TYPE procrastinate_job_to_defer_v1 AS (
    queue_name character varying,
    task_name character varying,
    priority integer,
    lock text,
    queueing_lock text,
    args jsonb,
    scheduled_at timestamp with time zone
);

-- Tables

CREATE TABLE procrastinate_workers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    last_heartbeat timestamp with time zone NOT NULL DEFAULT now()
);

CREATE TABLE procrastinate_jobs (
    id bigserial PRIMARY KEY,
    queue_name character varying(128) NOT NULL,
    task_name character varying(128) NOT NULL,
    priority integer NOT NULL DEFAULT 0,
    lock text,
    queueing_lock text,
    args jsonb NOT NULL DEFAULT '{}',
    status procrastinate_job_status NOT NULL DEFAULT 'todo',
    scheduled_at timestamp with time zone,
    attempts integer NOT NULL DEFAULT 0,
    abort_requested boolean NOT NULL DEFAULT false,
    worker_id bigint REFERENCES procrastinate_workers (id) ON DELETE SET NULL,
    CONSTRAINT check_not_todo_abort_requested CHECK (NOT (status = 'todo' AND abort_requested = true))
);

CREATE TABLE procrastinate_periodic_defers (
    id bigserial PRIMARY KEY,
    task_name character varying(128) NOT NULL,
    defer_timestamp bigint,
    job_id bigint REFERENCES procrastinate_jobs (id),
    periodic_id character varying(128) NOT NULL DEFAULT '',
    CONSTRAINT procrastinate_periodic_defers_unique UNIQUE (task_name, periodic_id, defer_timestamp)
);

CREATE TABLE procrastinate_events (
    id bigserial PRIMARY KEY,
    job_id bigint NOT NULL REFERENCES procrastinate_jobs (id) ON DELETE CASCADE,
    type procrastinate_job_event_type,
    at timestamp with time zone DEFAULT now()
);

-- Indexes: one running job per lock, one waiting job per queueing lock, and the order of fetching.

CREATE UNIQUE INDEX procrastinate_jobs_lock_idx_v1
    ON procrastinate_jobs (lock) WHERE status = 'doing';
CREATE UNIQUE INDEX procrastinate_jobs_queueing_lock_idx_v1
    ON procrastinate_jobs (queueing_lock) WHERE status = 'todo';
CREATE INDEX procrastinate_jobs_queue_name_idx_v1 ON procrastinate_jobs (queue_name);
CREATE INDEX procrastinate_jobs_id_lock_idx_v1
    ON procrastinate_jobs (id, lock) WHERE status IN ('todo', 'doing');
CREATE INDEX procrastinate_jobs_priority_idx_v1
    ON procrastinate_jobs (priority DESC, id) WHERE status = 'todo';
CREATE INDEX idx_procrastinate_jobs_worker_not_null
    ON procrastinate_jobs (worker_id) WHERE worker_id IS NOT NULL AND status = 'doing';
CREATE INDEX procrastinate_events_job_id_fkey_v1 ON procrastinate_events (job_id);
CREATE INDEX procrastinate_periodic_defers_job_id_fkey_v1 ON procrastinate_periodic_defers (job_id);
CREATE INDEX idx_procrastinate_workers_last_heartbeat ON procrastinate_workers (last_heartbeat);

-- Deferring

CREATE FUNCTION procrastinate_defer_jobs_v1(jobs procrastinate_job_to_defer_v1[])
    RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    new_ids bigint[];
BEGIN
    WITH inserted AS (
        INSERT INTO procrastinate_jobs
            (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
        SELECT wanted.queue_name, wanted.task_name, wanted.priority, wanted.lock,
               wanted.queueing_lock, wanted.args, wanted.scheduled_at
          FROM unnest(jobs) WITH ORDINALITY AS wanted
         ORDER BY wanted.ordinality
        RETURNING id
    )
    SELECT coalesce(array_agg(inserted.id ORDER BY inserted.id), '{}') INTO new_ids FROM inserted;
    RETURN new_ids;
END;
$$;

-- The job of one due time of a periodic task, or NULL when someone has deferred it already.
CREATE FUNCTION procrastinate_defer_periodic_job_v2(
    _queue_name character varying,
    _lock character varying,
    _queueing_lock character varying,
    _task_name character varying,
    _priority integer,
    _periodic_id character varying,
    _defer_timestamp bigint,
    _args jsonb
)
    RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    _defer_id bigint;
    _job_id bigint;
BEGIN
    INSERT INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp)
    VALUES (_task_name, _periodic_id, _defer_timestamp)
    ON CONFLICT DO NOTHING
    RETURNING id INTO _defer_id;
    IF _defer_id IS NULL THEN
        RETURN NULL;
    END IF;

    _job_id := (procrastinate_defer_jobs_v1(ARRAY[
        ROW(_queue_name, _task_name, _priority, _lock, _queueing_lock, _args, NULL)::procrastinate_job_to_defer_v1
    ]))[1];
    UPDATE procrastinate_periodic_defers SET job_id = _job_id WHERE id = _defer_id;

    -- Older times are of no more use; another worker may be cleaning up the same rows.
    DELETE FROM procrastinate_periodic_defers
     WHERE id IN (
        SELECT older.id FROM procrastinate_periodic_defers AS older
         WHERE older.task_name = _task_name
           AND older.periodic_id = _periodic_id
           AND older.defer_timestamp < _defer_timestamp
         ORDER BY older.id
           FOR UPDATE SKIP LOCKED
     );
    RETURN _job_id;
END;
$$;

-- Running

-- Start the next job for a worker: due, in one of its queues (NULL: any), highest priority first, then
-- the oldest. A lock belongs to its running job, or else to the first of its waiting ones, due or not.
CREATE FUNCTION procrastinate_fetch_job_v2(target_queue_names character varying[], p_worker_id bigint)
    RETURNS procrastinate_jobs LANGUAGE plpgsql AS $$
DECLARE
    found_job procrastinate_jobs;
BEGIN
    UPDATE procrastinate_jobs
       SET status = 'doing', worker_id = p_worker_id
     WHERE id = (
        SELECT job.id
          FROM procrastinate_jobs AS job
         WHERE job.status = 'todo'
           AND (target_queue_names IS NULL OR job.queue_name = ANY (target_queue_names))
           AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())
           AND (job.lock IS NULL OR NOT EXISTS (
                SELECT FROM procrastinate_jobs AS other
                 WHERE other.lock = job.lock
                   AND (other.status = 'doing'
                        OR (other.status = 'todo'
                            AND (other.priority > job.priority
                                 OR (other.priority = job.priority AND other.id < job.id))))
           ))
         ORDER BY job.priority DESC, job.id
         LIMIT 1
           FOR UPDATE OF job SKIP LOCKED
     )
    RETURNING * INTO found_job;
    RETURN found_job;
END;
$$;

CREATE FUNCTION procrastinate_finish_job_v1(
    job_id bigint, end_status procrastinate_job_status, delete_job boolean
)
    RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found_id bigint;
BEGIN
    IF end_status NOT IN ('succeeded', 'failed', 'aborted') THEN
        RAISE 'End status should be either "succeeded", "failed" or "aborted" (job id: %)', job_id;
    END IF;
    IF delete_job THEN
        DELETE FROM procrastinate_jobs AS job
         WHERE job.id = job_id AND job.status IN ('todo', 'doing')
        RETURNING job.id INTO found_id;
    ELSE
        UPDATE procrastinate_jobs AS job
           SET status = end_status,
               abort_requested = false,
               attempts = job.attempts + CASE WHEN job.status = 'doing' THEN 1 ELSE 0 END
         WHERE job.id = job_id AND job.status IN ('todo', 'doing')
        RETURNING job.id INTO found_id;
    END IF;
    IF found_id IS NULL THEN
        RAISE 'Job was not found or not in "doing" or "todo" status (job id: %)', job_id;
    END IF;
END;
$$;

-- Acting on a job

CREATE FUNCTION procrastinate_cancel_job_v1(job_id bigint, abort boolean, delete_job boolean)
    RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found_id bigint;
BEGIN
    IF delete_job THEN
        DELETE FROM procrastinate_jobs AS job
         WHERE job.id = job_id AND job.status = 'todo'
        RETURNING job.id INTO found_id;
    ELSIF abort THEN
        UPDATE procrastinate_jobs AS job
           SET status = 'cancelled', abort_requested = true
         WHERE job.id = job_id AND job.status = 'todo'
        RETURNING job.id INTO found_id;
    ELSE
        UPDATE procrastinate_jobs AS job
           SET status = 'cancelled'
         WHERE job.id = job_id AND job.status = 'todo'
        RETURNING job.id INTO found_id;
    END IF;
    IF found_id IS NULL AND abort THEN
        UPDATE procrastinate_jobs AS job
           SET abort_requested = true
         WHERE job.id = job_id AND job.status = 'doing'
        RETURNING job.id INTO found_id;
    END IF;
    RETURN found_id;
END;
$$;

-- A running job whose abort was requested is not retried: it fails, and keeps the request.
CREATE FUNCTION procrastinate_retry_job_v1(
    job_id bigint,
    retry_at timestamp with time zone,
    new_priority integer,
    new_queue_name character varying,
    new_lock character varying
)
    RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    is_aborting boolean;
BEGIN
    SELECT job.abort_requested INTO is_aborting
      FROM procrastinate_jobs AS job
     WHERE job.id = job_id AND job.status = 'doing'
       FOR UPDATE;
    IF NOT FOUND THEN
        RAISE 'Job was not found or not in "doing" status (job id: %)', job_id;
    END IF;
    IF is_aborting THEN
        UPDATE procrastinate_jobs AS job SET status = 'failed' WHERE job.id = job_id;
        RETURN;
    END IF;
    UPDATE procrastinate_jobs AS job
       SET status = 'todo',
           attempts = job.attempts + 1,
           scheduled_at = retry_at,
           priority = coalesce(new_priority, job.priority),
           queue_name = coalesce(new_queue_name, job.queue_name),
           lock = coalesce(new_lock, job.lock)
     WHERE job.id = job_id;
END;
$$;

-- As above, and from failed too.
CREATE FUNCTION procrastinate_retry_job_v2(
    job_id bigint,
    retry_at timestamp with time zone,
    new_priority integer,
    new_queue_name character varying,
    new_lock character varying
)
    RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    old_status procrastinate_job_status;
    is_aborting boolean;
BEGIN
    SELECT job.status, job.abort_requested INTO old_status, is_aborting
      FROM procrastinate_jobs AS job
     WHERE job.id = job_id AND job.status IN ('doing', 'failed')
       FOR UPDATE;
    IF NOT FOUND THEN
        RAISE 'Job was not found or has an invalid status to retry (job id: %)', job_id;
    END IF;
    IF old_status = 'doing' AND is_aborting THEN
        UPDATE procrastinate_jobs AS job SET status = 'failed' WHERE job.id = job_id;
        RETURN;
    END IF;
    UPDATE procrastinate_jobs AS job
       SET status = 'todo',
           attempts = job.attempts + 1,
           scheduled_at = retry_at,
           priority = coalesce(new_priority, job.priority),
           queue_name = coalesce(new_queue_name, job.queue_name),
           lock = coalesce(new_lock, job.lock)
     WHERE job.id = job_id;
END;
$$;

-- Workers

CREATE FUNCTION procrastinate_register_worker_v1()
    RETURNS TABLE (worker_id bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id;
END;
$$;

CREATE FUNCTION procrastinate_unregister_worker_v1(worker_id bigint)
    RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM procrastinate_workers AS worker WHERE worker.id = worker_id;
END;
$$;

CREATE FUNCTION procrastinate_update_heartbeat_v1(worker_id bigint)
    RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE procrastinate_workers AS worker SET last_heartbeat = now() WHERE worker.id = worker_id;
END;
$$;

CREATE FUNCTION procrastinate_prune_stalled_workers_v1(seconds_since_heartbeat double precision)
    RETURNS TABLE (worker_id bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    DELETE FROM procrastinate_workers AS worker
     WHERE worker.last_heartbeat < now() - seconds_since_heartbeat * interval '1 second'
    RETURNING worker.id;
END;
$$;

-- Triggers. Several on one statement fire in the order of their names.

CREATE FUNCTION procrastinate_notify_queue_job_inserted_v1()
    RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    message text := json_build_object('type', 'job_inserted', 'job_id', NEW.id)::text;
BEGIN
    PERFORM pg_notify('procrastinate_queue_v1#' || NEW.queue_name, message);
    PERFORM pg_notify('procrastinate_any_queue_v1', message);
    RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_notify_queue_abort_job_v1()
    RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    message text := json_build_object('type', 'abort_job_requested', 'job_id', NEW.id)::text;
BEGIN
    PERFORM pg_notify('procrastinate_queue_v1#' || NEW.queue_name, message);
    PERFORM pg_notify('procrastinate_any_queue_v1', message);
    RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_trigger_function_status_events_insert_v1()
    RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO procrastinate_events (job_id, type) VALUES (NEW.id, 'deferred');
    RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_trigger_function_status_events_update_v1()
    RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    event procrastinate_job_event_type;
BEGIN
    event := CASE
        WHEN OLD.status = 'todo' AND NEW.status = 'doing' THEN 'started'
        WHEN OLD.status = 'todo' AND NEW.status IN ('cancelled', 'succeeded', 'failed') THEN 'cancelled'
        WHEN OLD.status = 'doing' AND NEW.status = 'todo' THEN 'deferred_for_retry'
        WHEN OLD.status = 'doing' AND NEW.status = 'succeeded' THEN 'succeeded'
        WHEN OLD.status = 'doing' AND NEW.status = 'failed' THEN 'failed'
        WHEN OLD.status = 'doing' AND NEW.status = 'aborted' THEN 'aborted'
        WHEN OLD.status = 'failed' AND NEW.status = 'todo' THEN 'retried'
    END;
    IF event IS NOT NULL THEN
        INSERT INTO procrastinate_events (job_id, type) VALUES (NEW.id, event);
    END IF;
    RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_trigger_function_scheduled_events_v1()
    RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO procrastinate_events (job_id, type, at) VALUES (NEW.id, 'scheduled', NEW.scheduled_at);
    RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_trigger_abort_requested_events_procedure_v1()
    RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO procrastinate_events (job_id, type) VALUES (NEW.id, 'abort_requested');
    RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_unlink_periodic_defers_v1()
    RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE procrastinate_periodic_defers SET job_id = NULL WHERE job_id = OLD.id;
    RETURN OLD;
END;
$$;

CREATE TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1
    AFTER INSERT ON procrastinate_jobs FOR EACH ROW
    WHEN (NEW.status = 'todo')
    EXECUTE FUNCTION procrastinate_notify_queue_job_inserted_v1();

CREATE TRIGGER procrastinate_jobs_notify_queue_job_aborted_v1
    AFTER UPDATE OF abort_requested ON procrastinate_jobs FOR EACH ROW
    WHEN (OLD.abort_requested = false AND NEW.abort_requested = true AND NEW.status = 'doing')
    EXECUTE FUNCTION procrastinate_notify_queue_abort_job_v1();

CREATE TRIGGER procrastinate_trigger_status_events_insert_v1
    AFTER INSERT ON procrastinate_jobs FOR EACH ROW
    WHEN (NEW.status = 'todo')
    EXECUTE FUNCTION procrastinate_trigger_function_status_events_insert_v1();

CREATE TRIGGER procrastinate_trigger_status_events_update_v1
    AFTER UPDATE OF status ON procrastinate_jobs FOR EACH ROW
    EXECUTE FUNCTION procrastinate_trigger_function_status_events_update_v1();

CREATE TRIGGER procrastinate_trigger_scheduled_events_v1
    AFTER INSERT OR UPDATE ON procrastinate_jobs FOR EACH ROW
    WHEN (NEW.scheduled_at IS NOT NULL AND NEW.status = 'todo')
    EXECUTE FUNCTION procrastinate_trigger_function_scheduled_events_v1();

CREATE TRIGGER procrastinate_trigger_abort_requested_events_v1
    AFTER UPDATE OF abort_requested ON procrastinate_jobs FOR EACH ROW
    WHEN (NEW.abort_requested = true)
    EXECUTE FUNCTION procrastinate_trigger_abort_requested_events_procedure_v1();

CREATE TRIGGER procrastinate_trigger_delete_jobs_v1
    BEFORE DELETE ON procrastinate_jobs FOR EACH ROW
    EXECUTE FUNCTION procrastinate_unlink_periodic_defers_v1();
