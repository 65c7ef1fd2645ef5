"""What an operator does to jobs: the rules that say whether it is possible, and the acts themselves."""

from jobdesk_core.operations.perform import Cancel, Defer, Outcome, Request, Retry, perform
from jobdesk_core.operations.rules import Action, refusal

__all__ = ["Action", "Cancel", "Defer", "Outcome", "Request", "Retry", "perform", "refusal"]
