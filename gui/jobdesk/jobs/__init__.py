"""The Jobs page: the live table, its toolbar, its columns, and the offer of an index."""
