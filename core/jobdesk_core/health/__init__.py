"""How the tables fare: rows and bytes by age, dead tuples, indexes and functions against the release, retention."""
