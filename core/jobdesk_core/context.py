"""The names of `job_context`, where they stood before."""

from jobdesk_core.job_context import AbortReason, JobContext

__all__ = ["AbortReason", "JobContext"]
