"""Builds Jobdesk's packages. Uses the standard library alone: it runs before anything is installed."""
