"""Every byte to and from PostgreSQL passes here: one kind of statement, several connectors."""
