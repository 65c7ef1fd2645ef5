"""Why jobs failed, as far as the database tells: failures in groups, bursts of them, and what the failed share."""
