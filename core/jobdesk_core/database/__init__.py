"""What lies in the database: the schema, what a given database offers, and the SQL of each operation."""
