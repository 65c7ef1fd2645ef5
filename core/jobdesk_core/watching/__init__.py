"""What needs attention now: one rule engine for the overview, the fleet, alerts and the command line."""
