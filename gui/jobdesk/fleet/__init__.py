"""All saved connections on one board, above the tabs: which of them needs a person, the worst first."""
