"""What every feature is built from, and which knows none of them: theme, tables, fields, dialogs, background work."""
