"""Finding jobs: the filter bar with its chips and completion, and saved views."""
