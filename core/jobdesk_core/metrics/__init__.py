"""What Prometheus is told, at one cheap question per database and scrape; and a Grafana dashboard of it."""
