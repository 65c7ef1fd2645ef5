"""What Prometheus asks for, at one cheap question per scrape."""
