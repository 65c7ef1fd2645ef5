"""The core of Jobdesk: defer, run, watch and manage Procrastinate jobs on PostgreSQL. Never needs Qt."""
