"""The connectors that need an optional extra each: `jobdesk[aiopg]`, `jobdesk[psycopg2]`, `jobdesk[sqlalchemy]`."""
