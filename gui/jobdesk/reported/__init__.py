"""What workers have reported, where the window shows it beside what the database holds."""
