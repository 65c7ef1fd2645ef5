"""The texts of Procrastinate's functions that are known, as fingerprints: every release from 1.1.2 to 3.11, every
migration between them, and the schema that Jobdesk installs.

A fingerprint is the MD5 of the text as detect.sql reads it. That 3.11 spares a job without a lock the look at others
of its lock is left out there: the rule is the same.
"""

#: Per function the fingerprints of its known texts.
KNOWN: dict[str, tuple[str, ...]] = {
    "procrastinate_cancel_job": ("ce97199b60f602da3a88d1a80a1fbeae",),
    "procrastinate_cancel_job_v1": (
        "5ec604806d1900a838a0ccc34712f863",
        "7bb29b47e63d9b4e7f9fd809d0a0df5c",
    ),
    "procrastinate_defer_job": (
        "2a3a4175bc22a2f8eb8fa33be1069d79",
        "5562df7c0490a7875f34c7486ba4387d",
    ),
    "procrastinate_defer_job_v1": ("2a3a4175bc22a2f8eb8fa33be1069d79",),
    "procrastinate_defer_jobs_v1": (
        "a8a17d2331ef618060c293c738093b10",
        "ed203aec8d45979d4779046af02f2076",
    ),
    "procrastinate_defer_periodic_job": (
        "06817f5b38fcd0822643663e65963a66",
        "bd0bfc280c89af932c6193561b86d63c",
        "d48317b81b84ea1c77fba33ef8ef4941",
    ),
    "procrastinate_defer_periodic_job_v1": ("7ddf2d315b145f2afc0cf50400b1ea75",),
    "procrastinate_defer_periodic_job_v2": (
        "35794b704db821a41a02f0547b47731e",
        "ae7fe052c61e54aa69e0cd633b2d6168",
    ),
    "procrastinate_fetch_job": (
        "6fff8cec9ddd3269510b53e0a47e5ce0",
        "d42ad486a6e1f27ab390ce9599bdc011",
        "d8f70fb41d97f16f9992669c928bf89e",
    ),
    "procrastinate_fetch_job_v1": ("d42ad486a6e1f27ab390ce9599bdc011",),
    "procrastinate_fetch_job_v2": (
        "4c98d0d290502f07431fd13e638e21f4",
        "aa16c39147795445d2be03a7714a6a48",
        "f78d2661305eb187e73eaf4f31ce599f",
    ),
    "procrastinate_finish_job": (
        "2d8123641e7fd04438ff21e2f099ba2f",
        "4ae14c47519e02bd0e4f1f3d3fe973b4",
    ),
    "procrastinate_finish_job_v1": (
        "bb974570b12bcec6071ec5869ce6b6f2",
        "d62c7dffff1cfb3a78930d864cfd5a64",
    ),
    "procrastinate_notify_queue": ("6d8c274fcdc11b347e90dfc7377cd020",),
    "procrastinate_notify_queue_abort_job_v1": (
        "3f9c9d0464f8b322701a895c3e00d877",
        "89a0022d665fa6aae89bacd7d155759f",
        "c072f0335989b0763a16681a7fe264d6",
    ),
    "procrastinate_notify_queue_job_inserted_v1": (
        "303395a16d45600e603d83d0db433237",
        "40da3b233019b1c7093a64802fdfeb13",
        "7efb1d9d50edadabb816b2af856d9e83",
    ),
    "procrastinate_prune_stalled_workers_v1": (
        "bc58e606418bc4ce32b2619f105cf9fb",
        "c436b9c384f29327003fbf511f5b55e0",
    ),
    "procrastinate_register_worker_v1": (
        "7304f89f8bc07c4b4d4cd7072fa2a0b2",
        "975d0ae41e4bf76ca520022159352bc1",
    ),
    "procrastinate_retry_job": (
        "3ad1ff63ff14a1216b527580a6c2debf",
        "6c30e6e6fba02c05e3fcf4dd85a94c48",
    ),
    "procrastinate_retry_job_v1": (
        "bbd6503ae50e63459b8863545f836fe1",
        "e6e9778e3f1fb50576f3291af484d896",
    ),
    "procrastinate_retry_job_v2": (
        "3bd018a2dad8f8c9eddcc46ecc357ccb",
        "512b8c05525f0c6e9d815f475e53cf33",
    ),
    "procrastinate_sync_abort_requested_with_status_temp": ("d8ee6b6a015e07ba8db3a28d58b7ffc1",),
    "procrastinate_trigger_abort_requested_events_procedure_v1": (
        "1ea0fd3f394ad27f25bc780ea60d29e1",
        "e845c2825a1cf1050b65ab88b71b4b09",
    ),
    "procrastinate_trigger_function_scheduled_events_v1": (
        "d6f0839beba7a92c8222e470ae999af7",
        "e6a60216fb91505729d0a2d5736e17a3",
    ),
    "procrastinate_trigger_function_status_events_insert_v1": (
        "210112802e5206eb5255b4b2865bba05",
        "c8d2e67eeba5e9cae8cb05c02dc24f50",
    ),
    "procrastinate_trigger_function_status_events_update_v1": (
        "4dee8f0ab457e5666e07a9ff86d6d6c6",
        "8b292574ec9778b8ca843bf7ccbcc9a4",
        "f8342c69147c54e085600a2323a96613",
    ),
    "procrastinate_trigger_scheduled_events_procedure": ("e6a60216fb91505729d0a2d5736e17a3",),
    "procrastinate_trigger_status_events_procedure_insert": ("c8d2e67eeba5e9cae8cb05c02dc24f50",),
    "procrastinate_trigger_status_events_procedure_update": (
        "25f1dffa616897f9c9528aaf759395a0",
        "58986bfbbceb84a6d21e97860c057f7b",
    ),
    "procrastinate_unlink_periodic_defers": ("715ecdef65acd5fe88a99f33062e3f7b",),
    "procrastinate_unlink_periodic_defers_v1": ("715ecdef65acd5fe88a99f33062e3f7b",),
    "procrastinate_unregister_worker_v1": (
        "c15a75c80f943bf59fe77c85811d2433",
        "c4162a2d9a80bf6788eb95efb7fe1ed1",
    ),
    "procrastinate_update_heartbeat_v1": (
        "5ef332c874e498e9c001eee5a705be73",
        "9db8c3f8934a000c009a31c81b6bcae3",
    ),
}
