-- What this database offers, in one row. to_regclass and to_regtype return NULL instead of failing.
SELECT
    current_user::text AS role,
    current_database()::text AS database,
    current_setting('server_version_num')::integer AS server_version,
    pg_is_in_recovery() AS is_standby,
    to_regclass('procrastinate_jobs') IS NOT NULL AS has_schema,
    -- What has no rows of its own, a view or a foreign table, has neither versions of them nor statistics.
    coalesce((SELECT relkind NOT IN ('r', 'p') FROM pg_class WHERE oid = to_regclass('procrastinate_jobs')), false)
        AS is_view,
    to_regclass('procrastinate_workers') IS NOT NULL AS has_workers,
    ARRAY(
        SELECT attname::text FROM pg_attribute
         WHERE attrelid = to_regclass('procrastinate_jobs') AND attnum > 0 AND NOT attisdropped ORDER BY attnum
    ) AS columns,
    ARRAY(
        SELECT enumlabel::text FROM pg_enum
         WHERE enumtypid = to_regtype('procrastinate_job_status') ORDER BY enumsortorder
    ) AS statuses,
    ARRAY(
        SELECT enumlabel::text FROM pg_enum
         WHERE enumtypid = to_regtype('procrastinate_job_event_type') ORDER BY enumsortorder
    ) AS event_types,
    ARRAY(
        SELECT tgname::text FROM pg_trigger
         WHERE tgrelid = to_regclass('procrastinate_jobs') AND NOT tgisinternal
    ) AS triggers,
    -- Not to_regprocedure: before PostgreSQL 16 it fails on a type that is not there.
    -- Nor regprocedure's text, which the search_path and quote_all_identifiers decide.
    ARRAY(
        SELECT proname || '(' || coalesce((
            SELECT string_agg(
                       CASE WHEN kind.typnamespace = 'pg_catalog'::regnamespace
                       THEN replace(format_type(kind.oid, NULL), '"', '')
                       ELSE coalesce(element.typname || '[]', kind.typname::text) END, ',' ORDER BY argument.number)
              FROM unnest(proargtypes::oid[]) WITH ORDINALITY AS argument (type, number)
              JOIN pg_type AS kind ON kind.oid = argument.type
              LEFT JOIN pg_type AS element ON element.oid = kind.typelem AND kind.typcategory = 'A'
        ), '') || ')' FROM pg_proc
         WHERE proname LIKE 'procrastinate\_%%' AND pg_function_is_visible(oid)
    ) AS functions,
    -- Every function's text as a fingerprint: without comments, blanks, brackets, and what only spares a job without
    -- a lock a look at the others. What it does is told by its text alone: releases and deployments replace it.
    ARRAY(
        SELECT proname || ' ' || md5(replace(replace(translate(
                   regexp_replace(regexp_replace(prosrc, '--[^\n]*', '', 'g'), '\s+', '', 'g'), '()', ''),
                   'jobs.lockISNULLOR', ''), 'jobs.lockISNOTNULLAND', ''))
          FROM pg_proc WHERE proname LIKE 'procrastinate\_%%' AND pg_function_is_visible(oid) ORDER BY 1
    ) AS bodies,
    -- The texts of the functions by which workers take jobs: what lies in the way of a job.
    ARRAY(
        SELECT proname || ' ' || prosrc FROM pg_proc
         WHERE proname LIKE 'procrastinate\_fetch\_job%%' AND pg_function_is_visible(oid)
    ) AS fetches,
    coalesce(has_table_privilege(to_regclass('procrastinate_paused_queues'), 'SELECT'), false) AS has_paused_queues,
    -- What a function does is told by its text, without blanks: a deployment may have replaced it.
    ARRAY(
        SELECT proname || ' ' || md5(regexp_replace(prosrc, '\s+', '', 'g')) FROM pg_proc
         WHERE proname LIKE 'procrastinate\_cancel\_job%%' AND pg_function_is_visible(oid)
    ) AS cancels,
    EXISTS (
        SELECT FROM pg_constraint
         WHERE contype = 'f' AND confdeltype = 'c' AND conrelid = to_regclass('procrastinate_events')
           AND confrelid = to_regclass('procrastinate_jobs')
    ) AS deletes_events,
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create,
    -- Where the tables lie, which need not be the first schema of the search_path.
    coalesce((SELECT nspname::text FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
               WHERE class.oid = to_regclass('procrastinate_jobs')), current_schema()::text, '') AS schema,
    -- Where else there are tables of these names that this role may see, though its search_path does not lead there.
    ARRAY(
        SELECT space.nspname || ' ' || (
            SELECT count(*) FROM pg_class AS other
             WHERE other.relnamespace = space.oid AND other.relkind IN ('r', 'p')
               AND other.relname IN ('procrastinate_events', 'procrastinate_periodic_defers'))
          FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
         WHERE class.relname = 'procrastinate_jobs' AND class.relkind IN ('r', 'p')
           AND NOT pg_table_is_visible(class.oid) AND has_schema_privilege(space.oid, 'USAGE')
         ORDER BY space.nspname
    ) AS elsewhere,
    ARRAY(
        SELECT wanted.privilege || ' ' || wanted.relation
          FROM unnest(%(relations)s::text[], %(privileges)s::text[]) AS wanted (relation, privilege)
         WHERE to_regclass(wanted.relation) IS NOT NULL
           AND CASE WHEN wanted.privilege = 'USAGE'
               THEN NOT has_sequence_privilege(to_regclass(wanted.relation), 'USAGE')
               ELSE NOT has_table_privilege(to_regclass(wanted.relation), wanted.privilege) END
    ) AS missing
