"""The names of Procrastinate 3.10 that jobdesk_core leaves out or has otherwise, each with the reason.

The page of the help "Coming from Procrastinate" says the same; a test compares them.
"""

from __future__ import annotations

#: Modules that nobody imports to write a program, and a whole framework.
MODULES = {
    "cli": "The command line is `jobdesk-core`, with commands and options of its own.",
    "shell": "Jobdesk itself, and its command line, show and act on jobs.",
    "sql": "Each statement stands beside its decoding, chosen by what the database offers.",
    "metadata": "The version is `jobdesk_core.__version__`.",
    "contrib.django": "There is no integration with Django: its models and migrations belong to the library.",
    "contrib.sphinx": "It documents the library's own tasks.",
}

#: Names by their place.
NAMES = {
    "AiopgConnector": "Theirs only says where it is; ours is the connector.",
    "Psycopg2Connector": "Theirs only says where it is; ours is the connector.",
    "signals.install": "`signals.on_stop` does both.",
    "signals.uninstall": "`signals.on_stop` does both.",
    "job_context.JobResult": "The library's worker keeps its notes in it; nothing hands one out.",
    "jobs.check_aware": "A validator of the library's own.",
    "jobs.AbortJobRequested": "A type of the library's own: a notification is a dict.",
    "jobs.JobInserted": "A type of the library's own: a notification is a dict.",
    "jobs.Notification": "A type of the library's own: a notification is a dict.",
    "manager.NotificationCallback": "A type of the library's own: see `listen_for_jobs`.",
    "manager.get_channel_for_queues": "The channels depend on the schema: `JobManager.listen_for_jobs` knows them.",
    "manager.QUEUEING_LOCK_CONSTRAINT": "The name depends on the schema: see `UniqueViolation.queueing_lock`.",
    "periodic.PeriodicDeferrer": "The worker's own loop over the schedules.",
    "periodic.PeriodicTask.croniter": "It is `schedule`.",
    "periodic.MARGIN": "A number of the library's own loop.",
    "periodic.MAX_DELAY": "It is `MAX_DELAY_S`; an app's is `periodic_defaults`.",
    "periodic.TaskAtTime": "A type of the library's own loop.",
    "connector.LISTEN_TIMEOUT": "A number of the library's own loop.",
    "psycopg_connector.psycopg_pool_version": "Releases of the pool that differ are not supported.",
    "psycopg_connector.wrap_exceptions": "A helper of the library's own.",
    "sync_psycopg_connector.wrap_exceptions": "A helper of the library's own.",
    "utils.CANCEL_ATTEMPTS": "A number of the library's own worker.",
    "utils.CANCEL_TIMEOUT": "A number of the library's own worker.",
    "utils.MovedElsewhere": "Nothing has moved here.",
    "utils.async_context_decorator": "A helper of the library's own.",
    "utils.async_to_sync": "It is asgiref's.",
    "utils.caller_module_name": "A helper of the library's own.",
    "utils.cancel_and_capture_errors": "A helper of the library's own worker.",
    "utils.gen_with_timeout": "A helper of the library's own worker.",
    "utils.import_or_wrapper": "A helper of the library's own.",
    "utils.sync_to_async": "It is asgiref's.",
    "utils.wait_any": "A helper of the library's own worker.",
}
