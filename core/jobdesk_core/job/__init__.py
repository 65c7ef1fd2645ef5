"""One job: its details, why it is where it is, its arguments, and the jobs and the task around it."""
