"""What pages and commands read: pages of jobs, queues and tasks, the overview, exports."""
