"""Links that lead into the window: `jobdesk://billing-eu/jobs/4711`. Opening one only ever shows something."""
