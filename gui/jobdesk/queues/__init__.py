"""The Queues and the Tasks page."""
