"""What workers report of themselves and of their failures, as it lies in the database: its schema, and reading it."""
