"""The Failures page: what fails, since when, how often, and what the failed have in common."""
